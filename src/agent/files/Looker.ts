/**
 * Looker: all that is done with dump files, in the process that does it: which files there are, when each is looked at, and what goes to
 * the agent. One mount that hangs holds its own files only (Groups); the others go on. It waits for nothing and no one: what
 * could not be done is done at a later tick.
 */
import { readFile } from "node:fs/promises"
import { sourceBelow } from "../SourceName.ts"
import { Directory, type DirectoryOptions, groupOf } from "./Directory.ts"
import * as Disk from "./Disk.ts"
import type { RawPath } from "./FileNames.ts"
import { type Glob, readGlob } from "./Glob.ts"
import { Groups } from "./Groups.ts"
import { type Mount, mountOf, readMounts } from "./Mounts.ts"
import { Room } from "./Room.ts"
import { type Known, Tail, type TailOptions } from "./Tail.ts"
import { type Candidate, walk } from "./Walk.ts"
import type { Check, FromLooker, LookerOptions, ToLooker } from "./Wire.ts"

/** More files than this are not tailed, and said so: an agent is for the services beside it. */
export const maxFiles = 10_000
/** An operation that takes longer is late: its group gets no other one. And told as one that hangs when it takes so long, ms. */
const late = 1_000
const hanging = 5_000
/** Threads that may hang before another looker takes over; the pool has 64. */
const maxHeld = 32
const atOnce = 24
/** Between two checks of what is watched, ms: the net under the watches. */
const seldom = 30_000
const tick = 250
const mountsEvery = 5_000

export interface LookerPort {
  readonly send: (message: FromLooker) => void
  /** Resolves when the bytes are no longer needed. */
  readonly sendBody: (message: FromLooker, body: Buffer) => Promise<void>
}

export class Looker {
  private readonly options: LookerOptions
  private readonly port: LookerPort
  private readonly groups: Groups
  private readonly room: Room
  private readonly globs: ReadonlyArray<Glob>
  private readonly excludes: ReadonlyArray<Glob>
  private readonly known: Map<string, Known>
  private readonly directories = new Map<string, Directory>()
  private readonly tails = new Map<string, Tail>()
  /** Files that have each source id; the first is sent. */
  private readonly claims = new Map<string, Array<Tail>>()
  private readonly told = new Map<string, string>()
  private readonly hung = new Set<string>()
  private readonly literals = new Map<Glob, { isThere: boolean; at: number; isBusy: boolean }>()
  private mounts: ReadonlyArray<Mount> = []
  private mountText = ""
  private mountsAt = Number.NEGATIVE_INFINITY
  private readonly started: number
  private timer: NodeJS.Timeout | undefined
  private needsWalk = true
  private walkedAt = Number.NEGATIVE_INFINITY
  private unfinished: ReadonlySet<number> = new Set()
  private hasWalked = false
  private isLast = false
  private hasWalkedAll = false
  private ids = 0
  private beatAt = 0
  private readonly tailOptions: TailOptions
  private readonly directoryOptions: DirectoryOptions

  constructor(start: ToLooker & { t: "start" }, port: LookerPort, check: Check) {
    const { options } = start
    this.options = options
    this.port = port
    const cwd = process.cwd()
    this.globs = [...options.dumps, ...options.statics].map((glob) => readGlob(glob, cwd))
    this.excludes = options.excludes.map((glob) => readGlob(glob, cwd))
    this.known = new Map(start.places.map(([path, place, taken]) => [path, { place, taken }]))
    const now = () => performance.now()
    this.started = now()
    this.groups = new Groups({
      now,
      late,
      atOnce,
      suspects: new Set(start.suspects),
      onTime: (group) => this.isOnTime(group)
    })
    this.room = new Room(this.groups, port.send)
    const { maxBytes, poll, settle, expiry } = options
    const room: TailOptions["room"] = (tail, bytes) => this.room.take(tail, bytes)
    this.tailOptions = {
      ...{ groups: this.groups, maxBytes, poll, settle, expiry, check, room, now },
      wall: () => Date.now(),
      send: port.send,
      sendRound: (message, body) => port.sendBody(message, body),
      claim: (tail) => this.claim(tail)
    }
    this.directoryOptions = {
      groups: this.groups,
      mountOf: (path) => mountOf(this.mounts, path),
      now,
      every: options.globEvery,
      seldom: Math.min(seldom, Math.max(options.globEvery, options.expiry / 3)),
      changed: (directory) => this.changed(directory),
      trouble: (key, text) => this.trouble(key, text)
    }
  }

