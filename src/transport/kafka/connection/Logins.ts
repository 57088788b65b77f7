/**
 * Logins: when brokers that refused a login, or whose certificate was not accepted, are asked again: after a growing pause with jitter,
 * by one connection, on whose outcome all others wait. Else every loop of a pod would try at its own pace, and a directory behind the
 * brokers would lock the account. What is asked meanwhile fails at once, as the last try did.
 */
import { Backoff } from "../../../Backoff.ts"
import type { TransportError } from "../../Transport.ts"

const BACKOFF = new Backoff(500, 10_000)

interface Refused {
  readonly times: number
  readonly until: number
  readonly error: TransportError
}

export class Logins {
  readonly #refused = new Map<string, Refused>()
  readonly #now: () => number
  readonly #random: () => number

  constructor(now = () => performance.now(), random = Math.random) {
    this.#now = now
    this.#random = random
  }

  /** Why a broker is not to be asked now. Undefined: the caller may, and has to tell how it went. */
  refusal(broker: string): TransportError | undefined {
    const refused = this.#refused.get(broker)
    if (refused === undefined) return undefined
    if (this.#now() < refused.until) return refused.error
    // It counts as refused again until it is known better, so that nobody follows.
    this.#wait(broker, refused.times + 1, refused.error)
    return undefined
  }

  refused(broker: string, error: TransportError): void {
    this.#wait(broker, this.#refused.get(broker)?.times ?? 1, error)
  }

  accepted(broker: string): void {
    this.#refused.delete(broker)
  }

  #wait(broker: string, times: number, error: TransportError): void {
    this.#refused.set(broker, { times, until: this.#now() + BACKOFF.after(times, this.#random()), error })
  }
}
