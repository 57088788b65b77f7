/**
 * Drop-front with the real engine on the embedded log in virtual time. Drops mean that the actor is behind: an answer larger than the
 * queue, a burst, a start with a backlog and a replay lose nothing as long as it processes more than arrives; one that does
 * not loses the oldest and stays near now. And what a pod holds, says and counts meanwhile.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import type { StrategyName } from "../../src/engine/Backpressure.ts"
import type { PartitionStatus } from "../../src/engine/Engine.ts"
import type { EngineOptions } from "../../src/engine/Options.ts"
import { random } from "../../src/testing/Random.ts"
import { VirtualTime } from "../../src/testing/VirtualTime.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { type ShardPod, startShardPod } from "../support/shardPod.ts"

const topic = "metrics"
const tick = 50

interface World {
  readonly time: VirtualTime
  readonly lines: Array<string>
  /** What was processed, by offset, in order. */
  readonly processed: Array<number>
  readonly log: EmbeddedLog["Service"]
  readonly produce: (records: number, bytes?: number) => Effect.Effect<void>
  readonly start: (options?: {
    readonly strategy?: StrategyName
    readonly engine?: Partial<EngineOptions>
    /** Ms. */
    readonly perRecord?: () => number
  }) => Effect.Effect<ShardPod>
  readonly end: () => number
}

