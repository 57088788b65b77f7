/**
 * Families: which family each sample name of a dump belongs to, and what the metadata lines say of it. A pure function of the names
 * and the statements, wherever in the dump they stand: TYPE after samples, twice, or between other families' lines costs
 * nothing.
 *
 * Families are kept by their text 0.0.4 name, so that gauge `foo` and counter `foo_total`, which every Go program has, are two
 * in both formats. Of statements that contradict each other none counts: the family is of unknown type. A name of which nothing
 * is said is a family of its own, by its number alone: there may be as many as there are lines.
 */
import type { InputFormat, MetricType } from "../text/Dump.ts"
import { isReserved } from "../text/ReservedNames.ts"
import type { Names } from "./Names.ts"
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

const ROLES: ReadonlyArray<Role> = ["value", "total", "created", "bucket", "sum", "count", "gcount", "gsum", "info"]
const ROLE_BITS = 4
/** What a family of which something is said takes besides its texts, which comments have: also once a scrape has asked what it is. */
const DECLARED_BYTES = 272

/** Families by their numbers: those of which something is said, then those of the names of which nothing is. */
export class Families {
  readonly names: Names
  readonly declared: ReadonlyArray<DeclaredFamily>
  /** By the name's number: its family and its role in it. */
  private readonly places: Int32Array
  /** The number of the family that the first name would be by itself, of the second the next one. */
  private readonly ownOfFirst: number

  constructor(names: Names, declared: ReadonlyArray<DeclaredFamily>, places: Int32Array, ownOfFirst: number) {
    this.names = names
    this.declared = declared
    this.places = places
    this.ownOfFirst = ownOfFirst
  }

  /** All numbers are below. */
  get size(): number {
    return this.ownOfFirst + this.places.length
  }

  /** What they take. */
  get bytes(): number {
    return this.declared.length * DECLARED_BYTES + this.places.byteLength
  }

  /** Of a name; -1 where lines of that name are not shown (see ReservedNames). */
  familyOf(name: number): number {
    return this.places[name]! >> ROLE_BITS
  }

  roleOf(name: number): Role {
    return ROLES[this.places[name]! & ((1 << ROLE_BITS) - 1)]!
  }

  typeOf(family: number): MetricType {
    return this.isDeclared(family) ? this.declared[family]!.type : "unknown"
  }

  at(family: number): DeclaredFamily {
    return this.isDeclared(family) ? this.declared[family]! : saidNothing(this.names.textOf(family - this.ownOfFirst))
  }

  /** The name of a family of which nothing is said; -1 of others. */
  nameOf(family: number): number {
    return Math.max(-1, family - this.ownOfFirst)
  }

  /** Something is said of it. */
  isDeclared(family: number): boolean {
    return family >= 0 && family < this.declared.length
  }
}

const saidNothing = (name: string): DeclaredFamily => ({ name, textName: name, type: "unknown", help: "", unit: "" })

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

/** `names`: those that some line has. */
export const resolveFamilies = (
  names: Names,
  statements: ReadonlyArray<Statement>,
  format: InputFormat,
  allowReservedNames: boolean
): Families => {
  const resolving = new Resolving(names, statements, format, allowReservedNames)
  resolving.declare(0, statements.length)
  resolving.place(0, names.size)
  return resolving.families
}

/** The same a part at a time: all statements in their order, then all names. */
export class Resolving {
  /** Good when all is declared and placed. */
  readonly families: Families
  /** Names that were placed. */
  placed = 0
  private readonly declared: Array<DeclaredFamily> = []
  private readonly places: Int32Array
  private readonly drafts = new Map<string, Draft>()
  private readonly pending = new Map<string, { help: string; unit: string }>()
  /** By the name that the statements use: in OpenMetrics gauge `foo` and counter `foo` share it. */
  private readonly bySaid = new Map<string, Draft>()
  readonly names: Names
  readonly statements: ReadonlyArray<Statement>
  private readonly format: InputFormat
  private readonly allowReservedNames: boolean

  constructor(names: Names, statements: ReadonlyArray<Statement>, format: InputFormat, allowReservedNames: boolean) {
    this.names = names
    this.statements = statements
    this.format = format
    this.allowReservedNames = allowReservedNames
    this.places = new Int32Array(names.size)
    // Each family that is declared has a statement of its own.
    this.families = new Families(names, this.declared, this.places, statements.length)
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
    for (let name = from; name < to; name++) this.places[name] = this.placeOf(name)
    this.placed = to
  }

  private placeOf(name: number): number {
    const { names, drafts, pending, format, statements, allowReservedNames } = this
    if (!allowReservedNames && names.isReserved(name)) return placeIn(-1, "value")
    if (drafts.size === 0 && pending.size === 0) return placeIn(statements.length + name, "value")
    const text = names.textOf(name)
    const claimed = claim(text, drafts, format)
    if (claimed !== undefined) return claimed
    const own = pending.has(text) ? this.create(text, text, "unknown", text).number : statements.length + name
    return placeIn(own, "value")
  }

  private create(name: string, textName: string, type: MetricType, said: string): Draft {
    const { drafts, pending, declared } = this
    const waiting = pending.get(said)
    pending.delete(said)
    const unit = type === "info" || type === "stateset" ? "" : (waiting?.unit ?? "")
    const draft = { number: declared.length, family: { name, textName, type, help: waiting?.help ?? "", unit } }
    drafts.set(textName, draft)
    declared.push(draft.family)
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

const placeIn = (family: number, role: Role): number => (family << ROLE_BITS) | ROLES.indexOf(role)

const claim = (name: string, drafts: ReadonlyMap<string, Draft>, format: InputFormat): number | undefined => {
  const exact = drafts.get(name)
  if (exact !== undefined) {
    const { name: own, textName, type } = exact.family
    const role = own === textName ? "value" : type === "info" ? "info" : "total"
    return placeIn(exact.number, role)
  }
  for (const [suffix, role, types] of SUFFIXES) {
    if (!name.endsWith(suffix)) continue
    const base = name.slice(0, -suffix.length)
    const draft = drafts.get(base)
    // Text 0.0.4 knows no created samples: there the name is a family of its own.
    if (draft !== undefined && types.includes(draft.family.type) && (role !== "created" || format === "openmetrics"))
      return placeIn(draft.number, role)
    if (role !== "created" || format === "text") continue
    const counter = drafts.get(`${base}_total`)
    if (counter?.family.type === "counter") return placeIn(counter.number, role)
  }
  return undefined
}
