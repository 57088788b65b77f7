/**
 * DurableContract: what a PartitionProcessor keeps that makes records durable elsewhere: nothing is committed before it is, whatever stops
 * it, and whoever goes on leaves nothing out. By hand, then handed over between real pods, on the real clock: it may wait for disks and
 * networks.
 */
import { Effect, Fiber, type Scope } from "effect"
import { EmbeddedLog } from "../../../transport/embedded/EmbeddedLog.ts"
import { type DurableSubject, misheld, missing, text } from "../../DurableSubject.ts"
import { type PodParts, testPod } from "../../pods/TestPod.ts"
import { type Case, caseOf } from "../Case.ts"
import { must } from "../Must.ts"
import { commonRules, type ProcessorRule, type Trying } from "./CommonRules.ts"
import { Incarnation, partition, podOf } from "./Incarnation.ts"
import { SaidLog } from "./SaidLog.ts"

interface TryingDurable extends Trying {
  /** Everything of [0, to) of the log is durable, and what else is promised of the store is kept. */
  readonly holds: (log: SaidLog, to: number, when: string) => Effect.Effect<void, unknown>
}

const holding =
  (subject: Pick<DurableSubject, "stored" | "once" | "ordered">): TryingDurable["holds"] =>
  (log, to, when) =>
    Effect.map(subject.stored, (found) => {
      must.equal(
        missing(log.entries.slice(0, to), found).map(text),
        [],
        `${when}: not durable of the records before ${to}`
      )
      must.equal(misheld(log.entries, found, subject), [], `${when}: wrong in the store`)
    })

const durableRules = (rule: ProcessorRule<TryingDurable>): void => {
  rule("nothing may be committed that is not durable, after any batch", ({ services, says, holds }) =>
    Effect.gen(function* () {
      const log = new SaidLog(says).grow(60)
      const one = yield* Incarnation.open(services)
      for (const batch of log.batches(0)) {
        yield* one.give(batch)
        const c = one.committable()
        yield* holds(log, c, `with C at ${c}`)
      }
      yield* one.close()
    })
  )

  rule(
    "nothing may be committed that is not durable, when a batch or a drain is interrupted on its way",
    ({ services, says, holds }) =>
      Effect.gen(function* () {
        const log = new SaidLog(says).grow(40)
        let start = 0
        for (let i = 0; i < 6; i++) {
          const one = yield* Incarnation.open(services, { start })
          yield* one.give(log.records(start, start + 3))
          const work = i % 2 === 0 ? one.give(log.records(start + 3, start + 8)) : (one.processing.drain ?? Effect.void)
          const under = yield* Effect.forkChild(work, { startImmediately: true })
          for (let turn = 0; turn < i; turn++) yield* Effect.yieldNow
          yield* Fiber.interrupt(under)
          const c = one.committable()
          yield* holds(log, c, `interrupted, with C at ${c}`)
          yield* one.close()
          start = Math.max(start, c)
        }
        const last = yield* Incarnation.open(services, { start })
        yield* last.give(log.records(start))
        yield* last.processing.drain ?? Effect.void
        yield* holds(log, log.end, "when another one went on from C")
        yield* last.close()
      })
  )

  rule(
    "what was drained, or processed where there is no drain, is durable and may be committed",
    ({ services, says, holds }) =>
      Effect.gen(function* () {
        const log = new SaidLog(says).grow(37)
        const one = yield* Incarnation.open(services)
        for (const batch of log.batches(0)) yield* one.give(batch)
        yield* one.processing.drain ?? Effect.void
        yield* holds(log, log.end, "drained")
        must.equal(one.committable(), log.end, "C after the drain")
        yield* one.close()
      })
  )

  rule("who goes on from C after a crash leaves nothing out", ({ services, says, holds }) =>
    Effect.gen(function* () {
      const log = new SaidLog(says).grow(60)
      let start = 0
      for (const to of [17, 31, 44, 60]) {
        const one = yield* Incarnation.open(services, { start })
        for (const batch of log.batches(start, to)) yield* one.give(batch)
        start = one.committable()
        yield* one.close()
      }
      const last = yield* Incarnation.open(services, { start })
      yield* last.give(log.records(start))
      yield* last.processing.drain ?? Effect.void
      yield* holds(log, log.end, "at the end")
      yield* last.close()
    })
  )

  rule(
    "an owner that was replaced and goes on neither breaks nor doubles what its successor made durable",
    ({ services, says, holds }) =>
      Effect.gen(function* () {
        const log = new SaidLog(says).grow(40)
        const old = yield* Incarnation.open(services, { generation: 1 })
        yield* old.give(log.records(0, 12))
        // Some of it may still wait.
        yield* old.give(log.records(12, 15))
        const start = old.committable()
        // Nobody has told it: it is frozen, or cut off.
        const fresh = yield* Incarnation.open(services, { generation: 2, start })
        for (const batch of log.batches(start)) yield* fresh.give(batch)
        yield* fresh.processing.drain ?? Effect.void
        old.owned = false
        // Each may fail, or wait for its eviction.
        for (const late of [old.processing.drain ?? Effect.void, old.give(log.records(15, 30))])
          yield* Effect.timeoutOption(Effect.exit(late), 500)
        yield* holds(log, log.end, "when the old one had gone on")
        yield* old.close()
        yield* fresh.close()
      })
  )
}

