/** Unfinished: chunks of rounds that wait for others, where a pod has no memory for all of them. */
import { assert, it } from "@effect/vitest"
import { Budget } from "../../../src/metrics/cache/Budget.ts"
import { defaultCacheLimits, defaultMetricsOptions } from "../../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../../src/metrics/cache/PartitionCache.ts"
import { UnfinishedPool } from "../../../src/metrics/cache/Unfinished.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { noTime } from "../../../src/testing/NoTime.ts"
import { linesOf, type Sent, spoil, toRecord } from "../records.ts"

const now = { wall: 0, mono: 0 }

/** Two partitions whose unfinished rounds share a pod's memory. */
class Pod {
  readonly pool = new UnfinishedPool(100_000)
  readonly caches: ReadonlyArray<PartitionCache>
  private next = 0

  constructor() {
    const limits = { ...defaultParseLimits, ...defaultCacheLimits, defaultMetricsOptions }
    const options = { expiry: 100, timestamps: "scrape", sourceLabel: "instance", limits } as const
    const budget = new Budget("pod", { series: 1e9, bytes: 1e12 })
    this.caches = [0, 1].map(
      (partition) =>
        new PartitionCache({ topic: "t", partition }, noTime, options, budget, undefined, undefined, this.pool)
    )
  }

  take(partition: number, ...sent: ReadonlyArray<Sent>): this {
    for (const s of sent) {
      const record = toRecord(this.next++, s)
      this.caches[partition]!.take(record, 0, now)
      spoil(record)
    }
    return this
  }

  lines(partition: number): ReadonlyArray<string> {
    return linesOf(this.caches[partition]!.content(() => now).look().dumps)
  }
}

const large = (n: number) => Array.from({ length: 300 }, (_, i) => `a${n}{n="${i}",x="${"y".repeat(80)}"} 1\n`).join("")

it("who holds most gives way: its round is refused when it is complete, and others' are shown", () => {
  const pod = new Pod().take(0, { source: "large", v: "1.1", text: "a 1\n" })
  pod.take(1, { source: "honest", v: "1.1", chunk: "1/2", text: "a 1\n" })
  for (const i of [1, 2, 3, 4]) pod.take(0, { source: "large", v: "1.2", chunk: `${i}/5`, text: large(i) })
  assert.isAtMost(pod.pool.bytes, 100_000)
  pod.take(1, { source: "honest", v: "1.1", chunk: "2/2", text: "b 1\n" })
  assert.lengthOf(pod.lines(1), 2)
  pod.take(0, { source: "large", v: "1.2", chunk: "5/5", text: "b 1\n" })
  assert.deepStrictEqual(pod.lines(0), [])
  assert.deepStrictEqual([...pod.caches[0]!.takeTally().refused], [["pod-full", 1]])
  assert.match(pod.caches[0]!.content(() => now).refusals()[0]!.detail, /--max-pod-gather-bytes, 100000/)
  // Its version counts: what is older is not shown after it.
  pod.take(0, { source: "large", v: "1.1", text: "a 1\n" })
  assert.deepStrictEqual(pod.lines(0), [])
  pod.take(0, { source: "large", v: "1.3", text: "a 3\n" })
  assert.lengthOf(pod.lines(0), 1)
})

it("what is complete, superseded, given up or closed holds nothing any more", () => {
  const pod = new Pod()
  for (const source of ["a", "b", "c", "d"]) pod.take(0, { source, v: "1.1", chunk: "1/2", text: large(1) })
  pod.take(0, { source: "a", v: "1.1", chunk: "2/2", text: "b 1\n" })
  pod.take(0, { source: "b", v: "1.2", text: "b 1\n" })
  pod.take(0, { source: "c", v: "1.1", chunk: "1/3", text: "b 1\n" })
  const { bytes } = pod.pool
  pod.caches[0]!.clear()
  assert.isAbove(bytes, 30_000)
  assert.isAtMost(bytes, 60_000)
  assert.strictEqual(pod.pool.bytes, 0)
})

it("a pod's share of each worker has room for one round", async () => {
  const { metricsParts } = await import("../../../src/metrics/MetricsParts.ts")
  const limits = { ...defaultParseLimits, ...defaultCacheLimits, maxBytes: 1000, podGatherBytes: 8000 }
  const shares = [4, 100].map(
    (count) => metricsParts.divide!({ ...defaultMetricsOptions, limits }, count)(0).limits.podGatherBytes
  )
  assert.deepStrictEqual(shares, [2000, 1000])
})
