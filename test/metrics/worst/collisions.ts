/**
 * collisions: lines whose hashes were chosen by whoever sends them: the functions are public and have no secret. Found by search, the same
 * ones in every run.
 */
import { hashOfBeginning } from "../../../src/metrics/read/LineHash.ts"
import { hashOf, hashOfSample, mixed } from "../../../src/metrics/text/Hash.ts"
import { seriesHash } from "../../../src/metrics/text/Series.ts"

const utf8 = new TextEncoder()
const TRIES = 2 ** 19

const word = (i: number): string => i.toString(36).padStart(4, "0")

let pairs: ReadonlyArray<string> | undefined

/** Labels `a` and `b` whose hashes come to one sum, some sixty of them. With any other labels beside them they are as alike. */
export const alikePairs = (): ReadonlyArray<string> => {
  if (pairs !== undefined) return pairs
  const [a, b] = [utf8.encode("a"), utf8.encode("b")]
  const bySum = new Map<number, number>()
  for (let i = 0; i < TRIES; i++) bySum.set(hashOf(a, utf8.encode(word(i))), i)
  const found: Array<string> = []
  for (let i = 0; i < TRIES; i++) {
    const other = bySum.get(-hashOf(b, utf8.encode(word(i))) | 0)
    if (other !== undefined) found.push(`a="${word(other)}",b="${word(i)}"`)
  }
  pairs = found
  return found
}

/** `x{a="…"}` such that a table of four places a line has their series all in a fraction of it. `attached` as it stands in each line. */
export const crowdedSeries = (count: number, attached: readonly [name: string, value: string]): Array<string> => {
  const size = 2 ** Math.ceil(Math.log2(Math.max(16, 4 * count)))
  const name = hashOfSample(utf8.encode("x"), 0, 1)
  const rest = hashOf(utf8.encode(attached[0]), utf8.encode(attached[1]))
  const a = utf8.encode("a")
  const found: Array<string> = []
  for (let i = 0; found.length < count; i++) {
    const hash = seriesHash(name, hashOf(a, utf8.encode(i.toString(36))) + rest)
    if ((mixed(hash) & (size - 1)) < count / 2) found.push(`x{a="${i.toString(36)}"}`)
  }
  return found
}

/** `x…`, names of which an index of so many lines has as many in one chain as it takes. */
export const chainedNames = (count: number): Array<string> => {
  const size = 2 ** Math.ceil(Math.log2(Math.max(16, 2 * count)))
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  const found: Array<string> = []
  for (let i = 0; found.length < count; i++) {
    const name = `x${i.toString(36)}`
    utf8.encodeInto(name, bytes)
    if ((hashOfBeginning(view, 0, name.length) & (size - 1)) < count / 40) found.push(name)
  }
  return found
}
