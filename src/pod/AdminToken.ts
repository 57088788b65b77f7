/**
 * AdminToken: who may switch things. A token in a file is read anew for each request, so that a rotated one counts at once. Who is wrong too
 * often is slowed; tokens are never logged.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import type { IncomingMessage } from "node:http"
import { Effect } from "effect"
import { clientOf } from "../http/ClientAddress.ts"
import { Failures } from "../http/Failures.ts"
import type { Notice } from "../http/Gate.ts"
import { type Refusal, refuse, slowed } from "../http/Refusal.ts"
import type { Route } from "../http/Route.ts"
import { readSecretFile } from "../SecretFile.ts"

export interface TokenOptions {
  readonly adminToken: string | undefined
  /** Wins over the other. */
  readonly adminTokenFile?: string
}

const off: Refusal = {
  why: "token",
  status: 403,
  line: "switching is off: this pod was started without --admin-token and --admin-token-file (K2P_ADMIN_TOKEN)"
}
const wanted: Refusal = {
  why: "token",
  status: 401,
  line: "the admin token is needed: Authorization: Bearer <token>",
  headers: { "WWW-Authenticate": "Bearer" }
}
const wrong: Refusal = { ...wanted, said: "has a wrong admin token" }
const unread: Refusal = {
  why: "token",
  status: 503,
  line: "switching is off: the file of the admin token cannot be read; the log has it"
}

/** Compared by digest: neither the length nor the first differing byte shows in the time it takes. */
const isSame = (given: string, token: string): boolean => {
  const digest = (text: string): Uint8Array => createHash("sha256").update(text).digest()
  return timingSafeEqual(digest(given), digest(token))
}

export class AdminToken {
  private readonly options: TokenOptions
  private readonly failures = new Failures()

  constructor(options: TokenOptions) {
    this.options = options
  }

  /** Undefined: it may. */
  refusal({ headers, socket }: IncomingMessage): Refusal | undefined {
    const { adminToken, adminTokenFile } = this.options
    if (adminToken === undefined && adminTokenFile === undefined) return off
    const [, given] = /^Bearer (.+)$/i.exec(headers.authorization ?? "") ?? []
    if (given === undefined) return wanted
    const client = clientOf(socket.remoteAddress)
    const wait = this.failures.tries(client, performance.now())
    if (wait > 0) return slowed(wait)
    let token = adminToken ?? ""
    try {
      if (adminTokenFile !== undefined) token = readSecretFile(adminTokenFile)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      return {
        ...unread,
        said: `asked for a switch, but the admin token cannot be read: ${adminTokenFile} (${code ?? message})`
      }
    }
    if (!isSame(given, token)) return wrong
    this.failures.wasRight(client)
    return undefined
  }
}

/** The route, for those with the token alone. */
export const guarded = (route: Route, token: AdminToken, notice: Notice): Route => ({
  ...route,
  handle: (exchange) =>
    Effect.suspend(() => {
      const refusal = token.refusal(exchange.request)
      if (refusal === undefined) return route.handle(exchange)
      notice(refusal.why, clientOf(exchange.request.socket.remoteAddress), refusal.said)
      refuse(exchange.response, refusal)
      return Effect.void
    })
})
