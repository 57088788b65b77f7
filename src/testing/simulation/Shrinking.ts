/** Shrinking: the smallest history that still breaks a promise. */
import type { Schedule } from "./Schedule.ts"

/** Leaves out faults, halves first, as long as something is still found; at most `tries` times. */
export const shrink = (schedule: Schedule, broken: (s: Schedule) => boolean, tries = 120): Schedule => {
  let best = schedule
  let left = tries
  for (let size = Math.ceil(best.faults.length / 2); size >= 1 && left > 0; ) {
    let smaller: Schedule | undefined
    for (let from = 0; from < best.faults.length && left > 0; from += size) {
      const candidate = { ...best, faults: [...best.faults.slice(0, from), ...best.faults.slice(from + size)] }
      left -= 1
      if (!broken(candidate)) continue
      smaller = candidate
      break
    }
    if (smaller !== undefined) best = smaller
    else if (size === 1) break
    size = Math.min(smaller === undefined ? Math.ceil(size / 2) : size, Math.max(1, best.faults.length))
  }
  return best
}
