/**
 * cli: the commands, and the way from a command line to a running one. Everything a user may get wrong is told here in
 * plain lines on stderr with exit code 2, before the command's own code is even loaded.
 *
 * `effect/cli` is not used: it prints the whole help on stdout for a wrong option, stops at the first mistake, exits
 * with 1 and knows no settings file. Node's own `parseArgs`, driven by the tables of config/Settings, gives what is needed.
 */
import { Effect } from "effect"
import { agentConfig, demoConfig } from "./Config.ts"
import { checkConfig, checkSettings } from "./commands/CheckConfig.ts"
import type { Program } from "./commands/Program.ts"
import { readArguments } from "./config/Arguments.ts"
import { type CommandHelp, commandHelp, programHelp } from "./config/Help.ts"
import { nearest } from "./config/Nearest.ts"
import { type Environment, type Outcome, type Resolved, resolve } from "./config/Resolve.ts"
import { optionName, type Table, variableName } from "./config/Setting.ts"
import * as Settings from "./config/Settings.ts"
import { readSettingsFile } from "./config/SettingsFile.ts"
import metricsApp from "./metrics/MetricsApp.ts"
import { podConfig } from "./pod/PodConfig.ts"
import { podTable } from "./pod/PodSettings.ts"
import { version } from "./version.ts"

interface Command extends CommandHelp {
  readonly load: (argv: ReadonlyArray<string>, env: Environment) => Outcome<() => Promise<Program>>
}

/** What to do with a command line: print and exit, or run. */
export type Plan =
  | { readonly _tag: "Print"; readonly stdout: string; readonly stderr: string; readonly code: number }
  | { readonly _tag: "Run"; readonly program: () => Promise<Program> }

const command = <T extends Table, C>(
  help: CommandHelp & { readonly settings: T },
  configure: (resolved: Resolved<T>) => Outcome<C>,
  load: (config: C) => Promise<Program>
): Command => ({
  ...help,
  load: (argv, env) => {
    const args = readArguments(argv, help.settings)
    const path = args.given.get("config")?.[0] ?? (env.K2P_CONFIG || undefined)
    const file = path === undefined ? undefined : readSettingsFile(path, allNames())
    const shape = [...args.problems, ...(file?.problems ?? [])]
    // Values are looked at only when it is clear which were meant.
    if (shape.length > 0) return { problems: shape }
    const resolved = resolve(help.settings, args, env, file)
    if ("problems" in resolved) return resolved
    const config = configure(resolved.value)
    return "problems" in config ? config : { value: () => load(config.value) }
  }
})

const plainExits = [
  "0  ended as asked (SIGTERM, SIGINT)",
  "1  a failure, told on stderr",
  "2  a wrong or missing option"
]

const commands: ReadonlyArray<Command> = [
  command(
    {
      name: "demo",
      about: "the whole pipeline in this process, without Kafka: services, an agent and two pods on two ports.",
      settings: Settings.demo,
      examples: ["kafka2prom demo --for 1m"],
      exits: [
        "0  ended as asked, and no older value was seen",
        "1  a failure or an older value, told",
        "2  a wrong option"
      ]
    },
    demoConfig,
    async ({ demo, log }) => {
      const [program, { logging }] = await Promise.all([import("./demo/Demo.ts"), import("./Logging.ts")])
      return Effect.provide(program.demo(demo), logging(log))
    }
  ),
  command(
    {
      name: "serve",
      about: "one pod: reads the topics as a member of the group and serves the metrics on /metrics.",
      settings: podTable(metricsApp),
      examples: ["kafka2prom serve --brokers kafka-1:9092,kafka-2:9092 --topic metrics --group-id k2p-eu"],
      exits: plainExits
    },
    (resolved) => podConfig(metricsApp, resolved),
    async (config) => (await import("./commands/serve.ts")).serve(metricsApp, config)
  ),
  command(
    {
      name: "agent",
      about: "sends dump files to the topic, from beside the services that write them.",
      settings: Settings.agent,
      examples: [
        "kafka2prom agent --brokers kafka-1:9092 --dump '/var/run/metrics/*.prom' --state-dir /var/lib/k2p",
        "kafka2prom agent --dry-run …      first, with the same options"
      ],
      exits: [
        "0  ended as asked (SIGTERM, SIGINT); --dry-run: all that was named would be sent and shown whole",
        "1  a failure, told on stderr; --dry-run: something would not",
        "2  a wrong or missing option"
      ]
    },
    agentConfig,
    async (config) => (await import("./commands/agent.ts")).agent(config)
  ),
  command(
    {
      name: "check",
      about: "talks to the brokers, says whether topics and group are as the promises need them, changes nothing.",
      settings: checkSettings,
      examples: [
        "kafka2prom check --config k2p.yaml",
        "kafka2prom check --agent --brokers kafka-1:9092 --topic metrics      where an agent is to send"
      ],
      exits: [
        "0  all is as it should be",
        "1  something found that breaks a promise",
        "2  a wrong or missing option",
        "3  the brokers could not be reached or would not answer"
      ]
    },
    checkConfig,
    async (config) => (await import("./commands/check.ts")).check(config)
  )
]

