/**
 * BasicAuth: users and passwords of requests against `basic_auth_users`. What was right once is known from then on, and what was wrong,
 * too: by a hash under a key of this process, bounded. So a scrape costs a hash of a few microseconds, and only news costs bcrypt.
 *
 * A client that is wrong too often is slowed (see Failures); who shares its address and is known already is not. A user that does not exist
 * takes as long as one that does.
 */
import { createHmac, randomBytes } from "node:crypto"
import type { Failures } from "../Failures.ts"
import { type Refusal, slowed } from "../Refusal.ts"
import type { Bcrypt } from "./Bcrypt.ts"

/** Of what is known, right and wrong each. */
const maxKnown = 1_000

const wanted = {
  why: "credentials",
  status: 401,
  line: "a user and a password are needed",
  headers: { "WWW-Authenticate": 'Basic realm="kafka2prom", charset="UTF-8"' }
} as const satisfies Refusal

const wrong: Refusal = {
  ...wanted,
  line: "this user with this password is not known",
  said: "has a wrong user or password"
}

const busy: Refusal = {
  why: "busy",
  status: 503,
  line: "too many passwords are being looked at: try again",
  headers: { "Retry-After": "1" },
  said: "brought a password while too many were being looked at"
}

interface Credentials {
  readonly user: string
  readonly password: string
}

const credentialsOf = (header: string | undefined): Credentials | undefined => {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(header ?? "") ?? []
  const text = encoded === undefined ? "" : Buffer.from(encoded, "base64").toString("utf8")
  const colon = text.indexOf(":")
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

export class BasicAuth {
  private readonly bcrypt: Bcrypt
  private readonly failures: Failures
  private readonly secret = randomBytes(32)
  private readonly right = new Known()
  private readonly wrong = new Known()
  private readonly asking = new Map<string, Promise<Refusal | undefined>>()

  constructor(bcrypt: Bcrypt, failures: Failures) {
    this.bcrypt = bcrypt
    this.failures = failures
  }

  /** Undefined: let in. `users`: hashes by name, at least one. `now` in ms of a steady clock. */
  judge(
    header: string | undefined,
    client: string,
    users: ReadonlyMap<string, string>,
    now: number
  ): Refusal | undefined | Promise<Refusal | undefined> {
    const credentials = credentialsOf(header)
    if (credentials === undefined) return header === undefined ? wanted : wrong
    const { user, password } = credentials
    const own = users.get(user)
    // Somebody's, for its time.
    const hash = own ?? users.values().next().value!
    // With the hash in it, what was right under another one is not.
    const key = createHmac("sha256", this.secret)
      .update(JSON.stringify([user, own ?? null, password]))
      .digest("base64")
    if (this.right.has(key)) return undefined
    if (this.wrong.has(key)) return wrong
    const asked = this.asking.get(key)
    if (asked !== undefined) return asked
    if (this.bcrypt.isFull) return busy
    const wait = this.failures.tries(client, now)
    if (wait > 0) return slowed(wait)
    const answer = this.bcrypt
      .isRight({ password, hash })
      .then((fits) => {
        const isRight = fits && own !== undefined
        if (isRight) this.failures.wasRight(client)
        ;(isRight ? this.right : this.wrong).add(key)
        return isRight ? undefined : wrong
      })
      .finally(() => this.asking.delete(key))
    this.asking.set(key, answer)
    return answer
  }
}

/** Keys, the one that was asked for longest ago forgotten first. */
class Known {
  private readonly keys = new Set<string>()

  has(key: string): boolean {
    if (!this.keys.delete(key)) return false
    this.keys.add(key)
    return true
  }

  add(key: string): void {
    this.keys.add(key)
    if (this.keys.size > maxKnown) this.keys.delete(this.keys.values().next().value!)
  }
}
