/** Histories in which the rule is to hold: nothing is dropped, for what is dropped is left out; and records come in batches, not one by one. */
import type { Fault, Schedule } from "kafka2prom/testing"

const drops: ReadonlySet<Fault["type"]> = new Set(["strategy", "unreadable", "oversized", "retention", "end"])

export const withoutDrops = (made: Schedule): Schedule => ({
  ...made,
  backpressure: "pause",
  pace: 0,
  faults: made.faults.filter(({ fault }) => !drops.has(fault.type))
})
