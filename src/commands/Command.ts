/** Command: one command of the program: its table of options, what they mean together, and how its code is loaded once that is clear. */
import { readArguments } from "../config/Arguments.ts"
import type { CommandHelp } from "../config/Help.ts"
import { type Environment, type Outcome, type Resolved, resolve } from "../config/Resolve.ts"
import { withSecretFiles } from "../config/SecretFiles.ts"
import type { Table } from "../config/Setting.ts"
import { readSettingsFile } from "../config/SettingsFile.ts"
import type { App } from "../pod/App.ts"
import { podConfig } from "../pod/PodConfig.ts"
import { podTable } from "../pod/PodSettings.ts"
import type { Program } from "./Program.ts"

export interface Command extends CommandHelp {
  /** `names`: of the options of all commands, with whether the items of each may be mappings: the file may hold any of them. */
  readonly load: (
    argv: ReadonlyArray<string>,
    env: Environment,
    names: ReadonlyMap<string, boolean>
  ) => Outcome<() => Promise<Program>>
}

export const command = <T extends Table, C>(
  help: CommandHelp & { readonly settings: T },
  configure: (resolved: Resolved<T>) => Outcome<C>,
  load: (config: C) => Promise<Program>
): Command => {
  const settings = withSecretFiles(help.settings)
  const planned: Command["load"] = (argv, env, names) => {
    const args = readArguments(argv, settings)
    const path = args.given.get("config")?.[0] ?? (env.K2P_CONFIG || undefined)
    const file = path === undefined ? undefined : readSettingsFile(path, names)
    const shape = [...args.problems, ...(file?.problems ?? [])]
    // Values are looked at only when it is clear which were meant.
    if (shape.length > 0) return { problems: shape }
    const resolved = resolve(settings, args, env, file)
    if ("problems" in resolved) return resolved
    const config = configure(resolved.value)
    return "problems" in config ? config : { value: () => load(config.value) }
  }
  return { ...help, settings, load: planned }
}

export const plainExits = [
  "0  ended as asked (SIGTERM, SIGINT)",
  "1  a failure, told on stderr",
  "2  a wrong or missing option"
]

/** A pod of the application, on Kafka where it has no log of its own. */
export const podCommand = <S, T extends Table>(
  help: Omit<CommandHelp, "settings" | "exits">,
  app: App<S, T>
): Command =>
  command(
    {
      ...help,
      examples: help.examples.filter((example) => app.ownTransport !== true || !example.includes("--brokers")),
      settings: podTable(app),
      exits: plainExits
    },
    (resolved) => podConfig(app, resolved),
    async (config) => (await import("./serve.ts")).serve(app, config)
  )
