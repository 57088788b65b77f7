/**
 * Archiver: one incarnation of one partition's archive: takes records in order, closes objects by size, age, hour and at the handoff, and goes on behind each
 * when it is created (see Creation). Where another owner was first it forgets what it gathered and starts over from what is there.
 *
 * What is done with the partition is done one at a time (`#one`): batches, closing by age, the drain.
 */

import { Effect, Semaphore } from "effect"
import { Backoff } from "../Backoff.ts"
import { labelsOf } from "../engine/Counters.ts"
import type { Batch, Opening, ProcessorError } from "../engine/PartitionProcessor.ts"
import { Signal } from "../engine/Signal.ts"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import type { LogRecord, Unreadable } from "../transport/Transport.ts"
import type { ChainEnd } from "./Chain.ts"
import { type CreatedObject, type CreationHost, createLife, createObject, isAnotherTopic } from "./Creation.ts"
import { type Hour, hourOf, isLaterHour } from "./format/Hour.ts"
import { unreadName } from "./format/Names.ts"
import type { Holding, Holdings } from "./Holdings.ts"
import type { Keeper } from "./Keeper.ts"
import { OpenObject } from "./OpenObject.ts"
import type { Pack } from "./rows/Packing.ts"
import { writeRows } from "./rows/RecordRows.ts"
import type { RowWriter } from "./rows/RowWriter.ts"
import type { Writers } from "./rows/Writers.ts"
import type { StoreAsker } from "./StoreAsker.ts"

export interface ArchiverOptions {
  /** Packed bytes at which an object is closed. */
  readonly rollBytes: number
  /** Ms since its first record at which one with rows is closed. */
  readonly rollAge: number
}

export interface ArchiverHost {
  readonly opening: Opening
  readonly options: ArchiverOptions
  readonly store: StoreAsker
  readonly keeper: Keeper
  readonly holdings: Holdings
  readonly pack: Pack
  readonly writers: Writers
  readonly metrics: SelfMetricsShape
  /** Monotonic, ms. */
  readonly now: () => number
}

/** Ms after which a range whose records all were repeats becomes an object without rows. */
const emptyAge = 3_600_000
/** Bytes of rows that are packed at a time. */
const packedAtOnce = 256 * 1024

const unproven = new Backoff(100, 2_000)

export class Archiver implements Holding {
  end: ChainEnd
  open: OpenObject | undefined
  last: CreatedObject | undefined
  readonly #host: ArchiverHost
  readonly #one = Semaphore.makeUnsafe(1)
  readonly #signal = new Signal()
  readonly #labels: ReturnType<typeof labelsOf>
  #position: number
  /** The next incarnation begins from what the store has: this one does nothing any more. */
  #over = false
  #pressed = false

  constructor(host: ArchiverHost, end: ChainEnd) {
    this.#host = host
    this.end = end
    this.#position = end.from
    this.#labels = labelsOf(host.opening.tp)
  }

  bytes(): number {
    return this.open?.held ?? 0
  }

