/** How a text is read where a test has no wish of its own: as text 0.0.4 in scrape mode, with labels attached as an agent's are. */
import type { ReadOptions } from "../../src/metrics/read/Memory.ts"
import { defaultParseLimits } from "../../src/metrics/text/Dump.ts"

export const readOptions = (source: string, time = 0): ReadOptions => ({
  format: "text",
  attach: { sourceLabel: "instance", source, labels: [["job", "j"]] },
  limits: defaultParseLimits,
  timestamps: "scrape",
  time
})
