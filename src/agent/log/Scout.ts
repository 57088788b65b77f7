/**
 * Scout: what is at the paths that the patterns mean, looked at when something is heard of them, and now and then in any case. It knows
 * names, sizes and identities, nothing of streams: what was seen is handed on. Directories, watches and mounts are looked after by the room
 * that dump files have, too (Directories): one mount that hangs holds its own files only.
 */
import { basename, dirname } from "node:path"
import { Directories } from "../files/Directories.ts"
import * as Disk from "../files/Disk.ts"
import { below, type RawPath, rawBelow } from "../files/FileNames.ts"
import type { Run } from "../files/OpenFile.ts"
import { unmatched } from "../files/Unmatched.ts"
import type { Candidate } from "../files/Walk.ts"
import { idOf, type Seen } from "./Sighting.ts"
import { Watched } from "./Watched.ts"

/** More files than this are not tailed, and said so. */
export const maxFiles = 10_000
/** Between two looks at what is watched, ms: the net under the watches. */
const seldom = 30_000
/** What a watch may need to tell, ms. */
const grace = 2_000
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
  private readonly directories: Directories
  private readonly files = new Map<string, Watched>()
  /** Files beside those that patterns mean, which a stream was renamed to. */
  private readonly followed = new Set<string>()
  private results = new Map<string, Seen | undefined>()

  constructor(options: ScoutOptions) {
    const { globs, excludes, now, globEvery, trouble } = options
    this.options = options
    this.directories = new Directories({
      ...{ globs, excludes, every: globEvery, seldom, suspects: new Set(), now, trouble },
      hangs: (group, ms) =>
        trouble(`group ${group}`, ms > 0 ? `${group} does not answer; its log files wait, others go on` : ""),
      onTime: (group) => {
        for (const file of this.files.values()) if (file.group === group) file.dueAt = 0
      }
    })
    void this.directories.begin()
  }

  /** Each file that patterns mean was looked at, but for those that hang. */
  get hasSeenAll(): boolean {
    const { tree, groups, needsWalk } = this.directories
    if (!tree.hasWalked || tree.unfinished.size > 0 || needsWalk) return false
    for (const { lookedAt, group } of this.files.values()) if (lookedAt < 0 && !groups.isLate(group)) return false
    return true
  }

  /** Groups that hang now. */
  get hanging(): ReadonlySet<string> {
    return this.directories.hanging
  }

  get fileCount(): number {
    return this.files.size
  }

  /** Begins an operation when the path's group may have one. */
  runAt(path: string): Run {
    const group = this.groupOf(path)
    return (work) => this.directories.groups.run(group, work)
  }

  isLate(path: string): boolean {
    return this.directories.groups.isLate(this.groupOf(path))
  }

  rawOf(path: string): RawPath {
    return this.files.get(path)?.raw ?? path
  }

  /** It, and what is beside it, is looked at at the next tick. */
  lookAround(path: string): void {
    const directory = this.files.get(path)?.directory ?? this.directories.tree.at(dirname(path))
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
    this.add({ path, raw, name: basename(path), isLink: true, dir: dirname(path) })
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
    const { directories } = this
    directories.tick()
    if (directories.needsWalk) this.walk()
    for (const file of this.files.values())
      if (!file.isBusy && now >= file.dueAt && !directories.groups.isLate(file.group)) void this.lookAt(file, now)
    if (this.results.size === 0) return
    const { results } = this
    this.results = new Map()
    this.options.looked(results)
  }

  close(): void {
    this.directories.close()
  }

  private walk(): void {
    const { globs, tree } = this.directories
    const candidates = this.directories.walk()
    if (candidates === undefined) return
    for (const path of this.files.keys()) if (!candidates.has(path) && !this.followed.has(path)) this.drop(path)
    for (const candidate of candidates.values()) {
      if (this.files.size >= maxFiles) break
      this.followed.delete(candidate.path)
      if (!this.files.has(candidate.path)) this.add(candidate)
    }
    const text = `${candidates.size} files match --log, only ${maxFiles} are tailed; run more agents with narrower globs`
    this.options.trouble("many", candidates.size > maxFiles ? text : "")
    const matched = new Set<number>()
    for (const { glob } of candidates.values()) matched.add(glob)
    for (const [number, glob] of globs.entries()) {
      const text = matched.has(number) ? "" : unmatched("--log", glob, tree.isMissing(glob.base))
      this.options.trouble(`--log ${glob.text}`, text)
    }
  }

  private add(candidate: Pick<Candidate, "path" | "raw" | "name" | "isLink" | "dir">): void {
    const directory = this.directories.tree.at(candidate.dir)
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
      const look = await this.directories.groups.run(file.group, () => {
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
    return this.files.get(path)?.group ?? this.directories.groupOf(dirname(path))
  }
}

const seenOf = (look: Disk.Look, at: number): Seen => ({
  at,
  id: idOf(look),
  size: look.size,
  mtime: Number(look.mtimeNs) / 1e6
})