  giveWay(): void {
    if (this.#pressed) return
    this.#pressed = true
    this.#signal.notify()
  }

  process({ records, next: behind }: Batch): Effect.Effect<void, ProcessorError> {
    const taken = Effect.gen({ self: this }, function* () {
      for (let i = this.#skip(records); i < records.length && !this.#over; ) {
        i = yield* this.#take(records, i)
        const next = records[i]
        if (next !== undefined) yield* this.#makeWay(next)
      }
      if (this.#over) return
      this.open?.settle()
      this.#position = Math.max(this.#position, behind)
      if (this.#isFull) yield* this.#close(this.#position, undefined)
    })
    return Effect.andThen(this.#host.holdings.room, this.#one.withPermits(1)(taken))
  }

  /** Its bytes are kept as they came, before anything behind it is archived: whoever finds out what they are can read them there. */
  unreadable({ from, next, bytes = new Uint8Array(0) }: Unreadable): Effect.Effect<void> {
    if (this.#over || next <= this.end.from) return Effect.void
    const name = unreadName(this.end, from)
    return Effect.asVoid(this.#host.store.ask((store) => store.create(name, [bytes]), bytes.length, this.#proven))
  }

  /** Closes what is due, as long as the Scope lasts. */
  readonly closing: Effect.Effect<never, ProcessorError> = Effect.gen({ self: this }, function* () {
    const wait = Math.max(20, Math.min(1_000, this.#dueIn))
    yield* Effect.raceFirst(
      Effect.sleep(wait),
      this.#signal.until(() => this.#pressed)
    )
    yield* this.#one.withPermits(1)(
      Effect.suspend(() => {
        const due = this.#pressed || this.#dueIn <= 0
        this.#pressed = false
        return due ? this.#close(this.#position, undefined) : Effect.void
      })
    )
  }).pipe(Effect.forever)

  /** In an orderly handoff: rows are closed; a range without any is read again by its next owner. */
  readonly drain: Effect.Effect<void, ProcessorError> = Effect.suspend(() =>
    this.#one.withPermits(1)(
      Effect.suspend(() => ((this.open?.rows ?? 0) > 0 ? this.#close(this.#position, undefined) : Effect.void))
    )
  )

  /** Gives up what was gathered. */
  readonly release: Effect.Effect<void> = Effect.suspend(() => {
    const { open } = this
    this.open = undefined
    return open === undefined ? Effect.void : open.close
  })

  /** Where an object ends, or what was committed before. */
  committable(position: number): number {
    const { plan } = this.#host.opening
    return this.end.memo !== "" && this.end.from <= position ? this.end.from : plan.committed
  }

  memo(committed: number): string {
    const { plan } = this.#host.opening
    if (this.end.memo !== "" && committed === this.end.from) return this.end.memo
    // What was said of the log before says nothing of this one.
    return committed === plan.committed && !plan.restarted ? plan.memo : ""
  }

  /** Of the open object, for people; null where there is none. */
  gathered(): { readonly rows: number; readonly bytes: number; readonly held: number; readonly ageMs: number } | null {
    const { open } = this
    if (open === undefined) return null
    const { rows, bytes, held, openedAt } = open
    return { rows, bytes, held, ageMs: Math.round(this.#host.now() - openedAt) }
  }

  /** What it holds, by names of its own. */
  numbers(): Readonly<Record<string, number>> {
    return { rows: this.open?.rows ?? 0, bytes: this.open?.bytes ?? 0, streams: this.#host.keeper.memory.streams }
  }

  get #isFull(): boolean {
    return (this.open?.size ?? 0) >= this.#host.options.rollBytes
  }

  /** Ms until the open object is old enough. */
  get #dueIn(): number {
    const { open } = this
    if (open === undefined) return Number.POSITIVE_INFINITY
    return open.openedAt + (open.rows > 0 ? this.#host.options.rollAge : emptyAge) - this.#host.now()
  }

  /** What is archived already is not taken again. */
  #skip(records: ReadonlyArray<LogRecord>): number {
    const first = records.findIndex(({ offset }) => offset >= this.end.from)
    return first < 0 ? records.length : first
  }

  /** Takes records from the i-th on, as many as can be taken in this step; answers where it stopped. */
  #take(records: ReadonlyArray<LogRecord>, i: number): Effect.Effect<number> {
    return this.#host.writers.use((writer) => {
      const { open } = this
      if (open === undefined) return Effect.succeed(i)
      const at = this.#write(open, writer, records, i)
      const { rows } = writer
      return rows === 0 ? Effect.succeed(at) : Effect.as(open.write(writer.take(), rows), at)
    })
  }

  /** One by one they would cost more than their lines. */
  #write(open: OpenObject, writer: RowWriter, records: ReadonlyArray<LogRecord>, i: number): number {
    const { metrics, keeper, opening } = this.#host
    const rows = { tp: opening.tp, memory: keeper.memory, writer }
    let at = i
    for (; at < records.length && writer.length < packedAtOnce; at++) {
      const record = records[at]!
      if (this.#startsAnother(open, record)) break
      open.took(record)
      const outcome = writeRows(rows, record)
      // What is as it mostly is is counted in rows.
      if (outcome !== "written") metrics.archiveRecords.inc({ ...this.#labels, outcome })
    }
    return at
  }

  /** Whatever has to be done before the record can be taken. */
  #makeWay(record: LogRecord): Effect.Effect<void, ProcessorError> {
    return Effect.gen({ self: this }, function* () {
      const { now, pack } = this.#host
      if (this.end.hour === null) {
        const born = yield* createLife(this.#creationHost, this.end, hourOf(record.timestamp))
        if (born === undefined) return this.#startOver(`life ${this.end.life} has begun already`)
        this.end = born
      }
      if (this.open !== undefined && this.#startsAnother(this.open, record))
        yield* this.#close(this.open.reached, hourOf(record.timestamp))
      if (this.#over) return
      this.open ??= yield* OpenObject.begin(record, this.end.from, this.end.last, now(), pack)
    })
  }

  /** By the log's clock an hour is full; or it is large enough. A sender's stamp closes nothing, and an object has one record at least. */
  #startsAnother(open: OpenObject, record: LogRecord): boolean {
    if (open.records === 0) return false
    if (open.size >= this.#host.options.rollBytes) return true
    return record.sendersTime !== true && isLaterHour(open.since, record.timestamp)
  }

  /** Right before a side effect that two owners must not have. Who has lost the partition waits here for its eviction, which interrupts it. */
  readonly #proven: Effect.Effect<void> = Effect.suspend(() =>
    this.#host.opening.prove.pipe(Effect.retry(unproven.schedule), Effect.orDie)
  )

  get #creationHost(): CreationHost {
    return { ...this.#host, proven: this.#proven }
  }

  #startOver(why: string): void {
    this.#over = true
    this.#host.opening.startOver(why)
  }

  /** Everything before `to` becomes an object, where there is a record. `next`: the hour of the first record behind it, where one was read. */
  #close(to: number, next: Hour | undefined): Effect.Effect<void, ProcessorError> {
    return Effect.gen({ self: this }, function* () {
      const { open, end } = this
      const { hour } = end
      if (open === undefined || open.records === 0 || hour === null || this.#over) return
      const { keeper, holdings, metrics } = this.#host
      open.settle()
      if (yield* isAnotherTopic(this.#host.opening, end)) return this.#startOver("the topic was made anew")
      const creation = yield* createObject(this.#creationHost, { ...end, hour }, open, to, next)
      if ("lostTo" in creation) {
        metrics.archiveLost.inc(this.#labels)
        return this.#startOver(`another owner has archived it up to offset ${creation.lostTo}`)
      }
      const { object } = creation
      this.end = creation.end
      this.last = object
      yield* this.release
      holdings.freed()
      metrics.archiveObjects.inc(this.#labels)
      metrics.archiveRows.inc(this.#labels, object.rows)
      metrics.archiveBytes.inc({ ...this.#labels, form: "rows" }, object.bytes)
      metrics.archiveBytes.inc({ ...this.#labels, form: "stored" }, object.stored)
      yield* keeper.forget(this.end)
    })
  }
}
