/**
 * Must: what a case says of what it found. A comparison that does not hold throws a `Broken`, which knows what was expected and
 * what was found; Case makes the sentence of it. Not for anything but cases: it belongs to no test runner and needs none.
 */
import { inspect, isDeepStrictEqual } from "node:util"

/** One comparison that did not hold. Thrown within a case, and nowhere else. */
export class Broken extends Error {
  /** Which of a case's comparisons it was; "" where the rule alone says it. */
  readonly what: string
  readonly expected: string
  readonly found: string

  constructor(what: string, expected: string, found: string) {
    super(`${what === "" ? "" : `${what}: `}expected ${expected}, found ${found}`)
    this.what = what
    this.expected = expected
    this.found = found
  }
}

/** A value in one line or a few, bounded. */
const told = (value: unknown): string => {
  const text = inspect(value, { depth: 6, maxArrayLength: 40, maxStringLength: 200, breakLength: 100, sorted: true })
  return text.length <= 2_000 ? text : `${text.slice(0, 2_000)} …`
}

/** Comparisons for cases: each throws where it does not hold, and the case fails with what was expected and found. @experimental */
export const must = {
  /** Deeply equal, types and prototypes included. */
  equal: <A>(found: A, expected: A, what = ""): void => {
    if (!isDeepStrictEqual(found, expected)) throw new Broken(what, told(expected), told(found))
  },
  /** `expected`: a few words that complete "expected …"; `found`: what was there instead. */
  hold: (holds: boolean, expected: string, found: unknown = false, what = ""): void => {
    if (!holds) throw new Broken(what, expected, told(found))
  }
}
