/**
 * ScrapeSource: local endpoints that are asked for their metrics, each body a round. Each target has a fiber of its own, so one that is
 * slow or huge holds no other, and its scrapes never overlap: what its interval missed is not made up for. Starts are spread over
 * the interval (ScrapeTarget.untilStart). A round's time is the start of its scrape, as Prometheus stamps a sample.
 *
 * A target that fails gives no round: its last one is not sent again and expires at the pods. That is told once when it begins and once
 * when it ends. Bodies that are being read count against the room for rounds that wait.
 */
import { Clock, Effect } from "effect"
import { SelfMetrics } from "../../SelfMetrics.ts"
import type { RoundSink } from "../AgentSource.ts"
import { type Answer, Exchange, type FailureReason, ScrapeFailure } from "./Exchange.ts"
import { judgeBody } from "./ScrapeBody.ts"
import { type ScrapeTarget, shownUrl, targetSource, untilStart } from "./ScrapeTarget.ts"

export interface ScrapeSourceOptions {
  readonly targets: ReadonlyArray<ScrapeTarget>
  readonly host: string
  /** Of one body, unpacked. */
  readonly maxDumpBytes: number
}

/** What became of the last try: a body, or why there was none. @experimental */
export type ScrapeState = "waiting" | "up" | FailureReason | "content-type" | "timeout"

/** One endpoint as the agent sees it. @stable */
export interface TargetStatus {
  /** Without what stands in its query. */
  readonly url: string
  /** The id that its rounds have. */
  readonly source: string
  /** Of the last scrape; waiting: there was none yet. */
  readonly state: ScrapeState
  /** For people. "" where there is nothing to say. */
  readonly why: string
  /** Ms since the Unix epoch: the start of the last scrape that gave a round. */
  readonly lastSuccess: number | null
  /** Of the last scrape, ms; null before the first. */
  readonly duration: number | null
  /** Of the last body that was a round, unpacked. */
  readonly bytes: number
}

export interface ScrapeSource {
  /** Until it is interrupted. */
  readonly run: (sink: RoundSink) => Effect.Effect<never>
  /** Asks each target once, all at the same time. */
  readonly once: (sink: RoundSink) => Effect.Effect<void>
  readonly targets: () => ReadonlyArray<TargetStatus>
}

interface Scraped {
  readonly target: ScrapeTarget
  readonly source: string
  /** For people. */
  readonly url: string
  state: ScrapeState
  why: string
  failures: number
  lastSuccess: number | null
  duration: number | null
  bytes: number
}

type Outcome =
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "failed"; readonly state: ScrapeState; readonly why: string }

const monotonic = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

