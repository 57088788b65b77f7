/**
 * PartitionFile: one partition's records in one file, a line of JSON each. It is the only writer of its file. What is not a whole line at
 * the file's end, after a crash, is cut off before anything is appended. Kept in memory: of each record where its line begins and its time.
 */
import { open, truncate } from "node:fs/promises"
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
  /** Of each record where its line begins, and, last, where the file ends. */
  private readonly begins: Array<number> = [0]
  private readonly times: Array<number> = []
  private reading: Promise<void> | undefined
  /** Appends in the order in which they were asked for, one at a time. */
  private readonly writing = Semaphore.makeUnsafe(1)

  constructor(path: string) {
    this.path = path
  }

  get end(): number {
    return this.times.length
  }

  /** The file is read once, whoever asks first: two readers of it would count its records twice. */
  readonly opened = Effect.promise(() => this.readOnce())

  private readOnce(): Promise<void> {
    this.reading ??= this.scan()
    return this.reading
  }

  private async scan(): Promise<void> {
    const file = await open(this.path, "a+")
    try {
      const text = await file.readFile("latin1")
      for (let at = 0, next = text.indexOf("\n"); next >= 0; at = next + 1, next = text.indexOf("\n", at)) {
        this.times.push((JSON.parse(text.slice(at, next)) as Line).t)
        this.begins.push(next + 1)
      }
    } finally {
      await file.close()
    }
    await truncate(this.path, this.begins.at(-1)!)
  }

  /** Durable when it returns. Once it is on its way it is not taken back. */
  append(records: ReadonlyArray<OutgoingRecord>): Effect.Effect<void> {
    const write = Effect.promise(async () => {
      const now = Math.max(Date.now(), this.times.at(-1) ?? 0)
      const lines = records.map((record) => Buffer.from(lineOf(record, now), "latin1"))
      const file = await open(this.path, "a")
      try {
        await file.writeFile(Buffer.concat(lines))
        await file.datasync()
      } finally {
        await file.close()
      }
      for (const line of lines) {
        this.times.push(now)
        this.begins.push(this.begins.at(-1)! + line.length)
      }
    })
    return this.writing.withPermits(1)(Effect.uninterruptible(Effect.andThen(this.opened, write)))
  }

  /** The records from `offset` on, at least one where there is one, and then no more than `maxBytes` of lines. */
  read(offset: number, maxBytes: number): Effect.Effect<ReadonlyArray<LogRecord>> {
    return Effect.promise(async () => {
      if (offset >= this.end) return []
      const from = this.begins[offset]!
      let next = offset + 1
      while (next < this.end && this.begins[next + 1]! - from <= maxBytes) next++
      const bytes = Buffer.alloc(this.begins[next]! - from)
      const file = await open(this.path, "r")
      try {
        await file.read(bytes, 0, bytes.length, from)
      } finally {
        await file.close()
      }
      const lines = bytes.toString("latin1").split("\n").slice(0, -1)
      return lines.map((line, i) => recordOf(line, offset + i))
    })
  }

  /** The first offset whose record is of this time or later; the end where there is none. */
  firstAt(timestamp: number): number {
    const found = this.times.findIndex((t) => t >= timestamp)
    return found < 0 ? this.end : found
  }
}
