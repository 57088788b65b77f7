/**
 * MetricsRoute: GET /metrics, the reason for everything else. A scrape is one cut (rule 7): which partitions are in it is fixed by
 * its arrival, on all shards alike; then each shard proves its ownership (rule 4) and says which families it has; then the
 * body is streamed from the immutable dumps, each shard's lines made as the socket takes them, and never held whole.
 *
 * A shard that cannot prove its ownership in time is left out (P9). Where none can, the answer is an empty valid body with
 * status 200, not an error: the series go stale and another pod's take their place, while a 5xx would mark the target
 * as down and page someone for a pod that works. The same before the group is joined. `k2p_scrapes_total` by outcome and
 * /readyz tell the difference. `?shard=n` asks for one shard's part, see SdRoute.
 *
 * Bounds: so many scrapes at once, and of one client, as ScrapeSlots says, further ones get 503 before anything is done for them; a
 * client that does not read is let go (see Outlet), and a body not taken within the scrape's own timeout is cut off.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { Effect } from "effect"
import { clientOf } from "../../http/ClientAddress.ts"
import { GzipOutlet } from "../../http/Gzip.ts"
import { type Outlet, ResponseOutlet, ResponseStalled } from "../../http/Outlet.ts"
import { type Route, replyText } from "../../http/Route.ts"
import type { PodState } from "../../pod/PodState.ts"
import { Seldom, standsFor } from "../../Seldom.ts"
import type { SelfMetricsShape } from "../../SelfMetrics.ts"
import type { BodyPlan } from "../body/BodyPlan.ts"
import type { DigestEntry } from "../body/FamilyMeta.ts"
import { acceptsGzip, negotiate } from "../text/Negotiation.ts"
import { deliver } from "./Delivery.ts"
import { planBody } from "./Planning.ts"
import { maxOfClient, maxScrapes, ScrapeSlots, type Slot } from "./ScrapeSlots.ts"
import { type Lines, ShardScrape } from "./ShardScrape.ts"

/** For requests that name no timeout of their own, and the most that one may ask for. */
const longestScrape = 120_000

/**
 * `partial`: some shard's part is missing, the others' are there. `busy`: refused, as many are running as there may be; `client-busy`:
 * of that client. `stalled`: its client did not read.
 */
const outcomes = [
  ...(["ok", "partial", "unproven", "not-running", "busy", "client-busy"] as const),
  ...(["gone", "stalled", "too-slow", "failed"] as const)
]
type Outcome = (typeof outcomes)[number]

/** Ms that Prometheus will wait, from its header. */
const timeoutOf = (request: IncomingMessage): number | undefined => {
  const seconds = Number(request.headers["x-prometheus-scrape-timeout-seconds"])
  return seconds > 0 ? Math.min(seconds * 1000, longestScrape) : undefined
}

/** The shards whose part is wanted: all, or that of `?shard=n`. Undefined where there is no such shard. */
const askedShards = (url: string | undefined, shards: number): ReadonlyArray<number> | undefined => {
  const query = (url ?? "").split("?", 2)[1] ?? ""
  const named = new URLSearchParams(query).getAll("shard")
  if (named.length === 0) return Array.from({ length: shards }, (_, shard) => shard)
  const shard = /^\d{1,4}$/.test(named[0]!) ? Number(named[0]) : shards
  return named.length > 1 || shard >= shards ? undefined : [shard]
}

/** The client went away, which is its right; anything else is a fault of ours. */
const gone = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  ["ERR_STREAM_PREMATURE_CLOSE", "ECONNRESET", "EPIPE", "ABORT_ERR"].includes(String(error.code))

const stream = async (
  plan: BodyPlan,
  lines: ReadonlyArray<Lines>,
  outlet: Outlet,
  signal: AbortSignal,
  sent: (bytes: number) => void
): Promise<void> => {
  signal.addEventListener("abort", () => outlet.close())
  try {
    await deliver(plan, lines, outlet, sent)
  } catch (error) {
    outlet.close()
    throw error
  }
}

/** What the last whole scrape in a format found out about families whose sources disagree. */
export interface FormatConflicts {
  readonly at: number
  readonly count: number
  /** Some of them. */
  readonly families: BodyPlan["conflicts"]
}

