/**
 * Budget: how much content a pod and each of its partitions may hold, and who gives way where that is not enough (P8). Pure. One pod
 * budget is shared by the partitions' own.
 *
 * A limit is what newcomers may fill, together with what has to be kept besides content. A quarter on top of it is for known
 * sources, which have content already: each may grow by a quarter of its base (see Share), always, for together that is no more than there
 * is; and by a thousand series, for as long as the reserve lasts: then who took most beyond its quarter gives way. A newcomer
 * takes nobody's place but that of a larger newcomer. So a limit is exceeded by a quarter at most, whoever grows how often.
 *
 * Who gives way or is refused is hidden, no more: its content is gone until its next complete round.
 */
import type { Now } from "../rounds/Ages.ts"
import { Chain } from "../rounds/Chain.ts"
import { refusal } from "../rounds/Record.ts"
import type { Refusal, Size } from "../text/Dump.ts"
import { Largest } from "./Largest.ts"
import { type Kind, reserve, type Share } from "./Share.ts"

const kinds = ["series", "bytes"] as const

export class Budget implements Size {
  series = 0
  bytes = 0
  private readonly whose: "partition" | "pod"
  private readonly limit: Size
  private readonly parent: Budget | undefined
  /** Bytes that are kept and are no content. */
  private kept = 0
  /** By size. */
  private readonly newcomers: Record<Kind, Largest<Share>>
  /** By what they have beyond what nobody can take from them. */
  private readonly growers: Record<Kind, Largest<Share>>
  private readonly arrivals = new Chain<Share>()

  constructor(whose: "partition" | "pod", limit: Size, parent?: Budget) {
    this.whose = whose
    this.limit = limit
    this.parent = parent
    const slot = parent === undefined ? 0 : 4
    this.newcomers = { series: new Largest(slot), bytes: new Largest(slot + 1) }
    this.growers = { series: new Largest(slot + 2), bytes: new Largest(slot + 3) }
  }

  /** Takes the room for a source's next content in place of what it has, or says why there is none. */
  admit(share: Share, series: number, bytes: number, now: Now): Refusal | undefined {
    if (share.isSettledAt(series, bytes)) return undefined
    if (share.held) this.know(share)
    const grows = series > share.series || bytes > share.bytes
    const why = grows ? this.makeRoom(share, series, bytes, now) : undefined
    if (why !== undefined) return why
    if (!share.held) {
      share.held = true
      share.base.series = series
      share.base.bytes = bytes
      share.link = this.arrivals.push(share)
    }
    this.set(share, series, bytes)
    return undefined
  }

  /** What a source has, whether or not there is room: what it lost, or turned out to take. */
  set(share: Share, series: number, bytes: number): void {
    const change = { series: series - share.series, bytes: bytes - share.bytes }
    share.series = series
    share.bytes = bytes
    this.change(change)
    const { base } = share
    if (this.isFull) {
      base.series = Math.min(base.series, series)
      base.bytes = Math.min(base.bytes, bytes)
    } else {
      base.series = series
      base.bytes = bytes
    }
    if (share.newcomer || share.ranked || share.excess("series") > 0 || share.excess("bytes") > 0) this.rank(share)
  }

  /** It has no content any more. */
  remove(share: Share): void {
    if (!share.held) return
    this.know(share)
    this.set(share, 0, 0)
    share.held = false
  }

  /** Bytes that have to be kept besides content changed by so many. */
  keep(change: number): void {
    this.kept += change
    this.parent?.keep(change)
  }

  /** The newcomer that is there for longest. */
  get oldestNewcomer(): Share | undefined {
    return this.arrivals.head?.item
  }

  private get isFull(): boolean {
    const { series, bytes, kept, limit, parent } = this
    return series > limit.series || bytes + kept > limit.bytes || parent?.isFull === true
  }

  private makeRoom(share: Share, series: number, bytes: number, now: Now): Refusal | undefined {
    return (
      this.makeRoomFor(share, "series", series, now) ??
      this.makeRoomFor(share, "bytes", bytes, now) ??
      this.parent?.makeRoom(share, series, bytes, now)
    )
  }

  private makeRoomFor(share: Share, kind: Kind, next: number, now: Now): Refusal | undefined {
    const change = next - share[kind]
    const limit = this.limit[kind]
    const kept = kind === "bytes" ? this.kept : 0
    if (change <= 0 || this[kind] + change + kept <= limit) return undefined
    if (!share.held) {
      const larger = this.newcomers[kind].get()
      if (larger === undefined || larger[kind] <= next) return this.full(kind, "new sources wait")
      larger.giveWay(now)
      return undefined
    }
    const allowed = Math.floor(share.allowed(kind))
    if (next > allowed)
      return this.full(kind, `a source that had ${share.base[kind]} when it was not may grow to ${allowed}`)
    while (this[kind] + change > reserve * limit) {
      const most = this.newcomers[kind].get() ?? this.growers[kind].get()
      const gives =
        most !== undefined && most !== share && (most.newcomer || most.excess(kind) > share.excess(kind, next))
      if (!gives) return this.full(kind, "so is the reserve for known sources, and who grew most gives way")
      most.giveWay(now)
    }
    return undefined
  }

  private full(kind: Kind, detail: string): Refusal {
    const { whose } = this
    const option = `--max-${whose}-${kind}`
    const share = whose === "pod" ? "; each worker has its share of it" : ""
    return refusal(
      whose === "pod" ? "pod-full" : "partition-full",
      `the ${whose} holds ${this[kind]} ${kind}, ${option} is ${this.limit[kind]}${share}: ${detail}`
    )
  }

  /** More than one round of it came, or it goes. */
  private know(share: Share): void {
    if (!share.newcomer) return
    share.newcomer = false
    if (share.link !== undefined) this.arrivals.unlink(share.link)
    share.link = undefined
    this.rank(share)
  }

  private change({ series, bytes }: Size): void {
    this.series += series
    this.bytes += bytes
    this.parent?.change({ series, bytes })
  }

  private rank(share: Share): void {
    share.ranked = false
    for (const kind of kinds) {
      const excess = share.newcomer ? 0 : share.excess(kind)
      if (excess > 0) share.ranked = true
      for (let budget: Budget | undefined = this; budget !== undefined; budget = budget.parent) {
        budget.newcomers[kind].note(share, share.newcomer ? share[kind] : 0)
        budget.growers[kind].note(share, excess)
      }
    }
  }
}
