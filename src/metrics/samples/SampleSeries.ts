/**
 * SampleSeries: the content of one source in samples mode: per series its last line, each expiring by itself (P6).
 *
 * Every accepted record adds to it. What a record says about a family is kept for later records that say nothing, as tailed
 * single lines do: an untyped `foo_bucket` goes to the histogram `foo` once that was declared. A family declared anew with
 * another type starts over. Synchronous; the Dump is built when one is asked for and kept until something changes.
 */

import type { Known } from "../parse/Layout.ts"
import type { Ages, Now, Stamp } from "../rounds/Ages.ts"
import type { Envelope } from "../rounds/Record.ts"
import type { Dump, Family, MetricType, Size } from "../text/Dump.ts"
import { endOfName } from "../text/Line.ts"
import { placeSeries } from "../text/Series.ts"
import { ascii, LF } from "../text/Syntax.ts"
import type { LineRead } from "./LineReader.ts"
import { type PlainLine, plainLine } from "./PlainLine.ts"
import { type NewLine, SampleLines, type Shape } from "./SampleLines.ts"

/** What is known of a family. */
interface Meta {
  readonly textName: string
  name: string
  type: MetricType
  help: string
  unit: string
  conforms: boolean
  conformsText: boolean
  quoted: boolean
  exemplars: boolean
  floatLabels: boolean
  timestamps: boolean
}

type Described = Omit<Family, "series" | "sampleNames" | "bytes">

/** What lines of one name have in common. */
interface Kind {
  readonly name: string
  readonly meta: Meta
}

/** Undefined where the record is more than one line, or was not read as it is written. */
export const shapeOf = (text: Uint8Array, known: Known | undefined, labels: Envelope["labels"]): Shape | undefined => {
  if (known === undefined) return undefined
  const { owns, commentLines } = known.layout
  if (owns.length !== 1 || commentLines.length > 0 || !plainLine.read(text)) return undefined
  return { hash: plainLine.hash, ownEnd: owns[0]!, labels }
}

/** A parsed record, taken apart: what it would add is known before it is let in. */
export interface Addition extends Size {
  readonly families: ReadonlyArray<{ readonly family: Family; readonly lines: ReadonlyArray<NewLine> }>
}

/** What a single line would change: a line that is there in its slot, or a new one (-1). */
export interface Change extends Size {
  readonly slot: number
}

/** An unknown type says nothing about order or range; the others' rules hold within a record, not across them. */
const orderless: ReadonlySet<MetricType> = new Set(["counter", "gauge", "unknown", "info"])
/** A source that has a fraction of the series that it had gives their memory back. */
const SPARSE = 4
const SMALL = 64

export class SampleSeries {
  private lines = new SampleLines<Kind>()
  private readonly metas = new Map<string, Meta>()
  /** The typed family that a sample name belongs to. */
  private readonly owners = new Map<string, Meta>()
  /** Of the last line that was read alone. */
  private kind: Kind | undefined
  private built: { readonly dump: Dump; readonly until: number } | undefined

  get series(): number {
    return this.lines.count
  }

  get bytes(): number {
    return this.lines.bytes
  }

  /** The lowest offset that a series is from. */
  get first(): number {
    return this.lines.first
  }

  /** What the record would add; nothing is changed. */
  measure(dump: Dump, shape: Shape | undefined): Addition {
    let series = 0
    let bytes = 0
    const families = dump.families.map((family) => {
      const lines: Array<NewLine> = []
      const { buffer, byteOffset, length } = family.bytes
      const view = new DataView(buffer, byteOffset, length)
      for (let start = 0, end = 0; start < length; start = end) {
        end = family.bytes.indexOf(LF, start) + 1
        const place = { hash: 0, length: 0, valueAt: 0 }
        placeSeries(family.bytes, start, place)
        const line = { bytes: family.bytes, view, start, length: end - start, series: place, shape }
        const before = this.lines.find(line)
        if (before < 0) series++
        bytes += sizeOf(line) - (before < 0 ? 0 : this.lines.sizeOf(before))
        lines.push(line)
      }
      return { family, lines }
    })
    return { families, series, bytes }
  }

