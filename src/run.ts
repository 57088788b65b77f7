/**
 * run: a command line in, an exit code out. SIGTERM and SIGINT interrupt the command, whose Scopes then close in
 * order (leave the group, stop the server); that is a success. What is a failure was told by the command itself.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Exit } from "effect"
import { type Cli, kafka2prom, type Planned, plan, refuse } from "./cli.ts"
import { commandsOf } from "./commands/Commands.ts"
import { withModules } from "./commands/Modules.ts"
import type { Environment } from "./config/Resolve.ts"
import type { App } from "./pod/App.ts"
import type { Extension } from "./pod/Extension.ts"
import { shield } from "./Shield.ts"
import { nodeProblem } from "./version.ts"

/** A program of a team's own: all commands of kafka2prom, with what the team brings beside them. @stable */
export interface MainOptions {
  /** As help and errors call the program. */
  readonly name: string
  /** What `--version` prints. */
  readonly version: string
  /** One sentence for `--help`. */
  readonly about?: string
  /** Each is a command of its name. */
  readonly apps?: ReadonlyArray<App>
  /** Over every application, metrics among them. */
  readonly extensions?: ReadonlyArray<Extension>
}

const planned = async (
  argv: ReadonlyArray<string>,
  env: Environment,
  { apps = [], extensions = [], ...names }: MainOptions
): Promise<Planned> => {
  const old = nodeProblem(process.versions.node)
  if (old !== undefined) return { plan: refuse([old]), warnings: [] }
  const modules = await withModules(argv, env, { apps, extensions })
  if ("problems" in modules)
    return { plan: refuse(modules.problems.map((problem) => `${names.name} ${argv[0]}: ${problem}`)), warnings: [] }
  const cli: Cli = { about: kafka2prom.about, ...names, commands: commandsOf(modules.value.team) }
  return plan(modules.value.argv, env, cli)
}

/** Runs the process's command line; the process ends with its exit code. @stable */
export const main = async (options: MainOptions = kafka2prom): Promise<void> => {
  shield()
  const { plan: todo, warnings } = await planned(process.argv.slice(2), process.env, options)
  for (const warning of warnings) process.stderr.write(`${warning}\n`)
  if (todo._tag === "Print") {
    process.stdout.write(todo.stdout)
    process.stderr.write(todo.stderr)
    process.exitCode = todo.code
    return
  }
  NodeRuntime.runMain(await todo.program(), {
    disableErrorReporting: true,
    teardown: (exit, onExit) => {
      if (Exit.isSuccess(exit)) return onExit(Number(exit.value))
      if (Cause.hasInterruptsOnly(exit.cause)) return onExit(0)
      process.stderr.write(
        `${options.name}: a fault in the program itself, please report it:\n${Cause.pretty(exit.cause)}\n`
      )
      onExit(1)
    }
  })
}
