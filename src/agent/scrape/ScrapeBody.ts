/**
 * ScrapeBody: whether the body that an endpoint answered is a round, and in which format. The content type decides that, as in
 * Prometheus 3: what it does not name, or another than the two text formats, is refused unless the target has a fallback. A body
 * must be whole: OpenMetrics ends with `# EOF`, a text's last line with its line feed. Pure.
 */

import { SeriesReader, seriesEnd } from "../../metrics/relabel/SeriesReader.ts"
import type { InputFormat } from "../../metrics/text/Dump.ts"
import { HASH, LF, numberIsValid, parseNumber, SPACE, skipBlanks, TAB } from "../../metrics/text/Syntax.ts"

export type Judged =
  | { readonly kind: "round"; readonly text: Uint8Array; readonly format: InputFormat }
  | { readonly kind: "refused"; readonly reason: "content-type" | "body"; readonly why: string }

const eof = Buffer.from("# EOF\n")
const empty = Buffer.from("\n")

const formats: ReadonlyMap<string, InputFormat> = new Map([
  ["text/plain", "text"],
  ["application/openmetrics-text", "openmetrics"]
])

/** Of a header it is the part before the first `;`. */
const formatOf = (contentType: string): InputFormat | undefined =>
  formats.get(contentType.split(";", 1)[0]!.trim().toLowerCase())

const refused = (reason: "content-type" | "body", why: string): Judged => ({ kind: "refused", reason, why })

/** It comes from anyone: one line, bounded, escaped. */
export const quotedPiece = (text: string): string =>
  JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text).replace(/[\x7f-\x9f\u2028\u2029]/g, "?")

const reader = new SeriesReader()

const isSample = (body: Uint8Array, at: number): boolean => {
  const end = seriesEnd(body, at)
  if (end < 0 || reader.read(body.subarray(at, end)) === undefined) return false
  const value = skipBlanks(body, end)
  let stop = value
  while (stop < body.length && body[stop] !== SPACE && body[stop] !== TAB && body[stop] !== LF) stop++
  parseNumber(body, value, stop)
  return numberIsValid()
}

/** So many bad lines are looked at; then the pods may find the good one. */
const maxLooks = 1000

/** Where its first line is that would be a sample, of a body that has such lines and none is good; else -1. */
const firstOfNoSamples = (body: Uint8Array): number => {
  let first = -1
  for (let at = 0, looks = 0; at < body.length && looks < maxLooks; ) {
    const i = skipBlanks(body, at)
    const feed = body.indexOf(LF, i)
    const end = feed < 0 ? body.length : feed
    if (i < end && body[i] !== HASH) {
      if (isSample(body, i)) return -1
      if (first < 0) first = i
      if (++looks === maxLooks) return -1
    }
    at = end + 1
  }
  return first
}

export const judgeBody = (body: Buffer, contentType: string, fallback: InputFormat | null): Judged => {
  const format = formatOf(contentType) ?? fallback
  if (format === null)
    return refused(
      "content-type",
      contentType === ""
        ? "it says no content type: set fallback_scrape_protocol if it is metrics all the same"
        : `its content type ${quotedPiece(contentType)} is none of metrics: set fallback_scrape_protocol if it is metrics all the same`
    )
  const first = firstOfNoSamples(body)
  if (first >= 0)
    return refused(
      "body",
      `it is not exposition text, none of its lines is a sample; one is ${quotedPiece(body.toString("utf8", first, first + 60).split("\n", 1)[0]!)}`
    )
  if (format === "openmetrics") {
    const whole = body.length >= eof.length && body.compare(eof, 0, eof.length, body.length - eof.length) === 0
    // The line feed behind it may be missing.
    const bare = body.length >= 5 && body.compare(eof, 0, 5, body.length - 5) === 0
    if (!whole && !bare) return refused("body", "it is OpenMetrics without # EOF at its end, so it is not whole")
    return { kind: "round", text: whole ? body : Buffer.concat([body, empty]), format }
  }
  // An empty value would tell the pods that the source has ended.
  if (body.length === 0) return { kind: "round", text: empty, format }
  if (body[body.length - 1] !== LF) return refused("body", "its last line has no line feed, so it is not whole")
  return { kind: "round", text: body, format }
}
