/**
 * CountedHistogram: a histogram without labels that takes a value many times in one step, which prom-client's does not. A registry
 * takes it for a metric like any, and so does what adds up several threads'.
 */
import type { MetricObjectWithValues, MetricValueWithName, Registry } from "prom-client"

/** A histogram of prom-client that takes many equal observations at once. */
export class CountedHistogram {
  readonly name: string
  readonly help: string
  private readonly buckets: ReadonlyArray<number>
  /** By bucket, and beyond all of them; not added up. */
  private readonly counts: Float64Array
  private sum = 0

  /** `buckets` ascend. */
  constructor(name: string, help: string, buckets: ReadonlyArray<number>, registry: Registry) {
    this.name = name
    this.help = help
    this.buckets = buckets
    this.counts = new Float64Array(buckets.length + 1)
    // Of a metric a registry asks its name and `get`.
    registry.registerMetric(this as never)
  }

  observe(value: number, times = 1): void {
    const { buckets, counts } = this
    let bucket = 0
    while (bucket < buckets.length && value > buckets[bucket]!) bucket++
    counts[bucket]! += times
    this.sum += value * times
  }

  /** As prom-client's histograms answer it. */
  async get(): Promise<Omit<MetricObjectWithValues<MetricValueWithName<"le">>, "collect">> {
    const { name, help, buckets, counts } = this
    const values: Array<MetricValueWithName<"le">> = []
    let count = 0
    for (const [bucket, le] of [...buckets, "+Inf"].entries()) {
      count += counts[bucket]!
      values.push({ labels: { le }, value: count, metricName: `${name}_bucket` })
    }
    values.push({ labels: {}, value: this.sum, metricName: `${name}_sum` })
    values.push({ labels: {}, value: count, metricName: `${name}_count` })
    // "histogram" as prom-client's own say it; its types know a number alone.
    return { name, help, type: "histogram" as never, aggregator: "sum", values }
  }

  reset(): void {
    this.counts.fill(0)
    this.sum = 0
  }
}
