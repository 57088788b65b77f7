/**
 * Negotiation: which exposition format a scraper is given, whether compressed, and which one a record's content type names.
 *
 * Answers as Prometheus' Go library does (expfmt.NegotiateIncludingOpenMetrics): by quality, then in the header's order;
 * text 0.0.4 for whoever names nothing that is known here. Protobuf is not offered; parameters such as `escaping` are
 * ignored, since no name here ever needs escaping. Never fails: a header that makes no sense asks for nothing.
 */
import type { InputFormat } from "./Dump.ts"

export interface Negotiated {
  readonly format: "text" | "openmetrics"
  readonly contentType: string
}

const TEXT: Negotiated = { format: "text", contentType: "text/plain; version=0.0.4; charset=utf-8" }
const OPENMETRICS = "application/openmetrics-text"

export const negotiate = (accept: string | undefined): Negotiated => {
  for (const { value, parameters } of preferences(accept)) {
    const version = parameters.get("version") ?? ""
    if (value === "text/plain" && isTextVersion(version)) return TEXT
    if (value === OPENMETRICS && isOpenMetricsVersion(version))
      return {
        format: "openmetrics",
        // As the Go library: 0.0.1, whose text is the same, for whoever does not ask for a version.
        contentType: `${OPENMETRICS}; version=${version === "1.0.0" ? "1.0.0" : "0.0.1"}; charset=utf-8`
      }
  }
  return TEXT
}

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
  if (value === "text/plain" && isTextVersion(version)) return "text"
  if (value === OPENMETRICS && isOpenMetricsVersion(version)) return "openmetrics"
  return undefined
}

const isTextVersion = (version: string): boolean => version === "" || version === "0.0.4"
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
