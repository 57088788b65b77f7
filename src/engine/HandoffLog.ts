/** HandoffLog: the last handoffs of a member, for status, and their metrics. Bounded: the oldest go. */
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import type { HandoffStatus } from "./Engine.ts"
import type { Partition } from "./partition/Partition.ts"

const kept = 50

export class HandoffLog {
  /** Newest first. */
  readonly entries: Array<HandoffStatus> = []
  private readonly metrics: SelfMetricsShape
  private readonly wallClock: () => number
  private readonly generation: () => number

  constructor(metrics: SelfMetricsShape, wallClock: () => number, generation: () => number) {
    this.metrics = metrics
    this.wallClock = wallClock
    this.generation = generation
  }

  note(p: Partition, kind: HandoffStatus["kind"], tookMs: number | null, detail: string): void {
    this.entries.unshift({
      at: this.wallClock(),
      topic: p.tp.topic,
      partition: p.tp.partition,
      kind,
      generation: this.generation(),
      tookMs: tookMs === null ? null : Math.round(tookMs),
      detail
    })
    this.entries.length = Math.min(this.entries.length, kept)
    this.metrics.handoffs.inc({ kind })
  }

  /** Notes the first time that a partition is shown; cheap, called whenever something moved. */
  noteShown(p: Partition, now: number): void {
    if (p.shownOnce || !p.visible) return
    p.shownOnce = true
    const took = now - p.acquiredAt
    this.metrics.handoffSeconds.observe(took / 1000)
    this.note(p, "visible", took, `past the fence ${p.fence} at ${p.position}`)
  }
}
