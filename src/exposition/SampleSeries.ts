/**
 * SampleSeries: the content of one source in samples mode: per series its last line, each expiring by itself (P6).
 *
 * Every accepted record adds to it. What a record says about a family is kept for later records that say nothing, as tailed
 * single lines do: an untyped `foo_bucket` goes to the histogram `foo` once that was declared. A family declared anew with
 * another type starts over. Synchronous; the Dump is built when one is asked for and kept until something changes.
 */
import type { Ages, Now, Stamp } from "./Ages.ts"
import type { Size } from "./Budget.ts"
import type { Dump, Family, MetricType } from "./Dump.ts"
import type { Known } from "./Layout.ts"
import type { Envelope } from "./Record.ts"
import { hashOfLine, plainValue, SampleLine } from "./SampleLine.ts"
import { eachSeries } from "./Series.ts"
import { LF } from "./Syntax.ts"

interface Entry {
  readonly key: string
  readonly line: SampleLine
  readonly name: string
  readonly meta: Meta
  /** Of the text that the line came as; undefined where it did not come alone. */
  readonly hash: number | undefined
  stamp: Stamp
  bytes: number
}

/** What is known of a family. */
interface Meta {
  readonly textName: string
  name: string
  type: MetricType
  help: string
  unit: string
  conforms: boolean
  exemplars: boolean
  floatLabels: boolean
  timestamps: boolean
}

interface Line {
  readonly key: string
  readonly name: string
  readonly line: Uint8Array
}

/** How a record of nothing but one sample line became the line: by that it is known again. */
export interface Shape {
  readonly hash: number
  readonly ownEnd: number
  readonly valueAt: number
  readonly labels: Envelope["labels"]
}

/** Undefined where the record is more than one line, or was not read as it is written. */
export const shapeOf = (text: Uint8Array, known: Known | undefined, labels: Envelope["labels"]): Shape | undefined => {
  const from = plainValue(text)
  if (from < 0 || known === undefined) return undefined
  const { owns, tails, commentLines } = known.layout
  if (owns.length !== 1 || commentLines.length > 0) return undefined
  return { hash: hashOfLine(text, from), ownEnd: owns[0]!, valueAt: owns[0]! + tails[0]!, labels }
}

/** A record that brings a series again, with the line that it becomes known and nothing else to decide. */
export interface Renewal extends Size {
  readonly entry: Entry
  readonly text: Uint8Array
  readonly from: number
  readonly end: number
  readonly time: Uint8Array
}

/** A parsed record, taken apart: what it would add is known before it is let in. */
export interface Addition {
  readonly families: ReadonlyArray<{ readonly family: Family; readonly lines: ReadonlyArray<Line> }>
  readonly series: number
  readonly bytes: number
}

/** An unknown type says nothing about order or range; the others' rules hold within a record, not across them. */
const orderless: ReadonlySet<MetricType> = new Set(["counter", "gauge", "unknown", "info"])
/** Whatever the type: a later record may declare that it is one of numbers, and a series must not be there twice then. */
const floats = ["le", "quantile"]
/** Keys are held besides the lines. */
const heldBytes = (key: string, line: { readonly length: number }): number => key.length + line.length

export class SampleSeries {
  bytes = 0
  /** In the order of their last update. */
  private readonly entries = new Map<string, Entry>()
  private readonly metas = new Map<string, Meta>()
  /** The typed family that a sample name belongs to. */
  private readonly owners = new Map<string, Meta>()
  /** Entries by the hash of the text that their line came as. */
  private readonly byText = new Map<number, Entry>()
  private built: { readonly dump: Dump; readonly until: number } | undefined

  get series(): number {
    return this.entries.size
  }

  /** The lowest offset that a series is from. */
  get first(): number {
    const oldest = this.entries.values().next()
    return oldest.done === true ? Number.POSITIVE_INFINITY : oldest.value.stamp.offset
  }

  /** What the record would add; nothing is changed. */
  measure(dump: Dump): Addition {
    let series = 0
    let bytes = 0
    const families = dump.families.map((family) => {
      const lines: Array<Line> = []
      eachSeries(family, floats, ({ key, name, start, end }) => {
        const line = family.bytes.subarray(start, end)
        const before = this.entries.get(key)
        if (before === undefined) series++
        bytes += heldBytes(key, line) - (before?.bytes ?? 0)
        lines.push({ key, name, line })
      })
      return { family, lines }
    })
    return { families, series, bytes }
  }

  /** The series that the record brings again, in the family that it is in; undefined where it takes the parser to tell what it brings. */
  recognise(text: Uint8Array, labels: Envelope["labels"], time: Uint8Array): Renewal | undefined {
    const from = plainValue(text)
    if (from < 0) return undefined
    const entry = this.byText.get(hashOfLine(text, from))
    if (entry === undefined || entry.line.valueOf(text, labels) !== from) return undefined
    const end = text[text.length - 1] === LF ? text.length - 1 : text.length
    const bytes = entry.line.lengthWith(end - from, time.length) - entry.line.length
    return { entry, text, from, end, time, series: 0, bytes }
  }

