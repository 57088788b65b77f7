/**
 * SlotText: the text of slots in one piece of memory, each with its raw beginning, if any, and then its line. Where a slot's text is, is in
 * its record (see LineRecord). Memory that slots left behind is won back when more is needed.
 *
 * The memory is lent as it is: while somebody holds it nothing that was there changes, and a slot whose text is to change moves.
 */
import { Loan } from "../../Loan.ts"
import { LENGTH, OWN, RAW, START } from "../read/LineRecord.ts"
import { freeLines, SLACK } from "../text/LineMemory.ts"
import { copyText } from "../text/Words.ts"

/** Room for values that grow, so that they need no new place each time. */
const GROWTH = 12
/** Less is not worth a copy. */
const LEAST = 4096
/** Up to so many bytes it doubles, from there on it grows by a quarter. */
const DOUBLES_UP_TO = 128 * 1024

export class SlotText {
  bytes = new Uint8Array(0)
  view = new DataView(new ArrayBuffer(SLACK))
  private readonly stride: number
  private readonly room: number
  private records: Int32Array = new Int32Array(0)
  private used = 0
  private wasted = 0
  private loan = new Loan(() => {})
  /** What lies before it was lent. */
  private lent = 0

  /** `room`: the field of a record that says how many bytes the slot has. */
  constructor(stride: number, room: number) {
    this.stride = stride
    this.room = room
  }

  use(records: Int32Array): void {
    this.records = records
  }

  /** All that is in it now, to be looked at as it is until it is given back. */
  lend(): Loan {
    this.lent = this.used
    return this.loan.hold()
  }

  /** Nobody puts text here any more. */
  free(): void {
    this.loan.giveBack()
  }

  /** The slot gives its bytes up. */
  leave(slot: number): void {
    this.wasted += this.records[slot * this.stride + this.room]!
  }

  /**
   * Room for a text of `length` bytes with its raw beginning, the first `keep` of them as they are: elsewhere, where it has too little or
   * somebody looks at it.
   */
  fit(slot: number, length: number, keep: number): void {
    const { records, room } = this
    const at = slot * this.stride
    const most = length + GROWTH
    if (length > records[at + room]! || (records[at + RAW]! < this.lent && this.isHeld())) this.move(slot, length, keep)
    else if (records[at + room]! > 2 * most) {
      this.wasted += records[at + room]! - most
      records[at + room] = most
    }
  }

  /** Wins back what slots left behind, where that is much of all. */
  tidy(): void {
    if (this.wasted > LEAST && this.wasted * 3 > this.used) this.gather(0)
  }

  /** Whether somebody still looks at what was lent. */
  private isHeld(): boolean {
    if (this.loan.isShared) return true
    this.lent = 0
    return false
  }

  private move(slot: number, length: number, keep: number): void {
    const { records, view } = this
    const before = this.loan.hold()
    const at = slot * this.stride
    this.leave(slot)
    const sent = records[at + OWN]! >>> 16
    const from = records[at + START]! - sent
    // Memory that is made anew leaves out what has no room.
    records[at + this.room] = 0
    this.place(slot, length)
    records[at + START] = records[at + RAW]! + sent
    copyText(view, from, this.view, records[at + RAW]!, keep)
    before.giveBack()
  }

  /** Finds room; RAW is where it begins. */
  place(slot: number, length: number): void {
    const room = length + GROWTH
    if (this.used + room + SLACK > this.bytes.length) this.gather(room)
    const at = slot * this.stride
    this.records[at + RAW] = this.used
    this.records[at + this.room] = room
    this.used += room
  }

  /** All text into new memory with room for so many bytes more. */
  private gather(more: number): void {
    const { records, stride } = this
    const live = this.used - this.wasted
    const size = Math.max(256, Math.ceil((live + more) * (live < DOUBLES_UP_TO ? 2 : 1.25))) + SLACK
    const bytes = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer)
    const view = new DataView(bytes.buffer)
    if (this.wasted === 0) bytes.set(this.bytes.subarray(0, this.used))
    else {
      let to = 0
      for (let at = 0; at < records.length; at += stride) {
        const room = records[at + this.room]!
        if (records[at + LENGTH] === 0 || room === 0) continue
        const sent = records[at + OWN]! >>> 16
        copyText(this.view, records[at + START]! - sent, view, to, sent + records[at + LENGTH]!)
        records[at + RAW] = to
        records[at + START] = to + sent
        to += room
      }
    }
    this.bytes = bytes
    this.view = view
    this.used = live
    this.wasted = this.lent = 0
    this.loan.giveBack()
    this.loan = new Loan(() => freeLines(bytes))
  }
}
