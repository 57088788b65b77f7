/**
 * Directory: one directory that patterns look into: what is in it, as it was listed last, and the watch on it. It is listed anew when its
 * watch tells of a name that matters, or when it has changed at a check. Where the kernel can tell (disks of this machine)
 * it is watched; where not, or where a watch was found to have missed something, it is checked and its files are polled.
 */
import { type FSWatcher, watch } from "node:fs"
import * as Disk from "./Disk.ts"
import { type RawPath, readName } from "./FileNames.ts"
import type { Groups } from "./Groups.ts"
import { groupOf, isLocal, type Mount } from "./Mounts.ts"
import type { Listed } from "./Walk.ts"

/** What a directory knows of a dump file in it. */
export interface DirectoryFile {
  group: string
  readonly isLink: boolean
  /** When it is to be looked at though nothing was heard of it, ms, monotonic. */
  dueAt: number
  /** The watch told of it. */
  readonly heard: () => void
}

export interface DirectoryOptions {
  readonly groups: Groups
  readonly mountOf: (path: string) => Mount
  /** Ms, monotonic. */
  readonly now: () => number
  /** Ms between two checks of a directory that is not watched. */
  readonly every: number
  /** Of one that is. */
  readonly seldom: number
  /** Other names are in it, or it is another one. */
  readonly changed: (directory: Directory) => void
  /** "" where it is over. */
  readonly trouble: (key: string, text: string) => void
}

/** So long nothing is listed again, however often a name comes. */
const pause = 250
/** Times of a file system may be this coarse, ms: a later change may not show. */
const coarse = 2_000

const unreachable: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR"])
const noEntries: ReadonlyMap<string, Disk.Entry> = new Map()

export class Directory implements Listed {
  readonly path: string
  readonly raw: RawPath
  entries: ReadonlyMap<string, Disk.Entry> | undefined
  id = ""
  group: string
  readonly files = new Map<string, DirectoryFile>()
  /** Those that are links; in most directories none. */
  readonly links = new Set<DirectoryFile>()
  /** Names that patterns look for in it; none where it need not be listed. */
  wanted: Array<(name: string) => boolean> = []
  /** The watch was found to miss changes. */
  isUnreliable = false
  /** Since when it is watched, ms, monotonic. */
  watchedAt = Number.POSITIVE_INFINITY
  private readonly options: DirectoryOptions
  private watcher: FSWatcher | undefined
  private checkAt = 0
  private checkedAt = Number.NEGATIVE_INFINITY
  private isBusy = false
  private isDirty = false
  private isLinked = false
  private isClosed = false
  private mtimeNs = 0n
  private listedAt = 0
  private told = false

  constructor(path: string, raw: RawPath, options: DirectoryOptions) {
    this.path = path
    this.raw = raw
    this.options = options
    this.group = groupOf(options.mountOf(path), path)
  }

  get isWatched(): boolean {
    return this.watcher !== undefined
  }

  /** Whether it is time for a check. */
  isDue(now: number): boolean {
    if (this.isBusy || this.options.groups.isLate(this.group)) return false
    return now >= this.checkAt || (this.isDirty && now - this.checkedAt >= pause)
  }

  async check(): Promise<void> {
    const { now, every, seldom, changed } = this.options
    this.isBusy = true
    const isDirty = this.isDirty
    this.isDirty = false
    this.checkedAt = now()
    try {
      if (await this.read(isDirty)) changed(this)
      this.tell("")
    } catch (error) {
      this.unwatch()
      const before = this.entries
      const isThere = !unreachable.has(Disk.codeOf(error))
      if (!isThere) this.id = ""
      // What it had may be there still: looking at the files tells.
      if (!isThere || before === undefined) this.entries = noEntries
      if (before === undefined || (!isThere && before.size > 0)) changed(this)
      this.tell(isThere && this.wanted.length > 0 ? Disk.messageOf(error) : "")
    } finally {
      this.isBusy = false
      this.checkAt = now() + (this.isWatched && !this.isLinked ? seldom * (0.5 + Math.random()) : every)
    }
  }