  add(addition: Addition, stamp: Stamp): void {
    this.built = undefined
    for (const { family, lines } of addition.families) {
      const declared = family.type !== "unknown"
      if (declared) this.announce(family)
      let kind: Kind | undefined
      for (const line of lines) {
        const name = ascii(line.bytes, line.start, endOfName(line.bytes, line.start))
        const meta = this.note(declared ? undefined : this.owners.get(name), family)
        if (kind?.name !== name || kind.meta !== meta) kind = { name, meta }
        this.lines.put(this.lines.find(line), line, kind, stamp)
      }
    }
  }

  /** What the text changes that brings a known line again; undefined where it takes a closer look to tell what it brings. */
  recognise(text: PlainLine, labels: Envelope["labels"], time: Uint8Array | undefined): Change | undefined {
    const slot = this.lines.findText(text, labels)
    return slot < 0
      ? undefined
      : { slot, series: 0, bytes: this.lines.lengthWith(slot, text, time) - this.lines.lengthOf(slot) }
  }

  /** What was recognised. */
  renew({ slot }: Change, text: PlainLine, time: Uint8Array | undefined, stamp: Stamp): void {
    this.built = undefined
    this.lines.renew(slot, text, time, stamp)
  }

  /** What a line that was read alone would change. */
  measureLine(line: LineRead): Change {
    const slot = this.lines.find(line)
    return slot < 0
      ? { slot, series: 1, bytes: sizeOf(line) }
      : { slot, series: 0, bytes: sizeOf(line) - this.lines.sizeOf(slot) }
  }

  addLine({ slot }: Change, line: LineRead, timestamps: boolean, stamp: Stamp): void {
    this.built = undefined
    const { name } = line
    const meta = this.note(this.owners.get(name), { ...undeclared, name, textName: name, timestamps })
    if (this.kind?.name !== name || this.kind.meta !== meta) this.kind = { name, meta }
    this.lines.put(slot, line, this.kind, stamp)
  }

  /** The series that are not older than `expiry`, or undefined where there are none. Frees the others. */
  dump(ages: Ages, now: Now, expiry: number): Dump | undefined {
    if (this.built === undefined || now.mono > this.built.until) {
      const left = this.sweep(ages, now, expiry)
      // Until the fence everything may turn out older than it seems.
      this.built = { dump: this.build(), until: ages.settled ? now.mono + left : Number.NEGATIVE_INFINITY }
    }
    return this.series === 0 ? undefined : this.built.dump
  }

  /** Frees expired series; answers the milliseconds until the next one expires. */
  sweep(ages: Ages, now: Now, expiry: number): number {
    const { lines } = this
    let left = expiry
    let expired = false
    for (let slot = 0; slot < lines.slots; slot++) {
      if (lines.kindOf(slot) === undefined) continue
      const rest = expiry - ages.age(lines.stampOf(slot), now)
      if (rest < 0) {
        lines.remove(slot)
        expired = true
      } else left = Math.min(left, rest)
    }
    if (expired) {
      this.forgetFamilies()
      if (lines.slots > SMALL && lines.count * SPARSE < lines.slots) this.lines = lines.compacted()
    }
    return left
  }

  private announce(family: Family): void {
    const known = this.metas.get(family.textName)
    if (known !== undefined && known.type !== family.type) {
      if (known.type !== "unknown") this.removeWhere(({ meta }) => meta === known)
      known.type = family.type
      known.name = family.name
      known.conforms = known.conformsText = true
    }
    const meta = this.note(undefined, family)
    for (const name of family.sampleNames) {
      const owner = this.owners.get(name) ?? this.metas.get(name)
      if (owner !== undefined && owner !== meta) this.removeWhere((kind) => kind.name === name && kind.meta === owner)
      this.owners.set(name, meta)
    }
  }

