/**
 * MergeChunks: the dumps of a round's chunks into the dump of the round. Pure.
 *
 * Each chunk is an exposition by itself; a family that was cut in two has its metadata in both. What one parse would refuse
 * is refused here too: a series in two chunks, a family of two types, a sample name in two families, a round over the limits.
 * A histogram or summary that was cut may have a metric's lines on both sides, so OpenMetrics shows it as of unknown type.
 */

import { refusal } from "../rounds/Record.ts"
import type { Dump, Family, MetricType, ParseLimits, Refusal } from "../text/Dump.ts"
import { eachSeries, floatLabelsOf } from "../text/Series.ts"

export const mergeChunks = (dumps: ReadonlyArray<Dump>, limits: ParseLimits): Dump | Refusal => {
  if (dumps.length === 1) return dumps[0]!
  const parts = new Map<string, Array<Family>>()
  const owners = new Map<string, string>()
  let series = 0
  let bytes = 0
  for (const dump of dumps) {
    series += dump.series
    bytes += dump.bytes
    for (const family of dump.families) {
      for (const name of family.sampleNames) {
        const owner = owners.get(name)
        if (owner !== undefined && owner !== family.textName)
          return refusal(
            "type-conflict",
            `samples ${name} belong to ${owner} in one chunk, to ${family.textName} in another`
          )
        owners.set(name, family.textName)
      }
      const same = parts.get(family.textName)
      if (same === undefined) parts.set(family.textName, [family])
      else if (same[0]!.type !== family.type)
        return refusal(
          "type-conflict",
          `${family.textName} is a ${same[0]!.type} in one chunk, a ${family.type} in another`
        )
      else same.push(family)
    }
  }
  if (series > limits.maxSeries) return refusal("too-many-series", `${series} series, the limit is ${limits.maxSeries}`)
  if (bytes > limits.maxBytes) return refusal("too-large", `${bytes} bytes, the limit is ${limits.maxBytes}`)
  const families: Array<Family> = []
  for (const same of parts.values()) {
    const family = same.length === 1 ? same[0]! : join(same)
    if ("reason" in family) return family
    families.push(family)
  }
  return { families, series, bytes }
}

/** Of these types the order of lines says nothing. */
const orderless: ReadonlySet<MetricType> = new Set(["counter", "gauge", "unknown", "info"])

const join = (parts: ReadonlyArray<Family>): Family | Refusal => {
  const seen = new Set<string>()
  let twice: string | undefined
  for (const part of parts)
    eachSeries(part, floatLabelsOf(part.type), ({ key, name }) => {
      if (seen.has(key)) twice = name
      seen.add(key)
    })
  if (twice !== undefined)
    return refusal("duplicate-series", `${twice} comes twice with the same labels, in two chunks`)
  const [head] = parts as [Family]
  return {
    name: head.name,
    textName: head.textName,
    type: head.type,
    help: parts.find((p) => p.help !== "")?.help ?? "",
    unit: parts.find((p) => p.unit !== "")?.unit ?? "",
    series: seen.size,
    sampleNames: [...new Set(parts.flatMap((p) => p.sampleNames))],
    bytes: Buffer.concat(parts.map((p) => p.bytes)),
    conforms: orderless.has(head.type) && parts.every((p) => p.conforms),
    conformsText: parts.every((p) => p.conformsText),
    quoted: parts.some((p) => p.quoted),
    exemplars: parts.some((p) => p.exemplars),
    floatLabels: parts.some((p) => p.floatLabels),
    timestamps: head.timestamps
  }
}
