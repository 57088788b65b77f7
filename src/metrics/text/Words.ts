/**
 * Words: bytes compared and copied eight at a time, read as doubles: text that the parser let through has no zero bytes, no DEL and no
 * 0xFF, so no eight bytes of it are a zero or a NaN, and equal doubles are equal bytes.
 */

/** Whether `length` bytes are the same; those of `a` are canonical text. */
export const sameText = (a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean => {
  let i = 0
  for (; i + 8 <= length; i += 8) if (a.getFloat64(aStart + i, true) !== b.getFloat64(bStart + i, true)) return false
  for (; i < length; i++) if (a.getUint8(aStart + i) !== b.getUint8(bStart + i)) return false
  return true
}

/** Canonical text; nothing beyond it is written. */
export const copyText = (from: DataView, start: number, to: DataView, at: number, length: number): void => {
  let i = 0
  for (; i + 8 <= length; i += 8) to.setFloat64(at + i, from.getFloat64(start + i, true), true)
  for (; i < length; i++) to.setUint8(at + i, from.getUint8(start + i))
}

/** Any text, up to seven bytes more than asked for: there must be room. */
export const copyWords = (from: DataView, start: number, to: DataView, at: number, length: number): void => {
  for (let i = 0; i < length; i += 8) to.setFloat64(at + i, from.getFloat64(start + i, true), true)
}
