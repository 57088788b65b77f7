/**
 * Slots: the numbered places of a source's sample lines: what is known of each line as integers, and when it came as three doubles, all
 * in one piece of memory, no object for a line. A line that goes leaves its slot to another one.
 *
 * Of each slot the integers of a LineRecord come first; behind them are those of whoever keeps something of it: its room in the
 * text, the order, the indices. They are told when the memory becomes another one.
 */
import { FIELDS, LENGTH } from "../read/LineRecord.ts"
import type { Stamp } from "../rounds/Ages.ts"
import { freeLines } from "../text/LineMemory.ts"

/** Integers of a slot, the three doubles among them. */
export const INTS = 22
const DOUBLES = INTS / 2
/** Bytes that it has in the text, from its raw beginning on, if any. */
export const ROOM = FIELDS
/** The options that it was read under. */
export const EPOCH = FIELDS + 1
/** What the order and the indices keep of it, two each. */
export const BY_UPDATE = FIELDS + 2
export const BY_TEXT = FIELDS + 4
export const BY_SERIES = FIELDS + 6
const OFFSET = (FIELDS + 8) / 2
/** The broker's. Where the record has its sender's: -1 less the line's own time, which only hides the line. */
const TIMESTAMP = OFFSET + 1
/** Negative where it was replayed. */
const MONO = OFFSET + 2

/** Who keeps something of a slot in its record. */
interface Keeper {
  /** The records are there from now on, as they were. */
  readonly use: (records: Int32Array) => void
}

/** A class of its own: no object for a line, and none of the kind that records bring, which the engine would have to make anew. */
class SlotStamp implements Stamp {
  offset = 0.5
  timestamp = 0.5
  mono = 0.5
  replayed = false
}

export class Slots {
  records = new Int32Array(0)
  /** Slots that have or had a line. */
  count = 0
  private doubles = new Float64Array(0)
  private readonly free: Array<number> = []
  private readonly keepers: ReadonlyArray<Keeper>
  private readonly last = new SlotStamp()

  constructor(keepers: ReadonlyArray<Keeper>) {
    this.keepers = keepers
  }

  isTaken(slot: number): boolean {
    return this.records[slot * INTS + LENGTH] !== 0
  }

  /** For a line that came; what is in it is another line's. */
  take(): number {
    const slot = this.free.pop()
    if (slot !== undefined) return slot
    if (this.count * INTS === this.records.length)
      this.resize(Math.max(4, Math.ceil(this.count * (this.count < 1024 ? 2 : 1.5))))
    return this.count++
  }

  /** Its line went. */
  leave(slot: number): void {
    this.records[slot * INTS + LENGTH] = 0
    this.free.push(slot)
  }

  offsetOf(slot: number): number {
    return this.doubles[slot * DOUBLES + OFFSET]!
  }

  /** Good until the next one is asked for. */
  stampOf(slot: number): Stamp {
    const at = slot * DOUBLES
    const { doubles, last } = this
    const mono = doubles[at + MONO]!
    const timestamp = doubles[at + TIMESTAMP]!
    last.offset = doubles[at + OFFSET]!
    last.timestamp = timestamp < 0 ? Number.NEGATIVE_INFINITY : timestamp
    last.mono = Math.abs(mono)
    last.replayed = mono < 0 || Object.is(mono, -0)
    return last
  }

  /** The time by which it is due: its own, where its record has its sender's stamp; else below 0. */
  dueOf(slot: number): number {
    return -1 - this.doubles[slot * DOUBLES + TIMESTAMP]!
  }

  /** `time`: the line's own. */
  stamp(slot: number, { offset, timestamp, mono, replayed }: Stamp, time: number): void {
    const at = slot * DOUBLES
    const { doubles } = this
    doubles[at + OFFSET] = offset
    doubles[at + TIMESTAMP] = timestamp < 0 ? -1 - Math.max(0, time) : timestamp
    doubles[at + MONO] = replayed ? -mono : mono
  }

  private resize(slots: number): void {
    const before = this.doubles
    this.doubles = new Float64Array(slots * DOUBLES)
    this.doubles.set(before)
    this.records = new Int32Array(this.doubles.buffer)
    for (const keeper of this.keepers) keeper.use(this.records)
    freeLines(before)
  }
}
