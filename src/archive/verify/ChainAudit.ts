/**
 * ChainAudit: goes along the objects of one life of one partition, in the order of their offsets, and finds out whether they follow one another and how
 * much they hold. It keeps sums and findings, no objects: an archive may have millions. Pure.
 */
import type { LastFrame } from "../format/LastFrame.ts"
import type { Line } from "../format/Names.ts"
import { Findings, offsets } from "./Findings.ts"

/** An object as it was found. `damage`: why it cannot be read whole; its frame may be there all the same. */
export interface Found {
  readonly name: string
  readonly from: number
  readonly stored: number
  readonly frame: LastFrame | undefined
  readonly damage: string | undefined
}

/** What readers lack then is nowhere else in the archive. */
const restore =
  "bring it back (an older version of the bucket's object, a backup); where there is none, and the log still has these offsets, archive them to another --to"

export class ChainAudit {
  readonly line: Line
  readonly findings = new Findings()
  /** Offsets [from, to) of all objects so far. */
  from: number | undefined
  to = 0
  objects = 0
  rows = 0
  /** Of the rows, and as they are stored. */
  bytes = 0
  stored = 0
  /** Of the last object. */
  last: LastFrame | undefined
  readonly #begin: number | undefined
  #records = 0

  /** `begin`: of the life; undefined where nothing says where it begins. */
  constructor(line: Line, begin: number | undefined) {
    this.line = line
    this.#begin = begin
    if (begin === undefined)
      this.findings.add(
        "broken",
        `nothing says where life ${line.life} begins: its file below _k2p is gone; bring it back`
      )
    if (line.life > 1)
      this.findings.add(
        "note",
        "its log went back, or its topic was made anew: what was sent again to the new log is in both lives"
      )
  }

  take({ name, from, stored, frame, damage }: Found): void {
    const { findings } = this
    if (this.from === undefined) this.#first(from)
    // Of one whose end cannot be read nobody knows how far it goes: said of it already.
    else if (from > this.to && this.last === undefined) this.to = from
    else if (from > this.to)
      findings.add("broken", `a hole: ${offsets(this.to, from)} are in no object, the next one is ${name}; ${restore}`)
    else if (from < this.to)
      findings.add(
        "broken",
        `an overlap: ${offsets(from, Math.min(this.to, frame?.to ?? this.to))} are in ${name} again: somebody put it here; move away the one that is not the archive's`
      )
    if (damage !== undefined) findings.add("broken", `${name} is damaged: ${damage}; ${restore}`)
    this.objects += 1
    this.stored += stored
    this.last = frame
    if (frame === undefined) return
    this.to = Math.max(this.to, frame.to)
    this.rows += frame.rows
    this.bytes += frame.bytes
    this.#records += frame.records
  }

  #first(from: number): void {
    this.from = from
    this.to = from
    if (this.#begin !== undefined && from > this.#begin)
      this.findings.add("note", `${offsets(this.#begin, from)} are not there any more: the oldest objects were removed`)
  }

  /** Behind the last object. */
  end(): void {
    const absent = this.to - (this.from ?? this.to) - this.#records
    if (absent > 0 && this.findings.broken === 0)
      this.findings.add(
        "note",
        `${absent} of its offsets held no record when they were read (retention, transactions or compaction)`
      )
  }
}