  async start(): Promise<void> {
    await this.readMounts()
    const beat = () => {
      this.tick()
      this.timer = setTimeout(beat, Math.min(tick, this.options.poll))
    }
    beat()
  }

  stop(): void {
    clearTimeout(this.timer)
    for (const tail of this.tails.values()) tail.close()
    for (const directory of this.directories.values()) directory.close()
  }

  /** The agent's answer to a wish for room. */
  granted(id: number, ok: boolean): void {
    this.room.answered(id, ok)
  }

  /** Looks at all files once more; ends when what rests of them was read, or hangs. */
  async last(): Promise<void> {
    this.isLast = true
    const checked = new Set<Directory>()
    for (let open = [...this.unchecked(checked)]; open.length > 0; open = [...this.unchecked(checked)]) {
      for (const directory of open) checked.add(directory)
      const checks = open.map((directory) => directory.check())
      await Promise.race([Promise.all(checks), new Promise((resolve) => setTimeout(resolve, late))])
    }
    for (const tail of this.tails.values()) void tail.look()
    const until = performance.now() + 4 * this.options.settle + 4 * late
    const isDone = () => [...this.tails.values()].every((tail) => tail.rests || this.groups.isLate(tail.group))
    do await new Promise((resolve) => setTimeout(resolve, 20))
    while (!isDone() && performance.now() < until)
    this.port.send({ t: "looked" })
  }

  private *unchecked(checked: ReadonlySet<Directory>): Iterable<Directory> {
    this.walk()
    for (const directory of this.directories.values())
      if (!checked.has(directory) && !this.groups.isLate(directory.group)) yield directory
  }

  private tick(): void {
    const now = performance.now()
    const all = this.groups.check()
    this.room.check()
    for (const { group, for: ms } of all) {
      if (ms < hanging || this.hung.has(group)) continue
      this.hung.add(group)
      this.port.send({ t: "group", group, hung: true, ms })
    }
    if (this.groups.held > maxHeld) this.port.send({ t: "spent", groups: all.map(({ group }) => group) })
    if (now - this.mountsAt >= mountsEvery) void this.readMounts()
    for (const directory of this.directories.values()) if (directory.isDue(now)) void directory.check()
    this.probe(now)
    if (this.needsWalk) this.walk()
    for (const tail of this.tails.values()) if (now >= tail.dueAt) this.isDue(tail, now)
    if (now - this.beatAt < 1_000) return
    this.beatAt = now
    this.port.send({ t: "beat", ms: now - this.groups.returned })
    this.tellEmpty()
  }

  private isDue(tail: Tail, now: number): void {
    const { poll, globEvery } = this.options
    const { directory } = tail
    if (tail.goneSince !== undefined && now - tail.goneSince >= globEvery) {
      this.needsWalk = true
      if (!tail.candidate.isListed) this.leave(tail)
    }
    const isWatched = directory.isWatched && !tail.isLink && tail.goneSince === undefined
    const every = isWatched ? this.directoryOptions.seldom : tail.isPresent ? poll : globEvery
    tail.dueAt = now + (isWatched ? every * (0.5 + Math.random()) : every)
    if (!tail.rests) return
    const [heard, changes] = [tail.heardOf, tail.changes]
    const wasWatched = isWatched && tail.lookedAt > directory.watchedAt
    void tail.look().then(() => {
      if (wasWatched && tail.changes > changes && tail.heardOf === heard) this.missed(tail)
    })
  }

