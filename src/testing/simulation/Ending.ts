/**
 * Ending: what comes after a history's last fault: everything heals, and it is looked again and again whether all is as it must be; then all pods
 * leave. What is shown must be whole and newest, by exactly one pod; what is made durable must all be there when the last owners have left.
 */
import { Effect, type Scope } from "effect"
import { startPod } from "./Deeds.ts"
import { growthWindowOf } from "./Schedule.ts"
import { scrape } from "./Scraping.ts"
import { running, type Sim, wallNow } from "./Sim.ts"
import { type SimSource, topic } from "./SimAgent.ts"
import { looksMisplaced } from "./Strangers.ts"

/** What the end gets to heal in: dead sessions, rebalances and doubts all have to run out. */
const healing = 60_000
/** Half a session timeout for the evictions, a quarter for the farewell, and some for pods that were told to leave while slow. */
const leaving = 30_000

/** In durable histories: partitions that nobody has processed to their end. */
const unread = (sim: Sim): ReadonlyArray<string> => {
  const owned = running(sim).flatMap((pod) => pod.engine.status().partitions)
  return Array.from({ length: sim.partitions }, (_, partition) => partition).flatMap((partition) => {
    const end = sim.log.end({ topic, partition })
    const owners = owned.filter((p) => p.partition === partition && p.phase === "serving" && p.position >= end)
    return owners.length === 1
      ? []
      : [
          `partition ${partition} is processed to its end, ${end}, by ${owners.length} pods although everything is quiet`
        ]
  })
}

/** What is not as it must be when everything is quiet, of these sources. */
const unsettled = (sim: Sim, sources: ReadonlyArray<SimSource>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    if (sim.durable !== undefined) return unread(sim)
    const others = new Set(sim.sources.filter((source) => !sources.includes(source)).map(({ name }) => name))
    const last = new Map<string, Array<{ pod: string; value: number }>>()
    for (const pod of running(sim)) {
      const values = yield* scrape(sim, pod, { slow: 0, abort: "never" })
      for (const [series, value] of values ?? [])
        if (!others.has(series.slice(0, series.indexOf("/"))))
          last.set(series, [...(last.get(series) ?? []), { pod: pod.name, value }])
    }
    const live = sources.flatMap((s) => s.series.map((series) => [series, s.value] as const))
    const away = new Set(sim.sources.filter((s, i) => looksMisplaced(sim.schedule, s, i)).flatMap((s) => s.series))
    return [...sim.oracle.unsettled(new Map(live), last, away), ...(sim.taps?.untold(sources) ?? [])]
  })

/** Agents go on with dumps; every second it is looked whether all is well with these sources. Answers how long it took, ms. */
const settle = (
  sim: Sim,
  sources: () => ReadonlyArray<SimSource> = () => sim.sources
): Effect.Effect<number, never, Scope.Scope> =>
  Effect.gen(function* () {
    const since = sim.time.now
    for (;;) {
      // What was planned for later may still happen while it heals.
      sim.rules.length = 0
      sim.durable?.outside.heal()
      for (const pod of sim.pods)
        if (pod.state !== "gone") {
          pod.clock.thaw()
          pod.evictionDelay = pod.recordDelay = pod.pace = pod.failures = 0
          pod.deposedUntil = -1
        }
      if (running(sim).length === 0) yield* startPod(sim)
      for (const source of sim.sources) source.silentUntil = -1
      yield* Effect.sleep(500)
      for (const source of sim.sources) yield* source.dump(sim.producer, wallNow(sim))
      yield* Effect.sleep(1_000)
      for (const source of sim.sources) source.silentUntil = Number.POSITIVE_INFINITY
      yield* Effect.sleep(400)
      const wrong = yield* unsettled(sim, sources())
      const took = sim.time.now - since
      if (wrong.length === 0) return took
      if (took > healing + (sim.schedule.profile === "mixedGrowth" ? 3 * growthWindowOf(sim.schedule) : 0)) {
        sim.oracle.violations.push(...wrong)
        return took
      }
    }
  })

/** Answers how long it took until all was well, ms. */
export const heal = (sim: Sim): Effect.Effect<number, never, Scope.Scope> =>
  Effect.gen(function* () {
    sim.slowScrapes = { until: -1, by: 0 }
    sim.abortsUntil = -1
    sim.latency = 0
    sim.tell(() => "everything heals")
    for (const source of sim.sources) source.wideUntil = -1
    const { taps } = sim
    if (taps === undefined) return yield* settle(sim)
    // What is told slowly holds up its own partition, and no other one.
    const stalled = sim.schedule.seed % sim.schedule.partitions
    sim.tell(() => `whoever is told of partition ${stalled} takes no end`)
    taps.heal()
    taps.stall(stalled)
    const took = yield* settle(sim, () => sim.sources.filter(({ partition }) => partition !== stalled))
    taps.stall(undefined)
    return took + (yield* settle(sim))
  })

/** All pods leave at once. One that a plot kills on its way out never finishes, which is no fault of its own. */
const leaveAll = (sim: Sim) =>
  Effect.gen(function* () {
    for (const pod of running(sim)) yield* Effect.forkDetach(pod.stop, { startImmediately: true })
    const since = sim.time.now
    while (sim.pods.some((p) => p.state === "leaving")) {
      yield* Effect.sleep(100)
      if (sim.time.now - since < leaving) continue
      const stuck = sim.pods.filter((p) => p.state === "leaving").map((p) => p.name)
      sim.oracle.violations.push(`${stuck.join(", ")} did not leave within ${leaving / 1000} s`)
      return
    }
  })

/** Whoever takes over what others left or died of processes it to its end, and leaves in good order: one after the other, until one does. */
const lastOwner = (sim: Sim): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const since = sim.time.now
    for (;;) {
      yield* startPod(sim)
      const pod = sim.pods.at(-1)!
      while (pod.state === "running" && unread(sim).length > 0 && sim.time.now - since < healing) {
        sim.rules.length = 0
        pod.clock.thaw()
        yield* Effect.sleep(200)
      }
      yield* leaveAll(sim)
      if (pod.hasLeft || sim.time.now - since > healing) return
    }
  })

/** All leave. What was to be durable is judged when the last owner has left. */
export const end = (sim: Sim): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    yield* leaveAll(sim)
    if (sim.durable === undefined) return
    // In disorder some of them may have died, and what they held is somebody else's.
    if (sim.schedule.profile === "durable") yield* lastOwner(sim)
    sim.durable.judge.end()
  })
