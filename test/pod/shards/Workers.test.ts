/** Threads that die, of whatever: shown no more at once, replaced by one that knows whom it replaces, the others untouched. */
import { BroadcastChannel, Worker } from "node:worker_threads"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { PodState } from "../../../src/pod/PodState.ts"
import { onWorkers, type WorkersOptions } from "../../../src/pod/shards/Workers.ts"
import { SelfMetrics } from "../../../src/SelfMetrics.ts"
import { until } from "../../support/until.ts"

interface Event {
  readonly shard: number
  readonly event: string
  readonly predecessors: ReadonlyArray<string>
  readonly hasBeenIn: boolean
  readonly member: string
}

const script = new URL("./threads.mjs", import.meta.url)
let channels = 0

/** Two shards on threads that the test commands. */
const threads = (options: Partial<WorkersOptions> = {}) =>
  Effect.gen(function* () {
    const channel = `k2p-test-${process.pid}-${channels++}`
    const control = new BroadcastChannel(channel)
    yield* Effect.addFinalizer(() => Effect.sync(() => control.close()))
    const events: Array<Event> = []
    control.onmessage = (message) => events.push((message as unknown as { readonly data: Event }).data)
    const pod = new PodState(0, 2)
    const shards = onWorkers({
      count: 2,
      sessionTimeout: 1_500,
      start: (shard, before) =>
        new Worker(script, {
          workerData: { shard, ...before, channel },
          resourceLimits: { maxOldGenerationSizeMb: 32 },
          // What it says of its death belongs to nobody's output.
          stderr: true
        }),
      ...options
    })
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const failed = yield* shards.start(pod.slots).pipe(Scope.provide(scope))
    const running = () => pod.slots.every(({ shard }) => shard !== undefined)
    yield* Effect.promise(() => until(running, { what: "both shards running" }))
    return {
      pod,
      events,
      failed,
      running,
      starts: (shard: number) => events.filter((e) => e.shard === shard && e.event === "started"),
      die: (shard: number, how: string) => control.postMessage({ shard, event: "die", how }),
      stop: Scope.close(scope, Exit.void)
    }
  })

const test = (name: string, body: Effect.Effect<void, unknown, Scope.Scope | SelfMetrics>) =>
  it.live(name, () => Effect.provide(Effect.scoped(body), Layer.merge(SelfMetrics.layerBare, Logger.layer([]))))

describe("a worker thread", () => {
  for (const how of ["exit", "throw", "failed", "memory", "silent"])
    test(
      `that dies (${how}) is replaced by one that makes it leave, and the other one is not touched`,
      Effect.gen(function* () {
        const { pod, die, starts, running } = yield* threads()
        const [first, other] = pod.slots.map(({ shard }) => shard)
        die(0, how)
        yield* Effect.promise(() =>
          until(() => running() && pod.slots[0]!.shard !== first, { what: "a new thread for shard 0" })
        )
        assert.strictEqual(pod.slots[1]!.shard, other)
        assert.deepStrictEqual([pod.slots[0]!.restarts, pod.slots[1]!.restarts], [1, 0])
        const [dead, next] = starts(0)
        assert.deepStrictEqual([dead!.predecessors, next!.predecessors], [[], [dead!.member]])
        assert.deepStrictEqual([dead!.hasBeenIn, next!.hasBeenIn], [false, true])
        assert.notStrictEqual(next!.member, dead!.member)
        assert.strictEqual(starts(1).length, 1)
        const { workerRestarts } = yield* SelfMetrics
        const { values } = yield* Effect.promise(() => workerRestarts.get())
        assert.deepStrictEqual(values, [{ labels: { shard: 0 }, value: 1 }])
      })
    )

  test(
    "that died says nothing on a channel that was open",
    Effect.gen(function* () {
      const { pod, die, events } = yield* threads()
      const shard = pod.slots[0]!.shard!
      const under = shard.open("anything", process.hrtime.bigint())
      die(0, "silent")
      yield* Effect.promise(() => until(() => events.some(({ event }) => event === "silent"), { what: "its silence" }))
      // And of one that comes later.
      for (const channel of [under, shard.open("anything", process.hrtime.bigint())]) {
        assert.isUndefined(yield* Effect.promise(() => channel.pull()))
        assert.isTrue(channel.isLost())
      }
    })
  )

  test(
    "that dies again and again ends the pod, with the reason",
    Effect.gen(function* () {
      const { pod, die, failed, starts } = yield* threads({ maxDeaths: 2 })
      const end = yield* Effect.forkChild(Effect.flip(failed))
      for (const count of [1, 2, 3]) {
        yield* Effect.promise(() =>
          until(() => starts(0).length === count && pod.slots[0]!.shard !== undefined, { what: `start ${count}` })
        )
        die(0, "failed")
        yield* Effect.promise(() => until(() => pod.slots[0]!.shard === undefined, { what: `death ${count}` }))
      }
      const { message } = yield* Fiber.join(end)
      assert.strictEqual(message, "the worker of shard 0 failed 3 times within 600 s, last: by its own word")
      // Until the pod ends, what can be shown is shown.
      assert.isDefined(pod.slots[1]!.shard)
    })
  )

  test(
    "leaves when the pod stops, all of them at once, and no new one is started",
    Effect.gen(function* () {
      const { pod, events, starts, stop } = yield* threads()
      yield* stop
      const left = () => events.filter(({ event }) => event === "left").map(({ shard }) => shard)
      yield* Effect.promise(() => until(() => left().sort().join() === "0,1", { what: "both farewells" }))
      assert.deepStrictEqual([starts(0).length, starts(1).length], [1, 1])
      assert.deepStrictEqual([pod.slots[0]!.restarts, pod.slots[1]!.restarts], [0, 0])
    })
  )
})
