/**
 * SampleSeries: the content of one source in samples mode: per series its last line, each expiring by itself (P6).
 *
 * Every accepted record adds to it. What a record says about a family is kept for later records that say nothing, as tailed
 * single lines do: an untyped `foo_bucket` goes to the histogram `foo` once that was declared. A family declared anew with
 * another type starts over. Synchronous; the Dump is built when one is asked for and kept until something changes.
 */
import type { Ages, Now, Stamp } from "./Ages.ts"
import type { Dump, Family, MetricType } from "./Dump.ts"
import { eachSeries } from "./Series.ts"

interface Entry {
  readonly line: Uint8Array
  readonly name: string
  readonly meta: Meta
  readonly stamp: Stamp
  readonly bytes: number
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
const heldBytes = (key: string, line: Uint8Array): number => key.length + line.length

export class SampleSeries {
  bytes = 0
  /** In the order of their last update. */
  private readonly entries = new Map<string, Entry>()
  private readonly metas = new Map<string, Meta>()
  /** The typed family that a sample name belongs to. */
  private readonly owners = new Map<string, Meta>()
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
        // A copy where there are more: a view would keep the whole record's lines alive for one series.
        const line = dump.series === 1 ? family.bytes : family.bytes.slice(start, end)
        const before = this.entries.get(key)
        if (before === undefined) series++
        bytes += heldBytes(key, line) - (before?.bytes ?? 0)
        lines.push({ key, name, line })
      })
      return { family, lines }
    })
    return { families, series, bytes }
  }

  add(addition: Addition, stamp: Stamp): void {
    this.built = undefined
    for (const { family, lines } of addition.families) {
      const declared = family.type !== "unknown"
      if (declared) this.announce(family)
      for (const { key, name, line } of lines) {
        const meta = this.note(declared ? undefined : this.owners.get(name), family)
        const before = this.entries.get(key)
        if (before !== undefined) this.remove(key, before)
        const bytes = heldBytes(key, line)
        this.entries.set(key, { line, name, meta, stamp, bytes })
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
      const lines = Buffer.concat(entries.map((entry) => entry.line))
      bytes += lines.length
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
