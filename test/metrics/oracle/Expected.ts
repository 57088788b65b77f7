/**
 * Expected: asks the oracle what Prometheus stores of a text, and what it would store if lines that it refuses, or reads as nobody means
 * them, were written as it likes them. What a pod shows may be either, where Differences has a reason for it.
 */
import type { Answer, Oracle, Question, StoredSample } from "../../support/oracle.ts"
import {
  blankNames,
  type Expected,
  type Kind,
  labelOf,
  leadingBlanks,
  type SeriesMap,
  seriesOf,
  type Timestamps
} from "./Differences.ts"

/** Or what stands in its place. */
const exemplar = /[ \t]+#.*\n?$/s

/** Asks what Prometheus stores of the text. */
export const expectedOf = async (oracle: Oracle, question: Question, timestamps: Timestamps): Promise<Expected> => {
  const answer = await oracle.ask(question)
  const time = question.time ?? 0
  const repaired = new Map<Kind, SeriesMap>()
  let text = Buffer.from(question.text).toString("latin1")
  let last = answer
  const retry = async (kind: Kind, repair: (line: string) => Promise<string | undefined>): Promise<void> => {
    const better = await repairLines(text, last, repair)
    if (better !== undefined) {
      text = better
      last = await oracle.ask({ ...question, text: Buffer.from(text, "latin1") })
    }
    repaired.set(kind, seriesOf(last))
  }
  const alone = async (line: string, contentType = question.contentType): Promise<StoredSample | undefined> => {
    const end = contentType.includes("openmetrics") ? "# EOF\n" : ""
    const { refused, samples } = await oracle.ask({ text: Buffer.from(line + end, "latin1"), contentType })
    return refused === "" && samples.length === 1 ? samples[0] : undefined
  }
  if (blankNames(seriesOf(answer)).size > 0) {
    text = text.replace(/(^|\n)[ \t]+(?=[a-zA-Z_:])/g, "$1")
    last = await oracle.ask({ ...question, text: Buffer.from(text, "latin1") })
  }
  repaired.set("leading-blank", seriesOf(last))
  await retry("tail", async (line) => {
    const bare = line.replace(exemplar, "\n")
    if (bare !== line && (await alone(bare)) !== undefined) return bare
    const unstamped = bare.replace(/[ \t]+[^ \t]+\n?$/, "\n")
    const sample = timestamps === "scrape" && unstamped !== bare ? await alone(unstamped) : undefined
    return sample?.timestamp === null ? unstamped : undefined
  })
  if (question.contentType.includes("openmetrics"))
    await retry("openmetrics-blanks", async (line) => {
      const bare = line.replace(leadingBlanks, "").replace(exemplar, "\n")
      const sample = await alone(bare, "text/plain")
      if (sample !== undefined) return written(sample)
      // Seconds with a fraction, which text has not.
      const [, rest, seconds] = /^(.*[^ \t])[ \t]+(\d+\.\d+)[ \t]*\n?$/s.exec(bare) ?? []
      const timed = rest === undefined ? undefined : await alone(`${rest}\n`, "text/plain")
      return timed === undefined ? undefined : written({ ...timed, timestamp: seconds! })
    })
  return { answer, series: seriesOf(answer), repaired, timestamps, time }
}

/** The text with its refused lines in other words; undefined where there are none. */
const repairLines = async (
  text: string,
  { dropped }: Answer,
  repair: (line: string) => Promise<string | undefined>
): Promise<string | undefined> => {
  let better = text
  for (const { line } of dropped) {
    const bytes = Buffer.from(line, "base64").toString("latin1")
    const repaired = await repair(bytes)
    if (repaired !== undefined) better = `\n${better}`.replace(`\n${bytes}`, () => `\n${repaired}`).slice(1)
  }
  return better === text ? undefined : better
}

const written = ({ labels, value, timestamp }: StoredSample): string => {
  const quoted = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`
  const parts = [quoted(labelOf({ labels }, "__name__"))]
  for (let i = 0; i < labels.length; i += 2)
    if (labels[i] !== "__name__") parts.push(`${quoted(labels[i]!)}=${quoted(labels[i + 1]!)}`)
  return Buffer.from(`{${parts.join()}} ${value}${timestamp === null ? "" : ` ${timestamp}`}\n`, "utf8").toString(
    "latin1"
  )
}
