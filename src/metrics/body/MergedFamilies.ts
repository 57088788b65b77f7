/**
 * MergedFamilies: the families of all dumps as one body shows them, for one output format. Pure; it looks at families, never at lines.
 *
 * Promises: no sample is left out, no name is claimed by two families, and the same set of dumps gives the same families in
 * the same order with the same help. Where sources disagree about a type, lines break OpenMetrics' rules, or names clash
 * (counter `foo` claims `foo_created` in OpenMetrics, histogram `foo` claims `foo_count` in both), the family is shown
 * as unknown types, one for each sample name: series and values stay as they are, only metadata is lost.
 */
import type { Family, MetricType } from "../text/Dump.ts"

export type OutputFormat = "text" | "openmetrics"

/** What there is to know of a family besides its lines. */
export type FamilyMeta = Omit<Family, "bytes" | "series">

/** What stands above the lines. */
export interface FamilyHead {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  readonly unit: string
}

export interface MergedFamily<F extends FamilyMeta = Family> extends FamilyHead {
  readonly parts: ReadonlyArray<Part<F>>
}

/** One family's lines of a merged family: all of them, or those of some sample names. */
export interface Part<F extends FamilyMeta = Family> {
  readonly family: F
  readonly only: ReadonlyArray<string> | undefined
}

export interface Merged<F extends FamilyMeta = Family> {
  readonly format: OutputFormat
  /** Sorted by name. */
  readonly families: ReadonlyArray<MergedFamily<F>>
  /** Families shown as unknown because sources disagree about their type. */
  readonly typeConflicts: number
}

export const mergeFamilies = <F extends FamilyMeta>(
  dumps: ReadonlyArray<{ readonly families: ReadonlyArray<F> }>,
  format: OutputFormat
): Merged<F> => {
  const groups = new Map<string, Group<F>>()
  for (const dump of dumps) {
    for (const family of dump.families) {
      if (format === "openmetrics")
        addTo(groups, family.textName, family.name, openMetricsType(family), family, undefined)
      else addText(groups, family)
    }
  }
  let typeConflicts = 0
  const leaves = new Map<string, Group<F>>()
  for (const [key, group] of groups) {
    if (group.disagrees) typeConflicts++
    if (group.disagrees || (format === "openmetrics" && group.breaksRules)) {
      groups.delete(key)
      splitInto(leaves, group)
    }
  }
  separate(groups, leaves, format)
  const families = [...groups.values(), ...leaves.values()]
  families.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { format, families, typeConflicts }
}

/** How many families the sources disagree about. For who renders as well, it is in the result of `mergeFamilies`. */
export const typeConflicts = (dumps: ReadonlyArray<{ readonly families: ReadonlyArray<FamilyMeta> }>): number =>
  mergeFamilies(dumps, "text").typeConflicts

interface Group<F extends FamilyMeta> {
  readonly name: string
  readonly type: MetricType
  help: string
  unit: string
  unitDiffers: boolean
  disagrees: boolean
  breaksRules: boolean
  readonly samples: Set<string>
  /** Mostly the same object from dump to dump. */
  lastSamples: ReadonlyArray<string>
  readonly parts: Array<Part<F>>
}

const newGroup = <F extends FamilyMeta>(name: string, type: MetricType): Group<F> => ({
  name,
  type,
  help: "",
  unit: "",
  unitDiffers: false,
  disagrees: false,
  breaksRules: false,
  samples: new Set(),
  lastSamples: [],
  parts: []
})

const addTo = <F extends FamilyMeta>(
  groups: Map<string, Group<F>>,
  key: string,
  name: string,
  type: MetricType,
  family: F,
  only: ReadonlyArray<string> | undefined
): void => {
  let group = groups.get(key)
  if (group === undefined) {
    group = newGroup(name, type)
    groups.set(key, group)
  }
  if (group.type !== type) group.disagrees = true
  if (!family.conforms) group.breaksRules = true
  addPart(group, family, only)
}

/** Of several helps the smallest: any choice will do that does not depend on the order of the sources. */
const addPart = <F extends FamilyMeta>(group: Group<F>, family: F, only: ReadonlyArray<string> | undefined): void => {
  const { help, unit } = family
  if (help !== group.help && help !== "" && (group.help === "" || help < group.help)) group.help = help
  if (unit !== "" && group.unit !== unit) {
    if (group.unit === "" && !group.unitDiffers) group.unit = unit
    else {
      group.unit = ""
      group.unitDiffers = true
    }
  }
  const samples = only ?? family.sampleNames
  if (samples !== group.lastSamples) {
    for (const sample of samples) group.samples.add(sample)
    group.lastSamples = samples
  }
  group.parts.push({ family, only })
}

