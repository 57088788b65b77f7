/**
 * Arguments: a command line's options by name, as texts. Mistakes of its shape (unknown option, missing value, stray
 * argument) are found here; whether a value is allowed is not its business.
 *
 * What follows an unknown or a secret option is never repeated: it may be the secret of a mistyped `--sasl-pasword`.
 */
import { parseArgs } from "node:util"
import { quoted } from "./Kind.ts"
import { nearest } from "./Nearest.ts"
import { optionName, type Table } from "./Setting.ts"

export interface Arguments {
  readonly help: boolean
  /** By option name, without dashes. */
  readonly given: ReadonlyMap<string, ReadonlyArray<string>>
  readonly problems: ReadonlyArray<string>
}

export const readArguments = (argv: ReadonlyArray<string>, table: Table): Arguments => {
  const known = new Map(Object.entries(table).map(([key, setting]) => [optionName(key), setting]))
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      help: { type: "boolean", short: "h" },
      ...Object.fromEntries(
        [...known].map(([name, s]) => [name, { type: s.kind.metavar === "" ? "boolean" : "string", multiple: true }])
      )
    }
  })
  const given = new Map<string, Array<string>>()
  const problems: Array<string> = []
  let help = false
  // The option before a stray argument, and whether that argument may be repeated in a message.
  let before = ""
  let printable = true
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue
    if (token.kind === "positional") {
      // The reason of the unknown option before it is told already.
      if (known.has(before) || before === "" || before === "help") {
        const what = printable ? quoted(token.value) : `after --${before}`
        problems.push(
          `unexpected argument ${what}: everything is given as an option${before === "" ? "" : `; a value with spaces needs quotes`}`
        )
      }
      continue
    }
    before = token.name
    if (token.name === "help") {
      help = true
      continue
    }
    const setting = known.get(token.name)
    if (setting === undefined) {
      const guess = nearest(token.name, [...known.keys(), "help"])
      problems.push(`unknown option ${token.rawName}${guess === undefined ? "" : `, did you mean --${guess}?`}`)
      continue
    }
    printable = setting.secret !== true
    const name = `--${token.name}`
    if (setting.kind.metavar === "") push(given, token.name, token.value ?? "true")
    else if (token.value === undefined) problems.push(`${name} needs a value: ${setting.kind.allowed}`)
    else if (!token.inlineValue && token.value.startsWith("-"))
      // What comes after is read wrongly from here on: one clear sentence is better than those that would follow.
      return {
        help,
        given,
        problems: [...problems, `${name} needs a value; one that starts with a dash is written ${name}=…`]
      }
    else push(given, token.name, token.value)
  }
  for (const [name, texts] of given)
    if (texts.length > 1 && !known.get(name)!.kind.many)
      problems.push(`--${name} is given ${texts.length} times: give it once`)
  return { help, given, problems }
}

const push = (map: Map<string, Array<string>>, name: string, text: string): void => {
  const texts = map.get(name)
  if (texts === undefined) map.set(name, [text])
  else texts.push(text)
}