/** Short, so that a crash is over in a second. */
const quick = {
  topics: [partition.topic],
  sessionTimeout: 1_000,
  rebalanceTimeout: 1_500,
  heartbeatInterval: 50,
  commitInterval: 50,
  leaseMargin: 50
}

/** One pod leaves, the next one dies, the last one leaves: all of the log's records are durable. */
const handedOver = <R, E>({ app, says }: DurableSubject<R, E>, holds: TryingDurable["holds"]) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic(partition.topic, 1)
    const producer = yield* log.transport.producer({ clientId: "sender", acks: "all", compression: "none" })
    const said = new SaidLog(says)
    const send = Effect.suspend(() => {
      const from = said.end
      return producer.produce(
        said
          .grow(20)
          .records(from)
          .map((record) => ({ ...partition, ...record }))
      )
    })
    const parts: PodParts<R, E> = { app, engine: quick }
    const C = () => log.group("kafka2prom").commits.get(`${partition.topic}/0`)?.offset ?? 0
    for (const name of ["leaves", "dies", "lasts"]) {
      const pod = yield* testPod(name, parts)
      yield* send
      yield* pod.engine.caughtUp(partition, said.end).pipe(Effect.raceFirst(pod.failed))
      yield* send
      yield* name === "dies" ? pod.kill : pod.stop
      yield* holds(said, C(), `${name}, with C at ${C()}`)
    }
    const last = yield* testPod("ends", parts)
    yield* last.engine.caughtUp(partition, said.end).pipe(Effect.raceFirst(last.failed))
    yield* last.stop
    yield* holds(said, said.end, "when all had left")
  }).pipe(Effect.provide(EmbeddedLog.layer({ minSessionTimeout: 500 })))

/** `open`: a store of its own for each case, which is gone with the case's Scope. @experimental */
export const durableContract = <R, E = never>(
  open: Effect.Effect<DurableSubject<R, E>, unknown, Scope.Scope>
): ReadonlyArray<Case> => {
  const cases: Array<Case> = []
  const define = (name: string, body: Parameters<typeof caseOf>[2]) =>
    cases.push(caseOf("PartitionProcessor, durable", name, body))
  const rule: ProcessorRule<TryingDurable> = (name, body) =>
    define(
      name,
      Effect.gen(function* () {
        const subject = yield* open
        const services = yield* podOf(subject.app)
        yield* body({ services, says: subject.says, holds: holding(subject) })
      })
    )
  commonRules(rule)
  durableRules(rule)
  define(
    "through real pods that leave and die every record is made durable",
    Effect.flatMap(open, (subject) => handedOver(subject, holding(subject)))
  )
  return cases
}
