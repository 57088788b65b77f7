/**
 * Families: the families of the dump being parsed, which of them a sample name belongs to, and what metadata lines say.
 *
 * Families are kept by their text 0.0.4 name, so that gauge `foo` and counter `foo_total`, which every Go program has, are two
 * in both formats. Lines of one family may be interrupted by others': they are put together. A name is resolved once.
 */

import type { Family, InputFormat, MetricType, RefusalReason } from "../text/Dump.ts"
import { hashOfSample } from "../text/Hash.ts"
import { intern, internList } from "../text/Interned.ts"
import { sameLabels } from "../text/Line.ts"
import { reservedNames } from "../text/ReservedNames.ts"
import { encode } from "../text/Syntax.ts"
import { Conformity, type Role } from "./Conformity.ts"

/** Raised by the parts of the parser and caught by `parseDump` alone. */
export class Refused {
  readonly reason: RefusalReason
  readonly detail: string
  constructor(reason: RefusalReason, detail: string) {
    this.reason = reason
    this.detail = detail
  }
}

/** A sample name that the dump has used. */
export interface SampleName {
  readonly text: string
  readonly bytes: Uint8Array
  readonly family: FamilyBuilder
  readonly role: Role
  readonly hash: number
}

const SUFFIXES: ReadonlyArray<readonly [suffix: string, role: Role, types: ReadonlyArray<MetricType>]> = [
  ["_bucket", "bucket", ["histogram", "gaugehistogram"]],
  ["_sum", "sum", ["histogram", "summary"]],
  ["_count", "count", ["histogram", "summary"]],
  ["_created", "created", ["histogram", "summary"]],
  ["_gsum", "gsum", ["gaugehistogram"]],
  ["_gcount", "gcount", ["gaugehistogram"]]
]

const textTypes = new Map<string, MetricType>([
  ["counter", "counter"],
  ["gauge", "gauge"],
  ["histogram", "histogram"],
  ["summary", "summary"],
  ["untyped", "unknown"],
  ["unknown", "unknown"]
])

const openMetricsTypes = new Map<string, MetricType>(
  (["counter", "gauge", "histogram", "summary", "unknown", "gaugehistogram", "info", "stateset"] as const).map((t) => [
    t,
    t
  ])
)

const LE = encode("le")
const QUANTILE = encode("quantile")

/** One family while its lines arrive. */
export class FamilyBuilder {
  readonly name: string
  readonly textName: string
  readonly type: MetricType
  readonly declared: boolean
  /** Its lines are not shown. */
  readonly reserved: boolean
  help = ""
  unit = ""
  series = 0
  exemplars = false
  floatLabels = false
  conformsText = true
  readonly sampleNames: Array<SampleName> = []
  /** Start and end of each uninterrupted stretch of lines in the parser's buffer. */
  readonly stretches: Array<number> = []
  /** The label that is a number: `le` or `quantile`. */
  readonly float: Uint8Array | undefined
  /** The label that does not tell metrics of the family apart: the one above, or a stateset's own. */
  readonly inner: Uint8Array | undefined
  readonly conformity: Conformity | undefined

  constructor(
    names: { readonly name: string; readonly textName: string },
    type: MetricType,
    declared: boolean,
    lines: () => Uint8Array,
    reserved = false
  ) {
    this.name = names.name
    this.textName = names.textName
    this.type = type
    this.declared = declared
    this.reserved = reserved
    this.float = type === "summary" ? QUANTILE : type === "histogram" || type === "gaugehistogram" ? LE : undefined
    this.inner = type === "stateset" ? encode(names.name) : this.float
    this.conformity = Conformity.governs(type)
      ? new Conformity(type, (line, other) => sameLabels(lines(), line, other, this.inner, undefined))
      : undefined
  }

  /** Whether the timestamps of its lines, in text, are under no rule: nothing of it changes with which lines have one. */
  get timesAreFree(): boolean {
    return this.conformity === undefined || this.type === "counter"
  }

  addLine(start: number, end: number): void {
    const last = this.stretches.length - 1
    if (this.stretches[last] === start) this.stretches[last] = end
    else this.stretches.push(start, end)
    this.series++
  }

  /** Takes the samples of another family over; their lines are the caller's to place. */
  adopt(other: FamilyBuilder): void {
    this.series += other.series
    this.sampleNames.push(...other.sampleNames)
  }

  conforms(): boolean {
    return this.conformity?.holds() ?? true
  }

  build(bytes: Uint8Array, timestamps: boolean): Family {
    const { type, series, exemplars, floatLabels } = this
    const name = intern(this.name)
    const textName = intern(this.textName)
    const help = intern(this.help)
    const unit = intern(this.unit)
    const sampleNames = internList(this.sampleNames.map((sample) => sample.text))
    const conforms = this.conforms()
    return {
      name,
      textName,
      type,
      help,
      unit,
      series,
      sampleNames,
      bytes,
      conforms,
      conformsText: this.conformsText,
      quoted: false,
      exemplars,
      floatLabels,
      timestamps
    }
  }
}

export class Families {
  private readonly format: InputFormat
  private readonly limit: number
  private readonly lines: () => Uint8Array
  private readonly allowReservedNames: boolean
  private readonly reserved: Array<FamilyBuilder> = []
  private readonly byTextName = new Map<string, FamilyBuilder>()
  private readonly bySampleName = new Map<string, SampleName>()
  /** Help and unit of names whose family is not known yet, by the name in the metadata line. */
  private readonly pending = new Map<string, { help: string | undefined; unit: string | undefined }>()
  /** The family that the last TYPE line declared, and the name it used. */
  private current: { readonly name: string; readonly family: FamilyBuilder } | undefined

