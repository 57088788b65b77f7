/**
 * Server: node's HTTP server in a Scope. It owns the socket, the bounds on slow and many clients, the choice of the
 * route, and an orderly end: with the Scope's close no connection is accepted any more, running answers are finished within
 * a bound, kept-alive connections are told to close.
 *
 * Plain `node:http` and not Effect's router: a scrape's body needs the socket's own back pressure through gzip, the
 * moment when the kernel has each write and the last byte, and an abort that destroys the socket: see Outlet.
 */
import { createServer, type IncomingMessage, type Server as NodeServer, type ServerResponse } from "node:http"
import { Cause, Context, Effect, FiberSet, Layer, Schema } from "effect"
import { type Address, formatAddress } from "../config/Kind.ts"
import { Connections, connectionBounds } from "./Connections.ts"
import { type Route, replyText } from "./Route.ts"
import { Seldom, standsFor } from "./Seldom.ts"

/** The server could not start. The message is for the operator. */
export class ServerError extends Schema.TaggedError<ServerError>()("ServerError", { message: Schema.String }) {}

export interface ServerOptions {
  readonly listen: Address
  readonly routes: ReadonlyArray<Route>
  /** True while no further request is wanted on a connection: answers then say `Connection: close`. */
  readonly draining: () => boolean
  /** Called for each connection that was closed because there are too many (see Connections). */
  readonly onClosed: (why: "idle" | "refused") => void
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

const answerNone = (routes: ReadonlyArray<Route>, path: string, response: ServerResponse): void => {
  const allowed = routes.filter((r) => r.path === path).map((r) => (r.method === "GET" ? "GET, HEAD" : r.method))
  if (allowed.length > 0) {
    replyText(response, 405, `${path} answers ${allowed.join(", ")} only`, { Allow: allowed.join(", ") })
    return
  }
  replyText(response, 404, `nothing here; there is: ${routes.map((r) => r.path).join(", ")}`)
}

export class Server extends Context.Service<Server, { readonly address: Address }>()("k2p/http/Server") {
  static readonly layer = (options: ServerOptions): Layer.Layer<Server, ServerError> =>
    Layer.effect(Server, make(options))
}

const make = (options: ServerOptions) =>
  Effect.gen(function* () {
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const server = createServer(limits)
    const answering = new Set<ServerResponse>()
    const told = { idle: new Seldom(), refused: new Seldom() }
    const connections = new Connections(connectionBounds, (why, client) => {
      options.onClosed(why)
      const events = told[why].note(performance.now())
      if (events === 0) return
      const { all, ofClient } = connectionBounds
      const what =
        why === "idle"
          ? "one on which nothing was being answered made room"
          : "the new one was closed, all others are busy"
      run(
        Effect.logWarning(
          `too many connections (at most ${all}, ${ofClient} of one client): of ${client} ${what}${standsFor(events)}`
        )
      )
    })
    server.on("connection", (socket) => connections.arrived(socket))
    const dispatch = (request: IncomingMessage, response: ServerResponse): Effect.Effect<void> => {
      if (options.draining() || !server.listening || hasBody(request)) response.setHeader("Connection", "close")
      const path = (request.url ?? "/").split("?", 1)[0]!
      const method = request.method === "HEAD" ? "GET" : request.method
      const route = options.routes.find((r) => r.path === path && r.method === method)
      if (route === undefined) return Effect.sync(() => answerNone(options.routes, path, response))
      return route.handle({ request, response }).pipe(
        Effect.catchCause((cause) => {
          const broken = Effect.sync(() => {
            if (response.headersSent) response.destroy()
            else replyText(response, 500, "this is a fault of kafka2prom itself; the log has it")
          })
          if (Cause.hasInterruptsOnly(cause)) return Effect.sync(() => response.destroy())
          return Effect.andThen(Effect.logError(`answering ${request.method} ${route.path} failed`, cause), broken)
        })
      )
    }
    server.on("request", (request, response) => {
      answering.add(response)
      const { socket } = request
      connections.begins(socket)
      // A client may vanish at any time; what that means is decided at "close".
      response.on("error", () => {})
      const fiber = run(dispatch(request, response))
      response.once("close", () => {
        answering.delete(response)
        connections.ends(socket)
        if (!server.listening) setImmediate(() => server.closeIdleConnections())
        if (!response.writableFinished) fiber.interruptUnsafe()
      })
    })
    yield* Effect.acquireRelease(listening(server, options.listen), () => closed(server, answering))
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : options.listen.port
    return Server.of({ address: { host: options.listen.host, port } })
  })
