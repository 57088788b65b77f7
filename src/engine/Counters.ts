/**
 * Counters: all that a member may count, at zero before anything happens: a counter that begins with its first event is missed by
 * `increase()`, and a drop, a refusal or a loss is often the only one. What happens is counted where it happens.
 */
import { Effect } from "effect"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import { fetchErrorCodes, type TopicPartition, transportErrorCodes, unreadableReasons } from "../transport/Transport.ts"
import { guardedFunctions } from "./partition/GuardedProcessing.ts"

/** What is counted of a member, and by which clock. */
interface Counting {
  readonly metrics: SelfMetricsShape
  readonly processor: { readonly name: string }
  /** Monotonic, ms. */
  readonly now: () => number
}

/** As all metrics of a partition name it. */
export const labelsOf = ({
  topic,
  partition
}: TopicPartition): { readonly topic: string; readonly partition: string } => ({ topic, partition: String(partition) })

/** By what a membership was lost: the code that the reason names. */
export const lossOf = (reason: string): string =>
  transportErrorCodes.find((code) => reason.includes(code)) ?? "NEW_MEMBER_ID"

/** Of a member: what it may fail in, also in a team's modules. */
export const countMember = ({ metrics, processor }: Counting, strategies: Iterable<string>): void => {
  for (const name of strategies) {
    metrics.strategyDrops.inc({ strategy: name }, 0)
    metrics.moduleFailures.inc({ module: name, function: "decide" }, 0)
  }
  for (const name of [...guardedFunctions, "drain"])
    metrics.moduleFailures.inc({ module: processor.name, function: name }, 0)
  for (const code of new Set([...fetchErrorCodes, ...transportErrorCodes])) metrics.fetchErrors.inc({ code }, 0)
  for (const outcome of ["OK", ...transportErrorCodes]) {
    metrics.heartbeats.inc({ outcome }, 0)
    metrics.farewells.inc({ outcome }, 0)
  }
  metrics.farewells.inc({ outcome: "forgotten" }, 0)
  for (const outcome of ["confirmed", "refused", "unknown"]) metrics.commits.inc({ outcome }, 0)
  for (const reason of ["NEW_MEMBER_ID", ...transportErrorCodes]) metrics.membershipsLost.inc({ reason }, 0)
  for (const code of ["AUTHENTICATION", "AUTHORIZATION"]) metrics.refused.inc({ code }, 0)
  for (const kind of ["acquired", "visible", "released", "lost"]) metrics.handoffs.inc({ kind }, 0)
}

/** Of a partition, when it is acquired. */
export const countPartition = (metrics: SelfMetricsShape, tp: TopicPartition): void => {
  const labels = labelsOf(tp)
  const { actorRestarts, bytesConsumed, logsRestarted, pausedSeconds, recordsConsumed, recordsDropped, recordsLost } =
    metrics
  for (const counter of [recordsConsumed, bytesConsumed, recordsDropped, recordsLost, logsRestarted, actorRestarts])
    counter.inc(labels, 0)
  pausedSeconds.inc(labels, 0)
  for (const reason of unreadableReasons) metrics.batchesSkipped.inc({ ...labels, reason }, 0)
}

/** What tells a partition's state: it ends with the ownership, while counters stay, as counters do. */
export const partitionGauges = (m: SelfMetricsShape) => [
  ...([m.lag, m.lagSeconds, m.lagAge, m.behindFence, m.mayShow, m.pauseSeconds] as const),
  ...([m.queueRecords, m.queueBytes, m.remainderRecords, m.remainderBytes, m.trouble, m.quarantined] as const)
]

/** Observes how long each run took, however it ended. */
export const timed =
  ({ metrics, now }: Counting, name: "fetchSeconds" | "commitSeconds" | "heartbeatSeconds") =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const began = now()
      return Effect.ensuring(
        effect,
        Effect.sync(() => metrics[name].observe((now() - began) / 1000))
      )
    })
