/**
 * Tail: one dump file as it is watched: looks at it, has it read (Capture) and hands its rounds on. What looks and readings mean is Sight's,
 * what the agent was told is Standing's; here is when the next look is. There is one look at a time, and none while its group is
 * late. It never rejects: what is wrong becomes how the file stands.
 */
import { Alarm } from "./Alarm.ts"
import { Capture } from "./Capture.ts"
import type { Directory } from "./Directory.ts"
import type { Look } from "./Disk.ts"
import * as Disk from "./Disk.ts"
import type { Groups } from "./Groups.ts"
import type { Run } from "./OpenFile.ts"
import { patience, textOf } from "./Settling.ts"
import { type Known, type Reading, Sight } from "./Sight.ts"
import { Standing } from "./Standing.ts"
import type { Candidate } from "./Walk.ts"
import type { Check, FromLooker, LookerOptions } from "./Wire.ts"

export interface TailOptions extends Pick<LookerOptions, "maxDumpBytes" | "poll" | "settle" | "expiry"> {
  readonly groups: Groups
  /** Ms, monotonic. */
  readonly now: () => number
  /** Ms since the Unix epoch. */
  readonly wall: () => number
  readonly send: (message: FromLooker) => void
  /** Sent, and its memory free again. */
  readonly sendRound: (message: FromLooker, body: Buffer) => Promise<void>
  /** Room for so many bytes; undefined where there is none now. Given back by calling it. */
  readonly room: (tail: Tail, bytes: number) => Promise<(() => void) | undefined>
  readonly check: Check
  /** It is there, and wants its source id. */
  readonly claim: (tail: Tail) => void
  /** Whose its source id is, where it is not its own. */
  readonly rival: (tail: Tail) => string | undefined
}

const retryRoom = 500

export class Tail {
  readonly id: number
  readonly candidate: Candidate
  readonly directory: Directory
  readonly source: string
  group: string
  /** When it was found to be gone, ms, monotonic. */
  goneSince: number | undefined
  /** When it is to be looked at though nothing was heard of it, ms, monotonic. */
  dueAt = 0
  /** How often its directory's watch told of it. */
  heardOf = 0
  /** When the last look at it ended, ms, monotonic; negative where there was none. */
  lookedAt = Number.NEGATIVE_INFINITY
  isLink: boolean
  readonly standing: Standing
  private readonly options: TailOptions
  private readonly sight: Sight
  private readonly alarm: Alarm
  private capture: Capture | undefined
  private isBusy = false
  private again = false
  private isClosed = false
  private isPlaced = false

  constructor(
    id: number,
    candidate: Candidate,
    directory: Directory,
    source: string,
    isStatic: boolean,
    known: Known | undefined,
    options: TailOptions
  ) {
    this.id = id
    this.candidate = candidate
    this.directory = directory
    this.source = source
    this.options = options
    this.sight = new Sight(options, isStatic, known)
    this.standing = new Standing(id, candidate.path, source, options.send)
    this.alarm = new Alarm(options.now, () => void this.look())
    this.isLink = candidate.isLink
    // Until it is known where it leads it may hang by itself, and if that is another disk, then too.
    this.group = candidate.isLink ? candidate.path : directory.group
  }

  /** Nothing is under way, and nothing waits to be taken. */
  get rests(): boolean {
    return !this.isBusy && this.capture === undefined && this.sight.rests
  }

  /** It is looked at, for the first time. */
  get isFirstLook(): boolean {
    return this.isBusy && this.lookedAt < 0
  }

  /** How often it was found changed. */
  get changes(): number {
    return this.sight.changes
  }

  /** Its directory's watch told of it. */
  heard(): void {
    this.heardOf++
    // One that is held open is looked at when it had time to rest.
    if (this.capture === undefined) void this.look()
  }

  async look(): Promise<void> {
    const { groups, rival, now } = this.options
    this.again = true
    if (this.isBusy || this.isClosed || groups.isLate(this.group)) return
    if (this.standing.isPresent && rival(this) !== undefined) return
    this.isBusy = true
    try {
      while (this.again && !this.isClosed) {
        this.again = false
        await this.examine()
      }
    } catch (error) {
      this.isUnreadable(error)
    } finally {
      this.isBusy = false
      this.lookedAt = now()
      if (this.isClosed) this.letGo()
    }
  }

  /** It is not looked at any more. */
  close(): void {
    this.isClosed = true
    this.alarm.stop()
    if (!this.isBusy) this.letGo()
  }

  private run<A>(work: () => Promise<A>): Promise<A> {
    return this.options.groups.run(this.group, work)
  }

