/**
 * ActorJudge: what an engine must keep towards its processors, seen from their side (P4, P5, P8), in every history:
 *
 * - Of a partition a pod has one processor open at a time, and gives it one batch at a time.
 * - What one processor is given, to process or as dropped, is the log without a gap, in order, nothing twice: produced is
 *   processed plus dropped, and what was dropped is counted.
 * - A queue holds its bound; what one fetch brings on top waits behind it, where nothing is dropped.
 * - A pod that left has no timer any more.
 *
 * The embedded log leaves out no offset but those that nobody can read, so any other gap is a loss.
 */
import type { PartitionStatus } from "../../../engine/Engine.ts"
import type { Batch } from "../../../engine/PartitionProcessor.ts"

export interface Watched {
  /** A batch is handed over; the answer is to be called when the processor is done with it. */
  readonly given: (batch: Batch, how: "processed" | "dropped") => () => void
  readonly closed: () => void
}

/** Records. */
export interface Bounds {
  readonly queued: number
  /** By one fetch. */
  readonly fetched: number
}

export class ActorJudge {
  private readonly violations: Array<string>
  private readonly most: Bounds
  private readonly open = new Set<string>()
  /** By partition. */
  private readonly unreadable = new Map<string, Set<number>>()

  constructor(violations: Array<string>, most: Bounds) {
    this.violations = violations
    this.most = most
  }

  /** Offsets [from, next) are of a batch that nobody can read. After a log that went back they may be others'. */
  nobodyReads(partition: string, from: number, next: number): void {
    const offsets = this.unreadable.get(partition) ?? new Set()
    this.unreadable.set(partition, offsets)
    for (let offset = from; offset < next; offset++) offsets.add(offset)
  }

  /** `counted`: dropped records of the partition by the pod's own count, which may be ahead of what its processor was told. */
  opened(pod: string, partition: string, counted: () => number): Watched {
    const { violations } = this
    const key = `${partition} in ${pod}`
    if (this.open.has(key)) violations.push(`${key}: two processors at once`)
    this.open.add(key)
    let due: number | undefined
    let dropped = 0
    let busy = false
    const passOver = (to: number) => {
      while (due !== undefined && due < to && this.unreadable.get(partition)?.has(due) === true) due += 1
    }
    const processed = ({ records }: Batch) => {
      for (const { offset } of records) {
        passOver(offset)
        if (due !== undefined && offset !== due)
          violations.push(`${key}: offset ${offset} was given where ${due} was due`)
        due = offset + 1
      }
    }
    const skipped = ({ next }: Batch) => {
      if (due !== undefined && next <= due)
        violations.push(`${key}: a drop up to ${next} was told where ${due} was due`)
      for (let offset = due ?? next; offset < next; offset++)
        if (this.unreadable.get(partition)?.has(offset) !== true) dropped += 1
      due = next
      if (dropped > counted())
        violations.push(`${key}: ${dropped} records were dropped, the pod counts ${counted()} of them`)
    }
    return {
      given: (batch, how) => {
        if (busy) violations.push(`${key}: two batches at once`)
        busy = true
        if (how === "processed") processed(batch)
        else skipped(batch)
        passOver(batch.next)
        if (due !== undefined && due !== batch.next)
          violations.push(`${key}: a batch ends at ${batch.next}, its last record at ${due}`)
        return () => {
          busy = false
        }
      },
      closed: () => {
        this.open.delete(key)
      }
    }
  }

  /** At any time, with what the pod says of itself. */
  looked(pod: string, partitions: ReadonlyArray<PartitionStatus>): void {
    for (const p of partitions) {
      const key = `${p.topic}/${p.partition} in ${pod}`
      const { queued, fetched } = this.most
      if (p.queue.records > queued)
        this.violations.push(`${key}: ${p.queue.records} records are queued, more than ${queued}`)
      const beyond = p.droppingSince === null ? fetched : 0
      if (p.remainder.records > beyond)
        this.violations.push(`${key}: ${p.remainder.records} records wait beyond the queue, more than ${beyond}`)
    }
  }

  /** A pod has left the group and closed everything. */
  left(pod: string, timers: number): void {
    if (timers > 0) this.violations.push(`${pod} left and ${timers} of its timers run on`)
  }
}
