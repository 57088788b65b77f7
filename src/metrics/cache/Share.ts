/**
 * Share: what one source holds of the budgets, and what it may count on. `base` is what it had when there was room for all: each round that
 * comes while a budget is not full moves it, none that comes while one is full makes it more. So what all may grow to together
 * is bounded by what fitted once, however often they grow.
 */

import type { Now } from "../rounds/Ages.ts"
import type { Link } from "../rounds/Chain.ts"
import type { Size } from "../text/Dump.ts"
import type { Ranked } from "./Largest.ts"

export type Kind = keyof Size

/** A known source may always grow by this part of its base. */
const part = 0.25
/** Or by as much, while others do not use more of the reserve: a thousand series, and what those take. */
const least: Size = { series: 1000, bytes: 256 * 1024 }

export class Share implements Size, Ranked<Share> {
  series = 0
  bytes = 0
  readonly base = { series: 0, bytes: 0 }
  /** It has content. */
  held = false
  /** Only its first round came. */
  newcomer = true
  link: Link<Share> | undefined
  /** It has more than what nobody can take from it. */
  ranked = false
  readonly places: Ranked<Share>["places"] = []
  /** Its content is out of what can be seen when this returns, and the budgets know. */
  readonly giveWay: (now: Now) => void

  constructor(giveWay: (now: Now) => void) {
    this.giveWay = giveWay
  }

  /** Known with so much, which is what it may count on: it takes nothing and changes nothing to have it again. */
  isSettledAt(series: number, bytes: number): boolean {
    const { base } = this
    return (
      this.series === series && this.bytes === bytes && base.series === series && base.bytes === bytes && !this.newcomer
    )
  }

  /** How much it may have where a budget is full. */
  allowed(kind: Kind): number {
    return Math.max(this.assured(kind), this.base[kind] + least[kind])
  }

  /** By how much a size is more than what nobody can take from it. */
  excess(kind: Kind, size = this[kind]): number {
    return size - this.assured(kind)
  }

  private assured(kind: Kind): number {
    return (1 + part) * this.base[kind]
  }
}

/** Of what newcomers may fill, how much known sources may fill. */
export const reserve = 1 + part
