/**
 * Arrivals: whether a source that is not shown may be shown from a record on, in a topic that grew or may have grown. Asked once a
 * source, not once a record: what a partition holds was asked when it came, and again when more became known (`PartitionCache.grown`).
 *
 * Only sources without numbers and with a key are placed by their producers' partitioners. Numbered ones stay where their agent's
 * fixed base puts them.
 */
import type { Homes } from "../../engine/growth/Homes.ts"
import { refusal } from "../rounds/Record.ts"
import type { Refusal } from "../text/Dump.ts"
import { Generations } from "../text/Generations.ts"

/** Forgetting costs another question. */
const maxWaiting = 20_000
const unknownSource = /^unknown\//

/** For a person: what it means, and where it should be. */
const words = {
  misplaced:
    "its producer placed it by a smaller number of partitions than the topic has: it is shown where it belongs now",
  early: "its old partition may still show it since the topic grew: it is shown as soon as all owners know",
  stranger:
    "no number of partitions that the topic is known to have had puts it here: it is shown when the brokers were asked again and --growth-window has passed since the last growth, or since the group began"
} as const

export type Away = keyof typeof words

export class Arrivals {
  private readonly homes: Homes
  /** Strangers, under which W they were first seen, and whether the brokers have answered since. */
  private readonly waiting = new Generations<{ readonly from: number; readonly answered: () => boolean }>(
    maxWaiting,
    () => 1
  )
  /** Without a key: whoever sends it chose the partition in another way. */
  private readonly unplaced = new Generations<true>(maxWaiting, () => 1)

  constructor(homes: Homes) {
    this.homes = homes
  }

  /** Cheap; where it says no nothing else needs to be asked. */
  get asks(): boolean {
    return this.homes.asks
  }

  /** A source that was named by a header alone. */
  withoutKey(source: string): void {
    this.unplaced.set(source, true)
  }

  isPlaced(source: string): boolean {
    return this.unplaced.get(source) === undefined && !unknownSource.test(source)
  }

  /** Why a source that is not held may not be taken from this record on; undefined where it may. */
  away(source: string, key: Uint8Array, offset: number): Away | undefined {
    const verdict = this.homes.judge(key, offset)
    if (verdict !== "stranger") return verdict === "home" ? undefined : verdict
    const { waited, settledFrom: from, fresh } = this.homes
    if (waited && offset < from) return "stranger"
    const asked = this.waiting.get(source)
    // Whether the topic grew since: an answer from before W says nothing of what comes after it.
    if (asked?.from !== from) this.waiting.set(source, { from, answered: fresh() })
    else if (waited && asked.answered()) {
      this.waiting.delete(source)
      return undefined
    }
    return "stranger"
  }

  /** By its producer's placement, where that is known. */
  isHome(source: string): boolean {
    return this.homes.placement !== undefined && this.isPlaced(source) && this.homes.isHome(Buffer.from(source))
  }

  /** Why what is held of a source must go now; undefined where it may stay. `first`: the lowest offset of what is held. */
  mustGo(source: string, first: number): Away | undefined {
    // Where nobody can tell who moved, what was there before stays.
    if (this.homes.placement === undefined || !this.isPlaced(source)) return undefined
    const verdict = this.homes.judge(Buffer.from(source), first)
    return verdict === "home" ? undefined : verdict
  }
}

export const awayRefusal = (why: Away): Refusal => refusal(why, words[why])
