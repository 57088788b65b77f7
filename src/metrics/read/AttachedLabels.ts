/**
 * AttachedLabels: what becomes of the labels that every line of a text gets, in the line at hand: which of them it has of its own, and
 * whether its source label, being another's, gets another name. As Prometheus does with the labels of a target.
 */
import type { AttachedLabel, Attachment } from "../text/Attachment.ts"
import { hashOf } from "../text/Hash.ts"
import type { LineBuffer } from "../text/LineBuffer.ts"
import { COMMA, encode, sameBytes } from "../text/Syntax.ts"
import { copyText } from "../text/Words.ts"
import type { LabelNames } from "./LabelNames.ts"

const EXPORTED = encode("exported_")

export class AttachedLabels {
  /** Of the line at hand: attached labels that it has of its own, and whether its source label gets another name. */
  present = 0
  renames = false
  /** Of those that were written last. */
  hash = 0
  private readonly line: LineBuffer
  private readonly names: LabelNames
  private attachment: Attachment | undefined
  private source: AttachedLabel | undefined
  private labels: ReadonlyArray<AttachedLabel> = []
  private isPresent = new Uint8Array(0)
  /** The value of the source label that the line had of its own, while it waits for its new name. */
  private foreign: Uint8Array = new Uint8Array(0)

  constructor(line: LineBuffer, names: LabelNames) {
    this.line = line
    this.names = names
  }

  /** Another text's. */
  use(attachment: Attachment): void {
    const { source, labels } = attachment
    this.attachment = attachment
    this.source = source
    this.labels = labels
    if (this.isPresent.length < labels.length) this.isPresent = new Uint8Array(labels.length)
  }

  /** Another line. */
  begin(): void {
    this.present = 0
    this.renames = false
    for (let k = 0; k < this.labels.length; k++) this.isPresent[k] = 0
  }

  /** Which of them has the name that stands there in the line buffer; 0 is the source label, -1 is none. */
  named(start: number, end: number): number {
    const { labels, line } = this
    for (let k = 0; k < labels.length; k++) {
      const { name } = labels[k]!
      if (name.length === end - start && sameBytes(line.bytes, start, end, name, 0, name.length)) return k
    }
    return -1
  }

  /** The line has that one of its own. */
  note(which: number): void {
    this.isPresent[which] = 1
    this.present++
  }

  /** Whether the value just written, from there on, is the source's. */
  isOfSource(valueAt: number): boolean {
    const { bytes, length } = this.line
    const { value } = this.source!
    return sameBytes(bytes, valueAt, length - 1, value, 0, value.length)
  }

  /** The value just written is another source's: it waits for its new name. */
  hold(valueAt: number): void {
    this.renames = true
    this.foreign = this.line.bytes.slice(valueAt, this.line.length - 1)
  }

  /** Writes it: `exported_` before the name, as often as it takes to find one that the series does not use. Answers the label's hash. */
  rename(comma: boolean): number {
    const { line, names, labels, foreign } = this
    let name = join(EXPORTED, this.source!.name)
    const taken = (one: Uint8Array): boolean =>
      names.uses(one) || labels.some((label) => Buffer.compare(label.name, one) === 0)
    while (taken(name)) name = join(EXPORTED, name)
    if (comma) line.put(COMMA)
    line.writeLabel(name, foreign)
    return hashOf(name, foreign)
  }

  /** Writes those that the line does not have of its own, behind so many labels. Answers how many they are then. */
  write(written: number): number {
    const { line, labels, isPresent } = this
    if (this.present === 0) {
      const { text, hash } = this.attachment!
      if (written > 0) line.put(COMMA)
      copyText(text, 0, line.view, line.length, text.byteLength)
      line.length += text.byteLength
      this.hash = hash
      return written + labels.length
    }
    let all = written
    this.hash = 0
    for (let k = 0; k < labels.length; k++) {
      if (isPresent[k] === 1) continue
      const label = labels[k]!
      if (all++ > 0) line.put(COMMA)
      line.writeLabel(label.name, label.value)
      this.hash = (this.hash + label.hash) | 0
    }
    return all
  }
}

const join = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}
