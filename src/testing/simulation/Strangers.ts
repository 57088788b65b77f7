/**
 * Strangers: sources of a mixed history that no hash tells from those that belong where they are, as docs/growth.md has them: what nothing is
 * promised of is neither sent nor judged.
 */
import { placing } from "../../transport/Placement.ts"
import { placementOf, roleOf } from "./Cast.ts"
import { countsOf, type Schedule } from "./Schedule.ts"
import type { SimSource } from "./SimAgent.ts"

/**
 * Moving, it comes from where it is at home now, by chance, or to where it was and is: no hash tells it from one that belongs there, and
 * P1 is not promised of it (docs/growth.md, strangers).
 */
export const cannotBeTold = (schedule: Schedule, source: SimSource): boolean => {
  const hash = placing[placementOf(schedule)](Buffer.from(source.name))
  const counts = countsOf(schedule)
  return counts.some((after, k) =>
    counts.slice(0, k).some((before) => {
      const [left, came] = [source.homeAmong(before), source.homeAmong(after)]
      const home = hash % after
      return left !== came && (left === home || (came === home && hash % before === home))
    })
  )
}

/** It is where another partitioner than its own would have placed it before the topic grew: nobody can tell it from one who hears late. */
export const looksMisplaced = (schedule: Schedule, source: SimSource, i: number): boolean => {
  if (!roleOf(schedule, i).foreign) return false
  const hash = placing[placementOf(schedule)](Buffer.from(source.name))
  const counts = countsOf(schedule)
  return hash % counts.at(-1)! !== source.partition && counts.some((count) => hash % count === source.partition)
}
