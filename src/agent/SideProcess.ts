/**
 * SideProcess: one process beside the agent, from its start to its end, and the pipe of Frames to it. One that is given up is killed and not
 * waited for: a thread that hangs in a system call may keep its process for as long as it likes, never the agent. Whether another
 * one is started, and when, is its owner's.
 */
import { type ChildProcess, spawn } from "node:child_process"
import type { Duplex } from "node:stream"
import { Frames, frame } from "./Frames.ts"

/** Of its error output, for the line that tells of its end. */
const keptOutput = 2_000

export interface SideProcessOptions<From> {
  readonly script: URL
  /** MiB of each half of what its heap's newest objects are in. */
  readonly semiSpace: number
  /** For operations on files, each of which holds one. */
  readonly threads: number
  readonly onMessage: (message: From, body: Buffer) => void
}

export class SideProcess<To, From> {
  /** Why it has ended, for people. */
  readonly ended: Promise<string>
  private readonly child: ChildProcess
  private readonly pipe: Duplex
  /** How often it was asked whether it is silent since it said something. */
  private asked = 0
  private spoke = false

  constructor({ script, semiSpace, threads, onMessage }: SideProcessOptions<From>) {
    // The heap is for names and states: what is read of files is outside of it.
    const flags = ["--disable-sigusr1", `--max-semi-space-size=${semiSpace}`, "--max-old-space-size=1024"]
    this.child = spawn(process.execPath, [...flags, script.pathname], {
      env: { ...process.env, UV_THREADPOOL_SIZE: String(threads), MALLOC_ARENA_MAX: "2", NODE_OPTIONS: "" },
      stdio: ["ignore", "ignore", "pipe", "pipe"]
    })
    let output = ""
    this.child.stderr!.on("data", (text: Buffer) => {
      output = (output + text).slice(-keptOutput)
    })
    this.ended = new Promise((resolve) => {
      this.child.on("error", (error) => resolve(`it cannot be started: ${error.message}`))
      this.child.on("exit", (code, signal) => {
        const last = output.trim().split("\n").slice(-3).join(" / ")
        resolve(`${signal ?? `exit code ${code}`}${last === "" ? "" : `; it said: ${last}`}`)
      })
    })
    this.pipe = this.child.stdio[3] as Duplex
    const frames = new Frames<From>((message, body) => {
      this.asked = 0
      this.spoke = true
      onMessage(message, body)
    })
    this.pipe.on("data", (piece: Buffer) => frames.accept(piece))
    // Its end tells.
    this.pipe.on("error", () => {})
  }

  send(message: To): void {
    this.pipe.write(frame(message))
  }

  /** It has started, and said its first word. */
  get hasSpoken(): boolean {
    return this.spoke
  }

  /** Asked once a second: it said nothing for so many of them. Time in which the agent itself stood still does not count. */
  isSilentFor(seconds: number): boolean {
    return this.asked++ >= seconds
  }

  /** Not waited for. */
  abandon(): void {
    this.child.kill("SIGKILL")
    this.child.unref()
    this.child.stderr?.destroy()
    this.pipe.destroy()
  }
}
