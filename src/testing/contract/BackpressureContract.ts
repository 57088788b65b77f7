/**
 * BackpressureContract: what each strategy of a Backpressure keeps: it answers, it never stands still for ever, it drops only where it
 * says that it drops, and of one source the oldest goes first. By questions as the engine asks them, then in a pod whose actor is slow.
 */
import { Context, Effect, Layer } from "effect"
import { Backpressure, type Decision, type Queued, type RecordHead, type Strategy } from "../../engine/Backpressure.ts"
import { type Needs, PartitionProcessor, shown } from "../../engine/PartitionProcessor.ts"
import { EmbeddedLog } from "../../transport/embedded/EmbeddedLog.ts"
import type { LogRecord } from "../../transport/Transport.ts"
import { testPod } from "../pods/TestPod.ts"
import { type Random, random } from "../Random.ts"
import { virtualTime } from "../VirtualTime.ts"
import { type Case, caseOf } from "./Case.ts"
import { must } from "./Must.ts"

const tp = { topic: "metrics", partition: 0 }
const keyOf = ({ key }: Pick<RecordHead, "key">): string => (key === null ? "no key" : Buffer.from(key).toString())

const headOf = (offset: number, r: Random): RecordHead => ({
  offset,
  timestamp: 1_700_000_000_000 + offset,
  key: r.chance(0.1) ? null : Buffer.from(r.pick(["a", "b", "c", "d"])),
  headers: r.chance(0.3) ? { "k2p-round": Buffer.from(`1.${offset}`) } : {},
  bytes: r.int(100, 5_000)
})

/** A partition with so many records that wait, at any lag. */
const queuedOf = (records: number, r: Random): Queued => {
  const heads = Array.from({ length: records }, (_, i) => headOf(100 + i, r))
  return {
    tp,
    records,
    bytes: heads.reduce((sum, { bytes }) => sum + bytes, 0),
    maxRecords: 20,
    maxBytes: r.pick([10_000, 1_000_000]),
    lag: r.pick([-1, 0, records, records + 7, 1e6]),
    lagMs: r.pick([0, 22_500, 3_600_000]),
    behind: r.chance(0.5),
    dropping: r.chance(0.5),
    waiting: () => heads
  }
}

const told = (q: Queued, paused: boolean): string =>
  `${q.records} of ${q.maxRecords} records and ${q.bytes} of ${q.maxBytes} bytes wait, lag ${q.lag}, ${q.behind ? "behind" : "not behind"}` +
  `${q.dropping ? ", dropping" : ""}${paused ? ", paused" : ""}`

const questions = 400

const each = (check: (q: Queued, paused: boolean) => void) =>
  Effect.sync(() => {
    for (let seed = 1; seed <= questions; seed++) {
      const r = random(seed)
      check(queuedOf(r.pick([0, 1, 5, 10, 19, 20, 21, 45]), r), r.chance(0.5))
    }
  })

const isCount = (n: unknown): boolean => typeof n === "number" && n >= 0

const isDecision = (decision: Decision): boolean =>
  decision === "fetch" ||
  decision === "pause" ||
  decision === "drop" ||
  (typeof decision === "object" && isCount(decision.down?.records) && isCount(decision.down?.bytes))

/** Those that it ranks, in the order in which the engine would drop them: of equal rank the oldest. */
const goingFirst = (strategy: Strategy, q: Queued, paused: boolean): ReadonlyArray<RecordHead> | undefined => {
  const decision = strategy.decide(q, paused)
  if (typeof decision !== "object" || decision.rank === undefined) return undefined
  const ranks = [...q.waiting()].map((head) => ({ head, rank: decision.rank!(head) }))
  for (const { head, rank } of ranks)
    must.hold(typeof rank === "number" && !Number.isNaN(rank), "a number", rank, `the rank of offset ${head.offset}`)
  return ranks.sort((a, b) => a.rank - b.rank || a.head.offset - b.head.offset).map(({ head }) => head)
}

/** Takes its time, and keeps what it was given. */
const slow = (needs: Needs, ms: number, given: Array<LogRecord>) =>
  Layer.succeed(PartitionProcessor, {
    name: "slow",
    needs,
    open: () =>
      Effect.succeed({
        process: ({ records }) =>
          Effect.forEach(
            records,
            (record) =>
              Effect.map(Effect.sleep(ms), () => {
                given.push(record)
              }),
            { discard: true }
          ),
        committable: (position) => position,
        lowest: (position) => position,
        status: () => ({})
      })
  })

