/**
 * Differences: what a body shows against what Prometheus stores of the same text, series by series. Where they differ it has to be by one
 * of the kinds listed here, each with its reason; there are ten, and there is no eleventh.
 */
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { isReserved } from "../../../src/metrics/text/ReservedNames.ts"
import type { Answer, StoredSample } from "../../support/oracle.ts"

export type Timestamps = "scrape" | "event"

/** By their labels. */
export type SeriesMap = ReadonlyMap<string, StoredSample>

/** What Prometheus stores of a text, and what it would store if some of the lines it refuses were written as it likes them. */
export interface Expected {
  readonly answer: Answer
  readonly series: SeriesMap
  readonly repaired: ReadonlyMap<Kind, SeriesMap>
  readonly timestamps: Timestamps
  /** The time of samples without one. */
  readonly time: number
}

export type Kind =
  | "reserved-name"
  | "leading-blank"
  | "tail"
  | "openmetrics-blanks"
  | "number-label"
  | "mixed-stamps"
  | "name-twice"
  | "over-limit"
  | "out-of-bounds"
  | "own-instance"

interface Difference {
  readonly name: Kind
  readonly why: string
  readonly explains: (difference: Case) => boolean
}

interface Case {
  readonly key: string
  readonly stored: StoredSample | undefined
  readonly shown: StoredSample | undefined
  readonly expected: Expected
  readonly allShown: SeriesMap
}

const repairedAs =
  (kind: Kind) =>
  ({ key, shown, expected }: Case): boolean => {
    const repaired = expected.repaired.get(kind)
    return repaired !== undefined && same(repaired.get(key), shown, expected)
  }

export const kinds: ReadonlyArray<Difference> = [
  {
    name: "reserved-name",
    why: "Prometheus itself writes series of these names; a pod takes them from nobody.",
    explains: ({ stored, shown }) =>
      stored !== undefined && shown === undefined && isReserved(labelOf(stored, "__name__"))
  },
  {
    name: "leading-blank",
    why: "Prometheus 3 takes blanks before a name for a part of it, which no program means; a pod shows the name.",
    explains: (difference) =>
      blankNames(difference.expected.series).has(nameIn(difference.key).replace(leadingBlanks, "")) &&
      repairedAs("leading-blank")(difference)
  },
  {
    name: "tail",
    why: "What is not shown anyway costs no sample: a misplaced exemplar, and with the scrape's timestamps the sample's own.",
    explains: repairedAs("tail")
  },
  {
    name: "openmetrics-blanks",
    why: "OpenMetrics allows one blank where the text format allows several; a pod reads them all.",
    explains: repairedAs("openmetrics-blanks")
  },
  {
    name: "number-label",
    why: "Whether `le` and `quantile` become canonical numbers depends on the TYPE line before them, of whatever family.",
    explains: ({ key, stored, shown, expected, allShown }) => {
      const form = numberForm(key)
      if (form === undefined) return false
      if (stored !== undefined && shown === undefined)
        return [...allShown.keys()].some((other) => numberForm(other) === form)
      return [...expected.series].some(([other, one]) => numberForm(other) === form && same(one, shown, expected))
    }
  },
  {
    name: "mixed-stamps",
    why: "Of samples of one series with and without timestamps Prometheus keeps which it finds spelled alike.",
    explains: ({ stored, shown }) => stored?.mixed === true && shown !== undefined
  },
  {
    name: "name-twice",
    why: "A label name twice is forgiven by chance where one is empty or the target's own; a pod refuses each such line.",
    explains: ({ stored }) => stored?.repeated === true
  },
  {
    name: "over-limit",
    why: "Labels, and bytes of a label, are bounded.",
    explains: ({ stored, shown }) =>
      stored !== undefined &&
      shown === undefined &&
      (stored.labels.length / 2 - 1 > defaultParseLimits.maxLabels ||
        stored.labels.some((text) => escapedBytes(text) > defaultParseLimits.maxLabelValue))
  },
  {
    name: "out-of-bounds",
    why: "A timestamp so far from now that no database takes the sample: an hour back, ten minutes ahead.",
    explains: ({ stored, expected }) => {
      if (stored?.timestamp == null || expected.timestamps === "scrape") return false
      const ahead = Number(stored.timestamp) - expected.time
      return ahead < -3_600_000 || ahead > 600_000
    }
  },
  {
    name: "own-instance",
    why: "A series that names its source as its `instance` has the target's own label already; Prometheus would rename it beside that.",
    explains: ({ key, stored, shown, expected }) =>
      (stored !== undefined && shown === undefined && namesItself(stored)) ||
      [...expected.series.values()].some(
        (one) => namesItself(one) && seriesKey(withoutRenamed(one)) === key && same(one, shown, expected)
      )
  }
]

