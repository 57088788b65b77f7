/**
 * cli: the way from a command line to a running command. Everything a user may get wrong is told here in
 * plain lines on stderr with exit code 2, before the command's own code is even loaded.
 *
 * `effect/cli` is not used: it prints the whole help on stdout for a wrong option, stops at the first mistake, exits
 * with 1 and knows no settings file. Node's own `parseArgs`, driven by the tables of settings, gives what is needed.
 */
import type { Command } from "./commands/Command.ts"
import { commandsOf } from "./commands/Commands.ts"
import type { Program } from "./commands/Program.ts"
import { readArguments } from "./config/Arguments.ts"
import { commandHelp, type ProgramHelp, programHelp } from "./config/Help.ts"
import { nearest } from "./config/Nearest.ts"
import type { Environment } from "./config/Resolve.ts"
import { optionName, variableName } from "./config/Setting.ts"
import { version } from "./version.ts"

/** A program: what it is called, and its commands. */
export interface Cli extends ProgramHelp {
  readonly commands: ReadonlyArray<Command>
}

export const kafka2prom: Cli = {
  name: "kafka2prom",
  version,
  about: "carries Prometheus metrics through Kafka and never shows an older value after a newer one.",
  commands: commandsOf({ apps: [], extensions: [] })
}

/** What to do with a command line: print and exit, or run. */
export type Plan =
  | { readonly _tag: "Print"; readonly stdout: string; readonly stderr: string; readonly code: number }
  | { readonly _tag: "Run"; readonly program: () => Promise<Program> }

/** With whether the items of each may be mappings. */
const allNames = (commands: ReadonlyArray<Command>): ReadonlyMap<string, boolean> =>
  new Map(
    commands
      .flatMap((c) => Object.entries(c.settings))
      .filter(([key]) => key !== "config")
      .map(([key, { kind }]) => [optionName(key), kind.mappings === true])
  )

/** A variable that is nearly an option's: likely a slip, not surely. Kubernetes makes K2P_PORT… and K2P_SERVICE_… of a Service k2p. */
const misspelt = ({ name, commands }: Cli, env: Environment): ReadonlyArray<string> => {
  const known = new Set(commands.flatMap((c) => Object.keys(c.settings).map(variableName)))
  return Object.keys(env)
    .filter((variable) => /^K2P_(?!PORT|SERVICE_)/.test(variable) && !known.has(variable))
    .flatMap((variable) => {
      const guess = nearest(
        variable.slice(4),
        [...known].map((k) => k.slice(4))
      )
      return guess === undefined
        ? []
        : [`${name}: the variable ${variable} is no option's and is ignored, did you mean K2P_${guess}?`]
    })
}

const print = (stdout: string, code = 0): Plan => ({ _tag: "Print", stdout, stderr: "", code })
export const refuse = (lines: ReadonlyArray<string>): Plan => ({
  _tag: "Print",
  stdout: "",
  stderr: `${lines.join("\n")}\n`,
  code: 2
})

export interface Planned {
  readonly plan: Plan
  readonly warnings: ReadonlyArray<string>
}

export const plan = (argv: ReadonlyArray<string>, env: Environment, cli: Cli = kafka2prom): Planned => {
  const none = { warnings: [] }
  const { name: program, commands } = cli
  // A command may have two words.
  const isTwo = commands.some(({ name }) => name === `${argv[0]} ${argv[1]}`)
  const [first, ...given] = isTwo ? [`${argv[0]} ${argv[1]}`, ...argv.slice(2)] : argv
  const versionLine = print(`${program} ${cli.version}\n`)
  if (first === "--help" || first === "-h" || first === "help")
    return { plan: print(programHelp(cli, commands)), ...none }
  if (first === "--version") return { plan: versionLine, ...none }
  const names = commands.map((c) => c.name)
  if (first === undefined)
    return {
      plan: refuse([`${program}: a command is missing: ${names.join(", ")} (${program} --help explains them)`]),
      ...none
    }
  const chosen = commands.find((c) => c.name === first)
  if (chosen === undefined) {
    const guess = nearest(first, names)
    const hint = guess === undefined ? `it must be one of ${names.join(", ")}` : `did you mean ${guess}?`
    const what = first.startsWith("-") ? "a command must come first" : `unknown command ${JSON.stringify(first)}`
    return { plan: refuse([`${program}: ${what}: ${hint}`]), ...none }
  }
  const rest =
    chosen.first === undefined || given[0] === undefined || given[0].startsWith("-")
      ? given
      : [`--${chosen.first}=${given[0]}`, ...given.slice(1)]
  if (readArguments(rest, chosen.settings).help) return { plan: print(commandHelp(program, chosen)), ...none }
  if (rest.length === 1 && rest[0] === "--version") return { plan: versionLine, ...none }
  const loaded = chosen.load(rest, env, allNames(commands))
  const warnings = misspelt(cli, env)
  return "problems" in loaded
    ? { plan: refuse(loaded.problems.map((problem) => `${program} ${chosen.name}: ${problem}`)), warnings }
    : { plan: { _tag: "Run", program: loaded.value }, warnings }
}
