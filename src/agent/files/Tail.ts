/**
 * Tail: one dump file as it is watched: each look decides from what the file shows whether there is a new round in it, and reads it.
 * What counts is the file, not its text: the same text written again is a new round, the service lives. A round is whole or not
 * taken (Settling), and is the file's last dump (Holdings). It never rejects: what is wrong becomes the file's state.
 */
import type { InputFormat } from "../../metrics/text/Dump.ts"
import type { Directory } from "./Directory.ts"
import type { Look } from "./Disk.ts"
import * as Disk from "./Disk.ts"
import type { Groups } from "./Groups.ts"
import { type Held, type Part, type Place, placeOf, readFrom, whatItHolds } from "./Holdings.ts"
import { doubtful, dumpTime, patience, same, textOf, wasRenamed } from "./Settling.ts"
import type { Candidate } from "./Walk.ts"
import type { Check, FileState, FromLooker, LookerOptions } from "./Wire.ts"

export interface TailOptions extends Pick<LookerOptions, "maxBytes" | "poll" | "settle" | "expiry"> {
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
  /** The source id is this file's now; not, where it is another one's. */
  readonly claim: (tail: Tail) => boolean
}

/** What was known of a file before this process. */
export interface Known {
  readonly place: Place
  /** The look of which the agent has a round already; "" in another run of it. */
  readonly taken: string
}

/** Bytes of one read: a slow disk has time enough for it, and what goes on is seen. */
const piece = 256 * 1024
const retryRoom = 500

