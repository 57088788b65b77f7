/**
 * Scout: what is at the paths that the patterns mean, looked at when something is heard of them, and now and then in any case. It knows
 * names, sizes and identities, nothing of streams: what was seen is handed on. Directories, watches and mounts are looked after
 * by the rooms that dump files have (agent/files): one mount that hangs holds its own files only.
 */
import * as Disk from "../files/Disk.ts"
import { below, type RawPath, rawBelow } from "../files/FileNames.ts"
import { type Glob, readGlob } from "../files/Glob.ts"
import { Groups } from "../files/Groups.ts"
import { Literals } from "../files/Literals.ts"
import { MountTable } from "../files/MountTable.ts"
import type { Run } from "../files/OpenFile.ts"
import { Tree } from "../files/Tree.ts"
import { unmatched } from "../files/Unmatched.ts"
import type { Candidate } from "../files/Walk.ts"
import { idOf, type Seen } from "./Sighting.ts"
import { Watched } from "./Watched.ts"

/** More files than this are not tailed, and said so. */
export const maxFiles = 10_000
const late = 1_000
const hanging = 5_000
const atOnce = 24
/** Between two looks at what is watched, ms: the net under the watches. */
const seldom = 30_000
/** What a watch may need to tell, ms. */
const grace = 2_000
const mountsEvery = 5_000
/** Names of a directory that are looked at beside those that patterns mean. */
const maxBeside = 200

export interface ScoutOptions {
  readonly globs: ReadonlyArray<string>
  readonly excludes: ReadonlyArray<string>
  /** Ms between two looks at a file that is not watched. */
  readonly poll: number
  /** Between two lists of a directory that is not watched. */
  readonly globEvery: number
  /** Ms, monotonic. */
  readonly now: () => number
  readonly looked: (looked: ReadonlyMap<string, Seen | undefined>) => void
  /** For people; "" where it is over. */
  readonly trouble: (key: string, text: string) => void
}

export class Scout {
  private readonly options: ScoutOptions
  private readonly groups: Groups
  private readonly globs: ReadonlyArray<Glob>
  private readonly mounts = new MountTable()
  private readonly literals: Literals
  private readonly tree: Tree
  private readonly files = new Map<string, Watched>()
  /** Files beside those that patterns mean, which a stream was renamed to. */
  private readonly followed = new Set<string>()
  private readonly hung = new Set<string>()
  private results = new Map<string, Seen | undefined>()
  private mountsAt = Number.NEGATIVE_INFINITY
  private needsWalk = true

  constructor(options: ScoutOptions) {
    const { globs, excludes, now, globEvery, trouble } = options
    this.options = options
    const cwd = process.cwd()
    this.globs = globs.map((glob) => readGlob(glob, cwd))
    this.groups = new Groups({ now, late, atOnce, suspects: new Set(), onTime: (group) => this.isOnTime(group) })
    const needsWalk = () => {
      this.needsWalk = true
    }
    this.literals = new Literals(this.globs, {
      groups: this.groups,
      groupOf: (path) => this.mounts.groupOf(path),
      every: globEvery,
      changed: needsWalk
    })
    this.tree = new Tree({
      directory: {
        groups: this.groups,
        mountOf: (path) => this.mounts.mountOf(path),
        ...{ now, every: globEvery, seldom, trouble },
        changed: (directory) => {
          needsWalk()
          for (const file of directory.files.values()) file.dueAt = 0
        }
      },
      globs: this.globs,
      excludes: excludes.map((glob) => readGlob(glob, cwd)),
      isThere: (glob) => this.literals.isThere(glob),
      patience: late
    })
  }

  /** Each file that patterns mean was looked at, but for those that hang. */
  get hasSeenAll(): boolean {
    if (!this.tree.hasWalked || this.tree.unfinished.size > 0 || this.needsWalk) return false
    for (const { lookedAt, group } of this.files.values()) if (lookedAt < 0 && !this.groups.isLate(group)) return false
    return true
  }

  /** Groups that hang now. */
  get hanging(): ReadonlySet<string> {
    return this.hung
  }

