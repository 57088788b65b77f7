/**
 * Services: the demo's child processes. Each runs Service.ts with a dump file and a log file of its own; they end with the Scope, or
 * before, first asked (SIGTERM, so that the last dump is written), after a while made to.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Schema, type Scope } from "effect"

export class ServiceFailed extends Schema.TaggedError<ServiceFailed>()("ServiceFailed", { message: Schema.String }) {}

const names = ["checkout", "search", "billing", "inventory", "mail", "users", "images", "reports"]
const patience = 3_000

/** Compiled or not, the service is the file beside this one. */
const script = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./Service.ts" : "./Service.js", import.meta.url)
)

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    const kill = setTimeout(() => child.kill("SIGKILL"), patience)
    child.once("exit", () => {
      clearTimeout(kill)
      resume(Effect.void)
    })
    child.kill("SIGTERM")
  })

export interface Services {
  readonly pids: ReadonlyArray<number>
  /** Fails when one of them ends by itself. */
  readonly failed: Effect.Effect<never, ServiceFailed>
  /** All have ended, and written their last dumps. */
  readonly stop: Effect.Effect<void>
}

/** Starts `count` services. */
export const startServices = (
  count: number,
  dir: string,
  dumpEvery: number
): Effect.Effect<Services, never, Scope.Scope> =>
  Effect.gen(function* () {
    const children: Array<readonly [string, ChildProcess]> = []
    for (let i = 0; i < count; i++) {
      const name = `${names[i % names.length]}-${1 + Math.floor(i / names.length)}`
      const child = yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawn(process.execPath, [script, join(dir, `${name}.prom`), String(dumpEvery), join(dir, `${name}.log`)], {
            // Nothing is ever written to its input: its end tells it that this process is gone, however it went.
            stdio: ["pipe", "ignore", "inherit"]
          })
        ),
        ended
      )
      children.push([name, child])
    }
    const failed = Effect.callback<never, ServiceFailed>((resume) => {
      for (const [name, child] of children)
        child.once("exit", (code, signal) => {
          resume(Effect.fail(new ServiceFailed({ message: `the service ${name} ended by itself: ${signal ?? code}` })))
        })
    })
    const stop = Effect.forEach(children, ([, child]) => ended(child), { concurrency: "unbounded", discard: true })
    return { pids: children.flatMap(([, c]) => c.pid ?? []), failed, stop }
  })
