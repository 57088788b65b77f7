/**
 * Section: one mapping of a YAML file, whose fields are asked for by their names. What is wrong is a sentence with its line; none carries
 * a value, since any may be a secret. A field that was never asked for is a mistake. Pure.
 */
import { isMap, isPair, isSeq, type LineCounter, parseDocument, type YAMLMap } from "yaml"
import { plainOf } from "../../config/Mapping.ts"
import { nearest } from "../../config/Nearest.ts"

export interface Entry {
  readonly name: string
  readonly text: string
  readonly line: number
}

export class Problems {
  readonly all: Array<string> = []
  private readonly file: string
  private readonly lines: LineCounter

  constructor(file: string, lines: LineCounter) {
    this.file = file
    this.lines = lines
  }

  add(line: number, sentence: string): void {
    this.all.push(`${this.file}, line ${line}: ${sentence}`)
  }

  lineOf(node: unknown): number {
    const range = (node as { range?: readonly number[] | null } | null)?.range
    return range ? this.lines.linePos(range[0]!).line : 1
  }
}

/** The text as it was written: a plain `007` stays what it is. "" for nothing, undefined for what is not one value. */
const textOf = (node: unknown): string | undefined => {
  const text = plainOf(node)
  return typeof text === "string" ? text : undefined
}

const switches: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  yes: true,
  no: false,
  on: true,
  off: false
}

export class Section {
  /** Before its fields' names: "" or `tls_server_config.`. */
  private readonly prefix: string
  private readonly problems: Problems
  private readonly fields: ReadonlyArray<readonly [name: string, line: number, value: unknown]>
  private readonly asked = new Set<string>()

  constructor(map: YAMLMap | undefined, prefix: string, problems: Problems) {
    this.prefix = prefix
    this.problems = problems
    this.fields = (map?.items ?? []).flatMap((pair) => {
      const name = isPair(pair) ? textOf(pair.key) : undefined
      const line = problems.lineOf(isPair(pair) ? pair.key : pair)
      if (name !== undefined) return [[name, line, isPair(pair) ? pair.value : null] as const]
      problems.add(line, "a key is no text")
      return []
    })
  }

  /** False where nothing is said. */
  get isGiven(): boolean {
    return this.fields.length > 0
  }

  private find(name: string) {
    this.asked.add(name)
    return this.fields.find(([each]) => each === name)
  }

  /** Where it stands; of its section, where it does not. */
  lineOf(name: string): number {
    return (this.fields.find(([each]) => each === name) ?? this.fields[0])?.[1] ?? 1
  }

  fail(name: string, sentence: string): void {
    this.problems.add(this.lineOf(name), `${this.prefix}${name} ${sentence}`)
  }

  /** Undefined where it is not there or blank. */
  text(name: string): string | undefined {
    const field = this.find(name)
    if (field === undefined) return undefined
    const text = textOf(field[2])
    if (text === undefined) this.fail(name, "must be one text")
    return text === "" ? undefined : text
  }

  choice<const A extends string>(name: string, of: ReadonlyArray<A>): A | undefined {
    const text = this.text(name)
    const chosen = of.find((each) => each === text)
    if (text !== undefined && chosen === undefined) this.fail(name, `must be one of ${of.join(", ")}`)
    return chosen
  }

  flag(name: string): boolean | undefined {
    const text = this.text(name)?.toLowerCase()
    if (text === undefined) return undefined
    if (!Object.hasOwn(switches, text)) this.fail(name, "must be true or false")
    return switches[text]
  }

  list(name: string): ReadonlyArray<string> {
    const value = this.find(name)?.[2] ?? null
    const texts = isSeq(value) ? value.items.map(textOf) : value === null || textOf(value) === "" ? [] : [undefined]
    if (texts.every((text) => text !== undefined && text !== "")) return texts as ReadonlyArray<string>
    this.fail(name, "must be a list of texts")
    return []
  }

  within(name: string): Section {
    const value = this.find(name)?.[2] ?? null
    const isNothing = value === null || textOf(value) === ""
    if (!isNothing && !isMap(value)) this.fail(name, "must be a mapping")
    return new Section(isMap(value) ? value : undefined, `${this.prefix}${name}.`, this.problems)
  }

  /** All of its fields, whatever their names, as texts. */
  entries(): ReadonlyArray<Entry> {
    return this.fields.flatMap(([name, line, value]) => {
      this.asked.add(name)
      const text = textOf(value)
      if (text !== undefined) return [{ name, text, line }]
      this.problems.add(line, `what ${this.prefix.slice(0, -1)} has for a name must be one text`)
      return []
    })
  }

  /** All that it has was asked for. */
  end(): void {
    for (const [name, line] of this.fields) {
      if (this.asked.has(name)) continue
      const guess = nearest(name, this.asked)
      const shown =
        name.length > 64 ? "a field that does not exist" : `unknown field ${JSON.stringify(this.prefix + name)}`
      this.problems.add(line, `${shown}${guess === undefined ? "" : `, did you mean ${guess}?`}`)
    }
  }
}

/** A file's whole mapping, read by `read`; undefined where it is no mapping, which is then among the problems. */
export const readSection = <A>(
  content: string,
  problems: Problems,
  lines: LineCounter,
  read: (section: Section) => A
): A | undefined => {
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false })
  for (const error of [...document.errors, ...document.warnings].slice(0, 5))
    problems.add(lines.linePos(error.pos[0]).line, `not valid YAML (${error.code.toLowerCase().replaceAll("_", " ")})`)
  if (problems.all.length > 0) return undefined
  const { contents } = document
  if (contents !== null && !isMap(contents) && textOf(contents) !== "") {
    problems.add(1, "it must be a mapping, with tls_server_config, basic_auth_users or http_server_config")
    return undefined
  }
  const section = new Section(isMap(contents) ? contents : undefined, "", problems)
  const value = read(section)
  section.end()
  return value
}