  private note(owner: Meta | undefined, family: Described): Meta {
    let meta = owner ?? this.metas.get(family.textName)
    if (meta === undefined) {
      const { name, textName, type, help, unit, timestamps } = family
      const lines = { conforms: true, conformsText: true, quoted: false, exemplars: false, floatLabels: false }
      meta = { name, textName, type, help, unit, timestamps, ...lines }
      this.metas.set(textName, meta)
    }
    if (owner === undefined) {
      if (family.help !== "") meta.help = family.help
      if (family.unit !== "") meta.unit = family.unit
    }
    meta.conforms &&= family.conforms && orderless.has(meta.type)
    meta.conformsText &&= family.conformsText
    meta.exemplars ||= family.exemplars
    // A line that was parsed as of unknown type was not looked at for the form of its bounds.
    meta.floatLabels ||= family.floatLabels || !orderless.has(meta.type)
    return meta
  }

  /** Those without series. */
  private forgetFamilies(): void {
    const { lines } = this
    this.built = this.kind = undefined
    const live = new Set<Meta>()
    for (let slot = 0; slot < lines.slots; slot++) {
      const kind = lines.kindOf(slot)
      if (kind !== undefined) live.add(kind.meta)
    }
    for (const [name, meta] of this.metas) if (!live.has(meta)) this.metas.delete(name)
    for (const [name, meta] of this.owners) if (!live.has(meta)) this.owners.delete(name)
  }

  private removeWhere(is: (kind: Kind) => boolean): void {
    const { lines } = this
    for (let slot = 0; slot < lines.slots; slot++) {
      const kind = lines.kindOf(slot)
      if (kind !== undefined && is(kind)) lines.remove(slot)
    }
  }

  private build(): Dump {
    const { lines } = this
    const byFamily = new Map<Meta, Part>()
    let last: Part | undefined
    for (let slot = lines.firstSlot; slot >= 0; slot = lines.slotAfter(slot)) {
      const kind = lines.kindOf(slot)!
      if (last?.meta !== kind.meta) last = partOf(byFamily, kind.meta)
      last.series++
      last.length += lines.lengthOf(slot)
      if (last.names[last.names.length - 1] !== kind.name && !last.names.includes(kind.name)) last.names.push(kind.name)
    }
    for (const part of byFamily.values()) part.view = new DataView(Buffer.allocUnsafeSlow(part.length).buffer)
    for (let slot = lines.firstSlot; slot >= 0; slot = lines.slotAfter(slot)) {
      const kind = lines.kindOf(slot)!
      if (last!.meta !== kind.meta) last = byFamily.get(kind.meta)!
      lines.copy(slot, last!.view!, last!.at)
      last!.at += lines.lengthOf(slot)
    }
    let bytes = 0
    const families = Array.from(byFamily.values(), ({ meta, series, names, view, length }): Family => {
      bytes += length
      return { ...meta, series, sampleNames: names, bytes: new Uint8Array(view!.buffer, 0, length) }
    })
    return { families, series: this.series, bytes }
  }
}

/** A family of a dump that is being built. */
interface Part {
  readonly meta: Meta
  readonly names: Array<string>
  series: number
  length: number
  view: DataView | undefined
  at: number
}

const partOf = (parts: Map<Meta, Part>, meta: Meta): Part => {
  let part = parts.get(meta)
  if (part === undefined) {
    part = { meta, names: [], series: 0, length: 0, view: undefined, at: 0 }
    parts.set(meta, part)
  }
  return part
}

/** Keys are held besides the lines, or what is as large. */
const sizeOf = ({ length, series }: NewLine): number => length + series.length

const undeclared = {
  type: "unknown",
  help: "",
  unit: "",
  conforms: true,
  conformsText: true,
  quoted: false,
  exemplars: false,
  floatLabels: false
} as const
