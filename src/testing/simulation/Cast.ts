/**
 * Cast: who sends what in a history: which sources are numbered, which are placed by their producers, by which partitioner, and
 * from when on.
 */
import type { Placement } from "../../transport/Placement.ts"
import { foreignersCome } from "./Courses.ts"
import { isGrowth } from "./Profile.ts"
import type { Schedule } from "./Schedule.ts"
import type { Kind, Partitioner } from "./SimAgent.ts"

export interface Role {
  /** Undefined where the history has one of each kind in turn. */
  readonly kind: Kind | undefined
  readonly partitioner: Partitioner
  /** Placed by another partitioner than the one that the group knows. */
  readonly foreign: boolean
  /** Silent until then. */
  readonly from: number
}

/** What the group knows, or finds out before others come. */
export const placementOf = ({ partitioner = "murmur2", seed }: Schedule): Placement =>
  partitioner === "auto" ? (seed % 2 === 0 ? "murmur2" : "crc32") : partitioner

const numbered: Role = { kind: "whole", partitioner: "murmur2", foreign: false, from: -1 }

const mixed = (schedule: Schedule, i: number): Role => {
  const known = placementOf(schedule)
  if (i % 8 === 0) return numbered
  const own = { kind: "plain", partitioner: known, foreign: false, from: -1 } as const
  if (i % 8 < 5) return own
  // The other hash most of all: half of what such a topic has in the field.
  const other = known === "murmur2" ? "crc32" : "murmur2"
  const partitioner = ([other, other, "fnv1a", "hand"] as const)[(i >> 3) % 4]!
  // Where the placement has to be found out they would leave it open.
  const from = schedule.partitioner === "auto" || i % 2 === 0 ? foreignersCome : -1
  return { kind: "plain", partitioner: i % 8 === 7 ? other : partitioner, foreign: true, from }
}

export const roleOf = (schedule: Schedule, i: number): Role => {
  if (schedule.profile === "mixedGrowth") return mixed(schedule, i)
  if (!isGrowth(schedule.profile)) return { ...numbered, kind: undefined }
  return i % 4 === 0 ? numbered : { ...numbered, kind: "plain" }
}
