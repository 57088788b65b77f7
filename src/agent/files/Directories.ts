/**
 * Directories: the directories that patterns look into, looked after from tick to tick, for dump files and log files alike: listed and watched
 * (Tree), on mounts that are known (MountTable) and asked in groups, so that one that hangs holds its own files only (Groups). It
 * knows names; what is in files is its owner's. It waits for nothing and no one: what could not be done is done at a later tick.
 */
import type { Directory } from "./Directory.ts"
import { type Glob, readGlob } from "./Glob.ts"
import { Groups, type Late } from "./Groups.ts"
import { Literals } from "./Literals.ts"
import { MountTable } from "./MountTable.ts"
import { Tree } from "./Tree.ts"
import type { Candidate } from "./Walk.ts"

/** An operation that takes longer, ms, is late: its group gets no other one. And told as one that hangs when it takes so long. */
const late = 1_000
const hanging = 5_000
const atOnce = 24
const mountsEvery = 5_000

export interface DirectoriesOptions {
  readonly globs: ReadonlyArray<string>
  readonly excludes: ReadonlyArray<string>
  /** Ms between two lists of a directory that is not watched, and of one that is. */
  readonly every: number
  readonly seldom: number
  /** See Groups. */
  readonly suspects: ReadonlySet<string>
  /** Ms, monotonic. */
  readonly now: () => number
  /** The group hangs for so long, ms; 0: not any more. */
  readonly hangs: (group: string, ms: number) => void
  /** A group that was late is not any more. */
  readonly onTime: (group: string) => void
  /** For people; "" where it is over. */
  readonly trouble: (key: string, text: string) => void
}

export class Directories {
  readonly globs: ReadonlyArray<Glob>
  readonly groups: Groups
  readonly tree: Tree
  /** What patterns mean may be something else than at the last walk. */
  needsWalk = true
  private readonly options: DirectoriesOptions
  private readonly mounts = new MountTable()
  private readonly literals: Literals
  private readonly hung = new Set<string>()
  private mountsAt = Number.NEGATIVE_INFINITY
  private areMountsKnown = false

  constructor(options: DirectoriesOptions) {
    const { globs, excludes, every, seldom, suspects, now, trouble } = options
    this.options = options
    const cwd = process.cwd()
    this.globs = globs.map((glob) => readGlob(glob, cwd))
    this.groups = new Groups({ now, late, atOnce, suspects, onTime: (group) => this.isOnTime(group) })
    this.literals = new Literals(this.globs, {
      groups: this.groups,
      groupOf: (path) => this.mounts.groupOf(path),
      every,
      changed: () => {
        this.needsWalk = true
      }
    })
    const mountOf = (path: string) => this.mounts.mountOf(path)
    const changed = (directory: Directory) => this.changed(directory)
    this.tree = new Tree({
      directory: { groups: this.groups, mountOf, now, every, seldom, changed, trouble },
      globs: this.globs,
      excludes: excludes.map((glob) => readGlob(glob, cwd)),
      isThere: (glob) => this.literals.isThere(glob),
      patience: late
    })
  }

  /** Groups that hang now. */
  get hanging(): ReadonlySet<string> {
    return this.hung
  }

  /** Nothing is looked at before the mounts are known: until then none is known to be watchable. */
  async begin(): Promise<void> {
    await this.readMounts()
    this.areMountsKnown = true
  }

  /** Answers what is late. */
  tick(): ReadonlyArray<Late> {
    const now = this.options.now()
    const all = this.groups.check()
    for (const { group, for: ms } of all) {
      if (ms < hanging || this.hung.has(group)) continue
      this.hung.add(group)
      this.options.hangs(group, ms)
    }
    if (!this.areMountsKnown) return all
    if (now - this.mountsAt >= mountsEvery) void this.readMounts()
    this.tree.checkDue(now)
    this.literals.ask(now)
    return all
  }

  /** What patterns mean; undefined where the first walk waits (see Tree). */
  walk(isLast = false): ReadonlyMap<string, Candidate> | undefined {
    const candidates = this.areMountsKnown ? this.tree.walk(isLast) : undefined
    this.options.trouble("walk", this.tree.bound)
    this.needsWalk = candidates === undefined
    return candidates
  }

  groupOf(path: string): string {
    return this.mounts.groupOf(path)
  }

  close(): void {
    for (const directory of this.tree) directory.close()
  }

  private changed(directory: Directory): void {
    this.needsWalk = true
    for (const file of directory.files.values()) {
      if (!file.isLink) file.group = directory.group
      file.dueAt = 0
    }
  }

  private isOnTime(group: string): void {
    if (this.hung.delete(group)) this.options.hangs(group, 0)
    this.options.onTime(group)
  }

  private async readMounts(): Promise<void> {
    this.mountsAt = this.options.now()
    this.options.trouble("mounts", await this.mounts.read())
  }
}