/** With whether the items of each may be mappings. */
const allNames = (): ReadonlyMap<string, boolean> =>
  new Map(
    commands
      .flatMap((c) => Object.entries(c.settings))
      .filter(([key]) => key !== "config")
      .map(([key, { kind }]) => [optionName(key), kind.mappings === true])
  )

/** A variable that is nearly an option's: likely a slip, not surely. Kubernetes makes K2P_PORT… and K2P_SERVICE_… of a Service k2p. */
const misspelt = (env: Environment): ReadonlyArray<string> => {
  const known = new Set(commands.flatMap((c) => Object.keys(c.settings).map(variableName)))
  return Object.keys(env)
    .filter((name) => /^K2P_(?!PORT|SERVICE_)/.test(name) && !known.has(name))
    .flatMap((name) => {
      const guess = nearest(
        name.slice(4),
        [...known].map((k) => k.slice(4))
      )
      return guess === undefined
        ? []
        : [`kafka2prom: the variable ${name} is no option's and is ignored, did you mean K2P_${guess}?`]
    })
}

const print = (stdout: string, code = 0): Plan => ({ _tag: "Print", stdout, stderr: "", code })
const refuse = (lines: ReadonlyArray<string>): Plan => ({
  _tag: "Print",
  stdout: "",
  stderr: `${lines.join("\n")}\n`,
  code: 2
})

export const plan = (
  argv: ReadonlyArray<string>,
  env: Environment
): { readonly plan: Plan; readonly warnings: ReadonlyArray<string> } => {
  const none = { warnings: [] }
  const [first, ...rest] = argv
  if (first === "--help" || first === "-h" || first === "help")
    return { plan: print(programHelp(version, commands)), ...none }
  if (first === "--version") return { plan: print(`kafka2prom ${version}\n`), ...none }
  const names = commands.map((c) => c.name)
  if (first === undefined)
    return {
      plan: refuse([`kafka2prom: a command is missing: ${names.join(", ")} (kafka2prom --help explains them)`]),
      ...none
    }
  const chosen = commands.find((c) => c.name === first)
  if (chosen === undefined) {
    const guess = nearest(first, names)
    const hint = guess === undefined ? `it must be one of ${names.join(", ")}` : `did you mean ${guess}?`
    const what = first.startsWith("-") ? "a command must come first" : `unknown command ${JSON.stringify(first)}`
    return { plan: refuse([`kafka2prom: ${what}: ${hint}`]), ...none }
  }
  if (readArguments(rest, chosen.settings).help) return { plan: print(commandHelp(chosen)), ...none }
  if (rest.length === 1 && rest[0] === "--version") return { plan: print(`kafka2prom ${version}\n`), ...none }
  const loaded = chosen.load(rest, env)
  const warnings = misspelt(env)
  return "problems" in loaded
    ? { plan: refuse(loaded.problems.map((problem) => `kafka2prom ${chosen.name}: ${problem}`)), warnings }
    : { plan: { _tag: "Run", program: loaded.value }, warnings }
}
