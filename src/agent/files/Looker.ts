/**
 * Looker: all that is done with dump files, in the process that does it: it has the directories walked (Tree), the files tailed (Tails) and
 * looked at when it is their turn (Turns), and tells the agent what hangs and what matches nothing. One mount that hangs holds its
 * own files only (Groups); the others go on. It waits for nothing and no one: what could not be done is done at a later tick.
 */
import type { Directory } from "./Directory.ts"
import { giveBackMemory } from "./GiveBack.ts"
import { type Glob, readGlob } from "./Glob.ts"
import { Groups } from "./Groups.ts"
import { Literals } from "./Literals.ts"
import { MountTable } from "./MountTable.ts"
import { Room } from "./Room.ts"
import { Tails } from "./Tails.ts"
import { Tree } from "./Tree.ts"
import { Turns } from "./Turns.ts"
import { unmatched } from "./Unmatched.ts"
import type { Check, FromLooker, LookerOptions, ToLooker } from "./Wire.ts"

/** An operation that takes longer is late: its group gets no other one. And told as one that hangs when it takes so long, ms. */
const late = 1_000
const hanging = 5_000
/** Threads that may hang before another looker takes over; the pool has 64. */
const maxHeld = 32
const atOnce = 24
/** Between two checks of what is watched, ms: the net under the watches. */
const seldom = 30_000
const tick = 250
/** Where more first looks wait, ms. */
const soon = 10
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
  private readonly mounts = new MountTable()
  private readonly literals: Literals
  private readonly tails: Tails
  private readonly tree: Tree
  private readonly turns: Turns
  private readonly told = new Map<string, string>()
  private readonly hung = new Set<string>()
  private mountsAt = Number.NEGATIVE_INFINITY
  private needsWalk = true
  private isLast = false
  private hasWalkedAll = false
  private beatAt = 0

  constructor(start: ToLooker & { t: "start" }, port: LookerPort, check: Check) {
    const { options } = start
    this.options = options
    this.port = port
    const cwd = process.cwd()
    this.globs = [...options.dumps, ...options.staticDumps].map((glob) => readGlob(glob, cwd))
    const now = () => performance.now()
    const suspects = new Set(start.suspects)
    this.groups = new Groups({ now, late, atOnce, suspects, onTime: (group) => this.isOnTime(group) })
    this.room = new Room(this.groups, port.send)
    this.literals = new Literals(this.globs, {
      groups: this.groups,
      groupOf: (path) => this.mounts.groupOf(path),
      every: options.globEvery,
      changed: () => {
        this.needsWalk = true
      }
    })
    this.tails = new Tails({
      looker: options,
      tail: {
        ...options,
        ...{ groups: this.groups, check, now },
        wall: () => Date.now(),
        send: port.send,
        sendRound: (message, body) => port.sendBody(message, body),
        room: (tail, bytes) => this.room.take(tail, bytes)
      },
      places: start.places.map(([path, place, taken]) => [path, { place, taken }]),
      directory: (path) => this.tree.at(path),
      trouble: (key, text) => this.trouble(key, text)
    })
    const every = Math.min(seldom, Math.max(options.globEvery, options.expiry / 3))
    this.tree = new Tree({
      directory: {
        groups: this.groups,
        mountOf: (path) => this.mounts.mountOf(path),
        now,
        every: options.globEvery,
        seldom: every,
        changed: (directory) => this.changed(directory),
        trouble: (key, text) => this.trouble(key, text)
      },
      globs: this.globs,
      excludes: options.excludes.map((glob) => readGlob(glob, cwd)),
      isThere: (glob) => this.literals.isThere(glob),
      patience: late
    })
    this.turns = new Turns({
      ...{ groups: this.groups, tails: this.tails, poll: options.poll, globEvery: options.globEvery, seldom: every },
      isGone: (tail) => {
        this.needsWalk = true
        // No list of its directory says so. If it comes back it is another one.
        if (!tail.candidate.isListed) this.tails.leave(tail)
      },
      trouble: (key, text) => this.trouble(key, text)
    })
  }

  async start(): Promise<void> {
    await this.readMounts()
    const beat = () => {
      const hasMore = this.tick()
      setTimeout(beat, hasMore ? soon : Math.min(tick, this.options.poll))
    }
    beat()
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
    for (const tail of this.tails) void tail.look()
    const until = performance.now() + 4 * this.options.settle + 4 * late
    const isDone = () => [...this.tails].every((tail) => tail.rests || this.groups.isLate(tail.group))
    do await new Promise((resolve) => setTimeout(resolve, 20))
    while (!isDone() && performance.now() < until)
    this.port.send({ t: "looked" })
  }

  private *unchecked(checked: ReadonlySet<Directory>): Iterable<Directory> {
    this.walk()
    for (const directory of this.tree)
      if (!checked.has(directory) && !this.groups.isLate(directory.group)) yield directory
  }

  /** Answers whether the next one should be soon. */
  private tick(): boolean {
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
    this.tree.checkDue(now)
    this.literals.ask(now)
    if (this.needsWalk) this.walk()
    const hasMore = this.turns.take(now)
    if (now - this.beatAt < 1_000) return hasMore
    this.beatAt = now
    this.port.send({ t: "beat", ms: now - this.groups.returned })
    this.tellEmpty()
    return hasMore
  }

  private changed(directory: Directory): void {
    this.needsWalk = true
    for (const tail of directory.files.values()) {
      if (!tail.isLink) tail.group = directory.group
      tail.dueAt = 0
    }
  }

  private walk(): void {
    this.needsWalk = false
    const candidates = this.tree.walk(this.isLast)
    this.trouble("walk", this.tree.bound)
    if (candidates === undefined) this.needsWalk = true
    else this.tails.keep(candidates, performance.now())
  }

  private isOnTime(group: string): void {
    if (this.hung.delete(group)) this.port.send({ t: "group", group, hung: false, ms: 0 })
    for (const tail of this.tails) if (tail.group === group) void tail.look()
  }

  /** Once when it begins, once when it ends. */
  private trouble(key: string, text: string): void {
    if ((this.told.get(key) ?? "") === text) return
    if (text === "") this.told.delete(key)
    else this.told.set(key, text)
    this.port.send({ t: "trouble", key, text })
  }

  private tellEmpty(): void {
    if (!this.tree.hasWalked || this.needsWalk) return
    const present = new Set<number>()
    let complete = this.tree.unfinished.size === 0 && this.groups.check().length === 0
    for (const tail of this.tails) {
      // One that was not looked at yet may be there.
      if (tail.lookedAt < 0) complete = false
      if (tail.standing.isPresent || tail.lookedAt < 0) present.add(tail.candidate.glob)
    }
    for (const [number, glob] of this.globs.entries()) {
      const option = number < this.options.dumps.length ? "--dump" : "--static-dump"
      const isEmpty = !present.has(number) && !this.tree.unfinished.has(number)
      const isMissing = this.tree.isMissing(glob.base)
      this.trouble(`${option} ${glob.text}`, isEmpty ? unmatched(option, glob, isMissing) : "")
    }
    if (!this.hasWalkedAll) {
      this.port.send({ t: "walked", complete })
      // What the start left behind; from here on little is made.
      if (complete) setTimeout(giveBackMemory, 5_000)
    }
    this.hasWalkedAll = complete
  }

  private async readMounts(): Promise<void> {
    this.mountsAt = performance.now()
    this.trouble("mounts", await this.mounts.read())
  }
}