  private isUnreadable(error: unknown): void {
    if (this.isClosed) return
    this.letGo()
    this.sight.gaveUp()
    const code = Disk.codeOf(error)
    if (code === "ENOENT" || code === "ENOTDIR") {
      if (!this.standing.isPresent) return
      // Its turn comes soon: it may have left, and its watch tells no more of it.
      if (this.goneSince === undefined) this.dueAt = 0
      this.goneSince ??= this.options.now()
      this.directory.checkSoon()
      return
    }
    this.appear()
    this.standing.become("unreadable", Disk.messageOf(error))
  }

  private appear(): void {
    this.goneSince = undefined
    if (this.standing.isPresent) return
    this.standing.found(this.group)
    this.options.claim(this)
    const rival = this.options.rival(this)
    if (rival !== undefined) this.standing.become("duplicate", `its source id is that of ${rival}`)
  }

  private async examine(): Promise<void> {
    const { now, wall, rival } = this.options
    const look = await this.run(() => Disk.stat(this.candidate.raw))
    if (!this.isPlaced) await this.place(look)
    if (this.isClosed) return
    this.appear()
    if (rival(this) !== undefined) return
    const next = this.sight.saw(look, now(), wall())
    if (next.kind === "read") {
      // What is held open is another one, that is not at its path any more.
      if (next.isSame) this.letGo()
      await this.read(look)
    } else if (next.kind === "later") this.alarm.setIn(next.ms)
    else {
      this.letGo()
      if (next.kind === "rests") this.settled()
      else this.standing.become("unreadable", "it is not a regular file")
    }
  }

  private async read(look: Look): Promise<void> {
    this.capture ??= this.begin()
    const captured = await this.capture.go(look)
    if (captured.kind === "wait") return this.wait(captured.ms)
    this.letGo()
    if (captured.kind === "other") this.again = true
    else if (captured.kind === "no-room") this.hasNoRoom()
    else
      try {
        await this.take(captured.reading)
      } finally {
        captured.release()
      }
  }

  private begin(): Capture {
    const { sight } = this
    const { room, now, settle, maxDumpBytes: maxBytes } = this.options
    const run: Run = (work) => this.run(work)
    return new Capture({
      ...{ path: this.candidate.raw, run, sight, now, settle, maxBytes },
      room: (bytes) => room(this, bytes)
    })
  }

  private letGo(): void {
    this.capture?.letGo()
    this.capture = undefined
  }

  /** Where it really is: by that it is grouped. */
  private async place(look: Look): Promise<void> {
    this.isPlaced = true
    const { directory, candidate } = this
    if (this.isLink) this.isLink = (await this.run(() => Disk.lstat(candidate.raw))).kind === "link"
    if (this.isLink) directory.links.add(this)
    const isElsewhere = this.isLink && !directory.id.startsWith(`${look.dev}:`)
    this.group = isElsewhere ? candidate.path : directory.group
    if (this.standing.isPresent) this.standing.found(this.group)
  }

  private wait(ms: number): void {
    const { now, settle } = this.options
    const why = `it never rests: for ${patience / 1000} s it was written again within ${settle} ms`
    if (this.sight.isRestless(now())) this.standing.become("restless", why)
    else if (this.standing.state !== "restless") this.standing.become("settling")
    this.alarm.setIn(ms)
  }

  private hasNoRoom(): void {
    this.sight.gaveUp()
    this.standing.become("no-room", "the rounds that wait for the log fill the buffer")
    this.alarm.setIn(Math.max(this.options.poll, retryRoom))
  }

  private async take(reading: Reading): Promise<void> {
    const { id, sight, standing } = this
    const { send, sendRound, check, now, wall } = this.options
    const { part, look } = reading
    const taken = sight.took(reading, now(), wall())
    const lookIn = sight.lookIn(now())
    if (lookIn !== undefined) this.alarm.setIn(lookIn)
    // The path may have another file by now.
    this.again = true
    if (taken.kind === "nothing") return this.settled()
    // The message says by itself how it stands.
    standing.became(taken.kind === "old" ? "stale" : "taken")
    const known = { place: sight.place!, taken: textOf(look) }
    if (taken.kind === "old") return send({ t: "old", id, age: taken.age, ...known })
    const { start, format, time, age, again } = taken
    const text = part.bytes.subarray(start - part.offset)
    await sendRound({ t: "round", id, format, time, age, ...known, again, check: check(this, text, format) }, text)
  }

  private settled(): void {
    const { outcome } = this.sight
    if (outcome !== undefined) this.standing.become(outcome.state, outcome.why)
  }
}
