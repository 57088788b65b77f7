/**
 * Judge: one text through a pod, and what the parsers in use say of both bodies: that they are valid, that they carry the same series,
 * and that these are what Prometheus stores of the text, or differ from it by a listed kind.
 */

import { arrival, openMetricsType, shownOf, source, textType } from "../../support/onePod.ts"
import type { Answer, Oracle } from "../../support/oracle.ts"
import { type Body, parseInPython, type Verdict } from "../../support/python.ts"
import {
  compare,
  type Kind,
  labelOf,
  numberForm,
  type SeriesMap,
  seriesKey,
  seriesOf,
  type Timestamps
} from "./Differences.ts"
import { expectedOf } from "./Expected.ts"
import type { Text } from "./Mutations.ts"

export interface Judged {
  readonly text: Text
  readonly timestamps: Timestamps
  /** Each of them a sentence; none where all is well. */
  readonly faults: ReadonlyArray<string>
  readonly kinds: ReadonlySet<Kind>
  /** What Prometheus reads of each body, for whoever else reads them. */
  readonly bodies: ReadonlyArray<Body & { readonly series: SeriesMap; readonly types: Answer["types"] }>
}

const formats = ["text", "openmetrics"] as const

export const judge = async (oracle: Oracle, text: Text, timestamps: Timestamps): Promise<Judged> => {
  const bytes = Buffer.from(text.text, "latin1")
  const question = {
    text: bytes,
    contentType: text.contentType,
    target: [["instance", source]] as const,
    time: arrival
  }
  const expected = await expectedOf(oracle, question, timestamps)
  const shown = shownOf(bytes, text.contentType, timestamps)
  const faults: Array<string> = []
  const kinds = new Set<Kind>()
  const bodies: Array<Judged["bodies"][number]> = []
  for (const format of formats) {
    const contentType = format === "text" ? textType : openMetricsType
    const answer = await oracle.ask({ text: shown[format], contentType, time: arrival, expfmt: format === "text" })
    const series = seriesOf(answer)
    faults.push(...invalid(answer).map((fault) => `the ${format} body: ${fault}`))
    const { unexplained, used } = compare(expected, series)
    faults.push(...unexplained.map((difference) => `the ${format} body: ${difference}`))
    for (const kind of used) kinds.add(kind)
    bodies.push({ format, body: shown[format].toString("utf8"), series, types: answer.types })
  }
  if (faults.length > 0)
    faults.push(...shown.refusals.map(({ reason, detail, count }) => `refused ${count} times: ${reason}: ${detail}`))
  return { text, timestamps, faults, kinds, bodies }
}

/** What Prometheus and the Go library find wrong with a body. */
const invalid = ({ refused, dropped, duplicates, samples, expfmt }: Answer): ReadonlyArray<string> => {
  const faults: Array<string> = []
  if (refused !== "") faults.push(`Prometheus refuses the scrape: ${refused}`)
  else if (dropped.length > 0) faults.push(`Prometheus stops reading at ${JSON.stringify(dropped[0]!.line)}`)
  if (duplicates > 0) faults.push(`${duplicates} samples of series that it has already`)
  if (expfmt === undefined) return faults
  if (expfmt.error !== "") return [...faults, `the Go library refuses it: ${expfmt.error}`]
  const other = new Map(expfmt.samples.map(({ labels, value }) => [comparable(seriesKey(labels)), value]))
  return [
    ...faults,
    ...unlike(
      "the Go library",
      samples.map(({ labels, value }) => [labels, value] as const),
      other
    )
  ]
}

const comparable = (key: string): string => numberForm(key) ?? key

/** Counts are whole numbers to the Go library: only that they are there is asked. */
const unlike = (
  who: string,
  samples: ReadonlyArray<readonly [labels: ReadonlyArray<string>, value: string]>,
  other: ReadonlyMap<string, string>
): ReadonlyArray<string> => {
  const mine = new Map(samples.map(([labels, value]) => [comparable(seriesKey(labels)), [labels, value] as const]))
  const faults: Array<string> = []
  for (const [key, [labels, value]] of mine) {
    const read = other.get(key)
    if (read === undefined) faults.push(`${who} does not read ${key}`)
    else if (!sameNumber(numberOf(read), numberOf(value)) && !labelOf({ labels }, "__name__").endsWith("_count"))
      faults.push(`${who} reads ${read} for ${value} of ${key}`)
  }
  for (const key of other.keys()) if (!mine.has(key)) faults.push(`${who} reads ${key}, which Prometheus does not`)
  return faults
}

/** To Python `-0` is a whole number, which has no sign. */
const sameNumber = (a: number, b: number): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b))

/** As Go or Python prints it. */
const numberOf = (text: string): number =>
  /inf/i.test(text) ? (text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY) : Number(text)

/** What prometheus_client finds wrong with the bodies of all of them: one process. By text. */
export const judgeInPython = async (all: ReadonlyArray<Judged>): Promise<ReadonlyArray<Judged>> => {
  const bodies = all.flatMap(({ bodies }) => bodies)
  const verdicts = await parseInPython(bodies.map(({ format, body }) => ({ format, body: withoutHidden(body) })))
  let at = 0
  return all.map((judged) => ({
    ...judged,
    faults: judged.bodies.flatMap((body) => pythonFaults(body, verdicts[at++]!))
  }))
}

/** Prometheus stores labels such as `__x`; prometheus_client takes them in no spelling, so it is asked about the other lines. */
const withoutHidden = (body: string): string => body.replace(/^[^#\n].*[{,]"?__(?!name__).*\n/gm, "")

const isHidden = (key: string): boolean => /\["__(?!name__")/.test(key)

const pythonFaults = ({ format, series }: Judged["bodies"][number], verdict: Verdict): ReadonlyArray<string> => {
  const who = `the ${format} body: prometheus_client`
  if (verdict.error !== undefined) return [`${who} refuses it: ${verdict.error}`]
  const known = new Set([...series.keys()].map(comparable))
  const other = new Map(
    verdict.samples.map(({ name, labels, value, type }) => {
      const keyOf = (named: string): string =>
        comparable(seriesKey(["__name__", named, ...Object.entries(labels).flat()]))
      // It hands text counters out with `_total` even where the text has none.
      const munged = format === "text" && type === "counter" && name.endsWith("_total") && !known.has(keyOf(name))
      return [keyOf(munged ? name.slice(0, -"_total".length) : name), value] as const
    })
  )
  return unlike(
    who,
    [...series].flatMap(([key, { labels, value }]) => (isHidden(key) ? [] : [[labels, value] as const])),
    other
  )
}

/** For a person who wants to see it again. */
export const describeFaults = ({ text, timestamps, faults, bodies }: Judged): string =>
  [
    `${text.name}, ${timestamps} timestamps:`,
    ...faults.map((fault) => `  ${fault}`),
    JSON.stringify(text.text.length > 4000 ? `${text.text.slice(0, 4000)}…` : text.text),
    ...(text.text.length > 4000 ? [] : bodies.map(({ format, body }) => `--- ${format}\n${body}`))
  ].join("\n")
