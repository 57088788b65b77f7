/**
 * Seen: which bytes of one stream were seen, as one reached position and the gaps before it. Agents send a stream in order and, after a crash, some of
 * it again, so gaps are rare; of too many the two that lie closest become one: what was seen between them may be archived twice, never lost. Pure.
 */

/** Gaps that one stream may have. */
export const maxGaps = 16

/** Bytes [from, to), and so on, ascending. */
export type Intervals = ReadonlyArray<number>

export class Seen {
  reached: number
  /** Not seen before `reached`: from, to, and so on, ascending. */
  gaps: Array<number>

  constructor(reached = 0, gaps: Array<number> = []) {
    this.reached = reached
    this.gaps = gaps
  }

  /** Takes [from, to) for seen, and answers what of it was not. */
  take(from: number, to: number): Intervals {
    const { reached } = this
    if (from >= reached) {
      if (from > reached) this.#gap(reached, from)
      this.reached = to
      return [from, to]
    }
    const fresh = this.#fill(from, Math.min(to, reached))
    if (to > reached) {
      this.reached = to
      // One piece where they meet.
      if (fresh.at(-1) === reached) fresh[fresh.length - 1] = to
      else fresh.push(reached, to)
    }
    return fresh
  }

  #gap(from: number, to: number): void {
    const { gaps } = this
    if (gaps.at(-1) === from) gaps[gaps.length - 1] = to
    else gaps.push(from, to)
    if (gaps.length > 2 * maxGaps) this.#fuse()
  }

  /** What of the gaps lies in [from, to), which is none any more. */
  #fill(from: number, to: number): Array<number> {
    const fresh: Array<number> = []
    const left: Array<number> = []
    for (let i = 0; i < this.gaps.length; i += 2) {
      const [a, b] = [this.gaps[i]!, this.gaps[i + 1]!]
      const [low, high] = [Math.max(a, from), Math.min(b, to)]
      if (low >= high) {
        left.push(a, b)
        continue
      }
      fresh.push(low, high)
      if (a < low) left.push(a, low)
      if (high < b) left.push(high, b)
    }
    this.gaps = left
    if (left.length > 2 * maxGaps) this.#fuse()
    return fresh
  }

  #fuse(): void {
    const { gaps } = this
    let closest = 2
    for (let i = 4; i < gaps.length; i += 2)
      if (gaps[i]! - gaps[i - 1]! < gaps[closest]! - gaps[closest - 1]!) closest = i
    gaps.splice(closest - 1, 2)
  }
}