/** A topic of one partition, and a pod where it is started. */
const inWorld = (body: (world: World) => Effect.Effect<void>): void => {
  const time = new VirtualTime()
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message, logLevel }) => {
    if (logLevel === "Warn" || logLevel === "Error") lines.push([message].flat().map(String).join(" "))
  })
  const exit = time.run(
    Effect.gen(function* () {
      const log = yield* EmbeddedLog.make({ nodes: 1 })
      yield* log.createTopic(topic, 1)
      const producer = yield* Effect.orDie(
        log.transport.producer({ clientId: "test", acks: "all", compression: "none" })
      )
      const processed: Array<number> = []
      const pods: Array<ShardPod> = []
      yield* body({
        time,
        lines,
        processed,
        log,
        produce: (records, bytes = 100) =>
          Effect.orDie(
            producer.produce(
              Array.from({ length: records }, (_, i) => ({
                topic,
                partition: 0,
                key: Buffer.from(`s${i % 7}`),
                value: Buffer.alloc(bytes, "1"),
                headers: {}
              }))
            )
          ),
        start: ({ strategy = "drop-front", engine = {}, perRecord } = {}) =>
          Effect.gen(function* () {
            const pod = yield* startShardPod(`pod${pods.length}`, {
              backpressure: strategy,
              engine,
              onRecord: (record) =>
                Effect.suspend(() => {
                  processed.push(record.offset)
                  const ms = perRecord?.() ?? 0
                  return ms === 0 ? Effect.void : Effect.sleep(ms)
                })
            }).pipe(Effect.provideService(EmbeddedLog, log))
            pods.push(pod)
            return pod
          }),
        end: () => log.end({ topic, partition: 0 })
      })
      for (const pod of pods) yield* pod.stop
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
  )
  if (exit._tag === "Failure") throw exit.cause.reasons.find((r) => r._tag === "Die")?.defect ?? exit.cause
}

const status = (pod: ShardPod): PartitionStatus | undefined => pod.engine.status().partitions[0]

const waitUntil = (what: string, holds: () => boolean, limit = 600_000) =>
  Effect.gen(function* () {
    for (let t = 0; !holds(); t += tick) {
      if (t > limit) assert.fail(`not within ${limit} ms of virtual time: ${what}`)
      yield* Effect.sleep(tick)
    }
  })

const visible = (pod: ShardPod) => waitUntil("it is visible", () => status(pod)?.visible === true)
const caughtUp = (pod: ShardPod, world: World) =>
  waitUntil("it has caught up", () => status(pod)?.visible === true && status(pod)!.position === world.end())
const assertNothingLost = (pod: ShardPod, { processed, end }: World) => {
  assert.strictEqual(status(pod)!.dropped, 0)
  assert.deepStrictEqual(
    processed,
    Array.from({ length: end() }, (_, i) => i)
  )
}

/** More than it can process, until it drops. */
const overload = (pod: ShardPod, world: World, perTick: number) =>
  Effect.gen(function* () {
    for (let t = 0; status(pod)!.dropped === 0; t += tick) {
      assert.isBelow(t, 120_000, "it drops")
      yield* world.produce(perTick)
      yield* Effect.sleep(tick)
    }
  })

describe("an actor that keeps up loses nothing", () => {
  for (const perRecord of [0, 1])
    it(`when 20,000 lines come at once to an idle pod with the defaults, at ${perRecord} ms a line`, () => {
      inWorld((world) =>
        Effect.gen(function* () {
          const pod = yield* world.start({ perRecord: () => perRecord })
          yield* visible(pod)
          yield* world.produce(20_000)
          yield* caughtUp(pod, world)
          assertNothingLost(pod, world)
          assert.deepStrictEqual(world.lines, [])
        })
      )
    })

  it("when 20,000 lines wait at its start, with a queue of ten", () => {
    inWorld((world) =>
      Effect.gen(function* () {
        yield* world.produce(20_000)
        const pod = yield* world.start({ engine: { queueRecords: 10 }, perRecord: () => 1 })
        for (let t = 0; t < 40_000; t += tick) {
          yield* world.produce(25)
          yield* Effect.sleep(tick)
        }
        yield* caughtUp(pod, world)
        assertNothingLost(pod, world)
      })
    )
  })

  it("with a queue of one record, and with records larger than the queue and the answer", () => {
    inWorld((world) =>
      Effect.gen(function* () {
        const pod = yield* world.start({
          engine: { queueRecords: 1, queueBytes: 64 * 1024, fetchMaxBytesPartition: 64 * 1024 },
          perRecord: () => 5
        })
        for (let i = 0; i < 20; i++) {
          yield* world.produce(3, 200_000)
          yield* world.produce(30)
          yield* Effect.sleep(1_000)
        }
        yield* caughtUp(pod, world)
        assertNothingLost(pod, world)
      })
    )
  })

  it("at random paces, bursts, backlogs, queues and answers", { timeout: 180_000 }, () => {
    for (let seed = 1; seed <= 30; seed++) {
      const r = random(seed).next
      const int = (n: number) => Math.floor(r() * n)
      const one = <A>(all: ReadonlyArray<A>): A => all[int(all.length)]!
      const perRecord = one([2, 5, 20])
      const load = 0.1 + 0.6 * r()
      const engine = { queueRecords: one([1, 3, 10, 1_000]), fetchMaxBytesPartition: one([1_000, 10_000, 1_048_576]) }
      const largest = one([1, 10, 400])
      inWorld((world) =>
        Effect.gen(function* () {
          yield* world.produce(int(1_000))
          const pod = yield* world.start({
            engine,
            perRecord: () => perRecord,
            strategy: one(["drop-front", "adaptive"])
          })
          while (world.time.now < 20_000) {
            const size = 1 + int(largest)
            yield* world.produce(size)
            // Of what it could process until the next burst, the share that is its load arrives.
            yield* Effect.sleep((size * perRecord) / load)
          }
          yield* caughtUp(pod, world)
          assert.strictEqual(
            status(pod)!.dropped,
            0,
            `seed ${seed}: ${JSON.stringify({ perRecord, load, engine, largest })}`
          )
          assertNothingLost(pod, world)
        })
      )
    }
  })

  it("while it waits for the coordinator to confirm how far it may expose", () => {
    inWorld((world) =>
      Effect.gen(function* () {
        const pod = yield* world.start({
          engine: { queueRecords: 10, fetchMaxBytesPartition: 2_000, leastHeadroom: 20 }
        })
        yield* visible(pod)
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* world.log.intercept((q) => (q.op === "offsetCommit" ? { lose: "request" } : undefined))
            for (let t = 0; t < 8_000; t += tick) {
              yield* world.produce(10)
              yield* Effect.sleep(tick)
            }
            assert.isAbove(world.end() - status(pod)!.position, 500)
          })
        )
        yield* caughtUp(pod, world)
        assertNothingLost(pod, world)
      })
    )
  })
})