  get fileCount(): number {
    return this.files.size
  }

  /** Begins an operation when the path's group may have one. */
  runAt(path: string): Run {
    const group = this.groupOf(path)
    return (work) => this.groups.run(group, work)
  }

  isLate(path: string): boolean {
    return this.groups.isLate(this.groupOf(path))
  }

  rawOf(path: string): RawPath {
    return this.files.get(path)?.raw ?? path
  }

  /** It, and what is beside it, is looked at at the next tick. */
  lookAround(path: string): void {
    const directory = this.files.get(path)?.directory ?? this.tree.at(path.slice(0, path.lastIndexOf("/")) || "/")
    directory.checkSoon()
    for (const file of directory.files.values()) file.dueAt = 0
  }

  look(path: string): void {
    const file = this.files.get(path)
    if (file !== undefined) file.dueAt = 0
  }

  /** A path that no pattern means is looked at until it is let go. */
  follow(path: string, raw: RawPath): void {
    if (this.files.has(path)) return
    this.followed.add(path)
    const at = path.lastIndexOf("/")
    this.add({ path, raw, name: path.slice(at + 1), isLink: true, dir: path.slice(0, at) || "/" })
  }

  letGo(path: string): void {
    if (this.followed.delete(path)) this.drop(path)
  }

  /** Files in the path's directory that no pattern means and whose names begin as its own does up to the first dot. */
  async beside(
    path: string
  ): Promise<ReadonlyArray<{ readonly path: string; readonly raw: RawPath; readonly seen: Seen }>> {
    const run = this.runAt(path)
    const real = await run(() => Disk.realPath(this.rawOf(path))).catch(() => path)
    const at = real.lastIndexOf("/")
    const dir = real.slice(0, at) || "/"
    const [, stem = ""] = /^(\.?[^.]*)/.exec(real.slice(at + 1)) ?? []
    const found: Array<{ path: string; raw: RawPath; seen: Seen }> = []
    for (const { name } of (await run(() => Disk.list(dir)))
      .filter(({ name }) => name.text.startsWith(stem))
      .slice(0, maxBeside)) {
      const one = below(dir, name.text)
      if (this.files.has(one) && !this.followed.has(one)) continue
      const raw = rawBelow(dir, name)
      const now = this.options.now()
      const look = await run(() => Disk.stat(raw)).catch(() => undefined)
      if (look?.kind === "file") found.push({ path: one, raw, seen: seenOf(look, now) })
    }
    return found
  }

  tick(): void {
    const now = this.options.now()
    this.tellHanging()
    if (now - this.mountsAt >= mountsEvery) void this.readMounts(now)
    if (this.mountsAt === Number.POSITIVE_INFINITY) return
    this.tree.checkDue(now)
    this.literals.ask(now)
    if (this.needsWalk) this.walk()
    for (const file of this.files.values())
      if (!file.isBusy && now >= file.dueAt && !this.groups.isLate(file.group)) void this.lookAt(file, now)
    if (this.results.size === 0) return
    const { results } = this
    this.results = new Map()
    this.options.looked(results)
  }

  close(): void {
    for (const directory of this.tree) directory.close()
  }

  private walk(): void {
    this.needsWalk = false
    const candidates = this.tree.walk(false)
    this.options.trouble("walk", this.tree.bound)
    if (candidates === undefined) {
      this.needsWalk = true
      return
    }
    for (const path of this.files.keys()) if (!candidates.has(path) && !this.followed.has(path)) this.drop(path)
    for (const candidate of candidates.values()) {
      if (this.files.size >= maxFiles) break
      this.followed.delete(candidate.path)
      if (!this.files.has(candidate.path)) this.add(candidate)
    }
    const text = `${candidates.size} files match --log, only ${maxFiles} are tailed; run more agents with narrower globs`
    this.options.trouble("many", candidates.size > maxFiles ? text : "")
    for (const glob of this.globs) {
      const isEmpty = ![...candidates.values()].some((one) => this.globs[one.glob] === glob)
      this.options.trouble(
        `--log ${glob.text}`,
        isEmpty ? unmatched("--log", glob, this.tree.isMissing(glob.base)) : ""
      )
    }
  }