  renew({ entry, text, from, end, time, bytes }: Renewal, stamp: Stamp): void {
    this.built = undefined
    entry.line.write(text, from, end, time)
    entry.stamp = stamp
    entry.bytes += bytes
    this.bytes += bytes
    this.entries.delete(entry.key)
    this.entries.set(entry.key, entry)
  }

  /** `shape` where the record was one line. */
  add(addition: Addition, stamp: Stamp, shape: Shape | undefined): void {
    this.built = undefined
    for (const { family, lines } of addition.families) {
      const declared = family.type !== "unknown"
      if (declared) this.announce(family)
      for (const { key, name, line } of lines) {
        const meta = this.note(declared ? undefined : this.owners.get(name), family)
        const before = this.entries.get(key)
        if (before !== undefined) this.remove(key, before)
        const bytes = heldBytes(key, line)
        const kept = new SampleLine(line, shape?.ownEnd ?? 0, shape?.valueAt ?? 0, shape?.labels)
        const entry = { key, line: kept, name, meta, hash: shape?.hash, stamp, bytes }
        this.entries.set(key, entry)
        if (shape !== undefined) this.byText.set(shape.hash, entry)
        this.bytes += bytes
      }
    }
  }

  /** The series that are not older than `expiry`, or undefined where there are none. Frees the others. */
  dump(ages: Ages, now: Now, expiry: number): Dump | undefined {
    if (this.built === undefined || now.mono > this.built.until) {
      const left = this.sweep(ages, now, expiry)
      // Until the fence everything may turn out older than it seems.
      this.built = { dump: this.build(), until: ages.settled ? now.mono + left : Number.NEGATIVE_INFINITY }
    }
    return this.entries.size === 0 ? undefined : this.built.dump
  }

  /** Frees expired series; answers the milliseconds until the next one expires. */
  sweep(ages: Ages, now: Now, expiry: number): number {
    let left = expiry
    let expired = false
    for (const [key, entry] of this.entries) {
      const rest = expiry - ages.age(entry.stamp, now)
      if (rest < 0) {
        this.remove(key, entry)
        expired = true
      } else left = Math.min(left, rest)
    }
    if (expired) this.forgetFamilies()
    return left
  }

  private announce(family: Family): void {
    const known = this.metas.get(family.textName)
    if (known !== undefined && known.type !== family.type) {
      if (known.type !== "unknown") this.removeWhere((entry) => entry.meta === known)
      known.type = family.type
      known.name = family.name
      known.conforms = true
    }
    const meta = this.note(undefined, family)
    for (const name of family.sampleNames) {
      const owner = this.owners.get(name) ?? this.metas.get(name)
      if (owner !== undefined && owner !== meta)
        this.removeWhere((entry) => entry.name === name && entry.meta === owner)
      this.owners.set(name, meta)
    }
  }

  private note(owner: Meta | undefined, family: Family): Meta {
    let meta = owner ?? this.metas.get(family.textName)
    if (meta === undefined) {
      const { name, textName, type, help, unit, timestamps } = family
      meta = { name, textName, type, help, unit, timestamps, conforms: true, exemplars: false, floatLabels: false }
      this.metas.set(textName, meta)
    }
    if (owner === undefined) {
      if (family.help !== "") meta.help = family.help
      if (family.unit !== "") meta.unit = family.unit
    }
    meta.conforms &&= family.conforms && orderless.has(meta.type)
    meta.exemplars ||= family.exemplars
    // A line that was parsed as of unknown type was not looked at for the form of its bounds.
    meta.floatLabels ||= family.floatLabels || !orderless.has(meta.type)
    return meta
  }

  /** Those without series. */
  private forgetFamilies(): void {
    this.built = undefined
    const live = new Set<Meta>()
    for (const entry of this.entries.values()) live.add(entry.meta)
    for (const [name, meta] of this.metas) if (!live.has(meta)) this.metas.delete(name)
    for (const [name, meta] of this.owners) if (!live.has(meta)) this.owners.delete(name)
  }

  private remove(key: string, entry: Entry): void {
    this.entries.delete(key)
    if (entry.hash !== undefined && this.byText.get(entry.hash) === entry) this.byText.delete(entry.hash)
    this.bytes -= entry.bytes
  }

  private removeWhere(is: (entry: Entry) => boolean): void {
    for (const [key, entry] of this.entries) if (is(entry)) this.remove(key, entry)
  }

  private build(): Dump {
    const byFamily = new Map<Meta, Array<Entry>>()
    let bytes = 0
    for (const entry of this.entries.values()) {
      const lines = byFamily.get(entry.meta)
      if (lines === undefined) byFamily.set(entry.meta, [entry])
      else lines.push(entry)
    }
    const families: Array<Family> = []
    for (const [meta, entries] of byFamily) {
      const length = entries.reduce((sum, { line }) => sum + line.length, 0)
      const lines = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
      let at = 0
      for (const { line } of entries) {
        line.copy(lines, at)
        at += line.length
      }
      bytes += length
      families.push({
        ...meta,
        series: entries.length,
        sampleNames: [...new Set(entries.map((entry) => entry.name))],
        bytes: lines
      })
    }
    return { families, series: this.entries.size, bytes }
  }
}
