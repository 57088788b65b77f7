/**
 * Dating: when a dump was written, and how old it is. At the first sight of a file its own time says it. What changes afterwards is as old
 * as the change that was seen, on a clock that nobody sets: whatever the file's time says (clocks of file servers, `rsync -a`),
 * which is believed only where it is plausible. Pure.
 */
import type { Look } from "./Disk.ts"

export interface Dated {
  /** When it was dumped, ms since the Unix epoch. */
  readonly time: number
  /** Ms. */
  readonly age: number
}

/** The change that was seen last. */
export interface Change {
  /** Ms, monotonic. */
  readonly at: number
  /** Ms since the Unix epoch. */
  readonly wall: number
  /** When it was looked at before that, ms since the Unix epoch. */
  readonly lookBefore: number
}

/** `now`: ms, monotonic; `wall`: ms since the Unix epoch. */
export const dated = ({ mtimeNs }: Look, isFirst: boolean, change: Change, now: number, wall: number): Dated => {
  const written = Number(mtimeNs / 1_000_000n)
  if (isFirst) return { time: Math.min(wall, written), age: Math.max(0, wall - written) }
  const isPlausible = written >= change.lookBefore - 1_000 && written <= wall
  return { time: Math.min(wall, isPlausible ? written : change.wall), age: Math.max(0, now - change.at) }
}