  /** At most `limit` families, with or without samples. `lines` gives the buffer that line offsets point into. */
  constructor(format: InputFormat, limit: number, lines: () => Uint8Array, allowReservedNames: boolean) {
    this.format = format
    this.limit = limit
    this.lines = lines
    this.allowReservedNames = allowReservedNames
  }

  get size(): number {
    return this.byTextName.size
  }

  /** Those whose lines are not shown come last. */
  all(): ReadonlyArray<FamilyBuilder> {
    return [...this.byTextName.values(), ...this.reserved]
  }

  declareType(name: string, word: string): void {
    const type = (this.format === "text" ? textTypes : openMetricsTypes).get(word)
    // Of a histogram `up` Prometheus may make one series `up`. OpenMetrics' counters and infos have names of their own.
    if (this.isReserved(name) && (this.format === "text" || (type !== "counter" && type !== "info"))) return
    if (type === undefined) throw new Refused("syntax", `unknown metric type ${JSON.stringify(word.slice(0, 40))}`)
    const names = { name, textName: name }
    if (this.format === "openmetrics") {
      if (type === "counter") names.textName = `${name}_total`
      if (type === "info") names.textName = `${name}_info`
    } else if (type === "counter" && name.endsWith("_total") && name.length > "_total".length)
      names.name = name.slice(0, -"_total".length)
    const known = this.byTextName.get(names.textName)
    if (known !== undefined)
      throw new Refused(
        "type-conflict",
        known.declared ? `second TYPE of ${name}` : `TYPE of ${name} after its samples`
      )
    this.current = { name, family: this.create(names, type, true, name) }
  }

  help(name: string, help: string): void {
    const family = this.known(name)
    if (family === undefined) this.pend(name).help ??= help
    else if (family.help === "") family.help = help
  }

  unit(name: string, unit: string): void {
    if (unit === "") return
    if (!name.endsWith(`_${unit}`))
      throw new Refused("syntax", `unit ${unit.slice(0, 40)} is not the end of the name ${name}`)
    const family = this.known(name)
    if (family === undefined) this.pend(name).unit ??= unit
    else this.setUnit(family, unit)
  }

  /** The family and role of a sample name; a name that no family has claimed becomes one of unknown type. */
  resolve(name: string): SampleName {
    const seen = this.bySampleName.get(name)
    if (seen !== undefined) return seen
    const [family, role] = this.claim(name)
    const bytes = encode(name)
    const hash = hashOfSample(bytes, 0, bytes.length)
    const sample: SampleName = { text: name, bytes, family, role, hash }
    family.sampleNames.push(sample)
    this.bySampleName.set(name, sample)
    return sample
  }

  private claim(name: string): readonly [FamilyBuilder, Role] {
    if (this.isReserved(name)) return [this.reserve(name), "value"]
    const exact = this.byTextName.get(name)
    if (exact !== undefined) {
      const suffixed = exact.name !== exact.textName
      return [exact, suffixed ? (exact.type === "info" ? "info" : "total") : "value"]
    }
    for (const [suffix, role, types] of SUFFIXES) {
      if (!name.endsWith(suffix)) continue
      const base = name.slice(0, -suffix.length)
      const family = this.byTextName.get(base)
      // Text 0.0.4 knows no created samples: there the name is a family of its own.
      if (family !== undefined && types.includes(family.type) && (role !== "created" || this.format === "openmetrics"))
        return [family, role]
      if (role !== "created" || this.format === "text") continue
      const counter = this.byTextName.get(`${base}_total`)
      if (counter?.type === "counter") return [counter, role]
    }
    return [this.create({ name, textName: name }, "unknown", false, name), "value"]
  }

  private isReserved(name: string): boolean {
    return !this.allowReservedNames && reservedNames.has(name)
  }

  /** A family beside all others. What else a summary `up` had, its sum and count, are families like any without a type. */
  private reserve(name: string): FamilyBuilder {
    const family = new FamilyBuilder({ name, textName: name }, "unknown", false, this.lines, true)
    this.reserved.push(family)
    return family
  }

  /** `said` is the name that the metadata lines use. */
  private create(
    names: { readonly name: string; readonly textName: string },
    type: MetricType,
    declared: boolean,
    said: string
  ): FamilyBuilder {
    if (this.byTextName.size >= this.limit) throw new Refused("too-many-series", `more than ${this.limit} families`)
    const family = new FamilyBuilder(names, type, declared, this.lines)
    const pending = this.pending.get(said)
    this.pending.delete(said)
    family.help = pending?.help ?? ""
    if (pending?.unit !== undefined) this.setUnit(family, pending.unit)
    this.byTextName.set(names.textName, family)
    return family
  }

  private setUnit(family: FamilyBuilder, unit: string): void {
    if (family.type === "info" || family.type === "stateset")
      throw new Refused("syntax", `${family.type} ${family.name} has a unit`)
    if (family.unit === "") family.unit = unit
  }

  private known(name: string): FamilyBuilder | undefined {
    const current = this.current
    // In OpenMetrics metadata after samples begins another family, maybe of the same name (gauge foo, counter foo).
    if (current?.name === name && (this.format === "text" || current.family.series === 0)) return current.family
    return this.format === "text" ? this.byTextName.get(name) : undefined
  }

  private pend(name: string): { help: string | undefined; unit: string | undefined } {
    let pending = this.pending.get(name)
    if (pending === undefined) {
      if (this.pending.size >= this.limit) throw new Refused("too-many-series", `more than ${this.limit} families`)
      pending = { help: undefined, unit: undefined }
      this.pending.set(name, pending)
    }
    return pending
  }
}
