/**
 * LineHash: of a line's beginning as it is sent, up to the end of its own labels: by it a known line is found that does not come
 * where it is expected. Only a way to find: whether it is that line, comparing decides. Pure.
 */
import { BACKSLASH, BRACE_CLOSE, BRACE_OPEN, COMMA, LF, QUOTE, SPACE, TAB } from "../text/Syntax.ts"

/** Two lanes of four bytes: the next step of one need not wait for the other. */
export const hashOfBeginning = (view: DataView, start: number, end: number): number => {
  let a = end - start
  let b = 0x2c1b3c6d
  let i = start
  for (; i + 8 <= end; i += 8) {
    a = Math.imul(((a << 5) | (a >>> 27)) ^ view.getInt32(i, true), 0x85ebca6b)
    b = Math.imul(((b << 5) | (b >>> 27)) ^ view.getInt32(i + 4, true), 0xc2b2ae35)
  }
  for (; i < end; i++) a = Math.imul(a ^ view.getUint8(i), 0x01000193)
  a = Math.imul(a ^ (a >>> 15) ^ b, 0x2c1b3c6d)
  return a ^ (a >>> 13)
}

/**
 * The end of the name and own labels of the line that begins here, without closing brace and comma; -1 where it is no plain line, or
 * does not end before `to`: of `a-1` the beginning is `a`, and nothing says where it ends.
 */
export const endOfBeginning = (b: Uint8Array, from: number, to: number): number => {
  let i = from
  while (i < to && b[i] !== BRACE_OPEN && b[i] !== SPACE && b[i] !== TAB && b[i] !== LF) i++
  if (i >= to) return -1
  if (b[i] !== BRACE_OPEN) return b[i] === LF ? -1 : i
  const name = i
  for (;;) {
    const c = b[++i]
    if (c === LF || i >= to) return -1
    if (c === BRACE_CLOSE) break
    if (c !== QUOTE) continue
    for (i++; b[i] !== QUOTE; i++) {
      if (b[i] === BACKSLASH) i++
      if (b[i] === LF || i >= to) return -1
    }
  }
  if (i === name + 1 && name > from) return name
  return b[i - 1] === COMMA ? i - 1 : i
}
