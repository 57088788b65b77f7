/**
 * Keeper: the memory of repeats of one partition, as it is kept in the store: read where a chain goes on, written before the object that ends there, and
 * removed when no owner can come back to it. A memory that no object names binds nobody.
 */

import { crc32 } from "node:zlib"
import { Effect } from "effect"
import { labelsOf } from "../engine/Counters.ts"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import type { ChainEnd } from "./Chain.ts"
import { memoryName, memoryPrefix, parseMemoryName } from "./format/Names.ts"
import { Memory } from "./memory/Memory.ts"
import type { StoreAsker } from "./StoreAsker.ts"

export class Keeper {
  readonly memory: Memory
  readonly #store: StoreAsker
  /** No owner begins before it any more. */
  readonly #keptFrom: () => number
  /** Undefined until they were looked up: what pods left that were killed is among them. */
  #kept: Set<string> | undefined

  private constructor(memory: Memory, store: StoreAsker, keptFrom: () => number) {
    this.memory = memory
    this.#store = store
    this.#keptFrom = keptFrom
  }

  /** As it was at the chain's end. One that is missing or damaged costs at most repeats, and is counted. */
  static open(
    end: ChainEnd,
    most: number,
    store: StoreAsker,
    keptFrom: () => number,
    metrics: SelfMetricsShape
  ): Effect.Effect<Keeper> {
    return Effect.gen(function* () {
      const name = end.memory
      if (name === null) return new Keeper(new Memory(most), store, keptFrom)
      const bytes = yield* store.ask((s) => s.read(name))
      const isWhole = bytes !== undefined && crc32(bytes) === parseMemoryName(end, name)?.crc
      const memory = isWhole ? Memory.decode(bytes, most) : undefined
      if (memory === undefined) {
        metrics.archiveMemoriesMissing.inc(labelsOf(end))
        yield* Effect.logWarning(
          `${name} in ${store.place} is ${bytes === undefined ? "missing" : "damaged"}: what agents send again of before offset ${end.from} is archived twice`
        )
      }
      return new Keeper(memory ?? new Memory(most), store, keptFrom)
    })
  }

  /** Its name; null where there is nothing to remember. */
  write(end: ChainEnd, to: number, before: Effect.Effect<void>): Effect.Effect<string | null> {
    return Effect.gen({ self: this }, function* () {
      if (this.memory.streams === 0) return null
      const bytes = this.memory.encode()
      const name = memoryName(end, to, crc32(bytes))
      // Where it is there, it is the same one.
      yield* this.#store.ask((store) => store.create(name, [bytes]), bytes.length, before)
      this.#kept?.add(name)
      return name
    })
  }

  /** Removes those before the last confirmed C, but for the newest. What the store does not do now is tried again behind the next object. */
  forget(end: ChainEnd): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (end.memory === null) return
      const kept = this.#kept ?? (yield* this.#look(end))
      if (kept === undefined) return
      this.#kept = kept
      const from = Math.min(this.#keptFrom(), end.from)
      for (const name of kept) {
        const named = parseMemoryName(end, name)
        if (named === undefined || named.to >= from || name === end.memory) continue
        const removed = yield* this.#store.tryOnce((store) => Effect.as(store.remove(name), true))
        if (removed === true) kept.delete(name)
      }
    })
  }

  #look(end: ChainEnd): Effect.Effect<Set<string> | undefined> {
    const found = new Set<string>()
    return this.#store.tryOnce((store) =>
      Effect.as(
        store.list(memoryPrefix(end), ({ name }) => found.add(name)),
        found
      )
    )
  }
}
