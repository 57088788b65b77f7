/**
 * PodState: what the HTTP server knows of the pod behind it. The server listens before the shards join and after they have
 * left, and a shard's thread may die and come back, so shards are something that comes and goes; whoever runs the pod (pod/Pod)
 * and its shards tells each change here.
 */
import { Effect } from "effect"
import { absent, type Shard, type ShardReport } from "./shards/Shard.ts"
import type { ShardSlot } from "./shards/ShardSlot.ts"

/** Where a pod is in its life; it is ready only while it runs. @experimental */
export type PodPhase = "starting" | "running" | "leaving" | "left"

/** The pod as its routes see it: its shards and its phase. They come and go: ask each time. @experimental */
export class PodState {
  /** Ms since the Unix epoch. */
  readonly startedAt: number
  /** @internal */
  readonly slots: ReadonlyArray<ShardSlot>
  #phase: PodPhase = "starting"

  /** @internal */
  constructor(startedAt: number, shards = 1) {
    this.startedAt = startedAt
    this.slots = Array.from({ length: shards }, (_, number) => ({
      number,
      shard: undefined,
      strategy: undefined,
      restarts: 0
    }))
  }

  /** What it is at now. */
  get phase(): PodPhase {
    return this.#phase
  }

  /** The shards that run now. */
  get shards(): ReadonlyArray<Shard> {
    return this.slots.flatMap(({ shard }) => (shard === undefined ? [] : [shard]))
  }

  /** @internal */
  running(): void {
    this.#phase = "running"
  }

  /** Unready from this instant on; what is still owned may still be scraped. @internal */
  leaving(): void {
    this.#phase = "leaving"
  }

  /** @internal */
  left(): void {
    this.#phase = "left"
    for (const slot of this.slots) slot.shard = undefined
  }

  /** Every shard's state, also of those that do not run; with at most so many entries of the application's in all. */
  reports(entries: number): Effect.Effect<ReadonlyArray<ShardReport>> {
    const each = Math.floor(entries / this.slots.length)
    return Effect.forEach(
      this.slots,
      ({ number, shard, restarts }) =>
        shard === undefined
          ? Effect.succeed(absent(number, "starting", restarts))
          : Effect.map(shard.report(each), (report) => ({ ...report, workerRestarts: restarts })),
      { concurrency: "unbounded" }
    )
  }

  /** Why this pod is not ready; undefined where it is. */
  unready(reports: ReadonlyArray<ShardReport>): string | undefined {
    if (this.#phase === "starting") return "starting: the engine is not running yet"
    if (this.#phase !== "running") return "leaving: this pod is shutting down"
    for (const report of reports) {
      const reason = unreadyShard(report)
      if (reason !== undefined) return reports.length === 1 ? reason : `shard ${report.shard}: ${reason}`
    }
    return undefined
  }
}

/** "", or which topics there are not. */
export const missingOf = ({ doubt: { missingTopics } }: ShardReport): string =>
  missingTopics.length === 0 ? "" : `the brokers have no topic ${missingTopics.join(", ")}`

/** Of a member whose lease ran out. */
const whyNotProven = (report: ShardReport): string => {
  const { heartbeat, commit } = report.doubt
  if (heartbeat !== null) return `the coordinator of group ${report.group} does not confirm it: ${heartbeat}`
  const missing = missingOf(report)
  if (missing !== "") return missing
  if (commit !== null) return `its commits are not taken: ${commit}`
  return `the coordinator of group ${report.group} does not answer`
}

const unreadyShard = (report: ShardReport): string | undefined => {
  const { state, group, leaseMs, refused, doubt } = report
  if (report.ready) return undefined
  if (state === "starting") return "starting: its thread is not running yet; where this lasts, the log says why"
  if (state === "silent") return "silent: its thread does not answer"
  if (state === "failed") return "failed: the engine has stopped, see the log"
  if (state === "leaving") return `leaving: the engine is leaving group ${group}`
  if (refused !== null) return `refused: the brokers do not let this pod in any more: ${refused}; it tries on`
  if (state === "member" && leaseMs <= 0)
    return `silent: the ownership lease ran out ${Math.round(-leaseMs)} ms ago, ${whyNotProven(report)}`
  const why = doubt.join ?? (missingOf(report) || "no answer of the brokers yet")
  return `joining: not a member of group ${group} yet: ${why}`
}
