/**
 * Negotiation: which exposition format a scraper is given, with which way of escaping names, whether compressed, and which format a
 * record's content type names.
 *
 * Answers as Prometheus' Go library does (expfmt.NegotiateAccept): by quality, then in the header's order; text 0.0.4 for
 * whoever names nothing that is known here, underscores for whoever names no escaping. Protobuf and OpenMetrics 2.0 are not
 * offered. Never fails: a header that makes no sense asks for nothing.
 */
import type { InputFormat } from "./Dump.ts"
import { type Escaping, escapings } from "./Escaping.ts"

export type OutputFormat = "text" | "openmetrics"

/** What a body is written in. */
export interface Output {
  readonly format: OutputFormat
  readonly escaping: Escaping
}

export interface Negotiated extends Output {
  readonly contentType: string
}

const TEXT = "text/plain"
const OPENMETRICS = "application/openmetrics-text"

/** In the order of the Go library. */
const offers: ReadonlyArray<{ readonly format: OutputFormat; readonly type: string; readonly version: string }> = [
  { format: "openmetrics", type: OPENMETRICS, version: "1.0.0" },
  { format: "openmetrics", type: OPENMETRICS, version: "0.0.1" },
  { format: "text", type: TEXT, version: "0.0.4" },
  { format: "text", type: TEXT, version: "1.0.0" }
]
/** What a media type without a version means. */
const versions = new Map([
  [TEXT, "0.0.4"],
  [OPENMETRICS, "0.0.1"]
])

export const negotiate = (accept: string | undefined): Negotiated => {
  for (const { value, parameters } of preferences(accept)) {
    const version = parameters.get("version") || versions.get(value)
    const offer = offers.find((o) => o.type === value && o.version === version)
    if (offer === undefined) continue
    const asked = parameters.get("escaping")
    return negotiated(offer, escapings.find((e) => e === asked) ?? "underscores")
  }
  return negotiated(offers[2]!, "underscores")
}

const negotiated = ({ format, type, version }: (typeof offers)[number], escaping: Escaping): Negotiated => ({
  format,
  escaping,
  contentType: `${type}; version=${version}; charset=utf-8; escaping=${escaping}`
})

export const acceptsGzip = (acceptEncoding: string | undefined): boolean => {
  const named = parseList(acceptEncoding)
  const entry = named.find(({ value }) => value === "gzip") ?? named.find(({ value }) => value === "*")
  return entry !== undefined && entry.quality > 0
}

/** The format of a record's `content-type`; undefined where it is none that can be read here. */
export const inputFormat = (contentType: string | undefined): InputFormat | undefined => {
  if (contentType === undefined || contentType.trim() === "") return "text"
  const { value, parameters } = parseEntry(contentType)
  const charset = parameters.get("charset")?.toLowerCase() ?? "utf-8"
  if (charset !== "utf-8" && charset !== "utf8" && charset !== "us-ascii") return undefined
  const version = parameters.get("version") ?? ""
  if (value === TEXT && isTextVersion(version)) return "text"
  if (value === OPENMETRICS && isOpenMetricsVersion(version)) return "openmetrics"
  return undefined
}

const isTextVersion = (version: string): boolean => version === "" || version === "0.0.4" || version === "1.0.0"
const isOpenMetricsVersion = (version: string): boolean => version === "" || version === "1.0.0" || version === "0.0.1"

interface Entry {
  readonly value: string
  readonly parameters: ReadonlyMap<string, string>
  readonly quality: number
}

const preferences = (header: string | undefined): ReadonlyArray<Entry> =>
  parseList(header)
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)

const parseList = (header: string | undefined): Array<Entry> => (header ?? "").split(",").map(parseEntry)

const parseEntry = (text: string): Entry => {
  const [value = "", ...rest] = text.split(";")
  const parameters = new Map<string, string>()
  for (const parameter of rest) {
    const equals = parameter.indexOf("=")
    if (equals < 0) continue
    const content = parameter.slice(equals + 1).trim()
    parameters.set(parameter.slice(0, equals).trim().toLowerCase(), content.replace(/^"(.*)"$/, "$1"))
  }
  const quality = Number(parameters.get("q") ?? "1")
  return { value: value.trim().toLowerCase(), parameters, quality: quality >= 0 && quality <= 1 ? quality : 1 }
}