export const make = Effect.fnUntraced(function* (options: ScrapeSourceOptions) {
  const metrics = yield* SelfMetrics
  const all = options.targets.map((target): Scraped => {
    const [source, url] = [targetSource(options.host, target), shownUrl(target.url)]
    return { target, source, url, state: "waiting", why: "", failures: 0, lastSuccess: null, duration: null, bytes: 0 }
  })
  /** Of all bodies that are being read. */
  let reading = 0

  const ask = (one: Scraped, exchange: Exchange, sink: RoundSink): Effect.Effect<Outcome> => {
    const { target, source } = one
    let held = 0
    const room = (bytes: number): boolean => {
      reading += bytes - held
      held = bytes
      return sink.room(source, reading)
    }
    return Effect.tryPromise({
      try: (signal) => exchange.scrape(signal, { maxBytes: options.maxDumpBytes, room }),
      catch: (error) => error
    }).pipe(
      Effect.map((answer): Outcome => ({ kind: "answer", answer })),
      Effect.timeoutOrElse({
        duration: target.timeout,
        orElse: () =>
          Effect.succeed<Outcome>({
            kind: "failed",
            state: "timeout",
            why: `its whole answer did not come within ${target.timeout / 1000} s`
          })
      }),
      Effect.catch((error) =>
        error instanceof ScrapeFailure
          ? Effect.succeed<Outcome>({ kind: "failed", state: error.reason, why: error.message })
          : Effect.die(error)
      ),
      Effect.ensuring(
        Effect.sync(() => {
          reading -= held
        })
      )
    )
  }

  const fail = (one: Scraped, state: ScrapeState, why: string): Effect.Effect<void> => {
    one.state = state
    one.why = why
    metrics.agentScrapes.inc({ outcome: state })
    metrics.agentScrapeUp.set({ target: one.target.name }, 0)
    return one.failures++ > 0
      ? Effect.void
      : Effect.logWarning(
          `${one.url} (source ${one.source}) gives no round: ${why}; it is asked again every ${one.target.interval / 1000} s, until then its last round expires`
        )
  }

  const succeed = (one: Scraped, time: number, bytes: number): Effect.Effect<void> => {
    const { failures } = one
    const name = { target: one.target.name }
    one.state = "up"
    one.why = ""
    one.failures = 0
    one.lastSuccess = time
    one.bytes = bytes
    metrics.agentScrapes.inc({ outcome: "up" })
    metrics.agentScrapeUp.set(name, 1)
    metrics.agentScrapeSuccess.set(name, time / 1000)
    metrics.agentScrapeBytes.set(name, bytes)
    return failures === 0
      ? Effect.void
      : Effect.logInfo(`${one.url} (source ${one.source}) gives rounds again, after ${failures} scrapes without one`)
  }

  const scrape = Effect.fnUntraced(function* (one: Scraped, exchange: Exchange, sink: RoundSink) {
    const { target, source, url } = one
    const time = yield* Clock.currentTimeMillis
    const started = yield* monotonic
    const outcome = yield* ask(one, exchange, sink)
    one.duration = (yield* monotonic) - started
    metrics.agentScrapeSeconds.set({ target: target.name }, one.duration / 1000)
    if (outcome.kind === "failed") return yield* fail(one, outcome.state, outcome.why)
    const { body, contentType } = outcome.answer
    const judged = judgeBody(body, contentType, target.fallback)
    if (judged.kind === "refused") return yield* fail(one, judged.reason, judged.why)
    const { job, labels } = target
    const { text, format } = judged
    // The clock may have been set back meanwhile.
    yield* sink.offer({
      source,
      job,
      labels,
      origin: url,
      text,
      format,
      time: Math.min(time, yield* Clock.currentTimeMillis),
      age: 0
    })
    yield* succeed(one, time, body.length)
  })

  const asking = <A>(one: Scraped, use: (exchange: Exchange) => Effect.Effect<A>): Effect.Effect<A> =>
    Effect.acquireUseRelease(
      Effect.sync(() => new Exchange(one.target)),
      use,
      (exchange) => Effect.sync(() => exchange.close())
    )

  const loop = (one: Scraped, sink: RoundSink): Effect.Effect<never> =>
    asking(
      one,
      Effect.fnUntraced(function* (exchange) {
        const { interval } = one.target
        let due = (yield* monotonic) + untilStart(one.source, interval, yield* Clock.currentTimeMillis)
        for (;;) {
          yield* Effect.sleep(Math.max(0, due - (yield* monotonic)))
          yield* scrape(one, exchange, sink)
          due += interval * Math.max(1, Math.ceil(((yield* monotonic) - due) / interval))
        }
      })
    )

  const source: ScrapeSource = {
    run: (sink) =>
      Effect.andThen(
        Effect.forEach(all, (one) => loop(one, sink), { concurrency: "unbounded", discard: true }),
        Effect.never
      ),
    once: (sink) =>
      Effect.forEach(all, (one) => asking(one, (exchange) => scrape(one, exchange, sink)), {
        concurrency: "unbounded",
        discard: true
      }),
    targets: () =>
      all.map(({ url, source, state, why, lastSuccess, duration, bytes }) => ({
        url,
        source,
        state,
        why,
        lastSuccess,
        duration,
        bytes
      }))
  }
  return source
})
