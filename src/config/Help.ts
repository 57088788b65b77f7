/** Help: the text of `--help`, made of the same tables that the values are read by. Pure. */
import { optionName, type Setting, type Table, variableName } from "./Setting.ts"

const width = 100
/** Placeholders that say what is allowed by themselves. */
const selfTold: ReadonlySet<string> = new Set([
  "",
  "name",
  "secret",
  "file",
  "dir",
  "glob",
  "host:port[,…]",
  "name[,…]"
])

const wrap = (text: string, indent: number): string => {
  const lines: Array<string> = [""]
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1]!
    if (last !== "" && indent + last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`
  }
  return lines.join(`\n${" ".repeat(indent)}`)
}

const option = (key: string, setting: Setting<unknown>): string => {
  const head = `  --${optionName(key)}${setting.kind.metavar === "" ? "" : ` ${setting.kind.metavar}`}`
  const value =
    setting.required === true
      ? "Required."
      : setting.fallback !== undefined
        ? `Default: ${setting.fallback}.`
        : setting.otherwise !== undefined
          ? `Default: ${setting.otherwise}.`
          : ""
  const allowed =
    selfTold.has(setting.kind.metavar) || setting.kind.metavar.includes("|") ? "" : ` (${setting.kind.allowed})`
  return `${head}\n      ${wrap(`${setting.about}${allowed} ${value} [${variableName(key)}]`.replace(/ {2,}/g, " "), 6)}`
}

export interface ProgramHelp {
  readonly name: string
  readonly version: string
  readonly about: string
}

export interface CommandHelp {
  readonly name: string
  readonly about: string
  readonly settings: Table
  /** The option whose value may stand alone, first. */
  readonly first?: string
  /** Without the program's name. */
  readonly examples: ReadonlyArray<string>
  /** What the exit codes mean, where there is more to say than 0, 1 and 2. */
  readonly exits: ReadonlyArray<string>
}

export const commandHelp = (program: string, command: CommandHelp): string =>
  [
    `${program} ${command.name}: ${command.about}`,
    "",
    `Usage: ${program} ${command.name} ${command.first === undefined ? "" : `<${command.first}> `}[options]`,
    ...command.examples.map((example) => `  ${program} ${example}`),
    "",
    "Options (a flag goes before its variable, which goes before the file of --config):",
    ...Object.entries(command.settings).map(([key, setting]) => option(key, setting)),
    "  --help",
    "      This text.",
    "",
    "Exit codes:",
    ...command.exits.map((line) => `  ${line}`),
    ""
  ].join("\n")

export const programHelp = (program: ProgramHelp, commands: ReadonlyArray<CommandHelp>): string =>
  [
    `${program.name} ${program.version}: ${program.about}`,
    "",
    `Usage: ${program.name} <command> [options]`,
    "",
    ...commands.map((c) => `  ${c.name.padEnd(8)}${c.about}`),
    "",
    `Each command explains its options: ${program.name} serve --help`,
    `Version: ${program.name} --version`,
    ""
  ].join("\n")
