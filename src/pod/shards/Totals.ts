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
  private gone: OwnMetrics = []

  /** Nothing where the shard has none of its own or did not answer: what it said before stands. */
  saw(shard: Shard, own: OwnMetrics): void {
    if (own.length > 0) this.last.set(shard, own)
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
