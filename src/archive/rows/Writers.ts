/**
 * Writers: the few RowWriters of a shard, lent to whichever partition has records: rows wait in none of them, so their memory does not grow with the
 * number of partitions.
 */
import { Effect, Semaphore } from "effect"
import { RowWriter } from "./RowWriter.ts"

/** As many as Node has threads to pack on. */
const most = 4

export class Writers {
  readonly #idle: Array<RowWriter> = []
  readonly #permits = Semaphore.makeUnsafe(most)

  /** The writer is empty, and is somebody else's when the effect has ended. */
  use<A>(write: (writer: RowWriter) => Effect.Effect<A>): Effect.Effect<A> {
    const lent = Effect.suspend(() => {
      const writer = this.#idle.pop() ?? new RowWriter()
      return Effect.ensuring(
        write(writer),
        Effect.sync(() => this.#idle.push(writer))
      )
    })
    // What is being packed of it must not change under whoever packs.
    return this.#permits.withPermits(1)(Effect.uninterruptible(lent))
  }
}
