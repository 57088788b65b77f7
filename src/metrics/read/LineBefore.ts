/**
 * LineBefore: what is known of the line that was parsed last, label by label, for a next one that is like it: lines of a family mostly have
 * their name and most labels in common, and what they have in common is compared and copied, not parsed. A saving alone: what a
 * line comes to is the same without.
 */
import type { SampleName } from "./Names.ts"

export class LineBefore {
  name: SampleName | undefined
  /** By label: its hash, and what it says of the line (flags of LineRecord). */
  hashes = new Int32Array(0)
  flags = new Uint8Array(0)
  /** Where each ends, from the line's start on. Of labels noted down already it is the line at hand's. */
  private ends = new Int32Array(0)
  /** Where it begins in the lines' memory. */
  private start = 0
  private count = 0
  /** Where its next label begins, from its start on. */
  private next = 0

  /** No line has more labels. */
  reserve(maxLabels: number): void {
    if (this.ends.length >= maxLabels) return
    this.forget()
    this.ends = new Int32Array(maxLabels)
    this.hashes = new Int32Array(maxLabels)
    this.flags = new Uint8Array(maxLabels)
  }

  /** Of the line at hand. */
  note(label: number, end: number, hash: number, flags: number): void {
    this.next = this.ends[label]! + 1
    this.ends[label] = end
    this.hashes[label] = hash
    this.flags[label] = flags
  }

  /** The labels noted down are those of a good line that stays where it is, the first `count` of them as they were sent. */
  keep(name: SampleName, start: number, count: number): void {
    this.name = name
    this.start = start
    this.count = count
  }

  forget(): void {
    this.count = 0
  }

  /** Of another text. */
  release(): void {
    this.count = 0
    this.name = undefined
  }

  /**
   * Copies what a line has in common with this one from its first byte on: it begins at `from` of the input, which has `rest` bytes from
   * there on, the copy at `at` of the lines' memory, where there is room for them. Answers how many bytes.
   */
  copyBeginning(input: DataView, from: number, rest: number, lines: DataView, at: number): number {
    const { count, ends, start } = this
    return count === 0 ? 0 : copyAlike(lines, start, at, input, from, Math.min(rest, ends[count - 1]!))
  }

  /** How many labels are within the first bytes of it; -1 where not even the name is. They are those of the line at hand, too. */
  labelsWithin(bytes: number): number {
    const { name, ends } = this
    if (name === undefined || name.quoted) return -1
    // What ends the name, and a label, is one byte.
    this.next = name.text.length + 1
    if (bytes <= name.text.length) return -1
    let label = this.count
    while (label > 0 && ends[label - 1]! > bytes) label--
    if (label > 0) this.next = ends[label - 1]! + 1
    return label
  }

  /** Where so many labels end. */
  endOf(labels: number): number {
    return labels === 0 ? this.name!.text.length : this.ends[labels - 1]!
  }

  /** Copies what the line's next label has in common with this one's in the same place. Answers how many bytes. */
  copyLabel(label: number, input: DataView, from: number, rest: number, lines: DataView, at: number): number {
    const length = this.lengthOf(label)
    return length > rest ? 0 : copyAlike(lines, this.start + this.next, at, input, from, length)
  }

  /** Of its next label; 0 where it has none in that place. */
  lengthOf(label: number): number {
    return label < this.count ? this.ends[label]! - this.next : 0
  }
}

/** Canonical text, while the input is like it, from `start` to `at`; at most `end` bytes, which the input has. Answers how many. */
const copyAlike = (lines: DataView, start: number, at: number, input: DataView, from: number, end: number): number => {
  let i = 0
  for (; i + 8 <= end; i += 8) {
    const eight = lines.getFloat64(start + i, true)
    if (eight !== input.getFloat64(from + i, true)) break
    lines.setFloat64(at + i, eight, true)
  }
  for (; i < end; i++) {
    const byte = input.getUint8(from + i)
    if (lines.getUint8(start + i) !== byte) break
    lines.setUint8(at + i, byte)
  }
  return i
}
