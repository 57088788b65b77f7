/** Real endpoints for the scraping tests: servers of this process on ports of their own, and a sink that keeps what it is offered. */
import { createServer, type RequestListener, type Server } from "node:http"
import { createServer as createTlsServer, type ServerOptions } from "node:https"
import type { AddressInfo } from "node:net"
import { Effect, Logger } from "effect"
import type { Round, RoundSink } from "../../../src/agent/AgentSource.ts"
import type { ScrapeTarget } from "../../../src/agent/scrape/ScrapeTarget.ts"

export const serving = (listener: RequestListener, tls?: ServerOptions) =>
  Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
      // A handshake that fails is the client's business.
      server.on("tlsClientError", () => {})
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  ).pipe(
    Effect.map((server) => {
      const { port } = server.address() as AddressInfo
      return { server, port, url: `http${tls === undefined ? "" : "s"}://127.0.0.1:${port}` }
    })
  )

/** With intervals that no operator would choose. */
export const targetOf = (url: string, more: Partial<ScrapeTarget> = {}): ScrapeTarget => ({
  url,
  name: "app",
  job: "job",
  labels: {},
  interval: 20,
  timeout: 10_000,
  followRedirects: true,
  fallback: null,
  authorization: null,
  tls: { insecure: false },
  ...more
})

export interface Recorder extends RoundSink {
  readonly rounds: ReadonlyArray<Round>
  readonly texts: () => ReadonlyArray<string>
  /** When so many rounds are there. */
  readonly has: (count: number) => Effect.Effect<void>
}

export const recorder = (room: RoundSink["room"] = () => true): Recorder => {
  const rounds: Array<Round> = []
  return {
    rounds,
    texts: () => rounds.map((round) => Buffer.from(round.text).toString()),
    room,
    offer: (round) =>
      Effect.sync(() => {
        rounds.push(round)
      }),
    gone: () => {},
    has: (count) => waitFor(() => rounds.length >= count)
  }
}

/** For a condition of real sockets, looked at again and again. */
export const waitFor = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.andThen(Effect.sleep(2), waitFor(condition))))

/** Keeps the lines of the log. */
export const logLines = () => {
  const lines: Array<string> = []
  const layer = Logger.layer([Logger.make(({ logLevel, message }) => lines.push(`${logLevel} ${String(message)}`))])
  return { lines, layer }
}
