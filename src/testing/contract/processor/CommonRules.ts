/** CommonRules: what every processor keeps towards the engine, whatever it makes of the records. */
import { type Context, Effect, type Scope } from "effect"
import type { PartitionProcessor } from "../../../engine/PartitionProcessor.ts"
import type { LogRecord } from "../../../transport/Transport.ts"
import type { Said } from "../../Subject.ts"
import { must } from "../Must.ts"
import { Incarnation, recordOf } from "./Incarnation.ts"
import { SaidLog } from "./SaidLog.ts"

/** What a case is given: a pod's services, and how sources speak. */
export interface Trying<R = never> {
  readonly services: Context.Context<PartitionProcessor | R>
  readonly says: (source: string, n: number) => Said
}

export type ProcessorRule<T> = (name: string, body: (trying: T) => Effect.Effect<void, unknown, Scope.Scope>) => void

/** What any sender may write by mistake or on purpose. */
const junk: ReadonlyArray<readonly [what: string, make: (offset: number) => LogRecord]> = [
  ["no key", (offset) => recordOf(offset, undefined, { value: Buffer.from("x 1\n") })],
  ["neither key nor value", (offset) => recordOf(offset, undefined, { value: null })],
  ["no value", (offset) => recordOf(offset, "a", { value: null })],
  ["an empty value", (offset) => recordOf(offset, "junk", { value: Buffer.alloc(0) })],
  [
    "a value that is no text",
    (offset) => recordOf(offset, "junk", { value: Buffer.from([0xff, 0xfe, 0, 0x80, 0x0a]) })
  ],
  [
    "headers that nobody knows",
    (offset) =>
      recordOf(offset, "junk", {
        value: Buffer.from("x"),
        headers: { "": Buffer.alloc(0), "k2p-round": Buffer.from("x") }
      })
  ],
  ["a value that was too large to be read", (offset) => recordOf(offset, "junk", { value: null }, 1e9)],
  ["a key that is no text", (offset) => ({ ...recordOf(offset, "x", { value: null }), key: Buffer.from([0xff, 0]) })]
]

const isOffset = (n: number, position: number): boolean => Number.isSafeInteger(n) && n >= 0 && n <= position

export const commonRules = <T extends Trying>(rule: ProcessorRule<T>): void => {
  rule(
    "whatever a sender writes is refused by the processor and no failure of it, and what follows is taken",
    ({ services, says }) =>
      Effect.gen(function* () {
        const one = yield* Incarnation.open(services)
        for (const [what, make] of junk) {
          const exit = yield* Effect.exit(one.give([make(one.position)]))
          must.hold(exit._tag === "Success", "it goes on", exit, what)
        }
        yield* one.give([recordOf(one.position, "a", says("a", 1))])
        yield* one.close()
      })
  )

  rule("what it answers for C and L are offsets at most at the position, and C never falls", ({ services, says }) =>
    Effect.gen(function* () {
      const log = new SaidLog(says).grow(60)
      const one = yield* Incarnation.open(services)
      let committed = 0
      for (const batch of log.batches(0)) {
        yield* one.give(batch)
        const [c, l] = [one.committable(), one.lowest()]
        must.hold(isOffset(c, one.position), `an offset of at most ${one.position}`, c, "committable")
        must.hold(isOffset(l, one.position), `an offset of at most ${one.position}`, l, "lowest")
        must.hold(c >= committed, `at least ${committed}, as it was answered before`, c, "committable")
        committed = c
      }
      yield* one.close()
    })
  )

  rule(
    "a batch without records moves the position: control records and compacted gaps hold nothing back",
    ({ services, says }) =>
      Effect.gen(function* () {
        const one = yield* Incarnation.open(services)
        yield* one.give([recordOf(0, "a", says("a", 1))])
        yield* one.give([], 40)
        yield* one.give([recordOf(47, "a", says("a", 2))])
        yield* Effect.exit(one.processing.drain ?? Effect.void)
        must.hold(isOffset(one.committable(), 48), "an offset of at most 48", one.committable())
        yield* one.close()
      })
  )

  rule("it tells its status in numbers, at any time", ({ services, says }) =>
    Effect.gen(function* () {
      const one = yield* Incarnation.open(services)
      const told = () => Object.entries(one.processing.status())
      for (const [name, value] of told()) must.hold(Number.isFinite(value), "a number", value, name)
      yield* one.give(new SaidLog(says).grow(20).records(0))
      for (const [name, value] of told()) must.hold(Number.isFinite(value), "a number", value, name)
      yield* one.close()
    })
  )

  rule("partitions do not know each other, and one that was closed may be opened again", ({ services, says }) =>
    Effect.gen(function* () {
      const [zero, one] = [0, 1].map((partition) => ({ topic: "tried", partition }))
      const log = new SaidLog(says).grow(20)
      const others = new SaidLog(says, 2, "other-").grow(20)
      const left = yield* Incarnation.open(services, { tp: zero! })
      const right = yield* Incarnation.open(services, { tp: one! })
      for (const batch of log.batches(0)) yield* left.give(batch)
      for (const batch of others.batches(0)) yield* right.give(batch)
      yield* left.close()
      const again = yield* Incarnation.open(services, { tp: zero! })
      for (const batch of log.batches(0)) yield* again.give(batch)
      must.hold(isOffset(right.committable(), 20), "an offset of at most 20", right.committable())
      yield* again.close()
      yield* right.close()
    })
  )
}