describe("an actor that is slower than what arrives", () => {
  it("loses the oldest, stays near now, works all the time, and stops when it has caught up", {
    timeout: 180_000
  }, () => {
    for (let seed = 1; seed <= 10; seed++) {
      const r = random(seed * 31).next
      const int = (n: number) => Math.floor(r() * n)
      const perRecord = [10, 20, 40][int(3)]!
      const perTick = Math.ceil((1.3 + 4 * r()) * (tick / perRecord))
      const engine = { queueRecords: [5, 50][int(2)]!, fetchMaxBytesPartition: [2_000, 20_000][int(2)]! }
      // What arrives in so many ticks comes at once.
      const lump = [1, 1, 60][int(3)]!
      let fast = false
      inWorld((world) =>
        Effect.gen(function* () {
          const pod = yield* world.start({ engine, perRecord: () => (fast ? 0 : perRecord) })
          yield* visible(pod)
          const answer = engine.fetchMaxBytesPartition / 100
          let worst = 0
          for (let t = 0; t < 45_000; t += tick) {
            if ((t / tick) % lump === 0) yield* world.produce(perTick * lump)
            yield* Effect.sleep(tick)
            const { queue, remainder, position, droppingSince } = status(pod)!
            assert.isAtMost(queue.records, engine.queueRecords)
            assert.isAtMost(remainder.records, answer, "one answer at most")
            if (droppingSince !== null) assert.strictEqual(remainder.records, 0)
            worst = Math.max(worst, world.end() - position)
          }
          const what = `seed ${seed}: ${JSON.stringify({ perRecord, perTick, lump, engine, worst })}`
          assert.isAbove(status(pod)!.dropped, 0, what)
          // What the pod holds, three times as much on top, and what arrives between looks.
          const bound = 4 * (engine.queueRecords + answer) + perTick * Math.max(1_000 / tick, 4 * lump)
          assert.isAtMost(worst, bound, what)
          const { processed } = world
          const leaps = processed.slice(1).map((offset, n) => offset - processed[n]!)
          assert.isAtMost(
            Math.max(...leaps),
            bound,
            `it leaves nothing out at a time but what it lagged behind, ${what}`
          )
          // Of a lump it may have dropped all that a small queue cannot hold.
          const busy = lump === 1 ? 0.9 : 0.5
          assert.isAtLeast(processed.length, (busy * 45_000) / perRecord, `it has always something to do, ${what}`)
          fast = true
          yield* caughtUp(pod, world)
          const { dropped, droppingSince } = status(pod)!
          assert.isNull(droppingSince, what)
          assert.strictEqual(dropped + world.processed.length, world.end(), what)
          yield* world.produce(5_000)
          yield* caughtUp(pod, world)
          assert.strictEqual(status(pod)!.dropped, dropped, what)
        })
      )
    }
  })

  it("begins to drop in the middle of a backlog as it would without one", () => {
    inWorld((world) =>
      Effect.gen(function* () {
        yield* world.produce(50_000)
        const pod = yield* world.start({
          engine: { queueRecords: 10, fetchMaxBytesPartition: 2_000 },
          perRecord: () => 10
        })
        for (let t = 0; (status(pod)?.dropped ?? 0) === 0; t += tick) {
          assert.isBelow(t, 20_000, "it drops")
          yield* world.produce(20)
          yield* Effect.sleep(tick)
        }
        yield* Effect.sleep(1_000)
        assert.isBelow(world.end() - status(pod)!.position, 100)
      })
    )
  })

  it("drops nothing while nobody can say what arrives, says so, and is judged when it can be asked again", () => {
    inWorld((world) =>
      Effect.gen(function* () {
        const pod = yield* world.start({
          engine: { queueRecords: 10, fetchMaxBytesPartition: 2_000 },
          perRecord: () => 200
        })
        yield* visible(pod)
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* world.log.intercept((q) => (q.op === "listOffsets" ? { fail: "OTHER" } : undefined))
            for (let t = 0; t < 10_000; t += tick) {
              yield* world.produce(5)
              yield* Effect.sleep(tick)
            }
          })
        )
        assert.strictEqual(status(pod)!.dropped, 0)
        assert.lengthOf(world.lines, 1)
        assert.match(world.lines[0]!, /^cannot ask where the log ends of 1 partitions that are full.*metrics\/0: /)
        yield* overload(pod, world, 5)
      })
    )
  })

  it("is not behind where fetching takes the time: dropping would not bring it nearer", () => {
    inWorld((world) =>
      Effect.gen(function* () {
        const pod = yield* world.start({ engine: { queueRecords: 50, fetchMaxBytesPartition: 20_000 } })
        yield* visible(pod)
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* world.log.intercept((q) => (q.op === "fetch" ? { delayAnswer: 300 } : undefined))
            for (let t = 0; t < 20_000; t += tick) {
              yield* world.produce(30)
              yield* Effect.sleep(tick)
            }
            assert.isAbove(world.end() - status(pod)!.position, 1_000)
          })
        )
        yield* caughtUp(pod, world)
        assertNothingLost(pod, world)
      })
    )
  })

  it("is not behind because nothing could be fetched", () => {
    inWorld((world) =>
      Effect.gen(function* () {
        const pod = yield* world.start({ engine: { queueRecords: 50, fetchMaxBytesPartition: 2_000 } })
        yield* visible(pod)
        yield* world.produce(100)
        yield* Effect.scoped(
          Effect.gen(function* () {
            let answers = 0
            yield* world.log.intercept((q) => (q.op === "fetch" && answers++ > 0 ? { fail: "OTHER" } : undefined))
            for (let t = 0; t < 20_000; t += tick) {
              yield* world.produce(10)
              yield* Effect.sleep(tick)
            }
            assert.isAbove(world.end() - status(pod)!.position, 3_000)
          })
        )
        yield* caughtUp(pod, world)
        assertNothingLost(pod, world)
      })
    )
  })

  it("is judged anew when it is restarted", () => {
    let fails = false
    inWorld((world) =>
      Effect.gen(function* () {
        let slow = true
        const pod = yield* world.start({
          engine: { queueRecords: 10, fetchMaxBytesPartition: 2_000 },
          perRecord: () => {
            if (fails) {
              fails = false
              throw new Error("on purpose")
            }
            return slow ? 20 : 0
          }
        })
        yield* visible(pod)
        yield* overload(pod, world, 20)
        const { dropped } = status(pod)!
        fails = true
        slow = false
        yield* waitUntil("restarted", () => status(pod)!.restarts === 1)
        yield* world.produce(3_000)
        yield* caughtUp(pod, world)
        assert.isAtMost(status(pod)!.dropped - dropped, 40, "only what waited when it failed")
      })
    )
  })
})