  /** The watch said nothing of a change, so far. */
  private missed(tail: Tail): void {
    const { directory, heardOf } = tail
    setTimeout(() => {
      if (tail.heardOf !== heardOf || directory.isUnreliable || !directory.isWatched) return
      directory.isUnreliable = true
      directory.unwatch()
      for (const other of directory.files.values()) other.dueAt = 0
      const text = `the watch on ${directory.path} missed a change of ${tail.candidate.name}: its files are polled`
      this.trouble(`missed ${directory.path}`, text)
    }, 2_000)
  }

  private changed(directory: Directory): void {
    this.needsWalk = true
    for (const tail of directory.files.values()) {
      if (!tail.isLink) tail.group = directory.group
      tail.dueAt = 0
    }
  }

  /** Whether a file has the very name that a pattern is: then it is meant, and not what the pattern means. */
  private probe(now: number): void {
    for (const glob of this.globs) {
      if (!glob.mayBeLiteral) continue
      const state = this.literals.get(glob) ?? { isThere: false, at: Number.NEGATIVE_INFINITY, isBusy: false }
      this.literals.set(glob, state)
      const group = groupOf(mountOf(this.mounts, glob.base), glob.base)
      if (state.isBusy || now - state.at < this.options.globEvery || this.groups.isLate(group)) continue
      state.isBusy = true
      state.at = now
      const found = (isThere: boolean) => {
        if (isThere !== state.isThere) this.needsWalk = true
        state.isThere = isThere
        state.isBusy = false
      }
      this.groups
        .run(group, () => Disk.stat(glob.literal))
        .then(
          () => found(true),
          () => found(false)
        )
    }
  }

  private directory(path: string, raw: RawPath): Directory {
    let directory = this.directories.get(path)
    if (directory === undefined) {
      directory = new Directory(path, raw, this.directoryOptions)
      this.directories.set(path, directory)
    }
    return directory
  }

  private walk(): void {
    this.needsWalk = false
    this.walkedAt = performance.now()
    for (const directory of this.directories.values()) directory.wanted = []
    const { candidates, dirs, unfinished, bound } = walk(
      this.globs,
      this.excludes,
      (path, raw, wanted) => {
        const directory = this.directory(path, raw)
        if (wanted !== undefined && !directory.wanted.includes(wanted)) directory.wanted.push(wanted)
        return directory
      },
      (glob) => this.literals.get(glob)?.isThere === true
    )
    this.unfinished = unfinished
    this.trouble("walk", bound)
    // Which of two files with one id is sent must not depend on which directory answered first.
    if (unfinished.size > 0 && !this.hasWalked && !this.isLast && this.walkedAt - this.started < late) {
      for (const path of dirs) this.directory(path, path)
      this.needsWalk = true
      return
    }
    this.keep(candidates)
    for (const [path, directory] of this.directories) {
      if (dirs.has(path)) continue
      directory.close()
      this.directories.delete(path)
    }
    this.hasWalked = true
  }

  private keep(candidates: ReadonlyMap<string, Candidate>): void {
    const now = performance.now()
    for (const [path, tail] of this.tails) {
      if (candidates.has(path)) continue
      tail.goneSince ??= now
      // A service that removes its file before it writes the next one is not gone.
      if (now - tail.goneSince >= this.options.globEvery) {
        this.leave(tail)
        this.remove(tail)
      }
    }
    const fresh = [...candidates.values()]
      .filter(({ path }) => !this.tails.has(path))
      .sort((a, b) => a.glob - b.glob || (a.path < b.path ? -1 : 1))
    for (const candidate of fresh) {
      if (this.tails.size >= maxFiles) break
      this.add(candidate)
    }
    const text = `${candidates.size} files match --dump, only ${maxFiles} are tailed; run more agents with narrower globs`
    this.trouble("many", candidates.size > maxFiles ? text : "")
  }

