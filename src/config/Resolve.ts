/**
 * Resolve: one value a setting, from where it was given: flag beats variable beats file beats default. All mistakes
 * are found at once, each a line that names the option where it was given, the value (never a secret) and what is allowed.
 */
import type { Arguments } from "./Arguments.ts"
import { quoted } from "./Kind.ts"
import { fileKey, secretIn } from "./SecretFiles.ts"
import { optionName, type Setting, type Table, type Values, variableName } from "./Setting.ts"
import type { SettingsFile } from "./SettingsFile.ts"

/** Where a setting's value was given; `preset` by another setting. @stable */
export type Origin = "flag" | "variable" | "file" | "default" | "preset"

/** What status shows: secrets say only that they are set. @stable */
export interface SettingStatus {
  /** As the flag has it, without its dashes. */
  readonly name: string
  /** As it was given; of a secret only that it is set. */
  readonly value: string
  /** Where it was given. */
  readonly from: Origin
}

/** The values of a table of settings, each with where it was given. @stable */
export interface Resolved<T extends Table> {
  /** By key. */
  readonly values: Values<T>
  /** Where the value was given; `default` also where there is none. */
  readonly origin: (key: keyof T) => Origin
  /** The file that a secret was given in (`--x-file` of `--x`), for those who read it again; undefined where it was given by itself. */
  readonly secretFile: (key: keyof T) => string | undefined
  /** Of each setting that has a value, in the table's order. */
  readonly status: ReadonlyArray<SettingStatus>
}

/** A value, or everything that is wrong, a sentence each. @stable */
export type Outcome<A> = { readonly value: A } | { readonly problems: ReadonlyArray<string> }

interface Given {
  readonly from: Origin
  /** How a message names it. */
  readonly name: string
  readonly texts: ReadonlyArray<string>
}

export type Environment = Readonly<Record<string, string | undefined>>

const find = (
  key: string,
  setting: Setting<unknown>,
  args: Arguments,
  env: Environment,
  file?: SettingsFile
): Given | undefined => {
  const option = optionName(key)
  const flagged = args.given.get(option)
  if (flagged !== undefined) return { from: "flag", name: `--${option}`, texts: flagged }
  const variable = variableName(key)
  const text = env[variable]
  // As in a shell and in compose files: an empty variable is one that is not set.
  if (text !== undefined && text !== "") {
    // One a line: a comma may be part of a glob or a label's value.
    const texts = setting.kind.many ? text.split("\n").filter((line) => line.trim() !== "") : [text]
    return { from: "variable", name: `${variable} (--${option})`, texts }
  }
  const entry = file?.entries.get(option)
  if (entry !== undefined)
    return { from: "file", name: `${option} (${file!.path}, line ${entry.line})`, texts: entry.texts }
  return setting.fallback === undefined
    ? undefined
    : { from: "default", name: `--${option}`, texts: [setting.fallback] }
}

/** `table`: with the twins of its secrets, see SecretFiles. */
export const resolve = <T extends Table>(
  table: T,
  args: Arguments,
  env: Environment,
  file?: SettingsFile
): Outcome<Resolved<T>> => {
  const fileOf = (key: string): Given | undefined => {
    const twin = table[key]?.secret === true ? table[fileKey(key)] : undefined
    return twin && find(fileKey(key), twin, args, env, file)
  }
  const values: Record<string, unknown> = {}
  const origins = new Map<string, Origin>()
  const problems: Array<string> = []
  const status: Array<SettingStatus> = []
  for (const [key, setting] of Object.entries(table)) {
    const secretFile = fileOf(key)
    const held = secretFile && secretIn(secretFile.texts[0]!)
    if (held !== undefined && "wrong" in held) {
      problems.push(`${secretFile!.name} is ${quoted(secretFile!.texts[0]!)}: ${held.wrong}`)
      continue
    }
    const given = held === undefined ? find(key, setting, args, env, file) : { ...secretFile!, texts: [held.text] }
    if (given === undefined) {
      const missing = setting.requiredWithout?.every(
        (other) => fileOf(other) === undefined && find(other, table[other]!, args, env, file) === undefined
      )
      if (setting.required === true || missing)
        problems.push(`--${optionName(key)} is missing (or ${variableName(key)}): ${setting.kind.allowed}`)
      continue
    }
    const shown = given.texts.join(",")
    if (given.texts.length > 1 && !setting.kind.many) {
      problems.push(`${given.name} has ${given.texts.length} values: it takes one`)
      continue
    }
    const reading = setting.kind.read(given.texts)
    if ("wrong" in reading) {
      problems.push(
        setting.secret === true
          ? `${given.name} is not usable: it must be ${setting.kind.allowed} (its value is not shown)`
          : setting.kind.mappings === true
            ? `${given.name} is not usable: ${reading.wrong}`
            : `${given.name} is ${quoted(shown)}: ${reading.wrong}`
      )
      continue
    }
    values[key] = reading.value
    origins.set(key, given.from)
    status.push({
      name: optionName(key),
      value:
        setting.secret === true
          ? "(set, not shown)"
          : setting.kind.mappings === true
            ? `(${given.texts.length} set, not shown)`
            : shown,
      from: given.from
    })
  }
  return problems.length > 0
    ? { problems }
    : {
        value: {
          values: values as Values<T>,
          origin: (key) => origins.get(String(key)) ?? "default",
          secretFile: (key) => values[fileKey(String(key))] as string | undefined,
          status
        }
      }
}