describe("a switch in the running pod", () => {
  const small = { queueRecords: 10, fetchMaxBytesPartition: 2_000 }

  it("to drop-front is an operator's word: what a full partition cannot hold goes, until it has caught up", () => {
    inWorld((world) =>
      Effect.gen(function* () {
        const pod = yield* world.start({ strategy: "pause", engine: small, perRecord: () => 20 })
        yield* visible(pod)
        yield* world.produce(5_000)
        yield* waitUntil("it is full", () => status(pod)!.queue.paused)
        yield* Effect.sleep(5_000)
        assert.strictEqual(status(pod)!.dropped, 0)
        pod.engine.setBackpressure("drop-front")
        yield* caughtUp(pod, world)
        assert.isAbove(status(pod)!.dropped, 4_000)
        assert.isNull(status(pod)!.droppingSince)
        const { dropped } = status(pod)!
        yield* world.produce(200)
        yield* Effect.sleep(1_000)
        pod.engine.setBackpressure("drop-front")
        yield* caughtUp(pod, world)
        assert.strictEqual(status(pod)!.dropped, dropped, "said once more it says nothing new")
      })
    )
  })

  it("to drop-front costs a partition that is not full nothing", () => {
    inWorld((world) =>
      Effect.gen(function* () {
        const pod = yield* world.start({ strategy: "pause", engine: small })
        yield* visible(pod)
        pod.engine.setBackpressure("drop-front")
        yield* world.produce(5_000)
        yield* caughtUp(pod, world)
        assertNothingLost(pod, world)
      })
    )
  })

  it("to pause ends the dropping at once", () => {
    inWorld((world) =>
      Effect.gen(function* () {
        const pod = yield* world.start({ engine: small, perRecord: () => 20 })
        yield* visible(pod)
        yield* overload(pod, world, 20)
        pod.engine.setBackpressure("pause")
        const { dropped } = status(pod)!
        assert.isNull(status(pod)!.droppingSince)
        for (let t = 0; t < 10_000; t += tick) {
          yield* world.produce(20)
          yield* Effect.sleep(tick)
        }
        yield* caughtUp(pod, world)
        assert.strictEqual(status(pod)!.dropped, dropped)
      })
    )
  })
})

