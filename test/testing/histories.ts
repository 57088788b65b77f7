/** histories: what whoever writes outside meets: so short, that a mistake is found, and shrunk, in a second. */
import type { Schedule } from "../../src/testing/simulation/Schedule.ts"

const met = new Set(["freeze", "zombie", "strandedWrite", "join", "crash"])

/** Nothing happens but to owners that write, and to their writes. */
export const ofWriters = (made: Schedule): Schedule => ({
  ...made,
  faults: made.faults.filter(({ fault }) => met.has(fault.type))
})
