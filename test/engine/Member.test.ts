/** A member's reports: what changes in the same instant, what is queued, and in which order that is taken. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import { Backpressure } from "../../src/engine/Backpressure.ts"
import { Fibers } from "../../src/engine/Fibers.ts"
import { mayJoin } from "../../src/engine/group/Handoff.ts"
import { Member } from "../../src/engine/Member.ts"
import { defaultEngineOptions } from "../../src/engine/Options.ts"
import { shown } from "../../src/engine/PartitionProcessor.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"

const tps = [0, 1, 2].map((partition) => ({ topic: "metrics", partition }))

/** Nothing runs but what the test does. */
const member = Effect.gen(function* () {
  const log = yield* EmbeddedLog
  const { strategies } = Context.get(yield* Layer.build(Backpressure.layerPause), Backpressure)
  return new Member({
    client: yield* log.transport.groupClient({ group: "g", clientId: "c", maxRecordBytes: 1_000_000 }),
    options: defaultEngineOptions,
    metrics: Context.get(yield* Layer.build(SelfMetrics.layerBare), SelfMetrics),
    processor: { name: "none", needs: shown, open: () => Effect.never },
    fibers: new Fibers(yield* Effect.context<never>()),
    now: () => 0,
    wallClock: () => 0,
    strategy: strategies.get("pause")!
  })
})

const test = (name: string, body: (m: Member) => Effect.Effect<void, never, Scope.Scope>) =>
  it.effect(name, () =>
    Effect.orDie(Effect.flatMap(member, body)).pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped)
  )

const joins = (m: Member): void => {
  m.report({ type: "joinSent" })
  m.report({ type: "joined", memberId: "m", generation: 1 })
}
const owns = (m: Member): void => {
  joins(m)
  m.report({ type: "synced", sentAt: 0, assigned: tps })
}
const phases = (m: Member) => [...m.partitions.values()].map(({ phase, mayCommit }) => `${phase} ${mayCommit}`)
const taken = (m: Member) =>
  Effect.map(m.todo, (actions) =>
    actions.map((action) => ("tp" in action ? `${action.type} ${action.tp.partition}` : action.type))
  )

describe("a report", () => {
  test("owns all that is acquired at once, before anything of it is carried out", (m) =>
    Effect.gen(function* () {
      owns(m)
      assert.deepStrictEqual(phases(m), ["preparing true", "preparing true", "preparing true"])
      assert.deepStrictEqual(yield* taken(m), ["acquire 0", "acquire 1", "acquire 2"])
    }))

  test("hides all that is lost at once, although nothing of it was carried out yet", (m) =>
    Effect.gen(function* () {
      owns(m)
      m.report({ type: "lost", reason: "expelled" })
      assert.deepStrictEqual(phases(m), ["evicting false", "evicting false", "evicting false"])
      assert.strictEqual(m.state.memberId, "")
      assert.deepStrictEqual(yield* taken(m), [
        ...["acquire 0", "acquire 1", "acquire 2"],
        ...["evict 0", "evict 1", "evict 2"]
      ])
    }))

  test("that is made while something is carried out is carried out after it, and known at once", (m) =>
    Effect.gen(function* () {
      const trace: Array<string> = []
      const carrying = Effect.map(m.todo, (actions) => {
        for (const action of actions) {
          if (action.type === "acquire" && action.tp.partition === 0) {
            m.report({ type: "lost", reason: "in between" })
            trace.push(`known: ${phases(m)[0]}`)
          }
          if ("tp" in action) trace.push(`${action.type} ${action.tp.partition}`)
        }
      }).pipe(Effect.forever({ disableYield: true }))
      yield* Effect.forkScoped(carrying, { startImmediately: true })
      owns(m)
      assert.deepStrictEqual(trace, [
        "known: evicting false",
        ...["acquire 0", "acquire 1", "acquire 2"],
        ...["evict 0", "evict 1", "evict 2"]
      ])
    }))

  test("that ends a pending join has it abandoned before anybody sends the next one", (m) =>
    Effect.gen(function* () {
      const trace: Array<string> = []
      m.report({ type: "joinSent" })
      // Whoever joins waits first.
      yield* Effect.forkScoped(
        Effect.map(
          m.signal.until(() => mayJoin(m.state)),
          () => trace.push("joins")
        ),
        { startImmediately: true }
      )
      yield* Effect.forkScoped(
        Effect.map(m.todo, (actions) => trace.push(...actions.map(({ type }) => type))),
        { startImmediately: true }
      )
      m.report({ type: "lost", reason: "no answer" })
      assert.deepStrictEqual(trace, ["abandon", "joins"])
    }))
})
