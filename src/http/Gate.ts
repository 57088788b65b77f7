/**
 * Gate: who is let in to a pod's servers, whatever is asked for: by the web configuration where there is one (rate limit, users), and where
 * everybody may come in, by the name under which a browser asks. What switches things is let through: its routes ask for the admin token
 * themselves, which has the one Authorization header that a request can have.
 *
 * Who is refused is counted, and logged seldom, by address. A scrape with known credentials is let in within the turn in which it came.
 */
import type { IncomingMessage } from "node:http"
import { Effect, FiberSet, type Scope } from "effect"
import { Seldom, standsFor } from "../Seldom.ts"
import { isRebound } from "./Browsers.ts"
import { clientOf } from "./ClientAddress.ts"
import { Failures } from "./Failures.ts"
import { type Refusal, type Refused, refusals } from "./Refusal.ts"
import { ServerError } from "./ServerError.ts"
import { BasicAuth } from "./web/BasicAuth.ts"
import { Bcrypt } from "./web/Bcrypt.ts"
import { RateLimiter } from "./web/RateLimit.ts"
import { Web, watchWeb } from "./web/Web.ts"
import { loadWebConfig, type WebConfig, warningsOf } from "./web/WebConfig.ts"

export interface GateOptions {
  readonly webConfigFile?: string | undefined
  /** Names under which browsers may ask, beside addresses and names that nobody can register. */
  readonly browserHosts?: ReadonlyArray<string>
  readonly onRefused: (why: Refused) => void
  /** Told of the first configuration, and each time that its files were read again: the one in use, and whether it is what they hold. */
  readonly onConfig?: (config: WebConfig, isGood: boolean) => void
}

/** Of one request. Its head is bounded in bytes, too; node leaves out what is beyond its own bound. */
export const maxHeaders = 100

const tooMany: Refusal = {
  why: "headers",
  status: 431,
  line: `the request has more than ${maxHeaders} headers`,
  said: "sends too many headers"
}
const tooOften: Refusal = {
  why: "rate",
  status: 429,
  line: "more requests come than the rate_limit of the web configuration lets in",
  headers: { "Retry-After": "1" },
  said: "and others ask more often than the rate_limit of the web configuration lets in"
}
const rebound: Refusal = {
  why: "host",
  status: 403,
  line: "a browser may ask here by address, as localhost, or by a name of --browser-hosts; this name is none of them",
  said: "asks with a browser by a name that may be a stranger's (DNS rebinding); if it is yours, add it to --browser-hosts"
}
const broken: Refusal = { why: "busy", status: 503, line: "the password could not be looked at: try again" }

export type Notice = (why: Refused, client: string, said: string | undefined) => void

export class Gate {
  /** Undefined: no web configuration. */
  readonly web: Web | undefined
  /** Counts, and logs seldom. */
  readonly notice: Notice
  private readonly hosts: ReadonlySet<string>
  private readonly basic: BasicAuth
  private readonly limiter = new RateLimiter()

  constructor(web: Web | undefined, hosts: ReadonlyArray<string>, bcrypt: Bcrypt, notice: Notice) {
    this.web = web
    this.notice = notice
    this.hosts = new Set(hosts.map((host) => host.toLowerCase()))
    this.basic = new BasicAuth(bcrypt, new Failures())
  }

  /** Undefined: let in. What is refused is counted. `isAdmin`: its route asks for the admin token. */
  judge(request: IncomingMessage, isAdmin: boolean): Refusal | undefined | Promise<Refusal | undefined> {
    const client = clientOf(request.socket.remoteAddress)
    const noted = (refusal: Refusal | undefined): Refusal | undefined => {
      if (refusal !== undefined) this.notice(refusal.why, client, refusal.said)
      return refusal
    }
    const verdict = this.verdict(request, client, isAdmin)
    if (!(verdict instanceof Promise)) return noted(verdict)
    return verdict
      .catch(
        (error: Error): Refusal => ({ ...broken, said: `brought a password that was not looked at: ${error.message}` })
      )
      .then(noted)
  }

  private verdict(request: IncomingMessage, client: string, isAdmin: boolean) {
    if (request.rawHeaders.length > 2 * maxHeaders) return tooMany
    const config = this.web?.current
    const now = performance.now()
    if (config?.rateLimit !== undefined && !this.limiter.allows(config.rateLimit, now)) return tooOften
    if (isAdmin) return undefined
    const { headers } = request
    if (config !== undefined && config.users.size > 0)
      return this.basic.judge(headers.authorization, client, config.users, now)
    // A stranger's name has no certificate that a browser takes for this server.
    if (config?.tls === undefined && isRebound(headers, this.hosts)) return rebound
    return undefined
  }
}

/** Counts each, and logs one of a kind in ten seconds. */
export const refusalNotice = (onRefused: (why: Refused) => void): Effect.Effect<Notice, never, Scope.Scope> =>
  Effect.map(FiberSet.makeRuntime<never, void, never>(), (run): Notice => {
    const seldom = new Map(refusals.map((why) => [why, new Seldom()]))
    return (why, client, said) => {
      onRefused(why)
      const events = said === undefined ? 0 : seldom.get(why)!.note(performance.now())
      if (events > 0) run(Effect.logWarning(`${client} ${said}${standsFor(events)}`))
    }
  })

/** For the Scope's life. Fails where the web configuration cannot be used. */
export const openGate = (options: GateOptions): Effect.Effect<Gate, ServerError, Scope.Scope> =>
  Effect.gen(function* () {
    const { webConfigFile: file, browserHosts = [], onRefused, onConfig = () => {} } = options
    const notice = yield* refusalNotice(onRefused)
    const bcrypt = yield* Effect.acquireRelease(
      Effect.sync(() => new Bcrypt()),
      (thread) => Effect.promise(() => thread.close())
    )
    if (file === undefined) return new Gate(undefined, browserHosts, bcrypt, notice)
    const loaded = loadWebConfig(file)
    if ("problems" in loaded) return yield* new ServerError({ message: loaded.problems.join("\n") })
    for (const warning of warningsOf(loaded.value, Date.now())) yield* Effect.logWarning(warning)
    const web = new Web(loaded.value)
    onConfig(web.current, true)
    yield* watchWeb(web, file, (isGood) => onConfig(web.current, isGood))
    return new Gate(web, browserHosts, bcrypt, notice)
  })
