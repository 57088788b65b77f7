/**
 * Holdings: what the open objects of one shard hold in memory, all partitions together, and who gives way when that is too much: the largest one is closed
 * before its time. While nothing can be closed, because the store is away, whoever wants to take more waits.
 */
import { Effect } from "effect"
import { Signal } from "../engine/Signal.ts"

/** Of one partition. */
export interface Holding {
  /** Bytes that it holds now. */
  readonly bytes: () => number
  /** It is asked to close its object. */
  readonly giveWay: () => void
}

export class Holdings {
  readonly #most: number
  readonly #all = new Set<Holding>()
  readonly #signal = new Signal()

  /** Bytes, of all together. */
  constructor(most: number) {
    this.#most = most
  }

  get bytes(): number {
    let sum = 0
    for (const each of this.#all) sum += each.bytes()
    return sum
  }

  add(holding: Holding): void {
    this.#all.add(holding)
  }

  remove(holding: Holding): void {
    this.#all.delete(holding)
    this.#signal.notify()
  }

  /** Somebody holds less. */
  freed(): void {
    this.#signal.notify()
  }

  /** Ends when there is room for more, and sees to it that there will be. */
  readonly room: Effect.Effect<void> = Effect.suspend(() => {
    if (this.bytes < this.#most) return Effect.void
    this.#press()
    return this.#signal.until(() => {
      if (this.bytes < this.#most) return true
      this.#press()
      return false
    })
  })

  #press(): void {
    let largest: Holding | undefined
    for (const each of this.#all) if (largest === undefined || each.bytes() > largest.bytes()) largest = each
    largest?.giveWay()
  }
}
