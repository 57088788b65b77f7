/**
 * PodSources: which partition of this pod shows a source, for all of its workers: a table in memory that the threads share, because
 * two workers' lines meet in one body and nobody on the way knows whose they are. Asked when a source comes and told when it goes.
 *
 * Open addressing over 64 bits of the source's hash with a secret of the pod's: who chooses ids cannot choose where they lie, nor one that
 * is taken for another's. Behind a lock that is held for a microsecond. A thread may die while it holds it:
 * whoever waits for much longer goes on, and the thread that starts in the dead one's place puts the table in order. A partition that
 * moved from one worker to another takes its sources along: the one that had it may be unable to say that it let go.
 */
import { hash, randomFillSync } from "node:crypto"
import { murmur2 } from "../../transport/Placement.ts"

/** The lock, how many slots are taken, and the secret. */
const head = 4
/** Owner (a shard's number and one; 0: free), hash, hash, partition. */
const width = 4
/** A million slots; memory is the system's until they are used. */
const defaultSlots = 2 ** 20
/** Tries of a millisecond each: nobody who is alive holds the lock for so long. */
const patience = 200

export class PodSources {
  private readonly table: Int32Array
  private readonly mask: number
  private readonly me: number
  private readonly secret: string
  /** Sources that found no room: nobody looks after them. */
  overflowed = 0

  /** For all workers of a pod. */
  static memory(slots = defaultSlots): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(4 * (head + slots * width))
    new Int32Array(memory).set(randomFillSync(new Int32Array(2)), 2)
    return memory
  }

  constructor(memory: SharedArrayBuffer, shard: number) {
    this.table = new Int32Array(memory)
    this.mask = (this.table.length - head) / width - 1
    this.me = shard + 1
    this.secret = `${this.table[2]} ${this.table[3]} `
  }

  /** False where another partition has it, on another worker. */
  enter(source: string, partition: string): boolean {
    const [a, b, p] = this.hashes(source, partition)
    return this.locked(() => {
      const { table } = this
      const at = this.find(a, b)
      if (table[at] !== 0 && table[at] !== this.me && table[at + 3] !== p) return false
      if (table[at] === 0) {
        // Beyond it searching would take long.
        if (table[1]! >= ((this.mask + 1) * 3) / 4) {
          this.overflowed++
          return true
        }
        table[1]!++
      }
      this.put(at, this.me, a, b, p)
      return true
    })
  }

  leave(source: string, partition: string): void {
    const [a, b, p] = this.hashes(source, partition)
    this.locked(() => {
      const at = this.find(a, b)
      if (this.table[at] === this.me && this.table[at + 3] === p) this.erase(at)
    })
  }

  /** What a thread before this one had, which is gone. Puts the table in order, too. */
  begin(): void {
    this.locked(() => {
      const { table } = this
      const kept: Array<readonly [owner: number, a: number, b: number, p: number]> = []
      for (let at = head; at < table.length; at += width)
        if (table[at] !== 0 && table[at] !== this.me)
          kept.push([table[at]!, table[at + 1]!, table[at + 2]!, table[at + 3]!])
      table.fill(0, head)
      table[1] = 0
      for (const [owner, a, b, p] of kept) {
        const at = this.find(a, b)
        if (table[at] === 0) table[1]!++
        this.put(at, owner, a, b, p)
      }
    })
  }

  /** Its slot, or the free one where it belongs. */
  private find(a: number, b: number): number {
    const { table, mask } = this
    for (let i = a & mask; ; i = (i + 1) & mask) {
      const at = head + i * width
      if (table[at] === 0 || (table[at + 1] === a && table[at + 2] === b)) return at
    }
  }

  private put(at: number, owner: number, a: number, b: number, p: number): void {
    const { table } = this
    table[at] = owner
    table[at + 1] = a
    table[at + 2] = b
    table[at + 3] = p
  }

  /** What stands behind it and would not be found over the gap moves up. */
  private erase(at: number): void {
    const { table, mask } = this
    let gap = (at - head) / width
    for (let i = (gap + 1) & mask; table[head + i * width] !== 0; i = (i + 1) & mask) {
      const from = head + i * width
      const ideal = table[from + 1]! & mask
      if (((i - ideal) & mask) < ((i - gap) & mask)) continue
      table.copyWithin(head + gap * width, from, from + width)
      gap = i
    }
    table[head + gap * width] = 0
    table[1]!--
  }

  private locked<A>(work: () => A): A {
    const { table } = this
    for (let tries = 0; Atomics.compareExchange(table, 0, 0, 1) !== 0 && tries < patience; tries++)
      Atomics.wait(table, 0, 1, 1)
    try {
      return work()
    } finally {
      Atomics.store(table, 0, 0)
      Atomics.notify(table, 0, 1)
    }
  }

  private hashes(source: string, partition: string): readonly [a: number, b: number, p: number] {
    const bytes = hash("sha256", this.secret + source, "buffer")
    return [bytes.readInt32LE(0), bytes.readInt32LE(4), murmur2(Buffer.from(partition))]
  }
}
