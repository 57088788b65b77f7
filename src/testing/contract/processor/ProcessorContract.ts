/**
 * ProcessorContract: what a PartitionProcessor keeps that shows something (`needs.shows`): never older, nothing of an evicted partition, and
 * every decision by the log alone, so that whoever takes over shows the same. First by hand, then in whole pods in virtual time, so an
 * application that waits for promises cannot be tried with it.
 */
import { Context, Effect } from "effect"
import { PartitionProcessor } from "../../../engine/PartitionProcessor.ts"
import type { Subject } from "../../Subject.ts"
import { simulate } from "../../simulation/Simulate.ts"
import { type Case, caseOf } from "../Case.ts"
import { must } from "../Must.ts"
import { commonRules, type ProcessorRule, type Trying } from "./CommonRules.ts"
import { Incarnation, partition, podOf } from "./Incarnation.ts"
import { SaidLog } from "./SaidLog.ts"

interface TryingShown extends Trying {
  /** By source, sorted, of these incarnations' partitions. */
  readonly shown: (...all: ReadonlyArray<Incarnation>) => ReadonlyArray<readonly [source: string, n: number]>
}

/** Of one that says no nothing is ever dropped. */
const mayDrop = (services: TryingShown["services"]): boolean => Context.get(services, PartitionProcessor).needs.mayDrop

const sorted = (shown: ReadonlyMap<string, number>): ReadonlyArray<readonly [string, number]> =>
  [...shown].sort(([a], [b]) => (a < b ? -1 : 1))

const shownRules = (rule: ProcessorRule<TryingShown>): void => {
  rule("what is shown of a source is what it said last, after every batch", ({ services, says, shown }) =>
    Effect.gen(function* () {
      const log = new SaidLog(says).grow(80)
      const one = yield* Incarnation.open(services)
      for (const batch of log.batches(0)) {
        yield* one.give(batch)
        must.equal(shown(one), sorted(log.newest(one.position)), `after offset ${one.position - 1}`)
      }
      yield* one.close()
    })
  )

  rule(
    "when its Scope has closed nothing of the partition is shown, and the others are untouched",
    ({ services, says, shown }) =>
      Effect.gen(function* () {
        const log = new SaidLog(says).grow(20)
        const others = new SaidLog(says, 2, "other-").grow(20)
        const one = yield* Incarnation.open(services)
        const other = yield* Incarnation.open(services, { tp: { ...partition, partition: 1 } })
        yield* one.give(log.records(0))
        yield* other.give(others.records(0))
        yield* one.close()
        must.equal(shown(one), [], "of the closed one")
        must.equal(shown(other), sorted(others.newest()), "of the other one")
        yield* other.close()
        must.equal(shown(one, other), [], "of both")
      })
  )

  rule("what is shown is decided by the log alone, however its records come in batches", ({ services, says, shown }) =>
    Effect.gen(function* () {
      const log = new SaidLog(says, 3).grow(50)
      const seen: Array<unknown> = []
      for (const batches of [
        [log.records(0)],
        log.records(0).map((record) => [record]),
        log.batches(0),
        log.batches(0)
      ]) {
        const one = yield* Incarnation.open(services)
        for (const batch of batches) yield* one.give(batch)
        seen.push({ shown: shown(one), committable: one.committable(), lowest: one.lowest() })
        yield* one.close()
      }
      for (const other of seen.slice(1)) must.equal(other, seen[0])
    })
  )

  rule(
    "who begins at L or C, whichever is lower, shows at the same position what the owner before showed",
    ({ services, says, shown }) =>
      Effect.gen(function* () {
        const log = new SaidLog(says, 5).grow(60)
        // A source that is silent for long, or its L would be C.
        for (let i = 0; i < 30; i++) log.say(i % 2 === 0 ? "b" : "c")
        const one = yield* Incarnation.open(services)
        for (const batch of log.batches(0)) {
          yield* one.give(batch)
          if (log.random.chance(0.6)) continue
          const before = shown(one)
          const start = Math.min(one.lowest(), one.committable())
          yield* one.close()
          must.equal(shown(one), [], "of the one that was closed")
          const heir = yield* Incarnation.open(services, { start, fence: one.position })
          for (const replayed of log.batches(start, one.position)) yield* heir.give(replayed)
          must.equal(shown(heir), before, `replayed from ${start} to ${one.position}`)
          yield* heir.close()
          const again = yield* Incarnation.open(services)
          yield* again.give(log.records(0, one.position))
          must.equal(shown(again), before, `read from the start to ${one.position}`)
          yield* again.close()
          return
        }
      })
  )

  rule(
    "of a source of which a record below the fence was dropped nothing older is shown",
    ({ services, says, shown }) =>
      Effect.gen(function* () {
        if (!mayDrop(services)) return
        const log = new SaidLog(says)
        for (const source of ["a", "b", "a", "b"]) log.say(source)
        // Another owner may have shown what is dropped here.
        const one = yield* Incarnation.open(services, { fence: 4 })
        yield* one.give(log.records(0, 2))
        yield* one.drop(log.records(2, 3))
        yield* one.give(log.records(3, 4))
        must.equal(shown(one), [["b", 2]], "at the fence, a's second was dropped")
        log.say("a")
        yield* one.give(log.records(4))
        must.equal(
          shown(one),
          [
            ["a", 3],
            ["b", 2]
          ],
          "with a's third"
        )
        yield* one.close()
      })
  )

  rule("a record that was dropped beyond the fence leaves what was shown before it", ({ services, says, shown }) =>
    Effect.gen(function* () {
      if (!mayDrop(services)) return
      const log = new SaidLog(says)
      for (const source of ["a", "b", "a", "b"]) log.say(source)
      const one = yield* Incarnation.open(services)
      yield* one.give(log.records(0, 2))
      yield* one.drop(log.records(2, 3))
      yield* one.give(log.records(3, 4))
      const values = new Map(shown(one))
      must.equal(values.get("b"), 2, "of b")
      must.hold((values.get("a") ?? 1) === 1, "what a said first, or nothing", values.get("a"), "of a")
      yield* one.close()
    })
  )

  rule(
    "nothing from before `time.shownFrom()` is shown: an owner before may have shown something newer",
    ({ services, says, shown }) =>
      Effect.gen(function* () {
        const log = new SaidLog(says)
        for (const source of ["a", "b", "a", "b"]) log.say(source)
        const one = yield* Incarnation.open(services, { shownFrom: 3 })
        yield* one.give(log.records(0))
        must.equal(shown(one), [["b", 2]])
        yield* one.close()
      })
  )
}

