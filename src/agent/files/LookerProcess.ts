/**
 * LookerProcess: the agent's end of its looker: starts it, hands on what it says, and starts another one where it ends, hangs or has too
 * many threads that hang.
 */
import { extname } from "node:path"
import { Backoff } from "../../Backoff.ts"
import { SideProcess } from "../SideProcess.ts"
import type { Place } from "./Holdings.ts"
import type { FromLooker, LookerOptions, ToLooker } from "./Wire.ts"

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
  /** Without a word from the looker for so many seconds it hangs itself; 15. */
  readonly silence?: number
}

/** TypeScript in a checkout, JavaScript in the package. */
const script = new URL(`./LookerMain${extname(import.meta.url)}`, import.meta.url)

/** Seconds. */
const defaultSilence = 15
/** One that lived so long, ms, had no trouble from its start. */
const longLife = 60_000

const backoff = new Backoff(125, 10_000)

export class LookerProcess {
  private readonly options: LookerProcessOptions
  private looker: SideProcess<ToLooker, FromLooker> | undefined
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
    this.looker?.send(message)
  }

  /** Ends it, without waiting. */
  close(): void {
    this.isClosed = true
    clearInterval(this.watchdog)
    clearTimeout(this.restart)
    this.abandon()
  }

  private start(suspects: ReadonlyArray<string>): void {
    this.startedAt = performance.now()
    const looker = new SideProcess<ToLooker, FromLooker>({
      ...{ script, semiSpace: 1, threads: 64 },
      onMessage: (message, body) => {
        // What is left of one that was given up is nobody's.
        if (this.looker !== looker) return
        if (message.t === "spent") this.replace(message.groups)
        else this.options.onMessage(message, body)
      }
    })
    this.looker = looker
    void looker.ended.then((why) => {
      if (this.looker === looker) this.again(`the process that looks at the dump files has ended (${why})`, [])
    })
    this.options.onStart()
    this.send({ t: "start", options: this.options.looker, places: this.options.knows().places, suspects })
  }

  private replace(groups: ReadonlyArray<string>): void {
    const named = groups.slice(0, 3).join(", ")
    const more = groups.length > 3 ? ` and ${groups.length - 3} more` : ""
    this.again(`too many file operations hang at once: ${named}${more}; those are tried a few at a time`, groups)
  }

  private isSilent(): void {
    const seconds = this.options.silence ?? defaultSilence
    if (this.looker?.isSilentFor(seconds) === true)
      this.again(`the process that looks at the dump files has said nothing for ${seconds} s`, [])
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
    this.looker?.abandon()
    this.looker = undefined
  }
}
