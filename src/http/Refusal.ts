/** Refusal: what is answered to a request that is not let in, and what it is counted as. */
import type { ServerResponse } from "node:http"
import { replyText } from "./Route.ts"

/**
 * `credentials`, `token`: missing, or not accepted. `slowed`: its client was wrong too often. `busy`: too many passwords wait to be looked at. `host`: a
 * browser under a name that is not this server's. `rate`: of the configuration's rate_limit. `headers`: too many. `tls`: no TLS came about.
 * `certificate`: the client's is not accepted.
 */
export const refusals = [
  ...(["credentials", "token", "slowed", "busy", "host", "rate", "headers", "tls", "certificate"] as const)
]
export type Refused = (typeof refusals)[number]

export interface Refusal {
  readonly why: Refused
  readonly status: number
  readonly line: string
  readonly headers?: Readonly<Record<string, string>>
  /** For the log, after the client's address; nothing that was sent. Undefined: it is usual, and not logged. */
  readonly said?: string
}

export const refuse = (response: ServerResponse, { status, line, headers }: Refusal): void =>
  replyText(response, status, line, { Connection: "close", ...headers })

/** `ms`: until the client may try again. */
export const slowed = (ms: number): Refusal => ({
  why: "slowed",
  status: 429,
  line: "too many failed attempts from this address: wait before the next one",
  headers: { "Retry-After": String(Math.ceil(ms / 1_000)) },
  said: "tries secrets too often: further ones are not looked at"
})
