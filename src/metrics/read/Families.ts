/**
 * Families: which family each sample name of a dump belongs to, and what the metadata lines say of it. A pure function of the names
 * and the statements, wherever in the dump they stand: TYPE after samples, twice, or between other families' lines costs
 * nothing.
 *
 * Families are kept by their text 0.0.4 name, so that gauge `foo` and counter `foo_total`, which every Go program has, are two
 * in both formats. Of statements that contradict each other none counts: the family is of unknown type.
 */
import type { InputFormat, MetricType } from "../text/Dump.ts"
import { isReserved } from "../text/ReservedNames.ts"
import type { SampleName } from "./Names.ts"
import type { Statement } from "./Statement.ts"
import type { Role } from "./ValueRule.ts"

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

/** A family while it is found out what is said of it. */
interface Draft {
  readonly number: number
  readonly family: { -readonly [K in keyof DeclaredFamily]: DeclaredFamily[K] }
}

const unshown: Place = { family: -1, role: "value" }

/** `names`: those that some line has, by their numbers. */
export const resolveFamilies = (
  names: ReadonlyArray<SampleName>,
  statements: ReadonlyArray<Statement>,
  format: InputFormat,
  allowReservedNames: boolean
): Families => {
  const resolving = new Resolving(names, statements, format, allowReservedNames)
  resolving.declare(0, statements.length)
  resolving.place(0, names.length)
  return resolving.families
}

/** The same a part at a time: all statements in their order, then all names. */
export class Resolving {
  /** Good when all is declared and placed. */
  readonly families: Families
  private readonly list: Array<DeclaredFamily> = []
  private readonly places: Array<Place> = []
  private readonly familyOf: Int32Array
  private readonly roles: Array<Role> = []
  private readonly drafts = new Map<string, Draft>()
  private readonly pending = new Map<string, { help: string; unit: string }>()
  /** By the name that the statements use: in OpenMetrics gauge `foo` and counter `foo` share it. */
  private readonly bySaid = new Map<string, Draft>()
  readonly names: ReadonlyArray<SampleName>
  readonly statements: ReadonlyArray<Statement>
  private readonly format: InputFormat
  private readonly allowReservedNames: boolean

  constructor(
    names: ReadonlyArray<SampleName>,
    statements: ReadonlyArray<Statement>,
    format: InputFormat,
    allowReservedNames: boolean
  ) {
    this.names = names
    this.statements = statements
    this.format = format
    this.allowReservedNames = allowReservedNames
    this.familyOf = new Int32Array(names.length)
    const { list, places, familyOf, roles } = this
    this.families = { list, places, familyOf, roles }
  }

  declare(from: number, to: number): void {
    const { statements, format, allowReservedNames } = this
    for (let k = from; k < to; k++) {
      const statement = statements[k]!
      if (statement.kind === "EOF" || statement.kind === "wrong") continue
      if (!allowReservedNames && isReservedType(statement, format)) continue
      if (statement.kind === "TYPE") this.sayType(statement.name, statement.type)
      else this.say(statement.kind === "HELP" ? "help" : "unit", statement.name, statement.text)
    }
  }

  place(from: number, to: number): void {
    const { names, places, familyOf, roles } = this
    for (let k = from; k < to; k++) {
      const place = this.placeOf(names[k]!)
      places.push(place)
      familyOf[k] = place.family
      roles.push(place.role)
    }
  }

  private placeOf({ text, reserved }: SampleName): Place {
    if (!this.allowReservedNames && reserved) return unshown
    return (
      claim(text, this.drafts, this.format) ?? {
        family: this.create(text, text, "unknown", text).number,
        role: "value"
      }
    )
  }

  private create(name: string, textName: string, type: MetricType, said: string): Draft {
    const { drafts, pending, list } = this
    const waiting = pending.get(said)
    pending.delete(said)
    const unit = type === "info" || type === "stateset" ? "" : (waiting?.unit ?? "")
    const draft = { number: list.length, family: { name, textName, type, help: waiting?.help ?? "", unit } }
    drafts.set(textName, draft)
    list.push(draft.family)
    return draft
  }

  private sayType(said: string, type: MetricType): void {
    const [name, textName] = namesOf(said, type, this.format)
    const known = this.drafts.get(textName)?.family
    if (known === undefined) this.bySaid.set(said, this.create(name, textName, type, said))
    else if (known.type !== type) {
      known.type = "unknown"
      known.name = textName
    }
  }

  private say(field: "help" | "unit", said: string, text: string): void {
    const family = this.bySaid.get(said)?.family
    if (family !== undefined && family[field] === "") {
      if (field === "help" || (family.type !== "info" && family.type !== "stateset")) family[field] = text
      return
    }
    const waiting = this.pending.get(said) ?? { help: "", unit: "" }
    if (waiting[field] === "") waiting[field] = text
    this.pending.set(said, waiting)
  }
}

/**
 * A type for a reserved name: of a histogram `up` it may make one series `up`. OpenMetrics' counters and infos
 * have names of their own.
 */
const isReservedType = (said: Statement, format: InputFormat): boolean =>
  said.kind === "TYPE" &&
  isReserved(said.name) &&
  (format === "text" || (said.type !== "counter" && said.type !== "info"))

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
    const { name: own, textName, type } = exact.family
    const role = own === textName ? "value" : type === "info" ? "info" : "total"
    return { family: exact.number, role }
  }
  for (const [suffix, role, types] of SUFFIXES) {
    if (!name.endsWith(suffix)) continue
    const base = name.slice(0, -suffix.length)
    const draft = drafts.get(base)
    // Text 0.0.4 knows no created samples: there the name is a family of its own.
    if (draft !== undefined && types.includes(draft.family.type) && (role !== "created" || format === "openmetrics"))
      return { family: draft.number, role }
    if (role !== "created" || format === "text") continue
    const counter = drafts.get(`${base}_total`)
    if (counter?.family.type === "counter") return { family: counter.number, role }
  }
  return undefined
}
