/**
 * LookerProcess: the agent's end of its looker: starts it, hands on what it says, and starts another one where it ends, hangs or has too
 * many threads that hang. One that is given up is killed and not waited for: a thread that hangs in a system call may keep its
 * process for as long as it likes, never the agent.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { extname } from "node:path"
import type { Duplex } from "node:stream"
import { Backoff } from "../../Backoff.ts"
import type { Place } from "./Holdings.ts"
import { Frames, type FromLooker, frame, type LookerOptions, type ToLooker } from "./Wire.ts"

/** What the next looker has to know. */
export interface Knowledge {
  readonly places: ReadonlyArray<readonly [path: string, place: Place, taken: string]>
}

export interface LookerProcessOptions {
  readonly looker: LookerOptions
  readonly knows: () => Knowledge
  readonly onMessage: (message: FromLooker, body: Buffer) => void
  /** A looker begins: what the one before said of its files is not said by this one. */
  readonly onStart: () => void
  /** For people. */
  readonly warn: (text: string) => void
  /** Without a word from the looker for so long, ms, it hangs itself; 15 s. */
  readonly silence?: number
}

/** TypeScript in a checkout, JavaScript in the package. */
const script = new URL(`./LookerMain${extname(import.meta.url)}`, import.meta.url)

/** The heap is for names and states: dumps are outside of it, and of the series of one the parser knows its own bounds. */
const flags = ["--disable-sigusr1", "--max-semi-space-size=1", "--max-old-space-size=1024"]
const threads = "64"
const defaultSilence = 15_000
/** Of its error output, for the line that tells of its end. */
const keptOutput = 2_000
/** One that lived so long, ms, had no trouble from its start. */
const longLife = 60_000

const backoff = new Backoff(125, 10_000)

export class LookerProcess {
  private readonly options: LookerProcessOptions
  private child: ChildProcess | undefined
  private pipe: Duplex | undefined
  private heardAt = 0
  private startedAt = 0
  private deaths = 0
  private restart: NodeJS.Timeout | undefined
  private readonly watchdog: NodeJS.Timeout
  private isClosed = false

  constructor(options: LookerProcessOptions) {
    this.options = options
    this.start([])
    this.watchdog = setInterval(() => this.isSilent(), 1_000)
  }

  send(message: ToLooker): void {
    this.pipe?.write(frame(message))
  }

  /** Ends it, without waiting. */
  close(): void {
    this.isClosed = true
    clearInterval(this.watchdog)
    clearTimeout(this.restart)
    this.abandon()
  }

  private start(suspects: ReadonlyArray<string>): void {
    this.startedAt = this.heardAt = performance.now()
    const child = spawn(process.execPath, [...flags, script.pathname], {
      env: { ...process.env, UV_THREADPOOL_SIZE: threads, MALLOC_ARENA_MAX: "2", NODE_OPTIONS: "" },
      stdio: ["ignore", "ignore", "pipe", "pipe"]
    })
    this.child = child
    let output = ""
    child.stderr!.on("data", (text: Buffer) => {
      output = (output + text).slice(-keptOutput)
    })
    child.on("error", (error) => this.ended(child, `it cannot be started: ${error.message}`))
    child.on("exit", (code, signal) => {
      const last = output.trim().split("\n").slice(-3).join(" / ")
      this.ended(child, `${signal ?? `exit code ${code}`}${last === "" ? "" : `; it said: ${last}`}`)
    })
    const pipe = child.stdio[3] as Duplex
    this.pipe = pipe
    const frames = new Frames<FromLooker>((message, body) => {
      // What is left of one that was given up is nobody's.
      if (this.child !== child) return
      this.heardAt = performance.now()
      if (message.t === "spent") this.replace(message.groups)
      else this.options.onMessage(message, body)
    })
    pipe.on("data", (piece: Buffer) => frames.accept(piece))
    // Its end tells.
    pipe.on("error", () => {})
    this.options.onStart()
    this.send({ t: "start", options: this.options.looker, places: this.options.knows().places, suspects })
  }

  private ended(child: ChildProcess, why: string): void {
    if (this.child !== child) return
    this.again(`the process that looks at the dump files has ended (${why})`, [])
  }

  private replace(groups: ReadonlyArray<string>): void {
    const named = groups.slice(0, 3).join(", ")
    const more = groups.length > 3 ? ` and ${groups.length - 3} more` : ""
    this.again(`too many file operations hang at once: ${named}${more}; those are tried a few at a time`, groups)
  }

  private isSilent(): void {
    const ms = performance.now() - this.heardAt
    if (this.child !== undefined && ms >= (this.options.silence ?? defaultSilence))
      this.again(`the process that looks at the dump files has said nothing for ${Math.round(ms / 1000)} s`, [])
  }

  private again(text: string, suspects: ReadonlyArray<string>): void {
    this.abandon()
    if (this.isClosed) return
    this.deaths = performance.now() - this.startedAt >= longLife ? 1 : this.deaths + 1
    const pause = Math.round(backoff.after(this.deaths, Math.random()))
    this.options.warn(`${text}; another process takes over in ${pause} ms`)
    this.restart = setTimeout(() => this.start(suspects), pause)
  }

  private abandon(): void {
    const { child, pipe } = this
    this.child = this.pipe = undefined
    if (child === undefined) return
    child.kill("SIGKILL")
    child.unref()
    child.stderr?.destroy()
    pipe?.destroy()
  }
}
