/**
 * LogLane: the lines of one partition, in order: one request at a time, tried again with the same records until the log has them, and
 * nothing is read meanwhile; so files keep what the log does not take. Its memory is its own, so that a partition in trouble holds no other one.
 */
import { Effect, Latch } from "effect"
import { Backoff } from "../../Backoff.ts"
import type { Producer, TransportError } from "../../transport/Transport.ts"
import { kilobyte } from "./Fingerprint.ts"
import { halve, type Piece } from "./Lines.ts"
import type { LogCounts } from "./LogCounts.ts"
import type { LogOptions } from "./LogOptions.ts"
import { logRecord, overhead } from "./LogRecord.ts"
import type { Outage } from "./Outage.ts"
import { readLines } from "./Reading.ts"
import type { Stream } from "./Stream.ts"
import type { Tailer } from "./Tailer.ts"

const backoff = new Backoff(250, 10_000)
/** Ms until what cannot be sent yet is asked again. */
const blocked = 50

export interface LaneOptions {
  readonly partition: number
  readonly producer: Producer
  readonly tailer: Tailer
  readonly options: LogOptions
  /** Bytes of its memory. */
  readonly share: () => number
  readonly counts: LogCounts
  readonly outage: Outage
  /** See `Keeper.dirty`. */
  readonly dirty: (soon: boolean) => void
}

interface Entry {
  readonly stream: Stream
  readonly piece: Piece
}

export class LogLane {
  private readonly options: LaneOptions
  private readonly ready = new Set<Stream>()
  private readonly wakes = Latch.makeUnsafe(false)
  private memory: Buffer | undefined
  private isClosing = false

  constructor(options: LaneOptions) {
    this.options = options
  }

  add(stream: Stream): void {
    this.ready.add(stream)
    this.wakes.openUnsafe()
  }

  /** What is under way is finished, and nothing more is read. */
  close(): void {
    this.isClosing = true
    this.wakes.openUnsafe()
  }

  /** Until it is closed. */
  readonly run: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    while (!this.isClosing) {
      yield* this.wakes.await
      if (this.isClosing) return
      if (!this.isFull()) yield* Effect.sleep(this.options.options.linger)
      const entries = yield* Effect.promise(() => this.gather())
      if (entries.length > 0) yield* this.deliver(entries)
      else if (this.ready.size > 0) yield* Effect.sleep(blocked)
      if (this.ready.size > 0) continue
      // What rests takes no memory.
      this.memory = undefined
      this.wakes.closeUnsafe()
    }
  })

  private isFull(): boolean {
    let waiting = 0
    for (const stream of this.ready) waiting += stream.size - stream.read
    return waiting >= this.options.share() / 2
  }

  private async gather(): Promise<ReadonlyArray<Entry>> {
    const { tailer, share, options } = this.options
    const { maxLine, maxRequestBytes } = options
    if (this.memory?.length !== share()) this.memory = Buffer.allocUnsafeSlow(share())
    const entries: Array<Entry> = []
    let at = 0
    for (const stream of [...this.ready]) {
      if (stream.isOver) this.ready.delete(stream)
      const now = performance.now()
      if (!tailer.book.mayBegin(stream, now)) {
        for (const other of tailer.book.before(stream)) this.ready.add(other)
        continue
      }
      if (stream.head.bytes < kilobyte) await tailer.learn(stream)
      if (!stream.isKept) continue
      const room = this.memory.length - at
      if (room < maxLine + 8_192) break
      this.ready.delete(stream)
      const file = await tailer.fileOf(stream)
      if (file === undefined) continue
      const wanted = file.isPacked ? room : Math.max(maxLine + 8_192, stream.size - stream.read + 8_192)
      const memory = this.memory.subarray(at, at + Math.min(room, wanted))
      const value = maxRequestBytes - overhead(stream, options)
      const taken = await readLines(stream, file, memory, { line: Math.min(maxLine, value - 100), value }, now).catch(
        (error: unknown) => {
          tailer.unreadable(stream, error)
          return undefined
        }
      )
      if (taken === undefined) continue
      if (taken.kind === "other") {
        tailer.rewritten(stream, file)
        continue
      }
      if (taken.hasMore) this.ready.add(stream)
      at += taken.bytes
      for (const piece of taken.pieces) entries.push({ stream, piece })
      if (taken.pieces.length === 0 && !taken.hasMore) this.ends(stream)
    }
    return entries
  }

  private ends(stream: Stream): void {
    if (stream.isFinal && stream.read === stream.position && !stream.isOver) this.options.tailer.finished(stream)
  }

  private deliver(entries: ReadonlyArray<Entry>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { dirty, counts } = this.options
      const isTaken = yield* this.send(entries)
      if (!isTaken) for (const entry of entries) yield* this.sendAlone(entry)
      for (const stream of new Set(entries.map((entry) => entry.stream))) {
        counts.bytes += stream.read - stream.position
        stream.acknowledged()
        // Whether it is over, the next read says.
        if (stream.isFinal) this.ready.add(stream)
      }
      counts.records += entries.length
      for (const { piece } of entries) if (piece.isCut) counts.linesCut++
      dirty(false)
    })
  }

  /** One that is too large goes in halves, or is cut. */
  private sendAlone({ stream, piece }: Entry): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (yield* this.send([{ stream, piece }])) return
      for (const part of halve(piece)!) {
        if (part.isCut && !piece.isCut) this.options.counts.linesCut++
        yield* this.sendAlone({ stream, piece: part })
      }
    })
  }

  /** Until the log has them all; false where one of them is too large for it. */
  private send(entries: ReadonlyArray<Entry>): Effect.Effect<boolean> {
    const { partition, producer, options, outage, counts } = this.options
    const time = Date.now()
    const records = entries.map(({ stream, piece }) => logRecord(stream, piece, partition, time, options))
    const isSplittable = entries.length > 1 || halve(entries[0]!.piece) !== undefined
    return Effect.gen(function* () {
      for (let failures = 1; ; failures++) {
        const error = yield* producer.produce(records).pipe(
          Effect.as(undefined),
          Effect.catch((failed: TransportError) => Effect.succeed(failed))
        )
        if (error === undefined) {
          yield* outage.took(partition)
          return true
        }
        counts.errors.set(error.code, (counts.errors.get(error.code) ?? 0) + 1)
        if (error.code === "MESSAGE_TOO_LARGE" && isSplittable) return false
        yield* outage.failed(partition, error)
        yield* backoff.sleep(failures)
      }
    })
  }
}
