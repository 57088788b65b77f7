/**
 * Mapping: an item of an option that is a mapping in YAML (a scrape target, a relabelling rule), as texts by their keys. It comes as one
 * text, from the file or from a flag or variable: YAML, of which JSON is a part. Pure.
 *
 * No message carries a value: any may be a secret.
 */
import { isMap, isPair, isScalar, isSeq, parseDocument } from "yaml"
import type { Kind, Reading } from "./Kind.ts"
import { nearest } from "./Nearest.ts"

/** Every leaf is the text that the user wrote: a plain `007` or `1e3` stays what it is. */
export type Plain = string | ReadonlyArray<Plain> | PlainMap
export interface PlainMap {
  readonly [key: string]: Plain
}

export const isPlainMap = (value: Plain | undefined): value is PlainMap =>
  typeof value === "object" && !Array.isArray(value)

/** A YAML node; undefined for what is neither text, sequence nor mapping (an alias, a key that is no text). */
export const plainOf = (node: unknown): Plain | undefined => {
  if (node === null) return ""
  if (isScalar(node))
    return node.value === null ? "" : typeof node.value === "string" ? node.value : (node.source ?? String(node.value))
  if (isSeq(node)) {
    const items = node.items.map(plainOf)
    return items.every((item) => item !== undefined) ? items : undefined
  }
  if (!isMap(node)) return undefined
  const pairs: Array<readonly [string, Plain]> = []
  for (const pair of node.items) {
    const [key, value] = isPair(pair) ? [plainOf(pair.key), plainOf(pair.value)] : []
    if (typeof key !== "string" || value === undefined) return undefined
    pairs.push([key, value])
  }
  return Object.fromEntries(pairs)
}

/** Undefined where the text is no YAML. */
export const readPlain = (text: string): Plain | undefined => {
  const document = parseDocument(text, { prettyErrors: false })
  return document.errors.length > 0 ? undefined : plainOf(document.contents)
}

/** Each given text is one item. Its meaning is for `read`, whose problems are whole clauses. */
export const mappings = <A>(
  metavar: string,
  allowed: string,
  read: (item: Plain) => A | { readonly wrong: string }
): Kind<ReadonlyArray<A>> => ({
  metavar,
  allowed,
  many: true,
  mappings: true,
  read: (texts): Reading<ReadonlyArray<A>> => {
    const values: Array<A> = []
    for (const [i, text] of texts.entries()) {
      const item = readPlain(text)
      const value = item === undefined ? { wrong: "it is not YAML" } : read(item)
      if (typeof value === "object" && value !== null && "wrong" in value)
        return { wrong: `${texts.length === 1 ? "" : `item ${i + 1} of it: `}${value.wrong}` }
      values.push(value as A)
    }
    return { value: values }
  }
})

/** The fields of one mapping, each asked for by its name; the first problem is kept. */
export class Fields {
  /** The first thing wrong, a whole clause; "" while nothing is. */
  wrong = ""
  private readonly map: PlainMap
  /** What stands before a field's name: "" or `basic_auth.`. */
  private readonly prefix: string
  private readonly known = new Set<string>()

  constructor(map: PlainMap, prefix = "") {
    this.map = map
    this.prefix = prefix
  }

  fail(wrong: string): void {
    if (this.wrong === "") this.wrong = wrong
  }

  has(key: string): boolean {
    this.known.add(key)
    return Object.hasOwn(this.map, key)
  }

  value<A>(key: string, kind: Kind<A>): A | undefined {
    if (!this.has(key)) return undefined
    const text = this.map[key]!
    const reading = typeof text === "string" ? kind.read([text]) : { wrong: "" }
    if ("value" in reading) return reading.value
    this.fail(`its ${this.prefix}${key} must be ${kind.allowed}`)
    return undefined
  }

  /** A sequence of texts. */
  list(key: string): ReadonlyArray<string> | undefined {
    if (!this.has(key)) return undefined
    const list = this.map[key]!
    if (Array.isArray(list) && list.every((text) => typeof text === "string")) return list
    this.fail(`its ${this.prefix}${key} must be a list of texts`)
    return undefined
  }

  /** A mapping of texts. */
  texts(key: string): Readonly<Record<string, string>> | undefined {
    if (!this.has(key)) return undefined
    const map = this.map[key]!
    if (isPlainMap(map) && Object.values(map).every((text) => typeof text === "string"))
      return map as Readonly<Record<string, string>>
    this.fail(`its ${this.prefix}${key} must be a mapping of texts`)
    return undefined
  }

  /** A mapping within; what is wrong in it is wrong here. */
  within<A>(key: string, read: (fields: Fields) => A): A | undefined {
    if (!this.has(key)) return undefined
    const map = this.map[key]!
    if (!isPlainMap(map)) {
      this.fail(`its ${this.prefix}${key} must be a mapping`)
      return undefined
    }
    const fields = new Fields(map, `${this.prefix}${key}.`)
    const value = read(fields)
    fields.end()
    if (fields.wrong !== "") this.fail(fields.wrong)
    return value
  }

  /** All were asked for: what else is there is a mistake. */
  end(): void {
    for (const key of Object.keys(this.map)) {
      if (this.known.has(key)) continue
      const guess = nearest(key, this.known)
      const shown =
        key.length > 64 ? "a field that it does not have" : `the unknown field ${JSON.stringify(this.prefix + key)}`
      this.fail(`it has ${shown}${guess === undefined ? "" : `, did you mean ${guess}?`}`)
    }
  }
}