  /** Its watch told of a name; the caller knows no file of that name. */
  mayHave(name: string): void {
    if (this.wanted.some((wants) => wants(name))) this.isDirty = true
    // Itself was moved or removed.
    if (this.path.endsWith(`/${name}`)) this.checkAt = 0
  }

  checkSoon(): void {
    this.isDirty = true
  }

  close(): void {
    this.isClosed = true
    this.unwatch()
    this.tell("")
  }

  /** Answers whether something is other than before. */
  private async read(isDirty: boolean): Promise<boolean> {
    const { groups } = this.options
    const look = await groups.run(this.group, () => Disk.stat(this.raw))
    const id = look.kind === "directory" ? `${look.dev}:${look.ino}` : ""
    const isOther = id !== this.id
    if (isOther) {
      this.unwatch()
      this.id = id
      if (id !== "") await this.place()
    }
    if (id === "") {
      const before = this.entries
      this.entries = noEntries
      return before === undefined || before.size > 0
    }
    if (this.wanted.length === 0) {
      this.entries ??= noEntries
      return isOther
    }
    const isFresh = this.listedAt - Number(look.mtimeNs / 1_000_000n) < coarse
    if (this.entries !== undefined && !isOther && !isDirty && !isFresh && look.mtimeNs === this.mtimeNs) return false
    const listedAt = Date.now()
    const found = await groups.run(this.group, () => Disk.list(this.raw))
    // Of a list that failed nothing is known: it is tried again.
    this.mtimeNs = look.mtimeNs
    this.listedAt = listedAt
    const entries = new Map<string, Disk.Entry>()
    // Sorted, so that which of two files with one id is sent does not depend on the directory's order.
    for (const entry of found.toSorted((a, b) => (a.name.text < b.name.text ? -1 : 1)))
      if (this.wanted.some((wants) => wants(entry.name.text))) entries.set(entry.name.text, entry)
    const before = this.entries
    this.entries = entries
    return isOther || before === undefined || !sameNames(before, entries)
  }

  /** Where it really is: by that it is grouped, and watched where that works. */
  private async place(): Promise<void> {
    const { groups, mountOf, now, trouble } = this.options
    const real = await groups.run(this.group, () => Disk.realPath(this.raw))
    this.isLinked = real !== this.path
    const mount = mountOf(real)
    this.group = groupOf(mount, real)
    if (!isLocal(mount.type) || this.isUnreliable || this.isClosed) return
    try {
      const watcher = watch(this.raw as string, { persistent: true, encoding: "buffer" }, (_, name) => this.heard(name))
      watcher.on("error", () => {
        this.unwatch()
        this.checkAt = 0
      })
      this.watcher = watcher
      this.watchedAt = now()
    } catch (error) {
      const code = Disk.codeOf(error)
      if (unreachable.has(code)) throw error
      // It may not be listed either, which is told where somebody wants its names; files in it may be readable by theirs.
      if (code === "EACCES" || code === "EPERM") return
      trouble(
        "watch",
        `${this.path} and other directories cannot be watched (${Disk.messageOf(error)}): their files are polled, which costs more; ` +
          "raise fs.inotify.max_user_watches or max_user_instances and start the agent again"
      )
    }
  }

  private heard(bytes: Buffer | null): void {
    if (bytes === null) {
      this.isDirty = true
      return
    }
    const name = readName(bytes).text
    const file = this.files.get(name)
    if (file !== undefined) file.heard()
    else this.mayHave(name)
    // A link may have got another target by any name: `..data` in a volume of Kubernetes.
    for (const other of this.links) if (other !== file) other.heard()
  }

  /** It missed a change, or is not needed. */
  unwatch(): void {
    this.watcher?.close()
    this.watcher = undefined
    this.watchedAt = Number.POSITIVE_INFINITY
  }

  private tell(text: string): void {
    if (text === "" && !this.told) return
    this.told = text !== ""
    this.options.trouble(
      `directory ${this.path}`,
      text === "" ? "" : `the directory ${this.path} cannot be listed: ${text}`
    )
  }
}

const sameNames = (a: ReadonlyMap<string, Disk.Entry>, b: ReadonlyMap<string, Disk.Entry>): boolean => {
  if (a.size !== b.size) return false
  for (const [name, { kind }] of a) if (b.get(name)?.kind !== kind) return false
  return true
}