  private add(candidate: Pick<Candidate, "path" | "raw" | "name" | "isLink" | "dir">): void {
    const directory = this.tree.at(candidate.dir)
    const file = new Watched(candidate, directory)
    this.files.set(file.path, file)
    directory.files.set(file.name, file)
    if (file.isLink) directory.links.add(file)
  }

  private drop(path: string): void {
    const file = this.files.get(path)!
    this.files.delete(path)
    file.directory.files.delete(file.name)
    file.directory.links.delete(file)
    this.results.set(path, undefined)
  }

  private async lookAt(file: Watched, now: number): Promise<void> {
    const { poll } = this.options
    const { path, directory, raw, heardOf, heardBefore } = file
    file.heardBefore = heardOf
    const isWatched = directory.isWatched && !file.isLink
    const wasWatched = isWatched && file.lookedAt > directory.watchedAt
    file.isBusy = true
    file.dueAt = now + (isWatched ? seldom * (0.5 + Math.random()) : poll)
    if (!file.isLink) file.group = directory.group
    try {
      let at = now
      const look = await this.groups.run(file.group, () => {
        at = this.options.now()
        return Disk.stat(raw)
      })
      const isFile = look.kind === "file"
      this.options.trouble(`file ${path}`, isFile ? "" : `${path} is not a regular file: it is not tailed`)
      if (this.files.get(path) === file) this.results.set(path, isFile ? seenOf(look, at) : undefined)
      const last = `${look.ino} ${look.size} ${look.mtimeNs}`
      if (wasWatched && file.last !== last && file.heardOf === heardBefore) this.missed(file)
      file.last = last
    } catch (error) {
      const isGone = ["ENOENT", "ENOTDIR"].includes(Disk.codeOf(error))
      if (isGone && this.files.get(path) === file) this.results.set(path, undefined)
      this.options.trouble(`file ${path}`, isGone ? "" : `${path} cannot be looked at: ${Disk.messageOf(error)}`)
      file.last = ""
    } finally {
      file.lookedAt = now
      file.isBusy = false
    }
  }

  /** The watch said nothing of a change, so far. */
  private missed(file: Watched): void {
    const { heardOf, directory, name } = file
    setTimeout(() => {
      if (file.heardOf !== heardOf || directory.isUnreliable || !directory.isWatched) return
      directory.isUnreliable = true
      directory.unwatch()
      for (const other of directory.files.values()) other.dueAt = 0
      const text = `the watch on ${directory.path} missed a change of ${name}: its files are polled`
      this.options.trouble(`missed ${directory.path}`, text)
    }, grace).unref()
  }

  private groupOf(path: string): string {
    return this.files.get(path)?.group ?? this.mounts.groupOf(path.slice(0, path.lastIndexOf("/")) || "/")
  }

  private tellHanging(): void {
    for (const { group, for: ms } of this.groups.check()) {
      if (ms < hanging || this.hung.has(group)) continue
      this.hung.add(group)
      this.options.trouble(`group ${group}`, `${group} does not answer; its log files wait, others go on`)
    }
  }

  private isOnTime(group: string): void {
    if (this.hung.delete(group)) this.options.trouble(`group ${group}`, "")
    for (const file of this.files.values()) if (file.group === group) file.dueAt = 0
  }

  private async readMounts(now: number): Promise<void> {
    const isFirst = this.mountsAt === Number.NEGATIVE_INFINITY
    // Nothing is looked at before the mounts are known: until then none is known to be watchable.
    this.mountsAt = isFirst ? Number.POSITIVE_INFINITY : now
    this.options.trouble("mounts", await this.mounts.read())
    this.mountsAt = now
  }
}

const seenOf = (look: Disk.Look, at: number): Seen => ({
  at,
  id: idOf(look),
  size: look.size,
  mtime: Number(look.mtimeNs) / 1e6
})
