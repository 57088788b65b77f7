/**
 * Cursors: the batches of a client's partitions that were read in part, one a partition, each for the offset that its next portion begins at.
 * Taken out while it is read from, so that no two fetches read on from one. Bounded in bytes: beyond that the one that was left
 * longest goes, which costs unpacking its batch again and nothing else.
 */
import { partitionKey, type TopicPartition } from "../../Transport.ts"
import type { BatchCursor } from "./BatchCursor.ts"

const MAX_BYTES = 256 * 1024 * 1024

interface Kept {
  readonly cursor: BatchCursor
  /** As it was last told: nobody asks the broker while the batch lasts. */
  readonly highWatermark: number
}

export class Cursors {
  readonly #max: number
  readonly #kept = new Map<string, Kept>()
  #bytes = 0
  #closed = false

  constructor(max = MAX_BYTES) {
    this.#max = max
  }

  get size(): number {
    return this.#kept.size
  }

  /** The one that goes on at this very offset; any other of the partition is thrown away. */
  take(tp: TopicPartition, offset: number): Kept | undefined {
    const key = partitionKey(tp)
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    this.#kept.delete(key)
    this.#bytes -= kept.cursor.bytes
    if (kept.cursor.next === offset) return kept
    kept.cursor.close()
    return undefined
  }

  keep(tp: TopicPartition, kept: Kept): void {
    if (this.#closed) {
      kept.cursor.close()
      return
    }
    this.forget(tp)
    this.#kept.set(partitionKey(tp), kept)
    this.#bytes += kept.cursor.bytes
    while (this.#bytes > this.#max && this.#kept.size > 1) this.#drop(this.#kept.keys().next().value!)
  }

  forget(tp: TopicPartition): void {
    this.#drop(partitionKey(tp))
  }

  close(): void {
    this.#closed = true
    for (const key of [...this.#kept.keys()]) this.#drop(key)
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key)
    if (kept === undefined) return
    this.#kept.delete(key)
    this.#bytes -= kept.cursor.bytes
    kept.cursor.close()
  }
}