  private add(candidate: Candidate): void {
    const { path, base, glob, dir, name, isListed } = candidate
    const directory = this.directory(dir, dir)
    const source = sourceBelow(this.options.host, base, path)
    const isStatic = glob >= this.options.dumps.length
    const tail = new Tail(this.ids++, candidate, directory, source, isStatic, this.known.get(path), this.tailOptions)
    this.known.delete(path)
    this.tails.set(path, tail)
    directory.files.set(name, tail)
    // In order: what is listed has its id before anything is looked at.
    if (isListed) this.claim(tail)
  }

  /** Whether the source id is this file's. */
  private takenBy(source: string): string | undefined {
    return this.options.taken.find(([id]) => id === source)?.[1]
  }

  private claim(tail: Tail): boolean {
    const claims = this.claims.get(tail.source) ?? []
    this.claims.set(tail.source, claims)
    if (!claims.includes(tail)) claims.push(tail)
    tail.rival = this.takenBy(tail.source) ?? (claims[0] === tail ? undefined : claims[0]!.candidate.path)
    return tail.rival === undefined
  }

  private leave(tail: Tail): void {
    if (tail.isPresent) this.port.send({ t: "left", id: tail.id })
    tail.isPresent = false
    const claims = this.claims.get(tail.source)?.filter((other) => other !== tail) ?? []
    if (claims.length === 0) this.claims.delete(tail.source)
    else this.claims.set(tail.source, claims)
    for (const other of claims) {
      other.rival = this.takenBy(other.source) ?? (claims[0] === other ? undefined : claims[0]!.candidate.path)
      if (other.rival === undefined) void other.look()
    }
  }

  private remove(tail: Tail): void {
    tail.close()
    const { path, name } = tail.candidate
    this.tails.delete(path)
    tail.directory.files.delete(name)
    tail.directory.links.delete(tail)
  }

  private isOnTime(group: string): void {
    if (this.hung.delete(group)) this.port.send({ t: "group", group, hung: false, ms: 0 })
    for (const tail of this.tails.values()) if (tail.group === group) void tail.look()
  }

  /** Once when it begins, once when it ends. */
  private trouble(key: string, text: string): void {
    if ((this.told.get(key) ?? "") === text) return
    if (text === "") this.told.delete(key)
    else this.told.set(key, text)
    this.port.send({ t: "trouble", key, text })
  }

  private tellEmpty(): void {
    if (!this.hasWalked || this.needsWalk) return
    const present = new Set<number>()
    for (const tail of this.tails.values()) {
      // One that was not looked at yet may be there.
      if (tail.isPresent || !tail.wasLookedAt) present.add(tail.candidate.glob)
    }
    const { dumps } = this.options
    for (const [number, { text, base }] of this.globs.entries()) {
      const option = number < dumps.length ? "--dump" : "--static-dump"
      const isEmpty = !present.has(number) && !this.unfinished.has(number)
      const missing = isEmpty && this.directories.get(base)?.id === "" ? `; there is no directory ${base}` : ""
      const commas =
        isEmpty && text.includes(",") && !text.includes("{")
          ? "; several globs are several options, or lines of the variable, not separated by commas"
          : ""
      this.trouble(`${option} ${text}`, isEmpty ? `no file matches ${option} ${text} so far${missing}${commas}` : "")
    }
    const complete = this.unfinished.size === 0 && this.groups.check().length === 0
    if (!this.hasWalkedAll) {
      this.port.send({ t: "walked", complete })
      // What the start left behind; from here on little is made.
      if (complete) setTimeout(() => globalThis.gc?.(), 5_000)
    }
    this.hasWalkedAll = complete
  }

  private async readMounts(): Promise<void> {
    this.mountsAt = performance.now()
    try {
      const text = await readFile("/proc/self/mountinfo", "utf8")
      if (text === this.mountText) return
      this.mountText = text
      this.mounts = readMounts(text)
    } catch (error) {
      this.trouble("mounts", `the mounts of this machine cannot be read (${Disk.messageOf(error)}): files are polled`)
    }
  }
}
