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
import { readLines, type Taken } from "./Reading.ts"
import type { Stream } from "./Stream.ts"
import type { Tailer } from "./Tailer.ts"

const backoff = new Backoff(250, 10_000)
/** Ms until what cannot be sent yet is asked again. */
const blocked = 50
/** Ms for which a read is waited for. */
const patience = 2_000
/** Bytes that are read beside a line. */
const besides = 8_192
const markBytes = 100

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
  /** Reads of these are under way that nobody waits for. */
  private readonly hanging = new Set<Stream>()
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
    const room = options.maxLine + besides
    if (this.memory?.length !== share()) this.memory = Buffer.allocUnsafeSlow(share())
    const { memory } = this
    const entries: Array<Entry> = []
    let at = 0
    for (const stream of [...this.ready]) {
      if (memory.length - at < room) break
      const now = performance.now()
      if (!stream.isOver && !tailer.book.mayBegin(stream, now)) {
        for (const other of tailer.book.before(stream)) this.ready.add(other)
        continue
      }
      this.ready.delete(stream)
      if (stream.isOver || this.hanging.has(stream)) continue
      const taken = await this.inTime(stream, this.take(stream, memory.subarray(at)))
      // What hangs may still write to what is left of it.
      if (this.memory === undefined) break
      if (taken === undefined) continue
      stream.took(taken.to, taken.tail, taken.pieces)
      if (taken.hasMore) this.ready.add(stream)
      else stream.endSeenAt = now
      at += taken.bytes
      for (const piece of taken.pieces) entries.push({ stream, piece })
      if (taken.pieces.length === 0 && !taken.hasMore) this.ends(stream)
    }
    return entries
  }

  /** Undefined where there is nothing to take now; whoever finds that there is says so again. */
  private async take(stream: Stream, memory: Buffer): Promise<(Taken & { readonly kind: "read" }) | undefined> {
    const { tailer, options } = this.options
    if (stream.head.bytes < kilobyte) await tailer.learn(stream)
    if (!stream.isKept) {
      this.options.dirty(true)
      this.ready.add(stream)
      return undefined
    }
    const file = await tailer.files.fileOf(stream)
    if (file === undefined) return undefined
    const wanted = file.isPacked ? memory.length : Math.max(0, stream.size - stream.read) + options.maxLine + besides
    const value = options.maxRequestBytes - overhead(stream, options)
    try {
      const limits = { line: Math.min(options.maxLine, value - markBytes), value }
      const taken = await readLines(stream, file, memory.subarray(0, wanted), limits)
      if (taken.kind === "read") return taken
      tailer.rewritten(stream, file)
    } catch (error) {
      tailer.files.unreadable(stream, file, error)
    }
    return undefined
  }

  /** A file that hangs holds no other one: it is not waited for, and its memory is its own from then on. */
  private async inTime<A>(stream: Stream, taking: Promise<A>): Promise<A | undefined> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), patience)
    })
    const answer = await Promise.race([taking, late])
    clearTimeout(timer)
    if (answer !== "late") return answer
    this.hanging.add(stream)
    this.memory = undefined
    const again = () => {
      this.hanging.delete(stream)
      this.add(stream)
    }
    void taking.then(again, again)
    return undefined
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
