/**
 * Braces: `{a,b}` and `{1..3}` in a pattern, which make several patterns of it before anything else is read. A backslash takes a
 * brace's meaning away and stays: the pattern is read after this. Pure.
 */

/** More readings of one pattern than this are not made. */
export const maxBranches = 1_000

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