/** Histories of the simulation that a case plays; the calm ones are longer. More of them are `simulate`'s. */
const histories = { faults: 12, calm: 4 }

/** The cases of a processor that shows something. `subject.app` is built once a pod. @experimental */
export const processorContract = <R>(subject: Subject<R>): ReadonlyArray<Case> => {
  const cases: Array<Case> = []
  const define = (name: string, body: Parameters<typeof caseOf>[2]) =>
    cases.push(caseOf("PartitionProcessor", name, body))
  const rule: ProcessorRule<TryingShown> = (name, body) =>
    define(
      name,
      Effect.gen(function* () {
        const services = yield* podOf(subject.app)
        const shown: TryingShown["shown"] = (...all) =>
          sorted(
            subject.shown(
              services,
              all.map(({ key }) => key)
            )
          )
        yield* body({ services, says: subject.says, shown })
      })
    )
  commonRules(rule)
  shownRules(rule)
  for (const profile of ["faults", "calm"] as const)
    define(
      profile === "faults"
        ? "in whole pods that freeze, die and are cut off nothing older is shown, and in the end everything is"
        : "in whole pods that come and go a source that stays is shown all the time, and one that moves is back",
      Effect.sync(() => {
        const { broken } = simulate({ subject, profile, seeds: { from: 1, count: histories[profile] } })
        must.hold(
          broken === undefined,
          "no history that breaks a promise",
          broken?.findings.slice(0, 3),
          broken?.message.split("\n").slice(0, 3).join("\n")
        )
      })
    )
  return cases
}
