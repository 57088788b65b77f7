/**
 * MergeChunks: the dumps of a round's chunks into the dump of the round. Pure.
 *
 * Each chunk is an exposition by itself; a family that was cut in two has its metadata in both. A series in two chunks is shown
 * from the first; chunks that call a family by two types make it one of unknown type. A histogram or summary that was cut
 * may have a metric's lines on both sides, so OpenMetrics shows it as of unknown type. Only the limits refuse a round.
 */
import { refusal } from "../rounds/Record.ts"
import type { Dump, Family, MetricType, ParseLimits, Refusal, RefusedLines } from "../text/Dump.ts"
import { excerpt } from "../text/Excerpt.ts"
import { eachSeries, floatLabelsOf } from "../text/Series.ts"

export const mergeChunks = (dumps: ReadonlyArray<Dump>, limits: ParseLimits): Dump | Refusal => {
  if (dumps.length === 1) return dumps[0]!
  let series = 0
  let bytes = 0
  for (const dump of dumps) {
    series += dump.series
    bytes += dump.bytes
  }
  if (series > limits.maxSeries) return refusal("too-many-series", `${series} series, the limit is ${limits.maxSeries}`)
  if (bytes > limits.maxBytes) return refusal("too-large", `${bytes} bytes, the limit is ${limits.maxBytes}`)
  const repeats = new Repeats(dumps)
  const parts = new Map<string, Array<Family>>()
  for (const dump of dumps)
    for (const whole of dump.families) {
      const family = repeats.without(whole)
      if (family.series === 0) continue
      const same = parts.get(family.textName)
      if (same === undefined) parts.set(family.textName, [family])
      else same.push(family)
    }
  const families = Array.from(parts.values(), (same) => (same.length === 1 ? same[0]! : join(same)))
  const refused = repeats.refused(dumps.flatMap((dump) => dump.refused ?? []))
  const rest = refused.length === 0 ? {} : { refused }
  return {
    source: dumps[0]!.source,
    families,
    series: families.reduce((sum, family) => sum + family.series, 0),
    bytes,
    ...rest
  }
}

/** Series that are in two chunks, whichever families these put them in. */
class Repeats {
  /** Sample names of more than one chunk, and the series of theirs so far. */
  private readonly shared = new Set<string>()
  private readonly seen = new Set<string>()
  private count = 0
  private first = ""

  constructor(dumps: ReadonlyArray<Dump>) {
    const names = new Set<string>()
    for (const { families } of dumps) {
      const own = new Set(families.flatMap((family) => family.sampleNames))
      for (const name of own) {
        if (names.has(name)) this.shared.add(name)
        names.add(name)
      }
    }
  }

  without(family: Family): Family {
    if (!family.sampleNames.some((name) => this.shared.has(name))) return family
    const kept: Array<Uint8Array> = []
    let from = 0
    let lost = 0
    const { bytes } = family
    eachSeries(family, floatLabelsOf(family.type), ({ key, start, end }) => {
      if (!this.seen.has(key)) {
        this.seen.add(key)
        return
      }
      kept.push(bytes.subarray(from, start))
      from = end
      lost++
      if (this.count++ === 0) this.first = excerpt(bytes.subarray(start, end), 1)
    })
    if (lost === 0) return family
    kept.push(bytes.subarray(from))
    return { ...family, bytes: Buffer.concat(kept), series: family.series - lost }
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

const join = (parts: ReadonlyArray<Family>): Family => {
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
    bytes: Buffer.concat(parts.map((p) => p.bytes)),
    conforms: orderless.has(type) && parts.every((p) => p.conforms),
    conformsText: parts.every((p) => p.conformsText && (p.type === type || orderless.has(type))),
    exemplars: parts.some((p) => p.exemplars),
    floatLabels: parts.some((p) => p.floatLabels),
    quoted: parts.some((p) => p.quoted),
    timestamps: head.timestamps
  }
}
