/**
 * Sight: what the looks at one file come to: whether it is as it was, is to be read, and what a reading of it is for the agent. What counts
 * is the file, not its text: the same text written again is a new round, the service lives. It knows the file's place
 * (Holdings) from one reading to the next. Pure state: it asks no disk and no clock, and tells nobody.
 */
import type { InputFormat } from "../../metrics/text/Dump.ts"
import { type Dated, dated } from "./Dating.ts"
import type { Look } from "./Disk.ts"
import { type Held, type Part, type Place, placeOf } from "./Holdings.ts"
import { doubtful, patience, same, textOf, wasRenamed } from "./Settling.ts"
import type { FileState, LookerOptions } from "./Wire.ts"

/** What was known of a file before this process. */
export interface Known {
  readonly place: Place
  /** The look of which the agent has a round already; "" in another run of it. */
  readonly taken: string
}

/** What is to be done after a look. */
export type Next =
  /** It is no regular file. */
  | { readonly kind: "none" }
  /** It is as it was: `outcome` holds. */
  | { readonly kind: "rests" }
  /** It changed too soon after its last round. */
  | { readonly kind: "later"; readonly ms: number }
  /** `isSame`: it shows no change, and is read once more all the same. */
  | { readonly kind: "read"; readonly isSame: boolean }

export interface Outcome {
  readonly state: FileState
  readonly why: string
}

/** What was read while the file stayed as it looked. */
export interface Reading {
  readonly part: Part
  readonly look: Look
  readonly found: Held
  /** What it lacks is to be told. */
  readonly isOverdue: boolean
}

/** What a reading is: `outcome` says it too, but for a round the agent need not be told. */
export type Taken =
  | ({
      readonly kind: "round"
      /** Where in the file the dump begins. */
      readonly start: number
      readonly format: InputFormat
      /** It is there again, not anew. */
      readonly again: boolean
    } & Dated)
  | { readonly kind: "old"; readonly age: number }
  | { readonly kind: "nothing" }

const isTaken: Outcome = { state: "taken", why: "" }

export class Sight {
  place: Place | undefined
  /** What the last reading came to, which holds while the file is the same. */
  outcome: Outcome | undefined
  /** How often it was found changed. */
  changes = 0
  private readonly options: Pick<LookerOptions, "maxDumpBytes" | "poll" | "expiry">
  private readonly isStatic: boolean
  private taken: string
  private format: InputFormat | undefined
  /** The look that was taken, or is not to be read until it changes. */
  private done: Look | undefined
  private seen: Look | undefined
  private seenAt = 0
  private seenWall = 0
  /** Ms since the Unix epoch, of the look before `seen`; 0 where there was none. */
  private lookBefore = 0
  private lookedWall = 0
  private unrestSince: number | undefined
  private takenAt = Number.NEGATIVE_INFINITY
  private awaitsEnd = false
  /** It is read once more though it shows no change: its time is coarse, or it is static. */
  private reread: "doubt" | "again" | undefined
  private rereadAt: number | undefined

  constructor(options: Sight["options"], isStatic: boolean, known: Known | undefined) {
    this.options = options
    this.isStatic = isStatic
    this.place = known?.place
    // A static one is read again: what sends it from time to time begins with that.
    this.taken = isStatic ? "" : (known?.taken ?? "")
  }

  /** Nothing waits to be taken. */
  get rests(): boolean {
    return this.unrestSince === undefined
  }

  /** A look at its path. `now`: ms, monotonic; `wall`: ms since the Unix epoch. */
  saw(look: Look, now: number, wall: number): Next {
    const before = this.lookedWall
    this.lookedWall = wall
    if (look.kind !== "file") {
      this.done = this.seen = this.unrestSince = undefined
      return { kind: "none" }
    }
    if (!same(this.seen, look)) {
      this.changes++
      this.seen = look
      this.seenAt = now
      this.seenWall = wall
      this.lookBefore = before
    }
    const isSame = same(this.done, look)
    if (isSame) {
      this.unrestSince = undefined
      this.mayReread(now)
      if (this.reread === undefined) return { kind: "rests" }
    } else this.reread = undefined
    if (this.taken === textOf(look)) {
      this.done = look
      this.taken = ""
      this.outcome = isTaken
      return { kind: "rests" }
    }
    this.unrestSince ??= now
    const early = this.takenAt + this.options.poll - now
    return early > 0 ? { kind: "later", ms: early } : { kind: "read", isSame }
  }

  /** Whether the file that was opened now is whole; if not, it has to rest. */
  isWhole(opened: Look): boolean {
    return this.reread !== undefined || (this.done?.ino !== opened.ino && wasRenamed(opened))
  }

  isRestless(now: number): boolean {
    return this.unrestSince !== undefined && now - this.unrestSince >= patience
  }

  /** Its change was seen so long ago that what it lacks is told. */
  isOverdue(now: number): boolean {
    return now - this.seenAt >= patience
  }

  /** It was OpenMetrics before: without its end it is not whole. */
  get hadEof(): boolean {
    return this.format === "openmetrics"
  }

  /** It could not be read, and is tried again. */
  gaveUp(): void {
    this.unrestSince = undefined
  }

  took({ part, look, found, isOverdue }: Reading, now: number, wall: number): Taken {
    const { reread, place: before } = this
    this.reread = undefined
    this.done = look
    this.takenAt = now
    this.unrestSince = undefined
    this.awaitsEnd = found.kind === "incomplete" && !isOverdue
    this.place = placeOf(part, String(look.ino), found, this.options.maxDumpBytes) ?? before
    if (found.kind !== "dump") {
      this.outcome = this.awaitsEnd ? { state: "settling", why: "" } : this.problem(found)
      return { kind: "nothing" }
    }
    const rereadIn = this.isStatic ? this.options.expiry / 3 : doubtful(look, wall)
    this.rereadAt = rereadIn === undefined ? undefined : now + rereadIn
    const isSame = this.place?.hash === before?.hash
    if (reread === "doubt" && isSame) return { kind: "nothing" }
    const isFirst = this.lookBefore === 0 && this.format === undefined && this.taken === ""
    const { format, start } = found
    this.format = format
    const { age, time } = this.isStatic ? { age: 0, time: wall } : dated(look, isFirst, this.change, now, wall)
    if (isFirst && age >= this.options.expiry / 2) {
      this.outcome = { state: "stale", why: "" }
      return { kind: "old", age }
    }
    this.outcome = isTaken
    return { kind: "round", start, format, age, time, again: reread === "again" && isSame }
  }

  /** After a reading: in how many ms it is to be looked at, though nothing is heard of it; undefined where it need not be. */
  lookIn(now: number): number | undefined {
    if (this.awaitsEnd) return patience
    return this.rereadAt === undefined ? undefined : this.rereadAt - now + 1
  }

  private get change() {
    return { at: this.seenAt, wall: this.seenWall, lookBefore: this.lookBefore }
  }

  private mayReread(now: number): void {
    if (this.awaitsEnd && this.isOverdue(now)) this.reread = "again"
    else if (this.rereadAt !== undefined && now >= this.rereadAt) {
      this.rereadAt = undefined
      this.reread = this.isStatic && this.outcome?.state === "taken" ? "again" : "doubt"
    }
  }

  private problem(found: Exclude<Held, { kind: "dump" }>): Outcome {
    if (found.kind === "incomplete" || found.kind === "unknown") return { state: found.kind, why: found.why }
    const why = `its last dump is larger than --max-dump-bytes, ${this.options.maxDumpBytes} bytes`
    return { state: "too-large", why }
  }
}
