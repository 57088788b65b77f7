/**
 * Escaping: what becomes of a name that does not fit the old character set, for a scraper that cannot read it in quotes: the
 * four schemes of Prometheus' Go library (model.EscapeName), with its rule for families: the family's name is escaped, a suffix
 * like `_bucket` comes behind it. Pure.
 *
 * One deviation: a colon in a label's name is escaped, too. The Go library leaves it, and no parser reads it.
 */
import type { Family } from "./Dump.ts"
import { escapeValue } from "./Syntax.ts"

export const escapings = ["allow-utf-8", "underscores", "dots", "values"] as const
export type Escaping = (typeof escapings)[number]

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/

export const isPlainMetric = (name: string): boolean => METRIC.test(name)
export const isPlainLabel = (name: string): boolean => LABEL.test(name)

export const escapeMetric = (name: string, scheme: Escaping): string =>
  scheme === "allow-utf-8" || isPlainMetric(name) ? name : escapeName(name, scheme, true)

export const escapeLabel = (name: string, scheme: Escaping): string =>
  scheme === "allow-utf-8" || isPlainLabel(name) ? name : escapeName(name, scheme, false)

const escapeName = (name: string, scheme: Exclude<Escaping, "allow-utf-8">, colon: boolean): string => {
  let text = scheme === "values" ? "U__" : ""
  let first = true
  for (const c of name) {
    const stays = /[a-zA-Z_]/.test(c) || (colon && c === ":") || (!first && /[0-9]/.test(c))
    first = false
    if (scheme === "underscores") text += stays ? c : "_"
    else if (c === "_") text += "__"
    else if (stays) text += c
    else if (scheme === "values") text += `_${c.codePointAt(0)!.toString(16)}_`
    else text += c === "." ? "_dot_" : "__"
  }
  return text
}

/** As it stands in a metadata line. */
export const quotedMetric = (name: string): string => (isPlainMetric(name) ? name : `"${escapeValue(name)}"`)

/** A family's names as a body shows them. */
export interface ShownNames {
  readonly name: string
  readonly textName: string
  /** In the order of the family's `sampleNames`. */
  readonly samples: ReadonlyArray<string>
}

type Named = Pick<Family, "name" | "textName" | "sampleNames" | "quoted">

export const isEscaped = ({ quoted }: Pick<Family, "quoted">, scheme: Escaping): boolean =>
  quoted && scheme !== "allow-utf-8"

export const shownNames = (family: Named, scheme: Escaping): ShownNames => {
  const { name, textName, sampleNames } = family
  if (!isEscaped(family, scheme) || isPlainMetric(textName)) return { name, textName, samples: sampleNames }
  const text = escapeMetric(textName, scheme)
  const suffix = textName.slice(name.length)
  const bare = suffix === "" ? text : text.slice(0, -suffix.length)
  return {
    name: bare,
    textName: text,
    samples: sampleNames.map((sample) =>
      sample === textName
        ? text
        : sample.startsWith(name)
          ? bare + sample.slice(name.length)
          : escapeMetric(sample, scheme)
    )
  }
}
