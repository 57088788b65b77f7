/**
 * MergeChunks: the dumps of a round's chunks into the dump of the round. Pure.
 *
 * Each chunk is an exposition by itself; a family that was cut in two has its metadata in both. A series in two chunks is shown
 * from the first; chunks that call a family by two types make it one of unknown type. A histogram or summary that was cut
 * may have a metric's lines on both sides, so OpenMetrics shows it as of unknown type. Only the limits refuse a round. Where
 * families were cut their lines are all looked at: that is sliced.
 */
import { refusal } from "../rounds/Record.ts"
import type { Dump, Family, MetricType, ParseLimits, Refusal, RefusedLines } from "../text/Dump.ts"
import { excerpt } from "../text/Excerpt.ts"
import { floatLabelsOf, seriesKey } from "../text/Series.ts"
import { Slices } from "../text/Slices.ts"
import { LF } from "../text/Syntax.ts"

/** Bytes that are copied at a time. */
const COPIED = 1024 * 1024

export function* mergingChunks(
  dumps: ReadonlyArray<Dump>,
  limits: ParseLimits
): Generator<undefined, Dump | Refusal, unknown> {
  let series = 0
  let bytes = 0
  for (const dump of dumps) {
    series += dump.series
    bytes += dump.bytes
  }
  if (series > limits.maxSeries) return refusal("too-many-series", `${series} series, the limit is ${limits.maxSeries}`)
  if (bytes > limits.maxBytes) return refusal("too-large", `${bytes} bytes, the limit is ${limits.maxBytes}`)
  const slices = new Slices()
  const repeats = new Repeats(yield* sharedNames(dumps, slices), slices)
  const parts = new Map<string, Array<Family>>()
  for (const dump of dumps)
    for (const whole of dump.families) {
      if (slices.step()) yield
      const family = yield* repeats.without(whole)
      if (family.series === 0) continue
      const same = parts.get(family.textName)
      if (same === undefined) parts.set(family.textName, [family])
      else same.push(family)
    }
  const families: Array<Family> = []
  let shown = 0
  for (const same of parts.values()) {
    if (slices.step()) yield
    const family = same.length === 1 ? same[0]! : yield* join(same)
    families.push(family)
    shown += family.series
  }
  const refused = repeats.refused(dumps.flatMap((dump) => dump.refused ?? []))
  const rest = refused.length === 0 ? {} : { refused }
  return { source: dumps[0]!.source, families, series: shown, bytes, ...rest }
}

/** Sample names of more than one chunk. */
function* sharedNames(dumps: ReadonlyArray<Dump>, slices: Slices): Generator<undefined, ReadonlySet<string>, unknown> {
  const shared = new Set<string>()
  /** The last dump that has the name. */
  const names = new Map<string, Dump>()
  for (const dump of dumps)
    for (const { sampleNames } of dump.families)
      for (const name of sampleNames) {
        if (slices.step()) yield
        if ((names.get(name) ?? dump) !== dump) shared.add(name)
        names.set(name, dump)
      }
  return shared
}

/** Series that are in two chunks, whichever families these put them in. */
class Repeats {
  /** Sample names of more than one chunk, and the series of theirs so far. */
  private readonly shared: ReadonlySet<string>
  private readonly seen = new Set<string>()
  private readonly slices: Slices
  private count = 0
  private first = ""

  constructor(shared: ReadonlySet<string>, slices: Slices) {
    this.shared = shared
    this.slices = slices
  }

  *without(family: Family): Generator<undefined, Family, unknown> {
    if (!family.sampleNames.some((name) => this.shared.has(name))) return family
    const { slices, seen } = this
    const floats = floatLabelsOf(family.type)
    const kept: Array<Uint8Array> = []
    let from = 0
    let lost = 0
    const { bytes } = family
    for (let start = 0, end = 0; start < bytes.length; start = end) {
      if (slices.step()) yield
      end = bytes.indexOf(LF, start) + 1
      const key = seriesKey(bytes, start, floats)
      if (!seen.has(key)) {
        seen.add(key)
        continue
      }
      kept.push(bytes.subarray(from, start))
      from = end
      lost++
      if (this.count++ === 0) this.first = excerpt(bytes.subarray(start, end), 1)
    }
    if (lost === 0) return family
    kept.push(bytes.subarray(from))
    return { ...family, bytes: yield* together(kept), series: family.series - lost }
  }

  /** With what the chunks refused by themselves: one entry a reason. */
  refused(own: ReadonlyArray<RefusedLines>): ReadonlyArray<RefusedLines> {
    const byReason = new Map<string, RefusedLines>()
    const detail = "a series comes twice, in two chunks"
    const here: ReadonlyArray<RefusedLines> =
      this.count === 0 ? [] : [{ reason: "duplicate-series", count: this.count, line: 0, detail, sample: this.first }]
    for (const lines of [...own, ...here]) {
      const before = byReason.get(lines.reason)
      byReason.set(lines.reason, before === undefined ? lines : { ...before, count: before.count + lines.count })
    }
    return [...byReason.values()]
  }
}

/** Of these types the order of lines says nothing. */
const orderless: ReadonlySet<MetricType> = new Set(["counter", "gauge", "unknown", "info"])

/** No type said follows what another chunk says. */
const typeOf = (parts: ReadonlyArray<Family>): MetricType => {
  const said = new Set(parts.map(({ type }) => type).filter((type) => type !== "unknown"))
  return said.size === 1 ? [...said][0]! : "unknown"
}

function* join(parts: ReadonlyArray<Family>): Generator<undefined, Family, unknown> {
  const type = typeOf(parts)
  const head = parts.find((part) => part.type === type) ?? parts[0]!
  return {
    name: type === "unknown" ? head.textName : head.name,
    textName: head.textName,
    type,
    help: parts.find((p) => p.help !== "")?.help ?? "",
    unit: parts.find((p) => p.unit !== "")?.unit ?? "",
    series: parts.reduce((sum, p) => sum + p.series, 0),
    sampleNames: [...new Set(parts.flatMap((p) => p.sampleNames))],
    bytes: yield* together(parts.map((p) => p.bytes)),
    conforms: orderless.has(type) && parts.every((p) => p.conforms),
    conformsText: parts.every((p) => p.conformsText && (p.type === type || orderless.has(type))),
    exemplars: parts.some((p) => p.exemplars),
    floatLabels: parts.some((p) => p.floatLabels),
    quoted: parts.some((p) => p.quoted),
    timestamps: head.timestamps
  }
}

function* together(parts: ReadonlyArray<Uint8Array>): Generator<undefined, Uint8Array, unknown> {
  const all = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  let copied = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
    copied += part.length
    if (copied < COPIED) continue
    copied = 0
    yield
  }
  return all
}
