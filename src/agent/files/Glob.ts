/**
 * Glob: a pattern of dump files, read as a shell reads it: names with wildcards (Segment), alternatives (Braces), and `**` for any number of
 * directories, which never enters one whose name begins with a dot. Pure string work: who lists directories is Walk.
 *
 * Only what was written is a pattern: a relative one is taken below the working directory, whose own characters mean nothing.
 */
import { dirname, resolve } from "node:path"
import { expandBraces } from "./Braces.ts"
import { hasMagic, type Segment, segmentOf, unescaped } from "./Segment.ts"

/** One way to read a pattern: braces make several of it. */
export interface Branch {
  /** Absolute: the directory above the first segment with a wildcard; a plain path's own directory. */
  readonly base: string
  /** Below `base`; never empty. */
  readonly segments: ReadonlyArray<Segment>
}

export interface Glob {
  /** As it was given. */
  readonly text: string
  /** The path that it is, letter by letter. */
  readonly literal: string
  /** A file of this very name wins over its reading as a pattern: brackets and braces are in file names, `*` and `?` hardly. */
  readonly mayBeLiteral: boolean
  readonly isPlain: boolean
  /** The directory below which source ids begin. */
  readonly base: string
  readonly branches: ReadonlyArray<Branch>
}

const splitPath = (text: string): ReadonlyArray<string> => text.split("/").filter((part) => part !== "" && part !== ".")

const branchOf = (cwd: string, text: string): Branch | undefined => {
  const segments: Array<Segment> = []
  let base = text.startsWith("/") ? "/" : cwd
  const parts = splitPath(text)
  for (const [i, part] of parts.entries()) {
    const segment = segmentOf(part)
    const isLast = i === parts.length - 1
    if (segment.kind === "literal" && segments.length === 0 && !isLast) base = resolve(base, segment.name)
    // Twice the same: each `**` means any number already.
    else if (segment.kind !== "all" || segments.at(-1)?.kind !== "all") segments.push(segment)
  }
  return segments.length === 0 ? undefined : { base, segments }
}

export const readGlob = (text: string, cwd: string): Glob => {
  const branches = expandBraces(text).flatMap((one) => branchOf(cwd, one) ?? [])
  return {
    text,
    literal: resolve(cwd, text),
    mayBeLiteral: hasMagic(text) && !/[*?]/.test(text.replace(/\\./gs, "")),
    isPlain:
      branches.length === 1 && branches[0]!.segments.length === 1 && branches[0]!.segments[0]!.kind === "literal",
    base: fixedBase(text, cwd),
    branches
  }
}

/** The directory above the first segment with a wildcard; a plain path's own directory. Absolute. */
export const fixedBase = (text: string, cwd: string): string => {
  const parts = splitPath(text)
  const first = parts.findIndex(hasMagic)
  const root = text.startsWith("/") ? "/" : cwd
  if (first === -1) return dirname(resolve(root, ...parts.map(unescaped)))
  return resolve(root, ...parts.slice(0, first).map(unescaped))
}

const matchesFrom = (segments: ReadonlyArray<Segment>, names: ReadonlyArray<string>): boolean => {
  if (segments.length === 0) return names.length === 0
  const [segment, ...rest] = segments
  if (segment!.kind === "all") {
    for (let skipped = 0; skipped <= names.length; skipped++) {
      if (rest.length === 0 ? names.length > skipped : matchesFrom(rest, names.slice(skipped))) return true
      if (names[skipped]?.startsWith(".")) return false
    }
    return false
  }
  if (names.length === 0) return false
  const fits = segment!.kind === "literal" ? segment!.name === names[0] : segment!.matches(names[0]!)
  return fits && matchesFrom(rest, names.slice(1))
}

/** Whether the absolute path is one that the pattern means; of a pattern without a slash, whether the file's name is. */
export const matches = (glob: Glob, path: string): boolean => {
  const named = !glob.text.includes("/")
  return glob.branches.some(({ base, segments }) => {
    if (named) return matchesFrom(segments, [path.slice(path.lastIndexOf("/") + 1)])
    const root = base === "/" ? "/" : `${base}/`
    return path.startsWith(root) && matchesFrom(segments, path.slice(root.length).split("/"))
  })
}
