/**
 * RoundNumbers: the second half of a round's version, counted for each source by itself: pods take a number that is missing in an epoch
 * for a round of that source that was lost. Within an epoch no source gets a number twice or a lower one. Of sources that left, the last
 * number is remembered for those that left latest; whoever was forgotten begins above all that were. Pure.
 */
const remembered = 10_000

export class RoundNumbers {
  private readonly limit: number
  private readonly present = new Map<string, number>()
  /** In the order in which they left. */
  private readonly left = new Map<string, number>()
  /** No number of a forgotten source is above it. */
  private floor = 0

  constructor(limit = remembered) {
    this.limit = limit
  }

  next(source: string): number {
    const number = 1 + (this.present.get(source) ?? this.left.get(source) ?? this.floor)
    this.left.delete(source)
    this.present.set(source, number)
    return number
  }

  leave(source: string): void {
    const last = this.present.get(source)
    if (last === undefined) return
    this.present.delete(source)
    this.left.set(source, last)
    if (this.left.size <= this.limit) return
    for (const [oldest, number] of this.left) {
      this.left.delete(oldest)
      this.floor = Math.max(this.floor, number)
      return
    }
  }
}
