/**
 * Families: which family each sample name of a dump belongs to, and what the metadata lines say of it. A pure function of the names
 * and the statements, wherever in the dump they stand: TYPE after samples, twice, or between other families' lines costs
 * nothing.
 *
 * Families are kept by their text 0.0.4 name, so that gauge `foo` and counter `foo_total`, which every Go program has, are two
 * in both formats. Of statements that contradict each other none counts: the family is of unknown type.
 */
import type { InputFormat, MetricType } from "../text/Dump.ts"
import { reservedNames } from "../text/ReservedNames.ts"
import type { Role } from "./Conformity.ts"
import type { SampleName } from "./Names.ts"
import type { Statement } from "./Statement.ts"

export interface DeclaredFamily {
  /** OpenMetrics' name. */
  readonly name: string
  readonly textName: string
  readonly type: MetricType
  readonly help: string
  readonly unit: string
}

/** Where a sample name belongs. */
export interface Place {
  /** Its family's number, -1 where lines of that name are not shown (see ReservedNames). */
  readonly family: number
  readonly role: Role
}

export interface Families {
  readonly list: ReadonlyArray<DeclaredFamily>
  /** By the name's number; and the same as lists of one part each. */
  readonly places: ReadonlyArray<Place>
  readonly familyOf: Int32Array
  readonly roles: ReadonlyArray<Role>
}

const SUFFIXES: ReadonlyArray<readonly [suffix: string, role: Role, types: ReadonlyArray<MetricType>]> = [
  ["_bucket", "bucket", ["histogram", "gaugehistogram"]],
  ["_sum", "sum", ["histogram", "summary"]],
  ["_count", "count", ["histogram", "summary"]],
  ["_created", "created", ["histogram", "summary"]],
  ["_gsum", "gsum", ["gaugehistogram"]],
  ["_gcount", "gcount", ["gaugehistogram"]]
]

interface Draft {
  readonly number: number
  name: string
  readonly textName: string
  type: MetricType
  help: string
  unit: string
}

const unshown: Place = { family: -1, role: "value" }

/** `names`: those that some line has, by their numbers. */
export const resolveFamilies = (
  names: ReadonlyArray<SampleName>,
  statements: ReadonlyArray<Statement>,
  format: InputFormat,
  allowReservedNames: boolean
): Families => {
  const drafts = new Map<string, Draft>()
  const pending = new Map<string, { help: string; unit: string }>()
  const create = (name: string, textName: string, type: MetricType, said: string): Draft => {
    const waiting = pending.get(said)
    pending.delete(said)
    const unit = type === "info" || type === "stateset" ? "" : (waiting?.unit ?? "")
    const draft = { number: drafts.size, name, textName, type, help: waiting?.help ?? "", unit }
    drafts.set(textName, draft)
    return draft
  }
  const counted = allowReservedNames ? statements : statements.filter((said) => !isReserved(said, format))
  declare(counted, format, drafts, pending, create)
  const places = names.map((name): Place => {
    const { text } = name
    if (!allowReservedNames && name.reserved) return unshown
    const claimed = claim(text, drafts, format)
    if (claimed !== undefined) return claimed
    return { family: create(text, text, "unknown", text).number, role: "value" }
  })
  const list = Array.from(drafts.values(), ({ name, textName, type, help, unit }) => ({
    name,
    textName,
    type,
    help,
    unit
  }))
  return {
    list,
    places,
    familyOf: Int32Array.from(places, ({ family }) => family),
    roles: places.map(({ role }) => role)
  }
}

/**
 * A type for a name that Prometheus itself writes: of a histogram `up` it may make one series `up`. OpenMetrics' counters and infos
 * have names of their own.
 */
const isReserved = (said: Statement, format: InputFormat): boolean =>
  said.kind === "TYPE" &&
  reservedNames.has(said.name) &&
  (format === "text" || (said.type !== "counter" && said.type !== "info"))

/** What the statements say, in their order. */
const declare = (
  statements: ReadonlyArray<Statement>,
  format: InputFormat,
  drafts: ReadonlyMap<string, Draft>,
  pending: Map<string, { help: string; unit: string }>,
  create: (name: string, textName: string, type: MetricType, said: string) => Draft
): void => {
  /** By the name that the statements use: in OpenMetrics gauge `foo` and counter `foo` share it. */
  const bySaid = new Map<string, Draft>()
  for (const statement of statements) {
    if (statement.kind === "EOF" || statement.kind === "wrong") continue
    const said = statement.name
    if (statement.kind === "TYPE") {
      const [name, textName] = namesOf(said, statement.type, format)
      const known = drafts.get(textName)
      if (known === undefined) bySaid.set(said, create(name, textName, statement.type, said))
      else if (known.type !== statement.type) {
        known.type = "unknown"
        known.name = textName
      }
      continue
    }
    const field = statement.kind === "HELP" ? "help" : "unit"
    const family = bySaid.get(said)
    if (family !== undefined && family[field] === "") {
      if (field === "help" || (family.type !== "info" && family.type !== "stateset")) family[field] = statement.text
      continue
    }
    const waiting = pending.get(said) ?? { help: "", unit: "" }
    if (waiting[field] === "") waiting[field] = statement.text
    pending.set(said, waiting)
  }
}

/** A family's OpenMetrics name and text name, by the name in its TYPE. */
const namesOf = (said: string, type: MetricType, format: InputFormat): readonly [name: string, textName: string] => {
  if (format === "openmetrics")
    return [said, type === "counter" ? `${said}_total` : type === "info" ? `${said}_info` : said]
  const isTotal = type === "counter" && said.endsWith("_total") && said.length > "_total".length
  return [isTotal ? said.slice(0, -"_total".length) : said, said]
}

const claim = (name: string, drafts: ReadonlyMap<string, Draft>, format: InputFormat): Place | undefined => {
  const exact = drafts.get(name)
  if (exact !== undefined) {
    const suffixed = exact.name !== exact.textName
    const role = !suffixed ? "value" : exact.type === "info" ? "info" : "total"
    return { family: exact.number, role }
  }
  for (const [suffix, role, types] of SUFFIXES) {
    if (!name.endsWith(suffix)) continue
    const base = name.slice(0, -suffix.length)
    const family = drafts.get(base)
    // Text 0.0.4 knows no created samples: there the name is a family of its own.
    if (family !== undefined && types.includes(family.type) && (role !== "created" || format === "openmetrics"))
      return { family: family.number, role }
    if (role !== "created" || format === "text") continue
    const counter = drafts.get(`${base}_total`)
    if (counter?.type === "counter") return { family: counter.number, role }
  }
  return undefined
}
