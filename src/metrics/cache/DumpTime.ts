/**
 * DumpTime: whether a dump's own time lets it be shown, in event mode. It may hide its own source, never another: beyond what clocks
 * differ by it is refused by the broker's stamp, and where there is none it is hidden by the pod's clock until it is due: a snapshot as a
 * whole, of samples each line by its own record's time.
 */
import type { Stamp } from "../rounds/Ages.ts"
import { refusal } from "../rounds/Record.ts"
import type { Refusal } from "../text/Dump.ts"
import type { CacheOptions } from "./CacheOptions.ts"

/** Clocks differ: a dump may be so many ms ahead of the broker's stamp or the pod's clock. */
const ahead = 60_000

type Timestamps = CacheOptions["timestamps"]

export const tooEarly = (timestamps: Timestamps, { timestamp }: Stamp, time: number): Refusal | undefined => {
  if (timestamps !== "event" || !(time > timestamp + ahead) || timestamp < 0) return undefined
  return refusal(
    "future",
    `its time is ${new Date(time).toISOString()}, ${Math.round((time - timestamp) / 1000)} s after it arrived`
  )
}

/** The latest time that is due now by the pod's clock. */
export const dueBy = (timestamps: Timestamps, wall: number): number =>
  timestamps === "event" ? wall + ahead : Number.POSITIVE_INFINITY

export const isDue = (by: number, { timestamp }: Stamp, time: number): boolean => timestamp >= 0 || time <= by
