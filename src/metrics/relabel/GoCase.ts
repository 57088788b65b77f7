/**
 * GoCase: upper and lower case as Go's strings have them: of each character by itself, and always one for one, where JavaScript makes `SS` of
 * `ß` and looks at a word's end for `Σ`. Pure.
 */

/** Characters whose full mapping in JavaScript has several characters and that have a simple one all the same: see GoCase.test.ts. */
const simpleUpper = (point: number): number => {
  if (point >= 0x1f80 && point <= 0x1faf) return point | 8
  if (point === 0x1fb3 || point === 0x1fc3 || point === 0x1ff3) return point + 9
  return point
}

const mapped = (text: string, native: (character: string) => string, simple: (point: number) => number): string => {
  // ASCII, as nearly all are.
  if (!/[^\0-\x7f]/.test(text)) return native(text)
  let result = ""
  for (const character of text) {
    const point = character.codePointAt(0)!
    const other = native(character)
    const isOne = other.length === String.fromCodePoint(other.codePointAt(0)!).length
    result += isOne ? other : String.fromCodePoint(simple(point))
  }
  return result
}

export const upperCase = (text: string): string => mapped(text, (t) => t.toUpperCase(), simpleUpper)

export const lowerCase = (text: string): string =>
  mapped(
    text,
    (t) => t.toLowerCase(),
    (point) => (point === 0x130 ? 0x69 : point)
  )
