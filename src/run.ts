/**
 * run: a command line in, an exit code out. SIGTERM and SIGINT interrupt the command, whose Scopes then close in
 * order (leave the group, stop the server); that is a success. What is a failure was told by the command itself.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Exit } from "effect"
import { plan } from "./cli.ts"
import { nodeProblem } from "./version.ts"

const old = nodeProblem(process.versions.node)
const { plan: todo, warnings } =
  old === undefined
    ? plan(process.argv.slice(2), process.env)
    : { plan: { _tag: "Print", stdout: "", stderr: `${old}\n`, code: 2 } as const, warnings: [] }
for (const warning of warnings) process.stderr.write(`${warning}\n`)
if (todo._tag === "Print") {
  process.stdout.write(todo.stdout)
  process.stderr.write(todo.stderr)
  process.exitCode = todo.code
} else {
  NodeRuntime.runMain(await todo.program(), {
    disableErrorReporting: true,
    teardown: (exit, onExit) => {
      if (Exit.isSuccess(exit)) return onExit(Number(exit.value))
      if (Cause.hasInterruptsOnly(exit.cause)) return onExit(0)
      process.stderr.write(
        `kafka2prom: a fault in the program itself, please report it:\n${Cause.pretty(exit.cause)}\n`
      )
      onExit(1)
    }
  })
}
