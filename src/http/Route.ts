/**
 * Route: one path of the HTTP surface and what answers it. A handler writes the whole response itself; the server
 * gives HEAD to the handlers of GET and interrupts a handler whose client has gone.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { Effect } from "effect"

/** One request and the response to it, as node:http has them. @stable */
export interface Exchange {
  /** Its body is not read yet. */
  readonly request: IncomingMessage
  /** Nothing of it is written yet. */
  readonly response: ServerResponse
}

/** One path and what answers it. `handle` writes the whole response; it is interrupted when the client leaves. @stable */
export interface Route {
  /** HEAD goes to the routes of GET. */
  readonly method: "GET" | "PUT"
  /** The whole path, without a query. */
  readonly path: string
  /** One line for `GET /` and for the answer to an unknown path. */
  readonly about: string
  /** It changes something: who asks needs the admin token, and where there is an address for that (`--admin-listen`), it is there alone. */
  readonly admin?: true
  /** Ends when the response is written; a defect is logged and answered with 500 where nothing was written yet. */
  readonly handle: (exchange: Exchange) => Effect.Effect<void>
}

/** Ms in which a client must have taken a whole answer. */
const patience = 10_000

/** A whole answer at once. Node leaves the body of a HEAD out and keeps its length. @stable */
export const reply = (
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  headers: Readonly<Record<string, string>> = {}
): void => {
  const bytes = Buffer.from(body)
  response.writeHead(status, {
    "Content-Type": contentType,
    "Content-Length": bytes.length,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...headers
  })
  response.end(bytes)
  const timer = setTimeout(() => response.destroy(), patience)
  response.once("close", () => clearTimeout(timer))
}

export const plain = "text/plain; charset=utf-8"
export const json = "application/json; charset=utf-8"

/** A whole answer at once: one line of plain text. @stable */
export const replyText = (
  response: ServerResponse,
  status: number,
  line: string,
  headers?: Readonly<Record<string, string>>
): void => reply(response, status, plain, `${line}\n`, headers)

/** A whole answer at once, as indented JSON. @stable */
export const replyJson = (response: ServerResponse, status: number, value: unknown): void =>
  reply(response, status, json, `${JSON.stringify(value, null, 1)}\n`)

/** A route whose answer is made in one synchronous step. @stable */
export const get = (path: string, about: string, answer: (exchange: Exchange) => void): Route => ({
  method: "GET",
  path,
  about,
  handle: (exchange) => Effect.sync(() => answer(exchange))
})
