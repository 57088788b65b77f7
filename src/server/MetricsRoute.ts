/**
 * MetricsRoute: GET /metrics, the reason for everything else. A scrape is one cut (rule 7): which partitions and which
 * content is fixed in one synchronous step at its arrival, then ownership is proved (rule 4), then the body is streamed from
 * the immutable dumps, never held whole.
 *
 * Where ownership cannot be proved the answer is an empty valid body with status 200, not an error (P9): the series go
 * stale and the other pod's take their place, while a 5xx would mark the target as down and page someone for a pod that
 * works. The same before the group is joined. `k2p_scrapes_total` by outcome and /readyz tell the difference.
 *
 * Bounds: `maxScrapes` at once, further ones get 503; a body not taken within the scrape's own timeout is cut off.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { pipeline } from "node:stream/promises"
import { setImmediate as turn } from "node:timers/promises"
import { createGzip } from "node:zlib"
import { Effect } from "effect"
import type { Cut } from "../engine/Engine.ts"
import type { Dump } from "../exposition/Dump.ts"
import { mergeFamilies } from "../exposition/MergedFamilies.ts"
import { acceptsGzip, negotiate } from "../exposition/Negotiation.ts"
import { renderMerged } from "../exposition/Renderer.ts"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import type { PodState } from "./PodState.ts"
import { type Route, replyText } from "./Route.ts"

export const maxScrapes = 16
/** For requests that name no timeout of their own, and the most that one may ask for. */
const longestScrape = 120_000

type Outcome = "ok" | "unproven" | "not-running" | "busy" | "gone" | "too-slow" | "failed"

/** Ms that Prometheus will wait, from its header. */
const timeoutOf = (request: IncomingMessage): number | undefined => {
  const seconds = Number(request.headers["x-prometheus-scrape-timeout-seconds"])
  return seconds > 0 ? Math.min(seconds * 1000, longestScrape) : undefined
}

/** The client went away, which is its right; anything else is a fault of ours. */
const gone = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  ["ERR_STREAM_PREMATURE_CLOSE", "ECONNRESET", "EPIPE", "ABORT_ERR"].includes(String(error.code))

/** Other work gets its turn between any two chunks, whether or not the socket asks for a pause. */
async function* paced(chunks: Iterable<Uint8Array>, sent: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    yield chunk
    sent(chunk.length)
    await turn()
  }
}

const stream = (
  chunks: AsyncGenerator<Uint8Array>,
  gzip: boolean,
  response: ServerResponse,
  signal: AbortSignal
): Promise<void> =>
  gzip ? pipeline(chunks, createGzip({ level: 1 }), response, { signal }) : pipeline(chunks, response, { signal })

export const metricsRoute = (pod: PodState, metrics: SelfMetricsShape): Route => {
  let running = 0
  const count = (outcome: Outcome): void => metrics.scrapes.inc({ outcome })

  /** Proof of the cut, in time for the answer to be of use. */
  const prove = (cut: Cut, allowed: number): Effect.Effect<boolean> =>
    cut.prove.pipe(
      Effect.match({ onFailure: () => false, onSuccess: () => true }),
      Effect.timeoutOrElse({ duration: allowed * 0.8, orElse: () => Effect.succeed(false) })
    )

  const scrape = (request: IncomingMessage, response: ServerResponse): Effect.Effect<void> =>
    Effect.gen(function* () {
      const { format, contentType } = negotiate(request.headers.accept)
      const gzip = acceptsGzip(request.headers["accept-encoding"])
      const asked = timeoutOf(request)
      const allowed = asked ?? longestScrape
      // The cut and its content: nothing may come between these two lines.
      const cut = pod.served?.engine.cut()
      let dumps: ReadonlyArray<Dump> =
        cut === undefined ? [] : pod.served!.cache.collect(cut.partitions.map((p) => p.key))
      const startedAt = performance.now()
      let outcome: Outcome = cut === undefined ? "not-running" : "ok"
      if (cut !== undefined && !(yield* prove(cut, allowed))) {
        outcome = "unproven"
        dumps = []
      }
      // Before the head: a fault in it is still a clean 500.
      const merged = mergeFamilies(dumps, format)
      metrics.typeConflicts.set(merged.typeConflicts)
      response.writeHead(200, {
        "Content-Type": contentType,
        "Cache-Control": "no-store",
        Vary: "Accept, Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        ...(gzip ? { "Content-Encoding": "gzip" } : {})
      })
      const body = Effect.tryPromise({
        try: (signal) =>
          stream(
            paced(renderMerged(merged), (bytes) => metrics.scrapeBytes.inc(bytes)),
            gzip,
            response,
            signal
          ),
        catch: (error) => error
      }).pipe(
        Effect.as(outcome),
        Effect.catch((error) =>
          gone(error)
            ? Effect.succeed<Outcome>("gone")
            : Effect.as(Effect.logError("a scrape's body could not be made", error), "failed" as const)
        ),
        Effect.timeoutOrElse({
          duration: Math.max(0, allowed - (performance.now() - startedAt)),
          orElse: () => Effect.succeed<Outcome>("too-slow")
        })
      )
      const ended = yield* body
      if (ended === "ok" && asked !== undefined) cut?.delivered()
      if (ended === "ok") metrics.scrapeSeconds.observe((performance.now() - startedAt) / 1000)
      count(ended)
    }).pipe(Effect.onInterrupt(() => Effect.sync(() => count("gone"))))

  return {
    method: "GET",
    path: "/metrics",
    about: "the proxied metrics, for Prometheus",
    handle: ({ request, response }) =>
      Effect.suspend(() => {
        if (request.method === "HEAD") {
          response.writeHead(200, {
            "Content-Type": negotiate(request.headers.accept).contentType,
            "Cache-Control": "no-store"
          })
          response.end()
          return Effect.void
        }
        if (running >= maxScrapes) {
          count("busy")
          replyText(response, 503, `${maxScrapes} scrapes are running already, come back later`, { "Retry-After": "1" })
          return Effect.void
        }
        running += 1
        return Effect.ensuring(
          scrape(request, response),
          Effect.sync(() => {
            running -= 1
          })
        )
      })
  }
}
