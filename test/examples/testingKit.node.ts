import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Layer } from "effect"
import { Assignor } from "kafka2prom/engine"
import { assignorContract, EmbeddedLog, processorContract, simulate, testPod, virtualTime } from "kafka2prom/testing"
import { causeFirst } from "../../docs/examples/ordering-rule/causeFirst.ts"
import { withoutDrops } from "../../docs/examples/ordering-rule/histories.ts"
import { steps } from "../../docs/examples/ordering-rule/Steps.ts"

// 1. A contract: each rule is a test.
const first = Layer.succeed(Assignor, {
  name: "first",
  protocol: "ours-v1",
  place: (members, keys) => {
    const ids = members.map(({ memberId }) => memberId).sort()
    return new Map(keys.map((key) => [key, ids[0]!]))
  }
})
for (const { name, run } of assignorContract(first)) test(name, () => Effect.runPromise(run))
for (const { name, run } of processorContract(steps)) test(name, () => Effect.runPromise(run))

// 2. Pods in virtual time: one dies, another one takes over within the session timeout and some.
test("who takes over shows what the dead pod showed", () => {
  const program = Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic("metrics", 1)
    const sender = yield* log.transport.producer({ clientId: "sender", acks: "all", compression: "none" })
    yield* sender.produce([
      { topic: "metrics", partition: 0, key: Buffer.from("order-7"), value: Buffer.from("3"), headers: {} }
    ])
    const dies = yield* testPod("dies", { app: steps.app })
    yield* dies.engine.caughtUp({ topic: "metrics", partition: 0 }, 1)
    yield* dies.kill
    const heir = yield* testPod("heir", { app: steps.app })
    yield* heir.engine.caughtUp({ topic: "metrics", partition: 0 }, 1)
    return yield* heir.scrape((cut, services) =>
      steps.shown(
        services,
        cut.partitions.map(({ key }) => key)
      )
    )
  })
  const shown = Effect.runSync(virtualTime(program.pipe(Effect.scoped, Effect.provide(EmbeddedLog.layer()))))
  assert.deepEqual([...shown], [["order-7", 3]])
})

// 3. Histories of whole pods under faults, judged by the promises and by a rule of one's own.
test("effects are never shown before causes", () => {
  const { broken } = simulate({
    subject: steps,
    judge: causeFirst,
    histories: withoutDrops,
    seeds: { from: 1, count: 3 }
  })
  assert.ok(broken === undefined, broken?.message)
})
