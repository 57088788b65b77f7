/** What a registry says of it is what it says of prom-client's own histogram that took each value by itself. */
import fc from "fast-check"
import { AggregatorRegistry, Histogram, Registry } from "prom-client"
import { assert, describe, it } from "vitest"
import { CountedHistogram } from "../src/CountedHistogram.ts"

const [name, help, buckets] = ["ages", "How old.", [0.05, 1, 300]] as const

const both = (values: ReadonlyArray<readonly [seconds: number, times: number]>): readonly [Registry, Registry] => {
  const [ours, theirs] = [new Registry(), new Registry()]
  const counted = new CountedHistogram(name, help, buckets, ours)
  const plain = new Histogram({ name, help, buckets: [...buckets], registers: [theirs] })
  for (const [seconds, times] of values) {
    counted.observe(seconds, times)
    for (let i = 0; i < times; i++) plain.observe(seconds)
  }
  return [ours, theirs]
}

describe("a histogram that takes a value many times", () => {
  it("says what taking it as often says, by itself and added up", async () => {
    // Halves add up exactly, in whatever order.
    const value = fc.oneof(
      fc.constantFrom(...buckets),
      fc.nat({ max: 1_000 }).map((n) => n / 2)
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(value, fc.nat({ max: 5 })), { maxLength: 20 }), async (values) => {
        const whole = values.map(([seconds, times]) => [seconds === 0.05 ? 0.5 : seconds, times] as const)
        const [ours, theirs] = both(whole)
        assert.strictEqual(await ours.metrics(), await theirs.metrics())
        const added = async (registry: Registry) =>
          AggregatorRegistry.aggregate([await registry.getMetricsAsJSON(), await registry.getMetricsAsJSON()]).metrics()
        assert.strictEqual(await added(ours), await added(theirs))
      })
    )
  })

  it("counts a value that is a bucket's bound in that bucket", async () => {
    const [ours, theirs] = both([[0.05, 2]])
    const text = await ours.metrics()
    assert.include(text, 'ages_bucket{le="0.05"} 2')
    assert.strictEqual(text, await theirs.metrics())
  })
})
