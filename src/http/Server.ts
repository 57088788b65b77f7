/**
 * Server: node's HTTP server in a Scope. It owns the socket, the bounds on slow and many clients, and an orderly end: with the Scope's close no connection is accepted any more, running answers are finished within
 * a bound, kept-alive connections are told to close.
 *
 * Plain `node:http` and not Effect's router: a scrape's body needs the socket's own back pressure through gzip, the
 * moment when the kernel has each write and the last byte, and an abort that destroys the socket: see Outlet.
 */
import { createServer, type IncomingMessage, type Server as NodeServer, type ServerResponse } from "node:http"
import { Context, Effect, FiberSet, Layer, Schema } from "effect"
import { type Address, formatAddress } from "../config/Kind.ts"
import { clientOf } from "./ClientAddress.ts"
import { Connections, connectionBounds } from "./Connections.ts"
import { handler } from "./Handler.ts"
import { type Route, replyText } from "./Route.ts"
import { Seldom, standsFor } from "./Seldom.ts"
import { maxWaiting, Turns } from "./Turns.ts"

/** The server could not start. The message is for the operator. @stable */
export class ServerError extends Schema.TaggedError<ServerError>()("ServerError", {
  /** For people: where it cannot listen, why, and what to do. */
  message: Schema.String
}) {}

export interface ServerOptions {
  readonly listen: Address
  readonly routes: ReadonlyArray<Route>
  /** True while no further request is wanted on a connection: answers then say `Connection: close`. */
  readonly draining: () => boolean
  /** Called for each connection that the server closed. */
  readonly onClosed: (why: Closed) => void
}

/** `idle`, `busy`, `refused`: as Connections has it. `pipelined`: for what it sent behind a request that is being answered. */
export type Closed = "idle" | "busy" | "refused" | "pipelined"

const { all, ofClient } = connectionBounds
const tooMany = `too many connections (at most ${all}, ${ofClient} of one client)`
/** What is said of a connection that the server closed. */
const closing: Readonly<Record<Closed, (client: string) => string>> = {
  idle: (client) => `${tooMany}: one of ${client} on which nothing was being answered made room`,
  busy: (client) => `${tooMany}: of ${client}, who has most, the one that was busy for longest made room`,
  refused: (client) => `${tooMany}: the new one of ${client} was closed, all its others are busy`,
  pipelined: (client) =>
    `${client} sent more than ${maxWaiting} requests behind one that is being answered: that connection was closed`
}

/** Ms that running answers get at the Scope's close. */
const drainMillis = 10_000
const limits = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024,
  // Longer than the usual scrape intervals, so that a Prometheus keeps its connection.
  keepAliveTimeout: 75_000
} as const

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there already",
  EACCES: "no permission for that port",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "that host name is not known"
}

const listening = (server: NodeServer, listen: Address): Effect.Effect<void, ServerError> =>
  Effect.callback((resume) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = reasons[error.code ?? ""] ?? error.message
      const message = `cannot listen on ${formatAddress(listen)}: ${why}; choose another address with --listen`
      resume(Effect.fail(new ServerError({ message })))
    })
    server.listen(listen.port, listen.host, () => resume(Effect.void))
  })

/** Its body may be of any length and take any time: nobody waits for its end. */
const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0"

/** A connection that is busy now must not be kept alive after its answer: node would wait for it. */
const closed = (server: NodeServer, answering: ReadonlySet<ServerResponse>): Effect.Effect<void> =>
  Effect.callback((resume) => {
    for (const response of answering) if (!response.headersSent) response.setHeader("Connection", "close")
    const force = setTimeout(() => server.closeAllConnections(), drainMillis)
    server.close(() => {
      clearTimeout(force)
      resume(Effect.void)
    })
  })

export class Server extends Context.Service<Server, { readonly address: Address }>()("k2p/http/Server") {
  static readonly layer = (options: ServerOptions): Layer.Layer<Server, ServerError> =>
    Layer.effect(Server, make(options))
}

const make = (options: ServerOptions) =>
  Effect.gen(function* () {
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const handle = yield* handler(options.routes)
    const server = createServer(limits)
    const answering = new Set<ServerResponse>()
    const told = { idle: new Seldom(), busy: new Seldom(), refused: new Seldom(), pipelined: new Seldom() }
    const notice = (why: keyof typeof told, client: string): void => {
      options.onClosed(why)
      const events = told[why].note(performance.now())
      if (events > 0) run(Effect.logWarning(`${closing[why](client)}${standsFor(events)}`))
    }
    const connections = new Connections(connectionBounds, notice)
    const turns = new Turns()
    server.on("connection", (socket) => {
      connections.arrived(socket)
      socket.once("close", () => turns.gone(socket))
    })
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const { socket } = request
      if (socket.destroyed) return
      answering.add(response)
      if (options.draining() || !server.listening || hasBody(request)) response.setHeader("Connection", "close")
      response.once("close", () => {
        answering.delete(response)
        connections.ends(socket)
        turns.ended(socket)
        if (!server.listening) setImmediate(() => server.closeIdleConnections())
      })
      if (!handle(request, response))
        replyText(response, 404, `nothing here; there is: ${options.routes.map((r) => r.path).join(", ")}`)
    }
    server.on("request", (request, response) => {
      const { socket } = request
      // What was parsed with a request that ended its connection.
      if (socket.destroyed) return
      connections.begins(socket)
      // A client may vanish at any time; what that means is decided at "close".
      response.on("error", () => {})
      if (!turns.add(socket, () => answer(request, response))) {
        notice("pipelined", clientOf(socket.remoteAddress))
        socket.destroy()
      }
    })
    yield* Effect.acquireRelease(listening(server, options.listen), () => closed(server, answering))
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : options.listen.port
    return Server.of({ address: { host: options.listen.host, port } })
  })
