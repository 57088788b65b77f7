/**
 * Glob: a pattern of dump files, read as a shell reads it: `*`, `?`, `[a-z]`, `[!a]`, `{a,b}`, `**` for any number of directories, and
 * a backslash that takes a character's meaning away. Pure string work: who lists directories is Walk.
 *
 * Only what was written is a pattern: a relative one is taken below the working directory, whose own characters mean nothing.
 * A name that begins with a dot is matched only by a segment that begins with one, and never entered by `**`.
 */
import { dirname, resolve } from "node:path"

/** What one segment of a path must be. */
export type Segment =
  | { readonly kind: "literal"; readonly name: string }
  | { readonly kind: "pattern"; readonly matches: (name: string) => boolean }
  /** `**`: this directory and all below it. */
  | { readonly kind: "all" }

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

/** More readings of one pattern than this are not made. */
export const maxBranches = 1_000

/** Without its backslashes. */
export const unescaped = (text: string): string => text.replace(/\\(.)/gs, "$1")

/** Whether the segment means more than its own characters. */
export const hasMagic = (segment: string): boolean => /[*?[\]{}]/.test(segment.replace(/\\./gs, ""))

/** Where the character that closes the one at `from` is, -1 where none does. */
const closingBrace = (text: string, from: number): number => {
  let depth = 0
  for (let i = from; i < text.length; i++) {
    if (text[i] === "\\") i++
    else if (text[i] === "{") depth++
    else if (text[i] === "}" && --depth === 0) return i
  }
  return -1
}

const alternatives = (inner: string): ReadonlyArray<string> => {
  const parts: Array<string> = []
  let depth = 0
  let from = 0
  for (let i = 0; i < inner.length; i++) {
    if (inner[i] === "\\") i++
    else if (inner[i] === "{") depth++
    else if (inner[i] === "}") depth--
    else if (inner[i] === "," && depth === 0) {
      parts.push(inner.slice(from, i))
      from = i + 1
    }
  }
  return [...parts, inner.slice(from)]
}

/** `1..3`, as shells count; undefined where it is no such range. */
const range = (inner: string): ReadonlyArray<string> | undefined => {
  const numbers = /^(-?\d{1,6})\.\.(-?\d{1,6})$/.exec(inner)
  if (numbers === null) return undefined
  const [from, to] = [Number(numbers[1]), Number(numbers[2])]
  const step = from <= to ? 1 : -1
  return Array.from({ length: Math.min(maxBranches, Math.abs(to - from) + 1) }, (_, i) => String(from + i * step))
}

/** All readings of a pattern's braces; at most `maxBranches`. A brace without a comma, or without its end, means itself. */
export const expandBraces = (text: string): ReadonlyArray<string> => {
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") i++
    else if (text[i] === "{") {
      const end = closingBrace(text, i)
      if (end === -1) continue
      const inner = text.slice(i + 1, end)
      const parts = range(inner) ?? alternatives(inner)
      const tails = expandBraces(text.slice(end + 1))
      if (parts.length === 1) {
        const inside = expandBraces(inner).map((part) => `\\{${part}\\}`)
        return combined([text.slice(0, i)], inside, tails)
      }
      return combined(
        [text.slice(0, i)],
        parts.flatMap((part) => expandBraces(part)),
        tails
      )
    }
  }
  return [text]
}

const combined = (...lists: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> =>
  lists.reduce((all, list) => all.flatMap((a) => list.map((b) => a + b)).slice(0, maxBranches), [""])

const classes: Readonly<Record<string, string>> = {
  alnum: "\\p{L}\\p{N}",
  alpha: "\\p{L}",
  blank: " \\t",
  digit: "0-9",
  lower: "\\p{Ll}",
  punct: "\\p{P}\\p{S}",
  space: "\\s",
  upper: "\\p{Lu}",
  xdigit: "0-9A-Fa-f"
}

const quoted = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/&\-!#%,:;<=>@`~]/g, (c) => `\\${c}`)
const literally = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/]/g, (c) => `\\${c}`)

/** The set that begins with the `[` at `from`, as the source of an expression, and where it ends; undefined where it has no end. */
const set = (text: string, from: number): { readonly source: string; readonly end: number } | undefined => {
  let i = from + 1
  const negated = text[i] === "!" || text[i] === "^"
  if (negated) i++
  const first = i
  let source = ""
  for (; i < text.length; i++) {
    if (text[i] === "]" && i > first) return { source: `[${negated ? "^" : ""}${source}]`, end: i }
    const named = /^\[:(\w+):\]/.exec(text.slice(i))
    if (named !== null && classes[named[1]!] !== undefined) {
      source += classes[named[1]!]
      i += named[0].length - 1
      continue
    }
    if (text[i] === "\\" && i + 1 < text.length) i++
    const low = String.fromCodePoint(text.codePointAt(i)!)
    i += low.length - 1
    // A range; a last or escaped "-" means itself.
    if (text[i + 1] === "-" && i + 2 < text.length && text[i + 2] !== "]") {
      i += text[i + 2] === "\\" ? 3 : 2
      const high = String.fromCodePoint(text.codePointAt(i) ?? 0)
      i += high.length - 1
      if (low <= high) source += `${quoted(low)}-${quoted(high)}`
      continue
    }
    source += quoted(low)
  }
  return undefined
}

const segmentOf = (text: string): Segment => {
  if (text === "**") return { kind: "all" }
  if (!/[*?[]/.test(text.replace(/\\./gs, ""))) return { kind: "literal", name: unescaped(text) }
  let source = ""
  let isPattern = false
  for (let i = 0; i < text.length; i++) {
    const char = String.fromCodePoint(text.codePointAt(i)!)
    if (char === "\\" && i + 1 < text.length) {
      const next = String.fromCodePoint(text.codePointAt(++i)!)
      source += literally(next)
      i += next.length - 1
    } else if (char === "*") {
      isPattern = true
      while (text[i + 1] === "*") i++
      source += ".*"
    } else if (char === "?") {
      isPattern = true
      source += "."
    } else if (char === "[") {
      const found = set(text, i)
      if (found === undefined) source += "\\["
      else {
        isPattern = true
        source += found.source
        i = found.end
      }
    } else {
      source += literally(char)
      i += char.length - 1
    }
  }
  // A bracket without its end.
  if (!isPattern) return { kind: "literal", name: unescaped(text) }
  const expression = new RegExp(`^${source}$`, "su")
  const hidden = /^\\?\./.test(text)
  return { kind: "pattern", matches: (name) => (hidden || !name.startsWith(".")) && expression.test(name) }
}

/** Split at the slashes that are not in braces. */
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
