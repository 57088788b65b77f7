/**
 * LabelSums: what the labels of the line at hand tell, in whatever order they come: the sums of their hashes, and flags of LineRecord. The
 * hash of a `le` or `quantile` is that of its number, since `1` and `1.0` may be one series.
 */
import { hashOfName, hashOfValue } from "../text/Hash.ts"
import type { LineBuffer } from "../text/LineBuffer.ts"
import { canonicalFloatBytes, encode, numberIsValid, parseNumber, sameBytes } from "../text/Syntax.ts"
import { HAS_LE, HAS_QUANTILE, HAS_STATE, NO_NUMBER, OTHER_FORM } from "./LineRecord.ts"

const LE = hashOfName(encode("le"))
const QUANTILE = hashOfName(encode("quantile"))
/** Labels inside a metric. */
const INNER = HAS_LE | HAS_QUANTILE | HAS_STATE

/** By the hash of a label's name. */
export const isBound = (nameHash: number): boolean => nameHash === LE || nameHash === QUANTILE

export class LabelSums {
  /** Of all labels, and of those that do not tell metrics apart (`le`, `quantile`, the state). */
  hash = 0
  inner = 0
  flags = 0
  /** Of the bound that was read last. */
  boundFlags = 0
  private readonly line: LineBuffer

  constructor(line: LineBuffer) {
    this.line = line
  }

  /** Another line. */
  begin(): void {
    this.hash = this.inner = this.flags = 0
  }

  add(hash: number, flags: number): void {
    this.hash = (this.hash + hash) | 0
    this.flags |= flags
    if ((flags & INNER) !== 0) this.inner = (this.inner + hash) | 0
  }

  /** The value of the `le` or `quantile` just written, from `valueAt` on. Answers its hash: `hash`, that of its text, where it is no number. */
  readBound(valueAt: number, nameHash: number, hash: number): number {
    const { bytes, length } = this.line
    this.boundFlags = nameHash === LE ? HAS_LE : HAS_QUANTILE
    const value = parseNumber(bytes, valueAt, length - 1)
    if (!numberIsValid() || Number.isNaN(value)) {
      this.boundFlags |= NO_NUMBER
      return hash
    }
    const canonical = canonicalFloatBytes(value)
    if (sameBytes(bytes, valueAt, length - 1, canonical, 0, canonical.length)) return hash
    this.boundFlags |= OTHER_FORM
    return hashOfValue(nameHash, canonical)
  }
}
