/** The example of a team's own ordering rule: it holds in its application, and one that applies a batch bit by bit is found to break it, and nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { causeFirst } from "../../docs/examples/ordering-rule/causeFirst.ts"
import { withoutDrops } from "../../docs/examples/ordering-rule/histories.ts"
import { steps } from "../../docs/examples/ordering-rule/Steps.ts"
import type { Batch, PartitionProcessor } from "../../src/engine/PartitionProcessor.ts"
import { processorContract } from "../../src/testing/contract/processor/ProcessorContract.ts"
import { simulate } from "../../src/testing/simulation/Simulate.ts"
import { eachCase } from "../contract/cases.ts"

const options = { subject: steps, judge: causeFirst, histories: withoutDrops, seeds: { from: 1, count: 8 } }

/** One order after the other, with a moment between. */
const bitByBit = (inner: PartitionProcessor["Service"]): PartitionProcessor["Service"] => ({
  ...inner,
  open: (opening) =>
    Effect.map(inner.open(opening), (processing) => ({
      ...processing,
      process: (batch: Batch) =>
        Effect.forEach(
          Map.groupBy(batch.records, ({ key }) => `${key}`).values(),
          (records) => Effect.delay(processing.process({ ...batch, records }), 30),
          { discard: true }
        )
    }))
})

describe("an ordering rule of a team's own", () => {
  it("holds in its application", { timeout: 120_000 }, () => {
    const { broken } = simulate(options)
    if (broken !== undefined) assert.fail(broken.message)
  })

  it("is found broken where a batch is applied bit by bit, and no promise is", { timeout: 120_000 }, () => {
    const { broken } = simulate({ ...options, parts: { processor: bitByBit } })
    assert.match(broken!.findings[0]!, /which came after/)
    const { broken: promise } = simulate({
      subject: steps,
      histories: withoutDrops,
      seeds: { from: 1, count: 8 },
      parts: { processor: bitByBit }
    })
    if (promise !== undefined) assert.fail(promise.message)
  })
})

describe("its processor keeps the contract", () => eachCase(processorContract(steps)))