/** OpenMetrics has no counter whose samples lack `_total`. */
const openMetricsType = ({ type, name, textName }: FamilyMeta): MetricType =>
  type === "counter" && name === textName ? "unknown" : type

/** Text 0.0.4 has five types. A gauge histogram is called a histogram, as other clients do: its buckets are what counts. */
const textType = (type: MetricType): MetricType => {
  if (type === "info" || type === "stateset") return "gauge"
  return type === "gaugehistogram" ? "histogram" : type
}

/** The samples that text 0.0.4 has no place for inside the family become gauges beside it. */
const addText = <F extends FamilyMeta>(groups: Map<string, Group<F>>, family: F): void => {
  const { name, textName, type, sampleNames } = family
  if (sampleNames.length === 1 && sampleNames[0] === textName)
    return void addTo(groups, textName, textName, textType(type), family, undefined)
  const own = sampleNames.filter((sample) => !standsAlone(type, name, textName, sample))
  const all = own.length === sampleNames.length
  if (own.length > 0) addTo(groups, textName, textName, textType(type), family, all ? undefined : own)
  for (const sample of sampleNames)
    if (!own.includes(sample))
      addTo(groups, sample, sample, "gauge", family, sampleNames.length > 1 ? [sample] : undefined)
}

const standsAlone = (type: MetricType, name: string, textName: string, sample: string): boolean => {
  if (sample === textName) return false
  if (type === "gaugehistogram") return sample === `${name}_gcount` || sample === `${name}_gsum`
  return (type === "counter" || type === "histogram" || type === "summary") && sample === `${name}_created`
}

/** A family of unknown type for each of the group's sample names. */
const splitInto = <F extends FamilyMeta>(leaves: Map<string, Group<F>>, group: Group<F>): void => {
  for (const part of group.parts) {
    for (const sample of part.only ?? part.family.sampleNames) {
      let leaf = leaves.get(sample)
      if (leaf === undefined) {
        leaf = newGroup(sample, "unknown")
        leaf.unitDiffers = true
        leaves.set(sample, leaf)
      }
      addPart(leaf, part.family, part.family.sampleNames.length > 1 ? [sample] : undefined)
    }
  }
}

const CLAIMS: Readonly<Record<OutputFormat, Partial<Record<MetricType, ReadonlyArray<string>>>>> = {
  text: { histogram: ["_bucket", "_sum", "_count"], summary: ["_sum", "_count"] },
  openmetrics: {
    counter: ["_total", "_created"],
    summary: ["_count", "_sum", "_created"],
    histogram: ["_count", "_sum", "_bucket", "_created"],
    gaugehistogram: ["_gcount", "_gsum", "_bucket"],
    info: ["_info"]
  }
}

interface Claimant {
  readonly key: string
  readonly real: boolean
}

/**
 * Splits groups so that no name has two claimants. Whoever has samples of a name keeps it against those that only could have;
 * where several have, all are split, and their lines meet in the leaf of that name. Once through is enough: a leaf's
 * name was claimed by the group it comes from, so every other claimant of it has been dealt with in the same turn.
 */
const separate = <F extends FamilyMeta>(
  groups: Map<string, Group<F>>,
  leaves: Map<string, Group<F>>,
  format: OutputFormat
): void => {
  const claims = new Map<string, Array<Claimant>>()
  for (const [key, group] of groups) {
    const names = new Set(group.samples).add(group.name)
    for (const suffix of CLAIMS[format][group.type] ?? []) names.add(group.name + suffix)
    for (const name of names) {
      const claimant = { key, real: group.samples.has(name) }
      const others = claims.get(name)
      if (others === undefined) claims.set(name, [claimant])
      else others.push(claimant)
    }
  }
  const split = new Set<string>()
  for (const [name, claimants] of claims) {
    const taken = leaves.has(name)
    if (claimants.length === 1 && !taken) continue
    const real = (taken ? 1 : 0) + claimants.filter((c) => c.real).length
    for (const c of claimants) if (!(c.real && real === 1)) split.add(c.key)
  }
  for (const key of split) {
    splitInto(leaves, groups.get(key)!)
    groups.delete(key)
  }
}
