/**
 * Series: which series a text has, as the project's own reader reads them, and where one of them comes again. HELP and TYPE lines are
 * no series, the order of labels makes no other one, and a line that cannot be read is none.
 */

import { FIELDS, HASH, START } from "../../metrics/read/LineRecord.ts"
import type { ReadOptions } from "../../metrics/read/Memory.ts"
import { Reader } from "../../metrics/read/Reader.ts"
import { defaultParseLimits } from "../../metrics/text/Dump.ts"
import { sampleFloats, seriesKey } from "../../metrics/text/Series.ts"

const newline = 0x0a

const options: ReadOptions = {
  format: "text",
  attach: { sourceLabel: "instance", source: "-", labels: [] },
  limits: { ...defaultParseLimits, maxBytes: 2 ** 31, maxSeries: 50_000_000 },
  timestamps: "scrape",
  time: 0
}

const reader = new Reader()

export interface Repeat {
  /** 1-based, in the text that was looked at. */
  readonly line: number
  /** Name and labels; at most 200 characters. */
  readonly series: string
}

/** The series of one text. */
export class SeriesSet {
  /** By their hash; the few that share one are told apart by their keys. */
  private readonly keys = new Map<number, string | Set<string>>()

  /** Adds a text's series; answers the first one that was there before, if one was: what follows it is not added. */
  add(text: Uint8Array): Repeat | undefined {
    const reading = reader.read(text, options, undefined)
    try {
      if ("reason" in reading) return undefined
      const { records, count, lines } = reading
      for (let n = 0; n < count; n++) {
        const key = seriesKey(lines.bytes, records[n * FIELDS + START]!, sampleFloats)
        if (!this.enter(records[n * FIELDS + HASH]!, key)) continue
        const series = shown(key)
        return { line: lineOf(text, n), series }
      }
      return undefined
    } finally {
      reader.release()
    }
  }

  /** Whether some series of the text is one of these. */
  meets(text: Uint8Array): boolean {
    const reading = reader.read(text, options, undefined)
    try {
      if ("reason" in reading) return false
      const { records, count, lines } = reading
      for (let n = 0; n < count; n++) {
        const known = this.keys.get(records[n * FIELDS + HASH]!)
        if (known === undefined) continue
        const key = seriesKey(lines.bytes, records[n * FIELDS + START]!, sampleFloats)
        if (typeof known === "string" ? known === key : known.has(key)) return true
      }
      return false
    } finally {
      reader.release()
    }
  }

  private enter(hash: number, key: string): boolean {
    const known = this.keys.get(hash)
    if (known === undefined) this.keys.set(hash, key)
    else if (typeof known === "string") {
      if (known === key) return true
      this.keys.set(hash, new Set([known, key]))
    } else {
      if (known.has(key)) return true
      known.add(key)
    }
    return false
  }
}

/** For people: without the label that was attached. */
const shown = (key: string): string => {
  const at = key.indexOf("{")
  const labels = key
    .slice(at + 1)
    .replace(/(^|,)instance="-"/, "")
    .replace(/^,/, "")
  return `${key.slice(0, at)}${labels === "" ? "" : `{${labels}}`}`.slice(0, 200)
}

/** Looking for a line number reads the text some twenty times. */
const maxSearched = 16 * 1024 * 1024

/** The line in which the sample of that number stands; 0 where looking for it would take too long. */
const lineOf = (text: Uint8Array, sample: number): number => {
  if (text.length > maxSearched) return 0
  const ends: Array<number> = []
  for (let at = text.indexOf(newline); at !== -1; at = text.indexOf(newline, at + 1)) ends.push(at + 1)
  let [low, high] = [0, ends.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    const reading = new Reader().read(text.subarray(0, ends[middle]!), options, undefined)
    if (!("reason" in reading) && reading.count > sample) high = middle
    else low = middle + 1
  }
  return low + 1
}
