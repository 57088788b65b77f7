/**
 * Totals: what the worker threads said of their own metrics, such that the sums never go back. A thread that died takes its
 * counters with it; what was last seen of them is added from then on (a sum that fell would look like a restart of all
 * the others' counters, too). Gauges end with their thread. Pure.
 */
import { AggregatorRegistry } from "prom-client"
import type { OwnMetrics } from "../../SelfMetrics.ts"
import type { Shard } from "./Shard.ts"

export class Totals {
  private readonly last = new Map<Shard, OwnMetrics>()
  private readonly answered = new WeakMap<Shard, number>()
  private gone: OwnMetrics = []

  /** `now`: monotonic, ms. What a shard that does not answer said before stands. */
  saw(shard: Shard, own: OwnMetrics, now: number): void {
    this.answered.set(shard, now)
    if (own.length > 0) this.last.set(shard, own)
  }

  /** Ms since it answered; since this was first asked, where it never did. */
  age(shard: Shard, now: number): number {
    const answered = this.answered.get(shard) ?? now
    this.answered.set(shard, answered)
    return now - answered
  }

  /** To be summed. */
  async all(live: ReadonlyArray<Shard>): Promise<ReadonlyArray<OwnMetrics>> {
    await this.bury(live)
    return [...this.last.values(), ...(this.gone.length > 0 ? [this.gone] : [])]
  }

  private async bury(live: ReadonlyArray<Shard>): Promise<void> {
    const dead = [...this.last].filter(([shard]) => !live.includes(shard))
    for (const [shard] of dead) this.last.delete(shard)
    const counts = dead.map(([, own]) => own.filter(({ type }) => isCount(type)))
    if (counts.length > 0)
      this.gone = await AggregatorRegistry.aggregate([this.gone, ...counts].map((own) => [...own])).getMetricsAsJSON()
  }
}

/** prom-client's own name for a type in its JSON. */
const isCount = (type: unknown): boolean => type === "counter" || type === "histogram"
