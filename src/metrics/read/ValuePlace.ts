/**
 * ValuePlace: where the value of a known line begins in the input: what may stand between its own labels and its value for it to be that line.
 * Whatever else stands there, a second blank too, makes it a line to be parsed. Pure; the one place for it, so that a line that is
 * noted down as sent canonically (NewLines) is one that is known again (Follower, SingleLine).
 */
import { BRACE_CLOSE, BRACE_OPEN, COMMA, SPACE, TAB } from "../text/Syntax.ts"

/**
 * `end`: behind the name and own labels in the input. `next`: the byte behind them in the canonical line, which is `{` where there are no
 * own labels. Answers the position behind the one space, -1 where something else stands there.
 */
export const valueBehind = (b: Uint8Array, end: number, next: number): number => {
  if (next === BRACE_OPEN) {
    if (b[end] === SPACE) return end + 1
    return b[end] === BRACE_OPEN && b[end + 1] === BRACE_CLOSE && b[end + 2] === SPACE ? end + 3 : -1
  }
  const close = b[end] === COMMA ? end + 1 : end
  return b[close] === BRACE_CLOSE && b[close + 1] === SPACE ? close + 2 : -1
}

/** Whether a value may begin with the byte: not with another blank, nor with labels. */
export const beginsValue = (c: number): boolean => c !== SPACE && c !== TAB && c !== BRACE_OPEN
