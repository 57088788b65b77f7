/**
 * Dump: the parsed form of one round of one source, the type between parser, cache and renderer. Pure data.
 *
 * Immutable once built: a scrape's cut holds references to dumps and streams from them while newer rounds arrive,
 * so no byte of one may change until the cut has ended. The series' own labels and the attached ones (`instance`, `job`, extra labels) are in
 * the lines already; what differs between the two output formats is made by the renderer.
 */
import type { LineBuffer } from "./LineBuffer.ts"

/** As OpenMetrics calls them; `unknown` is the text format's untyped. @stable */
export type MetricType =
  | "counter"
  | "gauge"
  | "histogram"
  | "summary"
  | "gaugehistogram"
  | "info"
  | "stateset"
  | "unknown"

/** Prometheus' text format 0.0.4 or 1.0.0, or OpenMetrics 1.0. @stable */
export type InputFormat = "text" | "openmetrics"

/** One metric family of one dump: what its metadata lines said, and its sample lines. @experimental */
export interface Family {
  /** OpenMetrics' family name: without `_total` / `_info` for counters and infos whose samples carry that suffix. */
  readonly name: string
  /** Text 0.0.4's family name, with those suffixes. Merging across sources goes by this name: no two of a dump share it. */
  readonly textName: string
  /** As its TYPE line says; `unknown` where there is none. */
  readonly type: MetricType
  /** Unescaped. "" where the dump gave none. */
  readonly help: string
  /** As its UNIT line says; "" where there is none. */
  readonly unit: string
  /** How many lines it has. */
  readonly series: number
  /** The distinct sample names of the lines: `foo_bucket`, `foo_sum`, `foo_count`. */
  readonly sampleNames: ReadonlyArray<string>
  /**
   * The lines, each `name{labels} value[ timestamp][ # exemplar]\n` in UTF-8 with single spaces and final labels, in the
   * dump's order: the lines of one histogram stay together, so names alternate. One line a series.
   */
  readonly bytes: Uint8Array
  /** Where the lines lie apart (`bytes` is a copy then, made each time): puts them together in the buffer, good until its next use. @internal */
  readonly gather?: (into: LineBuffer) => Uint8Array
  /** The lines keep OpenMetrics' rules for the type (order, buckets, ranges). If not, that format shows them as unknown. */
  readonly conforms: boolean
  /**
   * Every line keeps what the text format's readers ask of the type: `keepsTextRule` (TextRules) of its name's suffix behind
   * `name`, its value and its `le` or `quantile`. It is a rule of single lines: their order has no part in it. If not, text shows
   * them as untyped.
   */
  readonly conformsText: boolean
  /** Some line carries an exemplar: text 0.0.4 must leave it out. */
  readonly exemplars: boolean
  /** Some `le` or `quantile` label is not in OpenMetrics' canonical float form: that format must rewrite it. */
  readonly floatLabels: boolean
  /**
   * Some name, of a metric or a label, must stand in quotes: `{"http.requests",a="b"} 5`, `name{"other.label"="w"} 5`; or some label
   * is a hidden one, `name{__x="1"} 5`. Such lines are for those who ask for `escaping=allow-utf-8` as they are.
   */
  readonly quoted: boolean
  /** In milliseconds, on all lines (event mode) or on none (scrape mode). */
  readonly timestamps: boolean
}

/** Families one after the other, each made when it is come to: there may be as many as lines. @experimental */
export interface FamilyList extends Iterable<Family> {
  /** How many there are. */
  readonly length: number
}

/** What one round shows: immutable families and their lines. Its bytes are lent: good as long as whoever gave it says. @experimental */
export interface Dump {
  /** The source's id, for people. */
  readonly source?: string | undefined
  /** Each metric's lines; no two have the same `textName`. */
  readonly families: FamilyList
  /** Of all families. */
  readonly series: number
  /** Bytes held by this dump: what the limits count. */
  readonly bytes: number
  /** By reason; absent where all lines are shown. */
  readonly refused?: ReadonlyArray<RefusedLines>
}

/** What is counted against limits. */
export interface Size {
  readonly series: number
  readonly bytes: number
}

/**
 * Why a line of a dump is not shown, while the others are. A closed set, used as a metric label. `metadata`: a HELP, TYPE or UNIT
 * that says nothing. `exemplar`: of a sample that is shown, unless it cannot be read at all. `admission`: a rule of the pod left the series
 * out; of a whole record, its source.
 * @stable
 */
export const lineReasons = [
  "syntax",
  "not-utf8",
  "value",
  "timestamp",
  "exemplar",
  "metadata",
  "duplicate-series",
  "duplicate-label",
  "too-many-labels",
  "too-large",
  "after-eof",
  "reserved-name",
  "admission"
] as const

/** Why a line is refused alone. @stable */
export type LineReason = (typeof lineReasons)[number]

/** The lines of a dump that are not shown for one reason, by the first of them. @experimental */
export interface RefusedLines {
  /** What is wrong with all of them. */
  readonly reason: LineReason
  /** How many. */
  readonly count: number
  /** 1-based, in its record. */
  readonly line: number
  /** For a person: what and where; at most 200 characters, no raw control characters. */
  readonly detail: string
  /** The line itself (see Excerpt). */
  readonly sample: string
}

/** Why a text was not accepted. `reason` is a closed set, used as a metric label. */
export interface Refusal {
  readonly reason: RefusalReason
  /** For a person: what and where, with line number; at most 200 characters, no raw control characters. */
  readonly detail: string
  /** 1-based, 0 where no line is to blame. */
  readonly line: number
  /** What was refused, for a person (see Excerpt). */
  readonly sample?: string
}

/** Why a record, or a round, is refused whole: a line's reasons are those of a record that is one line. A closed set, used as a metric label. */
export const refusalReasons = [
  ...lineReasons,
  "too-many-series",
  "record-too-large",
  "no-eof",
  "bad-header",
  "content-type",
  "unknown-format",
  "source-mismatch",
  "chunk-conflict",
  "too-many-sources",
  "partition-full",
  "pod-full",
  "displaced",
  "future",
  "misplaced",
  "early",
  "stranger",
  "elsewhere"
] as const

export type RefusalReason = (typeof refusalReasons)[number]

/** What the parser adds to every series of a dump, as a direct scrape would. */
export interface Attach {
  /** Label name of the source id: `--source-label`, by default `instance`. */
  readonly sourceLabel: string
  readonly source: string
  /** Labels for series that lack them (`k2p-labels`, `job`). */
  readonly labels: ReadonlyArray<readonly [name: string, value: string]>
}

/** What one round may have, in bytes and counts; what is beyond is refused, the line alone where that is possible. @stable */
export interface ParseLimits {
  /** Of a round's text, labels that are attached included. */
  readonly maxBytes: number
  /** Of a round. */
  readonly maxSeries: number
  /** Of one series. */
  readonly maxLabels: number
  /** Bytes of one label value, and of a name. */
  readonly maxLabelValue: number
  /** Bytes of the text of one HELP. */
  readonly maxHelp: number
}

export const defaultParseLimits: ParseLimits = {
  maxBytes: 64 * 1024 * 1024,
  maxSeries: 200_000,
  maxLabels: 256,
  maxLabelValue: 64 * 1024,
  maxHelp: 64 * 1024
}