/** `conflicts`: by format, kept up to date. */
export const metricsRoute = (
  pod: PodState,
  metrics: SelfMetricsShape,
  conflicts: Map<string, FormatConflicts>
): Route => {
  const slots = new ScrapeSlots(pod.slots.length)
  metrics.scrapesLimit.set(maxScrapes)
  const running = (): void => metrics.scrapesRunning.set(slots.running)
  const told = { refused: new Seldom(), stalled: new Seldom() }
  const count = (outcome: Outcome, n = 1): void => metrics.scrapes.inc({ outcome }, n)
  for (const outcome of outcomes) count(outcome, 0)

  /** One that was begun: told once, of whatever comes first. */
  const ending = (client: string): ((outcome: Outcome) => Effect.Effect<void>) => {
    let counted = false
    return (outcome) =>
      Effect.suspend(() => {
        if (counted) return Effect.void
        counted = true
        count(outcome)
        const events = outcome === "stalled" ? told.stalled.note(performance.now()) : 0
        return events === 0
          ? Effect.void
          : Effect.logWarning(`a scrape by ${client} was ended: the client does not read its body${standsFor(events)}`)
      })
  }

  const refuse = (response: ServerResponse, client: string, bound: "client" | "all"): Effect.Effect<void> =>
    Effect.suspend(() => {
      count(bound === "all" ? "busy" : "client-busy")
      const many =
        bound === "all"
          ? `${maxScrapes} scrapes of the whole pod are running already`
          : `${maxOfClient} scrapes of the whole pod by one client are running already`
      replyText(response, 503, `${many}, come back later`, { "Retry-After": "1", Connection: "close" })
      const events = told.refused.note(performance.now())
      return events === 0
        ? Effect.void
        : Effect.logWarning(`a scrape by ${client} was refused: ${many}${standsFor(events)}`)
    })

  /** What it may show, proved, in time for the answer to be of use. */
  const digestOf = (scrape: ShardScrape, allowed: number): Effect.Effect<ReadonlyArray<DigestEntry> | undefined> =>
    scrape.digest.pipe(
      Effect.match({ onFailure: () => undefined, onSuccess: (entries) => entries }),
      Effect.timeoutOrElse({ duration: allowed * 0.8, orElse: () => Effect.succeed(undefined) })
    )

  /** Answers how it ended, and the scrapes whose lines are in the body. */
  const answer = (
    request: IncomingMessage,
    response: ServerResponse,
    asked: ReadonlyArray<number>,
    cuts: ReadonlyArray<ShardScrape>,
    allowed: number,
    socket: ResponseOutlet,
    ended: (outcome: Outcome) => Effect.Effect<void>
  ) =>
    Effect.gen(function* () {
      const { format, escaping, contentType } = negotiate(request.headers.accept)
      const gzip = acceptsGzip(request.headers["accept-encoding"])
      const startedAt = performance.now()
      const digests = yield* Effect.forEach(cuts, (cut) => digestOf(cut, allowed), { concurrency: "unbounded" })
      const shown = cuts.filter((_, i) => digests[i] !== undefined)
      // Before the head: a fault in it is still a clean 500.
      const plan = yield* planBody(
        digests.filter((entries) => entries !== undefined),
        shown,
        { format, escaping },
        Math.max(0, allowed * 0.8 - (performance.now() - startedAt))
      )
      // A part of the pod knows a part of its conflicts.
      if (asked.length === pod.slots.length) {
        metrics.typeConflicts.set(plan.typeConflicts)
        conflicts.set(format, { at: Date.now(), count: plan.typeConflicts, families: plan.conflicts })
      }
      const lines = shown.map((cut, i) => cut.lines(plan.shards[i]!))
      response.writeHead(200, {
        "Content-Type": contentType,
        "Cache-Control": "no-store",
        Vary: "Accept, Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        ...(gzip ? { "Content-Encoding": "gzip" } : {})
      })
      const outlet = gzip ? new GzipOutlet(socket) : socket
      const outcome = yield* Effect.tryPromise({
        try: (signal) => stream(plan, lines, outlet, signal, (bytes) => metrics.scrapeBytes.inc(bytes)),
        catch: (error) => error
      }).pipe(
        Effect.map((): Outcome => {
          const whole = shown.filter((_, i) => !lines[i]!.broken()).length
          if (cuts.length === 0) return "not-running"
          return whole === asked.length ? "ok" : whole === 0 ? "unproven" : "partial"
        }),
        Effect.catch((error) =>
          error instanceof ResponseStalled
            ? Effect.succeed<Outcome>("stalled")
            : gone(error)
              ? Effect.succeed<Outcome>("gone")
              : Effect.as(Effect.logError("a scrape's body could not be made", error), "failed" as const)
        ),
        Effect.timeoutOrElse({
          duration: Math.max(0, allowed - (performance.now() - startedAt)),
          orElse: () => Effect.succeed<Outcome>("too-slow")
        })
      )
      const sent = outcome === "ok" || outcome === "partial"
      if (sent) metrics.scrapeSeconds.observe((performance.now() - startedAt) / 1000)
      yield* ended(outcome)
      return sent ? shown.filter((_, i) => !lines[i]!.broken()) : []
    })

  const scrape = (
    request: IncomingMessage,
    response: ServerResponse,
    asked: ReadonlyArray<number>,
    slot: Slot
  ): Effect.Effect<void> =>
    Effect.suspend(() => {
      const prometheus = timeoutOf(request)
      // The cut of every shard: nothing may come between these lines.
      const arrivedAt = process.hrtime.bigint()
      const cuts = pod.shards
        .filter(({ number }) => asked.includes(number))
        .map((shard) => new ShardScrape(shard.open(undefined, arrivedAt)))
      const delivered = new Set<ShardScrape>()
      const ended = ending(slot.client)
      const socket = new ResponseOutlet(response)
      slot.stalledFor = () => socket.stalledFor()
      slot.end = () => socket.letGo()
      return answer(request, response, asked, cuts, prometheus ?? longestScrape, socket, ended).pipe(
        Effect.map((whole) => {
          if (prometheus !== undefined) for (const cut of whole) delivered.add(cut)
        }),
        Effect.withSpan("scrape", { attributes: { client: slot.client, shards: asked.length } }),
        Effect.onInterrupt(() => ended(socket.isStalled ? "stalled" : "gone")),
        Effect.ensuring(
          Effect.sync(() => {
            for (const cut of cuts) cut.end(delivered.has(cut))
          })
        )
      )
    })

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
        const asked = askedShards(request.url, pod.slots.length)
        if (asked === undefined) {
          replyText(response, 400, `shard must be a whole number below ${pod.slots.length}, the shards of this pod`)
          return Effect.void
        }
        const client = clientOf(request.socket.remoteAddress)
        const slot = slots.enter(client, asked.length)
        running()
        if (typeof slot === "string") return refuse(response, client, slot)
        return Effect.ensuring(
          scrape(request, response, asked, slot),
          Effect.sync(() => {
            slots.leave(slot)
            running()
          })
        )
      })
  }
}
