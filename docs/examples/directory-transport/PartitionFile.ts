/**
 * PartitionFile: one partition's records in one file, a line of JSON each; a record's offset is the number of its line. Kept in memory: of
 * each line where it begins and its time. What is not a whole line at the file's end, after a crash, is cut off before anything is appended.
 */
import { open, stat, truncate } from "node:fs/promises"
import { Effect, Semaphore } from "effect"
import type { LogRecord, OutgoingRecord } from "kafka2prom/transport"

type Line = { t: number; k: string | null; v: string | null; h: Record<string, string> }

const base64 = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString("base64")
const bytesOf = (text: string | null): Uint8Array | null => (text === null ? null : Buffer.from(text, "base64"))

const lineOf = (record: OutgoingRecord, t: number): string => {
  const h = Object.fromEntries(Object.entries(record.headers).map(([name, value]) => [name, base64(value)!]))
  return `${JSON.stringify({ t, k: base64(record.key), v: base64(record.value), h } satisfies Line)}\n`
}

const recordOf = (line: string, offset: number): LogRecord => {
  const { t, k, v, h } = JSON.parse(line) as Line
  const headers = Object.fromEntries(Object.entries(h).map(([name, value]) => [name, bytesOf(value)!]))
  return { offset, timestamp: t, key: bytesOf(k), value: bytesOf(v), headers }
}

export class PartitionFile {
  private readonly path: string
  /** Of each known record where its line begins, and, last, where the known part of the file ends. */
  private readonly begins: Array<number> = [0]
  private readonly times: Array<number> = []
  private readonly reading = Semaphore.makeUnsafe(1)
  private readonly writing = Semaphore.makeUnsafe(1)
  private whole = false

  constructor(path: string) {
    this.path = path
  }

  /** Next offset, as far as the file is known. */
  get end(): number {
    return this.times.length
  }

  /** Learns what the file has beyond what is known of it. One after the other: two at once would learn the same lines twice. */
  get follow(): Effect.Effect<void> {
    return this.reading.withPermits(1)(this.learn())
  }

  private learn(): Effect.Effect<void> {
    return Effect.promise(async () => {
      const from = this.begins.at(-1)!
      const { size } = await stat(this.path)
      if (size === from) return
      const text = (await this.bytes(from, size)).toString("latin1")
      for (let at = 0, next = text.indexOf("\n"); next >= 0; at = next + 1, next = text.indexOf("\n", at)) {
        this.times.push((JSON.parse(text.slice(at, next)) as Line).t)
        this.begins.push(from + next + 1)
      }
    })
  }

  private async bytes(from: number, to: number): Promise<Buffer> {
    const file = await open(this.path, "r")
    try {
      const bytes = Buffer.alloc(to - from)
      await file.read(bytes, 0, bytes.length, from)
      return bytes
    } finally {
      await file.close()
    }
  }

  /** Durable when it returns. In the order in which they are asked for, one at a time; what is on its way is not taken back. */
  append(records: ReadonlyArray<OutgoingRecord>): Effect.Effect<void> {
    const write = Effect.promise(async () => {
      if (!this.whole) await truncate(this.path, this.begins.at(-1)!)
      this.whole = true
      const now = Math.max(Date.now(), this.times.at(-1) ?? 0)
      const file = await open(this.path, "a")
      try {
        await file.writeFile(records.map((record) => lineOf(record, now)).join(""), "latin1")
        await file.datasync()
      } finally {
        await file.close()
      }
    })
    const all = this.follow.pipe(Effect.andThen(write), Effect.andThen(this.follow))
    return this.writing.withPermits(1)(Effect.uninterruptible(all))
  }

  /** The known records from `offset` on, at least one where there is one, and then no more than `maxBytes` of lines. */
  read(offset: number, maxBytes: number): Effect.Effect<ReadonlyArray<LogRecord>> {
    return Effect.promise(async () => {
      if (offset >= this.end) return []
      const from = this.begins[offset]!
      let next = offset + 1
      while (next < this.end && this.begins[next + 1]! - from <= maxBytes) next++
      const lines = (await this.bytes(from, this.begins[next]!)).toString("latin1").split("\n").slice(0, -1)
      return lines.map((line, i) => recordOf(line, offset + i))
    })
  }

  /** The first offset whose record is of this time or later; the end where there is none. */
  firstAt(timestamp: number): number {
    const found = this.times.findIndex((t) => t >= timestamp)
    return found < 0 ? this.end : found
  }
}
