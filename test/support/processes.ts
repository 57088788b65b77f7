/**
 * Real processes for tests: the program as a user starts it, and other programs beside it, each with its output kept. A
 * stage owns a folder and all processes that were started on it; they end with `close`, or with this process, even if it is
 * killed. Nothing here knows what the processes do.
 */
import { spawn } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { guardOver } from "./guard.ts"

/** As in a checkout, or as built where the benchmarks say so: in TypeScript each thread carries what strips the types. */
const main = process.env.K2P_PROGRAM ?? new URL("../../src/main.ts", import.meta.url).pathname
/** What its first line tells node. */
const nodeOptions = readFileSync(main, "utf8").split("\n", 1)[0]!.match(/--\S+/g) ?? []

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Running {
  readonly name: string
  readonly pid: number
  readonly out: { readonly stdout: string; readonly stderr: string }
  /** Exited, and its output read to the end. */
  readonly ended: Promise<Ended>
  /** The first match in what it wrote so far and will write; fails when it ends without one. */
  readonly says: (pattern: RegExp, stream?: "stdout" | "stderr") => Promise<RegExpExecArray>
  /** To the process, or to its whole group where it was started as one. */
  readonly signal: (signal: NodeJS.Signals) => void
  /** kill -9, awaited. */
  readonly kill: () => Promise<void>
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** A process group of its own, as a shell gives to each command: signals go to all of it. */
  readonly group?: boolean
  /** Another build's, where it is kafka2prom. */
  readonly main?: string
  /** What runs kafka2prom: a command that takes another one behind its own arguments. */
  readonly through?: ReadonlyArray<string>
}

export interface Stage {
  readonly dir: string
  readonly run: (name: string, command: string, args: ReadonlyArray<string>, options?: RunOptions) => Running
  /** kafka2prom itself. */
  readonly program: (name: string, args: ReadonlyArray<string>, options?: RunOptions) => Running
  /** What all processes wrote, for a failed test. */
  readonly logs: () => string
  readonly close: () => Promise<void>
}

/** What a command left behind in its process group. */
const killRest = (group: number): void => {
  try {
    process.kill(group, "SIGKILL")
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error
  }
}

export const openStage = async (): Promise<Stage> => {
  const dir = await mkdtemp(join(tmpdir(), "k2p-stage-"))
  const guard = guardOver(dir)
  const all: Array<Running> = []

  const run: Stage["run"] = (name, command, args, { env = {}, cwd = dir, group = false } = {}) => {
    const child = spawn(command, args, {
      cwd,
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        ...env
      },
      stdio: ["ignore", "pipe", "pipe"],
      detached: group
    })
    const { pid } = child
    if (pid === undefined) {
      // The error event, which says more, comes too late for the caller.
      child.on("error", () => {})
      throw new Error(`${name}: ${command} could not be started`)
    }
    const target = group ? -pid : pid
    const pidFile = join(dir, `${pid}.pid`)
    writeFileSync(pidFile, String(target))
    const out = { stdout: "", stderr: "" }
    const streams = { stdout: child.stdout, stderr: child.stderr }
    for (const stream of ["stdout", "stderr"] as const) {
      streams[stream].setEncoding("utf8")
      streams[stream].on("data", (text: string) => {
        out[stream] += text
      })
    }
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
    child.once("exit", () => rmSync(pidFile, { force: true }))
    const ended = new Promise<Ended>((resolve) => child.once("close", (code, signal) => resolve({ code, signal })))
    const running: Running = {
      name,
      pid,
      out,
      ended,
      says: (pattern, stream = "stderr") =>
        new Promise((resolve, reject) => {
          const look = () => {
            const match = pattern.exec(out[stream])
            if (match === null) return
            streams[stream].off("data", look)
            resolve(match)
          }
          streams[stream].on("data", look)
          look()
          void ended.then(({ code, signal }) =>
            reject(
              new Error(`${name} ended (${signal ?? code}) without saying ${pattern}:\n${out.stderr}${out.stdout}`)
            )
          )
        }),
      signal: (signal) => {
        if (child.exitCode === null && child.signalCode === null) process.kill(target, signal)
      },
      kill: async () => {
        running.signal("SIGKILL")
        // Not `ended`: what it left behind may hold its output open.
        await exited
        if (group) killRest(target)
      }
    }
    all.push(running)
    return running
  }

  return {
    dir,
    run,
    program: (name, args, options) => {
      const [command, ...rest] = [...(options?.through ?? []), process.execPath]
      return run(name, command!, [...rest, ...nodeOptions, options?.main ?? main, ...args], options)
    },
    logs: () => all.map(({ name, pid, out }) => `--- ${name} (${pid})\n${out.stderr}${out.stdout}`).join("\n"),
    close: async () => {
      await Promise.all(all.map((running) => running.kill()))
      await rm(dir, { recursive: true, force: true })
      guard.release()
    }
  }
}
