/**
 * Budget: how much content a pod and each of its partitions may hold (P8). Pure. Room is asked for before content is let in and
 * given back when it goes; what shrinks is always let in. One pod budget is shared by the partitions' own.
 */

import { refusal } from "../rounds/Record.ts"
import type { Refusal, Size } from "../text/Dump.ts"

export class Budget {
  series = 0
  bytes = 0
  private readonly whose: string
  private readonly limit: Size
  private readonly parent: Budget | undefined

  constructor(whose: string, limit: Size, parent?: Budget) {
    this.whose = whose
    this.limit = limit
    this.parent = parent
  }

  /** Why there is no room for a change of this size, or undefined. */
  refuses(change: Size): Refusal | undefined {
    const { whose, limit } = this
    if (change.series > 0 && this.series + change.series > limit.series)
      return refusal("partition-full", `the ${whose} holds ${this.series} series, the limit is ${limit.series}`)
    if (change.bytes > 0 && this.bytes + change.bytes > limit.bytes)
      return refusal("partition-full", `the ${whose} holds ${this.bytes} bytes, the limit is ${limit.bytes}`)
    return this.parent?.refuses(change)
  }

  change({ series, bytes }: Size): void {
    this.series += series
    this.bytes += bytes
    this.parent?.change({ series, bytes })
  }

  /** Gives all of it back. */
  clear(): void {
    this.change({ series: -this.series, bytes: -this.bytes })
  }
}