/** Where the renamed label of a series is that names its source itself. */
const ownName = ({ labels }: StoredSample): number =>
  labels.findIndex(
    (name, at) =>
      at % 2 === 0 && /^(exported_)+instance$/.test(name) && labels[at + 1] === labelOf({ labels }, "instance")
  )

const namesItself = (sample: StoredSample): boolean => ownName(sample) >= 0

const withoutRenamed = (sample: StoredSample): ReadonlyArray<string> =>
  sample.labels.filter((_, at) => at >> 1 !== ownName(sample) >> 1)

const stampOf = ({ timestamp }: StoredSample, { time }: Expected): number =>
  timestamp === null ? time : Number(timestamp)

const same = (a: StoredSample | undefined, b: StoredSample | undefined, expected: Expected): boolean =>
  a === undefined || b === undefined
    ? a === b
    : a.value === b.value &&
      (expected.timestamps === "scrape" ? b.timestamp === null : stampOf(a, expected) === stampOf(b, expected))

export const labelOf = ({ labels }: Pick<StoredSample, "labels">, name: string): string => {
  for (let i = 0; i < labels.length; i += 2) if (labels[i] === name) return labels[i + 1]!
  return ""
}

/** One spelling for each set of labels. */
export const seriesKey = (labels: ReadonlyArray<string>): string => {
  const pairs: Array<readonly [string, string]> = []
  for (let i = 0; i < labels.length; i += 2) pairs.push([labels[i]!, labels[i + 1]!])
  return JSON.stringify(pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}

export const seriesOf = ({ samples }: Pick<Answer, "samples">): SeriesMap =>
  new Map(samples.map((sample) => [seriesKey(sample.labels), sample]))

export const leadingBlanks = /^[ \t]+/

const nameIn = (key: string): string =>
  (JSON.parse(key) as Array<[string, string]>).find(([name]) => name === "__name__")?.[1] ?? ""

/** Without their leading blanks, those names that have some. */
export const blankNames = (series: SeriesMap): ReadonlySet<string> =>
  new Set(
    [...series.values()]
      .map((one) => labelOf(one, "__name__"))
      .filter((name) => leadingBlanks.test(name))
      .map((name) => name.replace(leadingBlanks, ""))
  )

/** The key with its bounds as numbers; undefined where it has none. */
export const numberForm = (key: string): string | undefined => {
  if (!/"(le|quantile)"/.test(key)) return undefined
  let found = false
  const pairs = (JSON.parse(key) as Array<[string, string]>).map(([name, value]) => {
    if (name !== "le" && name !== "quantile") return [name, value]
    found = true
    return [name, boundOf(value)]
  })
  return found ? JSON.stringify(pairs) : undefined
}

const boundOf = (text: string): string => {
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith("-") ? "-Inf" : "+Inf"
  if (/^nan$/i.test(text)) return "NaN"
  const [, sign, hex, fraction = "", power] = /^([+-]?)0x([\da-f_]*)\.?([\da-f_]*)p([+-]?\d+)$/i.exec(text) ?? []
  const digits = `${hex}${fraction}`.replaceAll("_", "")
  const number =
    power === undefined
      ? Number(text.replaceAll("_", ""))
      : Number(`${sign}1`) *
        Number.parseInt(digits, 16) *
        2 ** (Number(power) - 4 * fraction.replaceAll("_", "").length)
  // Zero has no sign here.
  return text.trim() !== text || text === "" || Number.isNaN(number) ? text : String(number + 0)
}

const escapedBytes = (text: string): number => Buffer.byteLength(text.replace(/[\\"\n]/g, "\\$&"))

export interface Comparison {
  /** For a person, of what no kind explains. */
  readonly unexplained: ReadonlyArray<string>
  readonly used: ReadonlySet<Kind>
}

export const compare = (expected: Expected, allShown: SeriesMap): Comparison => {
  const unexplained: Array<string> = []
  const used = new Set<Kind>()
  for (const key of new Set([...expected.series.keys(), ...allShown.keys()])) {
    const [stored, shown] = [expected.series.get(key), allShown.get(key)]
    if (same(stored, shown, expected)) continue
    const kind = kinds.find(({ explains }) => explains({ key, stored, shown, expected, allShown }))
    if (kind !== undefined) used.add(kind.name)
    else unexplained.push(`${key}: Prometheus stores ${described(stored)}, shown is ${described(shown)}`)
  }
  return { unexplained, used }
}

const described = (sample: StoredSample | undefined): string =>
  sample === undefined ? "nothing" : sample.timestamp === null ? sample.value : `${sample.value} at ${sample.timestamp}`
