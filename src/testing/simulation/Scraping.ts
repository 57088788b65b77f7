/**
 * Scraping: what Prometheus servers do in the simulation, and all that the oracle gets to see of the pods. A scrape is a cut, its
 * proof, and a body that is written after a while, whole, in part (what was written counts as shown, but not as
 * delivered) or not at all. Slow ones are overtaken by later ones.
 */
import { Effect } from "effect"
import { random } from "../Random.ts"
import type { Sim } from "./Sim.ts"
import type { SimPod } from "./SimPod.ts"

const scrapeTimeout = 8_000
/** Every so many bodies are rendered as one, the others are put together from their dumps, each rendered once. */
const wholeEvery = 8

/** Of the two series of a source the one that every body has first. */
const bySource = (values: ReadonlyMap<string, number>): ReadonlyMap<string, number> =>
  new Map([...values].flatMap(([series, n]) => (series.endsWith("/v") ? [[series.slice(0, -2), n] as const] : [])))

/** Asked again after a wait. */
const killed = (pod: SimPod): boolean => pod.state === "gone"

export interface ScrapeOptions {
  /** Ms from the request's arrival to its cut. */
  readonly late?: number
  /** Ms that the body is held back after the proof. */
  readonly slow: number
  readonly abort: "never" | "before the body" | "within the body"
}

/** Undefined where no answer came. */
export const scrape = (
  sim: Sim,
  pod: SimPod,
  { slow, abort, late = 0 }: ScrapeOptions
): Effect.Effect<ReadonlyMap<string, number> | undefined> =>
  Effect.gen(function* () {
    yield* pod.clock.open
    if (killed(pod)) return undefined
    const number = sim.cuts++
    const at = sim.time.now
    const arrived = pod.clock.monotonicTimeNanosUnsafe()
    // One after the other, so a pod's cuts stay in the order of its requests.
    const taken = yield* pod.thread.withPermits(1)(
      Effect.gen(function* () {
        if (late > 0) {
          yield* Effect.sleep(late)
          yield* pod.clock.open
          if (killed(pod)) return undefined
        }
        return pod.scrape(sim.parts, Number(pod.clock.monotonicTimeNanosUnsafe() - arrived) / 1e6)
      })
    )
    if (taken === undefined) return undefined
    const { cut, content } = taken
    const proven = (yield* Effect.exit(cut.prove))._tag === "Success"
    yield* Effect.sleep(slow)
    yield* pod.clock.open
    if (killed(pod)) return undefined
    if (abort === "before the body") return undefined
    const sight = content()
    const values = new Map(proven ? sight.values(number % wholeEvery === 0) : [])
    if (proven && abort === "never") sight.delivered?.()
    sight.end()
    sim.presence?.answered({ cut: number, at, pod: pod.name, values })
    if (!proven) return undefined
    if (abort === "within the body")
      for (const series of [...values.keys()].slice(values.size >> 1)) values.delete(series)
    sim.oracle.scrape({ cut: number, at, pod: pod.name, values, whole: abort === "never" })
    sim.happened({ type: "shown", at, cut: number, pod: pod.name, values: bySource(values), whole: abort === "never" })
    return values
  }).pipe(Effect.timeoutOrElse({ duration: scrapeTimeout, orElse: () => Effect.succeed(undefined) }))

/** One Prometheus server: all pods in turn, for ever. */
export const scraper = (sim: Sim, index: number) => {
  const r = random(sim.schedule.seed * 31 + index).next
  let turn = index
  const aborts = (): ScrapeOptions["abort"] => {
    const often = sim.time.now < sim.abortsUntil ? 0.4 : 0.03
    if (sim.presence !== undefined || r() >= often) return "never"
    return r() < 0.5 ? "before the body" : "within the body"
  }
  const { lateCuts = 0 } = sim.schedule
  const late = (): number => (lateCuts > 0 && r() < 0.5 ? lateCuts * r() : 0)
  const slow = (): number => {
    if (sim.time.now < sim.slowScrapes.until) return sim.slowScrapes.by * r()
    return r() < 0.1 ? 4_000 * r() : 0
  }
  return Effect.gen(function* () {
    yield* Effect.sleep(200 + 600 * r())
    const up = sim.pods.filter((p) => p.state !== "gone")
    const pod = up[turn++ % Math.max(1, up.length)]
    // Not awaited: a slow scrape is overtaken by the next ones. Bounded by its timeout.
    if (pod !== undefined && sim.scraping)
      yield* Effect.forkScoped(scrape(sim, pod, { slow: slow(), abort: aborts(), late: late() }))
  }).pipe(Effect.forever)
}