describe("what is said and counted", () => {
  it("a line at the start, one now and then, and one at the end with the total", async () => {
    let counting: Promise<{ readonly values: ReadonlyArray<{ readonly value: number }> }> | undefined
    let total = 0
    inWorld((world) =>
      Effect.gen(function* () {
        let fast = false
        const pod = yield* world.start({
          engine: { queueRecords: 10, fetchMaxBytesPartition: 2_000 },
          perRecord: () => (fast ? 0 : 20)
        })
        yield* visible(pod)
        const { lines } = world
        yield* overload(pod, world, 20)
        const since = status(pod)!.droppingSince
        assert.closeTo(since!, world.time.currentTimeMillisUnsafe(), tick, "by the wall clock")
        assert.strictEqual(lines.length, 1)
        assert.match(
          lines[0]!,
          /^metrics\/0: dropped \d+ records, offsets \d+ to \d+, because its actor is behind by \d+: more arrives than it processes/
        )
        for (let t = 0; t < 100_000; t += tick) {
          yield* world.produce(20)
          yield* Effect.sleep(tick)
        }
        assert.strictEqual(lines.length, 4, "one in half a minute")
        assert.strictEqual(status(pod)!.droppingSince, since)
        fast = true
        yield* caughtUp(pod, world)
        yield* Effect.sleep(1_000)
        assert.strictEqual(lines.length, 5)
        const { dropped } = status(pod)!
        assert.match(
          lines[4]!,
          new RegExp(`^metrics/0: no more is dropped, its actor has caught up: ${dropped} records were in \\d+ s$`)
        )
        // Told stretch by stretch, each record once.
        const told = lines.slice(0, 4).map((line) => Number(/dropped (\d+)/.exec(line)![1]))
        assert.isAtMost(
          told.reduce((a, b) => a + b, 0),
          dropped
        )
        total = dropped
        counting = pod.metrics.recordsDropped.get()
      })
    )
    assert.strictEqual((await counting!).values[0]!.value, total)
  })

  it("a partition that is given up while it drops says how much it was", () => {
    inWorld((world) =>
      Effect.gen(function* () {
        const pod = yield* world.start({
          engine: { queueRecords: 10, fetchMaxBytesPartition: 2_000 },
          perRecord: () => 20
        })
        yield* visible(pod)
        yield* overload(pod, world, 20)
        const { dropped } = status(pod)!
        yield* pod.stop
        assert.match(world.lines.at(-1)!, new RegExp(`no more is dropped, it is given up: ${dropped} records`))
      })
    )
  })

  it("what waits beyond the queue is the remainder of one answer, seen in the status", () => {
    inWorld((world) =>
      Effect.gen(function* () {
        let slow = true
        const pod = yield* world.start({ engine: { queueRecords: 100 }, perRecord: () => (slow ? 1_000 : 0) })
        yield* visible(pod)
        // The actor has this one in hand while the next answers come.
        yield* world.produce(1)
        yield* Effect.sleep(100)
        yield* world.produce(1_000)
        yield* Effect.sleep(100)
        yield* world.produce(30_000)
        yield* Effect.sleep(500)
        const { queue, remainder, lag } = status(pod)!
        assert.deepStrictEqual([queue.records, remainder.records, queue.paused], [100, 900, true])
        assert.deepStrictEqual([queue.bytes, remainder.bytes], [202 * 100, 202 * 900])
        assert.strictEqual(lag, 31_001, "the log is asked, although the partition is not read")
        slow = false
        yield* caughtUp(pod, world)
        assertNothingLost(pod, world)
      })
    )
  })
})