export class Tail {
  readonly id: number
  readonly candidate: Candidate
  readonly directory: Directory
  readonly source: string
  readonly isStatic: boolean
  group: string
  isPresent = false
  /** When it was found to be gone, ms, monotonic. */
  goneSince: number | undefined
  /** Its source id is this other file's. */
  rival: string | undefined
  /** When it is to be looked at though nothing was heard of it, ms, monotonic. */
  dueAt = 0
  /** How often its directory's watch told of it, and how often it was found changed. */
  heardOf = 0
  changes = 0
  /** When the last look at it ended, ms, monotonic. */
  lookedAt = Number.NEGATIVE_INFINITY
  isLink: boolean
  state: FileState = "settling"
  private why = ""
  private readonly options: TailOptions
  private place: Place | undefined
  private taken: string
  private format: InputFormat | undefined
  private isBusy = false
  private again = false
  private isClosed = false
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
  private fd: number | undefined
  private held: Look | undefined
  private heldAt = 0
  private timer: NodeJS.Timeout | undefined
  private timerAt = 0
  private wasLstated = false

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
    this.isStatic = isStatic
    this.place = known?.place
    this.taken = known?.taken ?? ""
    this.options = options
    this.isLink = candidate.isLink
    // Until it is known where it leads it may hang by itself.
    this.group = candidate.isLink ? candidate.path : directory.group
  }

  /** Nothing is under way, and nothing waits to be taken. */
  get rests(): boolean {
    return !this.isBusy && this.fd === undefined && this.unrestSince === undefined
  }

  get wasLookedAt(): boolean {
    return this.lookedAt >= 0
  }

  /** Its directory's watch told of it. */
  heard(): void {
    this.heardOf++
    if (this.fd === undefined) void this.look()
  }

  async look(): Promise<void> {
    const { groups } = this.options
    this.again = true
    if (this.isBusy || this.isClosed || groups.isLate(this.group) || (this.isPresent && this.rival !== undefined))
      return
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
      this.lookedAt = this.options.now()
      if (this.isClosed) this.letGo()
    }
  }

  /** It is not looked at any more. */
  close(): void {
    this.isClosed = true
    clearTimeout(this.timer)
    if (!this.isBusy) this.letGo()
  }

  private op<A>(work: () => Promise<A>): Promise<A> {
    return this.options.groups.run(this.group, work)
  }

  private after(ms: number): void {
    const at = this.options.now() + ms
    if (this.timer !== undefined && this.timerAt <= at) return
    clearTimeout(this.timer)
    this.timerAt = at
    this.timer = setTimeout(() => {
      this.timer = undefined
      void this.look()
    }, ms)
  }

  /** Its file is not held open any more. */
  private letGo(): void {
    const { fd } = this
    this.fd = this.held = undefined
    // Also closing may hang, and nobody waits for it.
    if (fd !== undefined) this.op(() => Disk.close(fd)).catch(() => {})
  }

  private set(state: FileState, why = ""): void {
    // Between two dumps nothing is to be told.
    if (state === "settling" && (this.state === "taken" || this.state === "stale")) return
    if (state === this.state && why === this.why) return
    this.state = state
    this.why = why
    if (this.isPresent) this.options.send({ t: "state", id: this.id, state, why })
  }

  private isUnreadable(error: unknown): void {
    this.letGo()
    this.unrestSince = undefined
    const code = Disk.codeOf(error)
    if (code === "ENOENT" || code === "ENOTDIR") {
      if (!this.isPresent) return
      this.goneSince ??= this.options.now()
      this.directory.checkSoon()
      return
    }
    this.appear()
    this.set("unreadable", Disk.messageOf(error))
  }

  private appear(): void {
    this.goneSince = undefined
    if (this.isPresent) return
    this.isPresent = true
    const { id, source, group, candidate } = this
    this.options.send({ t: "found", id, path: candidate.path, source, group })
    if (!this.options.claim(this)) this.set("duplicate", `its source id is that of ${this.rival}`)
  }

  private async examine(): Promise<void> {
    const { now, wall, poll } = this.options
    const look = await this.op(() => Disk.stat(this.candidate.raw))
    const before = this.lookedWall
    this.lookedWall = wall()
    if (!this.wasLstated) await this.whereItIs(look)
    this.appear()
    if (this.rival !== undefined) return
    if (look.kind !== "file") {
      this.letGo()
      this.done = this.seen = this.unrestSince = undefined
      this.set("unreadable", "it is not a regular file")
      return
    }
    if (!same(this.seen, look)) {
      this.changes++
      this.seen = look
      this.seenAt = now()
      this.seenWall = this.lookedWall
      this.lookBefore = before
    }
    if (same(this.done, look)) {
      this.rested()
      if (this.reread === undefined) return
    } else this.reread = undefined
    if (this.taken === textOf(look)) {
      this.done = look
      this.taken = ""
      this.outcome = { state: "taken", why: "" }
      this.set("taken")
      return
    }
    this.unrestSince ??= now()
    const early = this.takenAt + poll - now()
    if (early > 0) this.after(early)
    else await this.settle(look)
  }

  /** What the last reading came to, which holds while the file is the same. */
  private outcome: { readonly state: FileState; readonly why: string } | undefined

  private rested(): void {
    const now = this.options.now()
    this.letGo()
    this.unrestSince = undefined
    if (this.awaitsEnd && now - this.seenAt >= patience) {
      this.awaitsEnd = false
      this.reread = "again"
    } else if (this.rereadAt !== undefined && now >= this.rereadAt) {
      this.rereadAt = undefined
      this.reread = this.isStatic && this.outcome?.state === "taken" ? "again" : "doubt"
    } else if (this.outcome !== undefined) this.set(this.outcome.state, this.outcome.why)
  }

  private async whereItIs(look: Look): Promise<void> {
    this.wasLstated = true
    if (this.isLink) this.isLink = (await this.op(() => Disk.lstat(this.candidate.raw))).kind === "link"
    const { directory } = this
    if (this.isLink) directory.links.add(this)
    this.group =
      this.isLink && !directory.id.startsWith(`${look.dev}:`)
        ? `${this.candidate.path} (device ${look.dev})`
        : directory.group
    if (this.isPresent)
      this.options.send({
        ...{ t: "found", id: this.id, path: this.candidate.path },
        source: this.source,
        group: this.group
      })
  }

  private async settle(look: Look): Promise<void> {
    const { now, settle } = this.options
    const { fd, held } = this
    if (fd === undefined || held === undefined) {
      const opened = await this.op(() => Disk.open(this.candidate.raw))
      this.fd = opened
      const there = await this.op(() => Disk.fstat(opened))
      if (there.kind !== "file") throw new Error("it is not a regular file")
      this.held = there
      this.heldAt = now()
      const isNew = this.done?.ino !== there.ino
      if (this.reread === undefined && !(isNew && wasRenamed(there))) return this.wait(settle)
      return await this.take(opened, there)
    }
    const rest = this.heldAt + settle - now()
    if (rest > 0) return this.wait(rest)
    const current = await this.op(() => Disk.fstat(fd))
    if (same(current, held)) return await this.take(fd, held)
    if (look.ino === current.ino) {
      this.held = current
      this.heldAt = now()
      return this.wait(settle)
    }
    // Another one is there already, and this one was not finished.
    this.letGo()
    this.again = true
  }

  private wait(ms: number): void {
    const since = this.options.now() - (this.unrestSince ?? this.options.now())
    if (since >= patience)
      this.set(
        "restless",
        `it never rests: for ${patience / 1000} s it was written again within ${this.options.settle} ms`
      )
    else if (this.state !== "restless") this.set("settling")
    this.after(ms)
  }

  private async take(fd: number, held: Look): Promise<void> {
    const { maxBytes, now, poll } = this.options
    const ino = String(held.ino)
    const overdue = now() - this.seenAt >= patience
    const expectEof = this.format === "openmetrics" && !overdue
    let place = this.place
    for (;;) {
      const offset = readFrom(place, ino, held.size, maxBytes)
      const release = await this.options.room(this, held.size - offset)
      if (release === undefined) {
        this.letGo()
        this.unrestSince = undefined
        this.set("no-room", "the rounds that wait for the log fill the buffer")
        this.after(Math.max(poll, retryRoom))
        return
      }
      try {
        const part = await this.read(fd, offset, held.size)
        const current = await this.op(() => Disk.fstat(fd))
        if (part === undefined || !same(current, held)) {
          this.held = current
          this.heldAt = now()
          this.wait(this.options.settle)
          return
        }
        const found = whatItHolds(part, ino, place, expectEof, maxBytes)
        if (found.kind === "rewritten") {
          place = { ...place!, ino: "" }
          continue
        }
        await this.keep(part, held, found, overdue)
        return
      } finally {
        release()
      }
    }
  }

  private async read(fd: number, offset: number, size: number): Promise<Part | undefined> {
    const bytes = Buffer.allocUnsafeSlow(size - offset)
    for (let filled = 0; filled < bytes.length; ) {
      const length = Math.min(piece, bytes.length - filled)
      const came = await this.op(() => Disk.read(fd, bytes, filled, length, offset + filled))
      if (came === 0) return undefined
      filled += came
    }
    return { bytes, offset }
  }

  /** The file's part was read while the file stayed the same. */
  private async keep(part: Part, held: Look, found: Held, overdue: boolean): Promise<void> {
    const { now, wall, maxBytes } = this.options
    const before = this.place
    const { reread } = this
    this.letGo()
    this.reread = undefined
    this.done = held
    this.takenAt = now()
    this.unrestSince = undefined
    this.awaitsEnd = false
    this.place = placeOf(part, String(held.ino), found, maxBytes) ?? before
    // The path may have another file by now.
    this.again = true
    if (found.kind === "dump") {
      this.rereadIn(this.isStatic ? this.options.expiry / 3 : doubtful(held, wall()))
      if (reread === "doubt" && this.place?.hash === before?.hash) return
      await this.send(part, held, found, reread === "again" && this.place?.hash === before?.hash)
      return
    }
    if (found.kind === "incomplete" && !overdue) {
      this.awaitsEnd = true
      this.after(patience)
      this.settled("settling", "")
    } else if (found.kind === "incomplete") this.settled("incomplete", found.why)
    else if (found.kind === "unknown") this.settled("unknown", found.why)
    else this.settled("too-large", `its last dump is larger than --max-dump-bytes, ${maxBytes} bytes`)
  }

  private settled(state: FileState, why: string): void {
    this.outcome = { state, why }
    this.set(state, why)
  }

  private rereadIn(ms: number | undefined): void {
    this.rereadAt = ms === undefined ? undefined : this.options.now() + ms
    if (ms !== undefined) this.after(ms + 1)
  }

  private async send(part: Part, held: Look, found: Held & { kind: "dump" }, again: boolean): Promise<void> {
    const { now, wall, expiry, check } = this.options
    const { id, isStatic } = this
    const text = part.bytes.subarray(found.start - part.offset)
    const isFirst = this.lookBefore === 0 && this.format === undefined && this.taken === ""
    this.format = found.format
    const written = Number(held.mtimeNs / 1_000_000n)
    const [at, place, taken] = [wall(), this.place!, textOf(held)]
    const age = isStatic ? 0 : isFirst ? Math.max(0, at - written) : Math.max(0, now() - this.seenAt)
    if (isFirst && age >= expiry / 2) {
      this.outcome = { state: "stale", why: "" }
      this.state = "stale"
      this.options.send({ t: "old", id, age, place, taken })
      return
    }
    const time = isStatic ? at : isFirst ? Math.min(at, written) : dumpTime(held, this.lookBefore, this.seenWall, at)
    this.outcome = { state: "taken", why: "" }
    this.state = "taken"
    this.why = ""
    const { format } = found
    await this.options.sendRound(
      { t: "round", id, format, time, age, place, taken, again, check: check(this, text, format) },
      text
    )
  }
}
