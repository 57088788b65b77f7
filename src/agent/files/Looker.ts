/**
 * Looker: all that is done with dump files, in the process that does it: it has their directories looked after (Directories), the files tailed
 * (Tails) and looked at when it is their turn (Turns), and tells the agent what hangs and what matches nothing. One mount that hangs
 * holds its own files only; the others go on. It waits for nothing and no one: what could not be done is done at a later tick.
 */
import { Directories } from "./Directories.ts"
import type { Directory } from "./Directory.ts"
import { giveBackMemory } from "./GiveBack.ts"
import { Room } from "./Room.ts"
import { Tails } from "./Tails.ts"
import { Turns } from "./Turns.ts"
import { unmatched } from "./Unmatched.ts"
import type { Check, FromLooker, LookerOptions, ToLooker } from "./Wire.ts"

/** Threads that may hang before another looker takes over; the pool has 64. */
const maxHeld = 32
/** Between two checks of what is watched, ms: the net under the watches. */
const seldom = 30_000
const tick = 250
/** What the last looks get for directories that do not answer, and beside the rest that files need. */
const late = 1_000
/** Where more first looks wait, ms. */
const soon = 10

export interface LookerPort {
  readonly send: (message: FromLooker) => void
  /** Resolves when the bytes are no longer needed. */
  readonly sendBody: (message: FromLooker, body: Buffer) => Promise<void>
}

export class Looker {
  private readonly options: LookerOptions
  private readonly port: LookerPort
  private readonly directories: Directories
  private readonly room: Room
  private readonly tails: Tails
  private readonly turns: Turns
  private readonly told = new Map<string, string>()
  private readonly begun: Promise<void>
  private isLast = false
  private hasWalkedAll = false
  private beatAt = 0

  constructor(start: ToLooker & { t: "start" }, port: LookerPort, check: Check) {
    const { options } = start
    this.options = options
    this.port = port
    const now = () => performance.now()
    const seldomEnough = Math.min(seldom, Math.max(options.globEvery, options.expiry / 3))
    this.directories = new Directories({
      globs: [...options.dumps, ...options.staticDumps],
      excludes: options.excludes,
      every: options.globEvery,
      seldom: seldomEnough,
      suspects: new Set(start.suspects),
      now,
      hangs: (group, ms) => port.send({ t: "group", group, hung: ms > 0, ms }),
      onTime: (group) => this.isOnTime(group),
      trouble: (key, text) => this.trouble(key, text)
    })
    this.begun = this.directories.begin()
    const { groups, tree } = this.directories
    this.room = new Room(groups, port.send)
    this.tails = new Tails({
      looker: options,
      tail: {
        ...options,
        ...{ groups, check, now },
        wall: () => Date.now(),
        send: port.send,
        sendRound: (message, body) => port.sendBody(message, body),
        room: (tail, bytes) => this.room.take(tail, bytes)
      },
      places: start.places.map(([path, place, taken]) => [path, { place, taken }]),
      directory: (path) => tree.at(path),
      trouble: (key, text) => this.trouble(key, text)
    })
    this.turns = new Turns({
      ...{ groups, tails: this.tails, poll: options.poll, globEvery: options.globEvery, seldom: seldomEnough },
      isGone: (tail) => {
        this.directories.needsWalk = true
        // No list of its directory says so. If it comes back it is another one.
        if (!tail.candidate.isListed) this.tails.leave(tail)
      },
      trouble: (key, text) => this.trouble(key, text)
    })
  }

  async start(): Promise<void> {
    await this.begun
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
    await this.begun
    const checked = new Set<Directory>()
    for (let open = [...this.unchecked(checked)]; open.length > 0; open = [...this.unchecked(checked)]) {
      for (const directory of open) checked.add(directory)
      const checks = open.map((directory) => directory.check())
      await Promise.race([Promise.all(checks), new Promise((resolve) => setTimeout(resolve, late))])
    }
    for (const tail of this.tails) void tail.look()
    const until = performance.now() + 4 * this.options.settle + 4 * late
    const isDone = () => [...this.tails].every((tail) => tail.rests || this.directories.groups.isLate(tail.group))
    do await new Promise((resolve) => setTimeout(resolve, 20))
    while (!isDone() && performance.now() < until)
    this.port.send({ t: "looked" })
  }

  private *unchecked(checked: ReadonlySet<Directory>): Iterable<Directory> {
    this.walk()
    for (const directory of this.directories.tree)
      if (!checked.has(directory) && !this.directories.groups.isLate(directory.group)) yield directory
  }

  /** Answers whether the next one should be soon. */
  private tick(): boolean {
    const now = performance.now()
    const { directories } = this
    const all = directories.tick()
    this.room.check()
    if (directories.groups.held > maxHeld) this.port.send({ t: "spent", groups: all.map(({ group }) => group) })
    if (directories.needsWalk) this.walk()
    const hasMore = this.turns.take(now)
    if (now - this.beatAt < 1_000) return hasMore
    this.beatAt = now
    this.port.send({ t: "beat", ms: now - directories.groups.returned })
    this.tellEmpty()
    return hasMore
  }

  private walk(): void {
    const candidates = this.directories.walk(this.isLast)
    if (candidates !== undefined) this.tails.keep(candidates, performance.now())
  }

  private isOnTime(group: string): void {
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
    const { globs, groups, tree, needsWalk } = this.directories
    if (!tree.hasWalked || needsWalk) return
    const present = new Set<number>()
    let complete = tree.unfinished.size === 0 && groups.check().length === 0
    for (const tail of this.tails) {
      // One that was not looked at yet may be there.
      if (tail.lookedAt < 0) complete = false
      if (tail.standing.isPresent || tail.lookedAt < 0) present.add(tail.candidate.glob)
    }
    for (const [number, glob] of globs.entries()) {
      const option = number < this.options.dumps.length ? "--dump" : "--static-dump"
      const isEmpty = !present.has(number) && !tree.unfinished.has(number)
      const isMissing = tree.isMissing(glob.base)
      this.trouble(`${option} ${glob.text}`, isEmpty ? unmatched(option, glob, isMissing) : "")
    }
    if (!this.hasWalkedAll) {
      this.port.send({ t: "walked", complete })
      // What the start left behind; from here on little is made.
      if (complete) setTimeout(giveBackMemory, 5_000)
    }
    this.hasWalkedAll = complete
  }
}
