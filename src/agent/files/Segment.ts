/**
 * Segment: one name of a pattern's path: `*`, `?`, `[a-z]`, `[!a]`, `[[:digit:]]`, or `**` alone, and a backslash that takes a character's
 * meaning away. A name that begins with a dot is matched only by a segment that begins with one. Pure.
 */

/** What one segment of a path must be. */
export type Segment =
  | { readonly kind: "literal"; readonly name: string }
  | { readonly kind: "pattern"; readonly matches: (name: string) => boolean }
  /** `**`: this directory and all below it. */
  | { readonly kind: "all" }

/** Without its backslashes. */
export const unescaped = (text: string): string => text.replace(/\\(.)/gs, "$1")

/** Whether the segment means more than its own characters. */
export const hasMagic = (segment: string): boolean => /[*?[\]{}]/.test(segment.replace(/\\./gs, ""))

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

export const segmentOf = (text: string): Segment => {
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