/** More arrives for ten seconds than the actor takes in; then it has the time that it needs. */
const flooded = (layer: Layer.Layer<Backpressure>, { name, drops }: Strategy, mayDrop: boolean) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic(tp.topic, 1)
    const given: Array<LogRecord> = []
    const engine = { queueRecords: 20, queueBytes: 100_000, fetchMaxBytesPartition: 2_000 }
    const pod = yield* testPod("pod", { app: slow({ ...shown, mayDrop }, 40, given), backpressure: layer, engine })
    const status = () => pod.engine.status().partitions[0]
    while (status()?.visible !== true) yield* Effect.sleep(100)
    pod.engine.setBackpressure(name)
    const producer = yield* log.transport.producer({ clientId: "sender", acks: "all", compression: "none" })
    const sent = 600
    for (let i = 0; i < sent; i++) {
      yield* producer.produce([
        { ...tp, key: Buffer.from("abcd"[(i * i) % 4]!), value: Buffer.from(`${i}`), headers: {} }
      ])
      if (i % 6 === 5) yield* Effect.sleep(100)
      const { records } = status()!.queue
      must.hold(records <= engine.queueRecords, `at most ${engine.queueRecords} records in the queue`, records)
    }
    const patience = 120_000
    const reached = yield* Effect.timeoutOption(pod.engine.caughtUp(tp, sent), patience)
    must.hold(
      reached._tag === "Some",
      `all of ${sent} records taken within ${patience / 1_000} s`,
      status()?.position,
      "the position"
    )
    const { dropped } = status()!
    must.equal(given.length + dropped, sent, "records that were processed, and dropped and counted")
    if (!drops || !mayDrop)
      must.equal(
        dropped,
        0,
        mayDrop ? "dropped by one that says that it drops nothing" : "dropped of what may not be dropped"
      )
    const offsets = given.map(({ offset }) => offset)
    must.equal(
      offsets,
      [...offsets].sort((a, b) => a - b),
      "the order in which they were processed"
    )
    const newest = new Map(given.map((record) => [keyOf(record), record.offset]))
    must.equal(
      [...newest.values()].sort((a, b) => b - a)[0],
      sent - 1,
      "the newest record of all, which is never dropped"
    )
    must.equal(status()!.queue.paused, false, "paused, with nothing waiting")
  }).pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped)

/** Tries the strategies of these names. The Layer is built once a case. @experimental */
export const backpressureContract = (
  layer: Layer.Layer<Backpressure>,
  names: ReadonlyArray<string>
): ReadonlyArray<Case> => {
  const ofOne = (name: string): ReadonlyArray<Case> => {
    const rule = (sentence: string, body: (strategy: Strategy) => Effect.Effect<void, unknown>): Case =>
      caseOf(
        "Backpressure",
        `${name} ${sentence}`,
        Effect.flatMap(Layer.build(Layer.fresh(layer)), (context) => {
          const strategy = Context.get(context, Backpressure).strategies.get(name)
          must.hold(strategy !== undefined, `a strategy called ${name}`, strategy)
          return body(strategy!)
        })
      )
    return [
      rule("answers one of the decisions that there are, whatever it is asked", (strategy) =>
        each((q, paused) => {
          const decision = strategy.decide(q, paused)
          must.hold(
            isDecision(decision),
            '"fetch", "pause", "drop", or what is to be left, in records and bytes',
            decision,
            told(q, paused)
          )
        })
      ),
      rule("goes on reading where nothing waits: nothing else would ever ask it again", (strategy) =>
        each((q, paused) => {
          const empty: Queued = { ...q, records: 0, bytes: 0, waiting: () => [] }
          must.hold(strategy.decide(empty, paused) !== "pause", "anything but a pause", "pause", told(empty, paused))
        })
      ),
      rule("drops only where it says that it drops", (strategy) =>
        each((q, paused) => {
          if (strategy.drops) return
          const decision = strategy.decide(q, paused)
          must.hold(decision === "fetch" || decision === "pause", '"fetch" or "pause"', decision, told(q, paused))
        })
      ),
      rule("makes room where it drops of a full queue", (strategy) =>
        each((q, paused) => {
          const decision = strategy.decide(q, paused)
          if (typeof decision !== "object" || (q.records < q.maxRecords && q.bytes < q.maxBytes)) return
          const { records, bytes } = decision.down
          must.hold(
            records <= q.maxRecords && bytes <= q.maxBytes,
            `at most ${q.maxRecords} records and ${q.maxBytes} bytes left`,
            decision.down,
            told(q, paused)
          )
        })
      ),
      rule("drops of one source the oldest first: what is left of it is the newest", (strategy) =>
        each((q, paused) => {
          const last = new Map<string, number>()
          for (const head of goingFirst(strategy, q, paused) ?? []) {
            const before = last.get(keyOf(head)) ?? -1
            must.hold(
              head.offset > before,
              `offset ${head.offset} of ${keyOf(head)} to go before ${before}, which is newer`,
              `${before} goes first`,
              told(q, paused)
            )
            last.set(keyOf(head), head.offset)
          }
        })
      ),
      rule("answers alike for partitions that are alike: one strategy is asked about all of them", (strategy) =>
        each((q, paused) => {
          const kindOf = (decision: Decision) => (typeof decision === "object" ? decision.down : decision)
          const first = kindOf(strategy.decide(q, paused))
          strategy.decide(queuedOf(0, random(1)), false)
          const second = kindOf(strategy.decide({ ...q, tp: { topic: "other", partition: 3 } }, paused))
          must.equal(second, first, told(q, paused))
        })
      ),
      ...[true, false].map((mayDrop) =>
        rule(
          mayDrop
            ? "lets a slow pod come to the log's end, in order, with every record processed or dropped and counted"
            : "loses nothing of what may not be dropped",
          (strategy) => Effect.suspend(() => virtualTime(flooded(layer, strategy, mayDrop)))
        )
      )
    ]
  }
  return names.flatMap(ofOne)
}
