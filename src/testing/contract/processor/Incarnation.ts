/**
 * Incarnation: a processor's work on one partition, driven by hand in the place of the engine: opened as an actor opens it, given records
 * in the log's order, dropped ones told as gaps, and closed. What the engine promises to a processor is kept: order, each offset once,
 * one batch at a time. Bytes are lent: of a processor that borrows nothing but zeros is left of a batch when it was processed.
 */
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { NotProven } from "../../../engine/Engine.ts"
import { PartitionProcessor, type Processing } from "../../../engine/PartitionProcessor.ts"
import { SelfMetrics } from "../../../SelfMetrics.ts"
import { EmbeddedLog } from "../../../transport/embedded/EmbeddedLog.ts"
import { type LogRecord, partitionKey, type TopicPartition, type Transport } from "../../../transport/Transport.ts"
import { noTime } from "../../NoTime.ts"
import type { PodParts } from "../../pods/TestPod.ts"
import type { Said } from "../../Subject.ts"
import { openingOf } from "../../TestOpening.ts"

/** A log's record; `source`: its key. Undefined: without one. */
export const recordOf = (offset: number, source: string | undefined, said: Said, tooLarge?: number): LogRecord => ({
  offset,
  timestamp: Date.now(),
  key: source === undefined ? null : Buffer.from(source),
  value: said.value === null ? null : Buffer.from(said.value),
  headers: Object.fromEntries(Object.entries(said.headers ?? {}).map(([name, value]) => [name, Buffer.from(value)])),
  ...(tooLarge === undefined ? {} : { tooLarge })
})

const copyOf = (record: LogRecord): LogRecord => ({
  ...recordOf(record.offset, undefined, record, record.tooLarge),
  key: record.key === null ? null : Buffer.from(record.key)
})

/** What becomes of lent bytes: others'. Zeros in text, so that whoever kept a view shows an older value. */
const wipe = ({ key, value, headers }: LogRecord): void => {
  for (const bytes of [key, value, ...Object.values(headers)]) bytes?.fill(0x30)
}

export interface Beginning {
  readonly tp?: TopicPartition
  /** Offset of the first record that it is given. */
  readonly start?: number
  readonly fence?: number
  readonly generation?: number
  /** Nothing from before it may be shown. */
  readonly shownFrom?: number
  /** What its last owner left in its commit. */
  readonly memo?: string
}

export const partition: TopicPartition = { topic: "tried", partition: 0 }

/** What a pod has, of which several may be there at once. */
export const podOf = <R, E>(app: PodParts<R, E>["app"]) => {
  const log: Layer.Layer<Transport> = EmbeddedLog.transport.pipe(Layer.provide(EmbeddedLog.layer()))
  return Layer.build(Layer.fresh(app.pipe(Layer.provideMerge(SelfMetrics.layerBare), Layer.provide(log))))
}

export class Incarnation {
  readonly tp: TopicPartition
  readonly key: string
  readonly processing: Processing
  /** Everything before it was given. */
  position: number
  /** False: another owner has it, as far as this one could find out. */
  owned = true
  private readonly fence: number
  private readonly scope: Scope.Closeable

  private constructor(
    processing: Processing,
    scope: Scope.Closeable,
    tp: TopicPartition,
    start: number,
    fence: number
  ) {
    this.processing = processing
    this.scope = scope
    this.tp = tp
    this.key = partitionKey(tp)
    this.position = start
    this.fence = fence
  }

  static readonly open = (
    services: Context.Context<PartitionProcessor>,
    { tp = partition, start = 0, fence = start, generation = 1, shownFrom = 0, memo = "" }: Beginning = {}
  ) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      let opened: Incarnation | undefined
      const owned = () => opened?.owned ?? true
      const prove = Effect.suspend(() =>
        owned() ? Effect.void : Effect.fail(new NotProven({ message: `${partitionKey(tp)} is not owned any more` }))
      )
      const processing = yield* Context.get(services, PartitionProcessor)
        .open(
          openingOf(tp, {
            plan: { start, fence, committed: start, logStart: 0, logEnd: fence, restarted: false, memo },
            generation,
            owned,
            prove,
            time: { ...noTime, shownFrom: () => shownFrom }
          })
        )
        .pipe(Scope.provide(scope))
      opened = new Incarnation(processing, scope, tp, start, fence)
      return opened
    })

  /** One batch. Its records' offsets lie at or behind the position; `next`: where it ends, behind the last of them. */
  give(records: ReadonlyArray<LogRecord>, next = (records.at(-1)?.offset ?? this.position - 1) + 1) {
    const { fence, processing } = this
    return Effect.suspend(() => {
      const lent = records.map(copyOf)
      return Effect.map(processing.process({ records: lent, next, fence }), () => {
        this.position = next
        if (processing.borrows === true) for (const record of lent) wipe(record)
      })
    })
  }

  /** These are dropped, unseen. */
  drop(records: ReadonlyArray<LogRecord>) {
    return Effect.suspend(() => {
      const gap = this.processing.gap?.()
      for (const record of records) {
        const lent = copyOf(record)
        gap?.add(lent)
        wipe(lent)
      }
      const next = records.at(-1)!.offset + 1
      return Effect.map(gap?.pass(next, this.fence) ?? Effect.void, () => {
        this.position = next
      })
    })
  }

  committable(): number {
    return this.processing.committable(this.position)
  }

  lowest(): number {
    return this.processing.lowest(this.position)
  }

  /** The eviction. */
  close(): Effect.Effect<void> {
    return Scope.close(this.scope, Exit.void)
  }
}
