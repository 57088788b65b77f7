/**
 * Walk: which files patterns mean, from what is known of directories. It lists none itself: a directory that it needs and that is not
 * known is wanted, and the walk is done again when it is. So one that hangs holds up nothing but what is below it.
 *
 * Linked directories are entered, as a shell does; below `**` one that leads back to a directory above it is not, and how deep
 * and how wide it goes is bounded. Pure.
 */
import type { Entry } from "./Disk.ts"
import { below, type FileName, type RawPath, rawBelow } from "./FileNames.ts"
import { type Glob, matches } from "./Glob.ts"
import type { Segment } from "./Segment.ts"

/** What is known of a directory. */
export interface Listed {
  readonly raw: RawPath
  /** By name; undefined where it was not listed yet. Empty where it is not there, or is none. */
  readonly entries: ReadonlyMap<string, Entry> | undefined
  /** Device and inode. */
  readonly id: string
}

/** Tells what is known of a directory, and notes that it is needed, for names such as these. */
export type DirOf = (path: string, raw: RawPath, wanted: ((name: string) => boolean) | undefined) => Listed

/** A file that a pattern means. */
export interface Candidate {
  readonly path: string
  readonly raw: RawPath
  readonly dir: string
  readonly name: string
  /** The first pattern that means it, as its number. */
  readonly glob: number
  /** The directory below which its source id begins. */
  readonly base: string
  /** It is known to be in its directory; if not, looking at it tells. */
  readonly isListed: boolean
  readonly isLink: boolean
}

export interface Walked {
  /** In the order of their patterns, and of their names. */
  readonly candidates: ReadonlyMap<string, Candidate>
  /** All directories that patterns ask for. */
  readonly dirs: ReadonlySet<string>
  /** Numbers of patterns that reach directories which are not listed yet. */
  readonly unfinished: ReadonlySet<number>
  /** What was not entered for its depth or number; "" where nothing. */
  readonly bound: string
}

export const maxDepth = 64
export const maxDirs = 20_000

/** Files that wait for their rename. */
export const isTemporary = (name: string): boolean => /\.tmp(\.|$)/.test(name)

interface Here {
  readonly path: string
  readonly raw: RawPath
  /** Ids of the directories above, below `**`. */
  readonly above: ReadonlyArray<string>
}

class Walking {
  readonly candidates = new Map<string, Candidate>()
  readonly dirs = new Set<string>()
  readonly unfinished = new Set<number>()
  bound = ""
  private readonly dirOf: DirOf
  private readonly excludes: ReadonlyArray<Glob>
  private number = 0
  private glob: Glob | undefined

  constructor(dirOf: DirOf, excludes: ReadonlyArray<Glob>) {
    this.dirOf = dirOf
    this.excludes = excludes
  }

  walk(glob: Glob, number: number): void {
    this.number = number
    this.glob = glob
    for (const { base, segments } of glob.branches) this.enter({ path: base, raw: base, above: [] }, segments)
  }

  /** What a pattern's own text names, whatever it is called. */
  plain(glob: Glob, number: number, isListed: boolean): void {
    this.number = number
    this.glob = glob
    const path = glob.literal
    const at = path.lastIndexOf("/")
    const dir = at <= 0 ? "/" : path.slice(0, at)
    this.dirs.add(dir)
    this.add({ path, raw: path, dir, name: path.slice(at + 1), glob: number, base: dir, isListed, isLink: !isListed })
  }

  private add(candidate: Candidate): void {
    const { path } = candidate
    if (!this.candidates.has(path) && !this.excludes.some((glob) => matches(glob, path)))
      this.candidates.set(path, candidate)
  }

  private enter(here: Here, segments: ReadonlyArray<Segment>): void {
    const [segment, ...rest] = segments
    if (segment === undefined) return
    if (segment.kind === "literal" && rest.length > 0) {
      this.enter(child(here, { text: segment.name, raw: undefined }, []), rest)
      return
    }
    if (!this.dirs.has(here.path) && this.dirs.size >= maxDirs) {
      this.bound = `more than ${maxDirs} directories match --dump; ${here.path} and others are not looked into`
      return
    }
    this.dirs.add(here.path)
    if (segment.kind === "literal") {
      this.take(here, { text: segment.name, raw: undefined }, false, true)
      return
    }
    const wanted = segment.kind === "all" ? (name: string) => !name.startsWith(".") : segment.matches
    const { entries, id } = this.dirOf(here.path, here.raw, wanted)
    if (entries === undefined) this.unfinished.add(this.number)
    else if (segment.kind === "all") this.all(here, entries, id, segments, rest)
    else for (const entry of entries.values()) if (segment.matches(entry.name.text)) this.next(here, entry, rest)
  }

  private next(here: Here, { name, kind }: Entry, rest: ReadonlyArray<Segment>): void {
    if (rest.length === 0) {
      if (!isTemporary(name.text)) this.take(here, name, true, kind === "link")
    } else if (kind !== "file") this.enter(child(here, name, []), rest)
  }

  private all(
    here: Here,
    entries: ReadonlyMap<string, Entry>,
    id: string,
    segments: ReadonlyArray<Segment>,
    rest: ReadonlyArray<Segment>
  ): void {
    if (here.above.includes(id)) return
    if (here.above.length >= maxDepth) {
      this.bound = `${here.path} is more than ${maxDepth} directories below a **; it is not looked into`
      return
    }
    if (rest.length > 0) this.enter({ ...here, above: [] }, rest)
    const above = [...here.above, id]
    for (const { name, kind } of entries.values()) {
      if (name.text.startsWith(".")) continue
      if (kind !== "file") this.enter(child(here, name, above), segments)
      if (rest.length > 0 || isTemporary(name.text) || kind === "directory") continue
      // A link may lead to a directory: listing it tells.
      if (kind === "file" || this.isNone(child(here, name, []))) this.take(here, name, true, kind === "link")
    }
  }

  /** It was listed, and is no directory. */
  private isNone({ path, raw }: Here): boolean {
    const { entries, id } = this.dirOf(path, raw, undefined)
    return entries !== undefined && id === ""
  }

  private take({ path: dir, raw }: Here, name: FileName, isListed: boolean, isLink: boolean): void {
    const [glob, { base }] = [this.number, this.glob!]
    this.add({
      path: below(dir, name.text),
      raw: rawBelow(raw, name),
      dir,
      name: name.text,
      glob,
      base,
      isListed,
      isLink
    })
  }
}

const child = ({ path, raw }: Here, name: FileName, above: ReadonlyArray<string>): Here => ({
  path: below(path, name.text),
  raw: rawBelow(raw, name),
  above
})

/** `isThere`: whether a file has the name that the pattern is, letter by letter. */
export const walk = (
  globs: ReadonlyArray<Glob>,
  excludes: ReadonlyArray<Glob>,
  dirOf: DirOf,
  isThere: (glob: Glob) => boolean
): Walked => {
  const walking = new Walking(dirOf, excludes)
  for (const [number, glob] of globs.entries()) {
    if (isThere(glob)) walking.plain(glob, number, true)
    else if (glob.isPlain) walking.plain({ ...glob, literal: plainPath(glob) }, number, false)
    else walking.walk(glob, number)
  }
  return walking
}

const plainPath = ({ branches }: Glob): string => {
  const [{ base, segments }] = branches as [Glob["branches"][number]]
  const [segment] = segments
  return below(base, segment?.kind === "literal" ? segment.name : "")
}
