/**
 * Tree: the directories that patterns look into, from one walk to the next. Which ones they are comes from walking what is known of them;
 * each is checked when it is due, and forgotten when no pattern asks for it any more.
 */
import { Directory, type DirectoryOptions } from "./Directory.ts"
import type { RawPath } from "./FileNames.ts"
import type { Glob } from "./Glob.ts"
import { type Candidate, walk } from "./Walk.ts"

export interface TreeOptions {
  readonly directory: DirectoryOptions
  readonly globs: ReadonlyArray<Glob>
  readonly excludes: ReadonlyArray<Glob>
  /** Whether a file has the very name that the pattern is. */
  readonly isThere: (glob: Glob) => boolean
  /** Ms for which the first walk waits for directories that were not listed yet. */
  readonly patience: number
}

export class Tree {
  private readonly options: TreeOptions
  private readonly directories = new Map<string, Directory>()
  private readonly started: number
  /** Numbers of patterns that reach directories which are not listed yet. */
  unfinished: ReadonlySet<number> = new Set()
  hasWalked = false
  /** For people: what was not entered for its depth or number; "" where nothing. */
  bound = ""

  constructor(options: TreeOptions) {
    this.options = options
    this.started = options.directory.now()
  }

  [Symbol.iterator](): Iterator<Directory> {
    return this.directories.values()
  }

  at(path: string, raw: RawPath = path): Directory {
    let directory = this.directories.get(path)
    if (directory === undefined) {
      directory = new Directory(path, raw, this.options.directory)
      this.directories.set(path, directory)
    }
    return directory
  }

  /** It was looked for, and is none. */
  isMissing(path: string): boolean {
    return this.directories.get(path)?.id === ""
  }

  checkDue(now: number): void {
    for (const directory of this) if (directory.isDue(now)) void directory.check()
  }

  /** What patterns mean; undefined where the first walk waits, for `isLast` it does not. */
  walk(isLast: boolean): ReadonlyMap<string, Candidate> | undefined {
    const { globs, excludes, isThere, patience, directory } = this.options
    for (const each of this) each.wanted = []
    const dirOf = (path: string, raw: RawPath, wanted: ((name: string) => boolean) | undefined) => {
      const found = this.at(path, raw)
      if (wanted !== undefined && !found.wanted.includes(wanted)) found.wanted.push(wanted)
      return found
    }
    const { candidates, dirs, unfinished, bound } = walk(globs, excludes, dirOf, isThere)
    this.unfinished = unfinished
    this.bound = bound
    // Which of two files with one id is sent must not depend on which directory answered first.
    if (unfinished.size > 0 && !this.hasWalked && !isLast && directory.now() - this.started < patience) {
      for (const path of dirs) this.at(path)
      return undefined
    }
    this.hasWalked = true
    for (const [path, each] of this.directories) {
      if (dirs.has(path)) continue
      each.close()
      this.directories.delete(path)
    }
    return candidates
  }
}
