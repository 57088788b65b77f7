/** LogBounds: what the engine knows of a partition's time, as the memory of versions asks for it. */
import type { LogTime } from "../../engine/PartitionProcessor.ts"
import { type Bounds, memorySpan } from "../rounds/VersionMemory.ts"

/** `lastTaken`: when a record was taken last, monotonic. */
export const boundsOf = (time: LogTime, expiry: number, lastTaken: () => number): Bounds => ({
  kept: time.keptFrom,
  // What comes less late than that is known for late.
  settled: () => time.settled(memorySpan(expiry)),
  // Two late rounds, that far apart at most, may look like a slow source, which is shown for three of its intervals.
  outlived: () => time.readBefore(3 * memorySpan(expiry)),
  period: () => Math.floor((8 * lastTaken()) / expiry)
})
