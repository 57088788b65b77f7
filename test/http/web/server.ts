/** A server with a web configuration for tests: real sockets on a free port, a route that says hello, and what it counted. */
import { request as httpRequest, type IncomingMessage } from "node:http"
import { request as httpsRequest, type RequestOptions } from "node:https"
import { Context, Effect, Layer, type Scope } from "effect"
import { type Gate, type GateOptions, openGate } from "../../../src/http/Gate.ts"
import type { Refused } from "../../../src/http/Refusal.ts"
import { get, type Route, replyText } from "../../../src/http/Route.ts"
import { Server } from "../../../src/http/Server.ts"
import type { ServerError } from "../../../src/http/ServerError.ts"

export interface TestServer {
  readonly port: number
  readonly scheme: string
  readonly gate: Gate
  readonly refused: Array<Refused>
  /** How each reading of the configuration went, the first one among them. */
  readonly read: Array<boolean>
}

export const hello = get("/hello", "says hello", ({ response }) => replyText(response, 200, "hello"))

export const serving = (
  options: Omit<GateOptions, "onRefused" | "onConfig"> = {},
  routes: ReadonlyArray<Route> = [hello]
): Effect.Effect<TestServer, ServerError, Scope.Scope> =>
  Effect.gen(function* () {
    const refused: Array<Refused> = []
    const read: Array<boolean> = []
    const gate = yield* openGate({
      ...options,
      onRefused: (why) => refused.push(why),
      onConfig: (_, isGood) => read.push(isGood)
    })
    const listen = { host: "127.0.0.1", port: 0 }
    const layer = Server.layer({ listen, option: "--listen", routes, gate, draining: () => false, onClosed: () => {} })
    const { address, scheme } = Context.get(yield* Layer.build(layer), Server)
    return { port: address.port, scheme, gate, refused, read }
  })

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  readonly body: string
  /** Of the server's certificate. */
  readonly serial: string
}

/** Over a connection of its own where no agent is given. Fails with node's error, whose code says how. */
export const ask = (
  { port, scheme }: Pick<TestServer, "port" | "scheme">,
  options: RequestOptions = {}
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const given = { host: "127.0.0.1", port, path: "/hello", agent: false, ...options } as const
    const request = (scheme === "https" ? httpsRequest : httpRequest)(given, async (response) => {
      const { socket } = response
      const serial = "getPeerX509Certificate" in socket ? serialOf(socket as never) : ""
      const chunks: Array<Buffer> = []
      try {
        for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
      } catch (error) {
        return reject(error)
      }
      const body = Buffer.concat(chunks).toString()
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body, serial })
    })
    request.on("error", reject)
    request.end()
  })

const serialOf = (socket: { getPeerX509Certificate(): { readonly serialNumber: string } | undefined }): string =>
  socket.getPeerX509Certificate()?.serialNumber ?? ""

export const basic = (user: string, password: string): { readonly authorization: string } => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`
})
