/**
 * ArchiveProcessor: the PartitionProcessor of an archive: finds where the chain goes on, gives each incarnation its Archiver, and shows nothing. Closing
 * the Scope of `open` gives up what was gathered: its next owner reads it again.
 */

import { Clock, Duration, Effect, Layer } from "effect"
import { Backoff } from "../Backoff.ts"
import { labelsOf } from "../engine/Counters.ts"
import { durable, type Opening, PartitionProcessor, type Processing } from "../engine/PartitionProcessor.ts"
import { SelfMetrics, type SelfMetricsShape } from "../SelfMetrics.ts"
import { partitionKey, type TopicPartition } from "../transport/Transport.ts"
import { Archiver, type ArchiverOptions } from "./Archiver.ts"
import { type Archived, Archives } from "./Archives.ts"
import { openChain } from "./Chain.ts"
import { Holdings } from "./Holdings.ts"
import { Keeper } from "./Keeper.ts"
import { LogEnd } from "./LogEnd.ts"
import { type Pack, zstd } from "./rows/Packing.ts"
import { Writers } from "./rows/Writers.ts"
import { StoreAsker } from "./StoreAsker.ts"
import type { Store } from "./store/Store.ts"

export interface ArchiveLimits extends ArchiverOptions {
  /** Streams of a partition that are remembered. */
  readonly remember: number
  /** Bytes that the open objects of all partitions together may hold. */
  readonly holdBytes: number
}

export const defaultArchiveLimits: ArchiveLimits = {
  rollBytes: 64 * 1024 * 1024,
  rollAge: 60_000,
  remember: 100_000,
  holdBytes: 512 * 1024 * 1024
}

const askingLog = new Backoff(200, 5_000)
const gaugesEvery = "1 second"

/** What never happened is 0, not absent: else its first time is no increase. */
const countFromZero = (metrics: SelfMetricsShape, tp: TopicPartition): void => {
  const labels = labelsOf(tp)
  const { archiveLost, archiveMemoriesMissing, archiveObjects, archiveRows } = metrics
  for (const counter of [archiveLost, archiveMemoriesMissing, archiveObjects, archiveRows]) counter.inc(labels, 0)
  for (const form of ["rows", "stored"]) metrics.archiveBytes.inc({ ...labels, form }, 0)
  for (const outcome of ["late", "repeated", "too-large", "empty"])
    metrics.archiveRecords.inc({ ...labels, outcome }, 0)
}

/** `pack`: how rows become a frame. */
export const layer = (
  store: Store,
  limits: ArchiveLimits,
  pack: Pack = zstd
): Layer.Layer<PartitionProcessor, never, Archives | SelfMetrics> =>
  Layer.effect(
    PartitionProcessor,
    Effect.gen(function* () {
      const archives = yield* Archives
      const metrics = yield* SelfMetrics
      const clock = yield* Clock.Clock
      const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      const holdings = new Holdings(limits.holdBytes)
      const writers = new Writers()
      const open = (opening: Opening) =>
        Effect.gen(function* () {
          const { tp, plan, log, time } = opening
          const key = partitionKey(tp)
          const asker = new StoreAsker(store, key, metrics)
          const logEnd = new LogEnd(log, now)
          const archived: Archived = { opening, asker, logEnd, archiver: undefined }
          yield* archives.opening(archived)
          countFromZero(metrics, tp)
          yield* Effect.forkScoped(logEnd.asking)
          const { end, restarted } = yield* openChain({
            ...{ tp, plan, log, place: store.place },
            ask: (question) => asker.ask(question),
            askLog: (question) => Effect.orDie(Effect.retry(question, askingLog.schedule))
          })
          if (restarted !== undefined)
            yield* Effect.logError(
              `${key}: ${restarted}; its archive goes on as life ${end.life}, from offset ${end.from} on`
            )
          const keeper = yield* Keeper.open(end, limits.remember, asker, () => time.keptFrom(), metrics)
          const archiver = new Archiver(
            { opening, options: limits, store: asker, keeper, holdings, pack, writers, metrics, now },
            end
          )
          yield* Effect.acquireRelease(
            Effect.sync(() => {
              holdings.add(archiver)
              archived.archiver = archiver
            }),
            () =>
              Effect.andThen(
                archiver.release,
                Effect.sync(() => holdings.remove(archiver))
              )
          )
          yield* Effect.forkScoped(
            Effect.catchCause(archiver.closing, (cause) =>
              Effect.andThen(
                Effect.logError(`${key}: an object could not be closed`, cause),
                Effect.sync(() => opening.startOver("an object could not be closed, see above"))
              )
            )
          )
          const processing: Processing = {
            from: end.from,
            borrows: true,
            process: (batch) => archiver.process(batch),
            unreadable: (stretch) => archiver.unreadable(stretch),
            drain: archiver.drain,
            committable: (position) => archiver.committable(position),
            memo: (committed) => archiver.memo(committed),
            lowest: (position) => position,
            status: () => archiver.numbers()
          }
          return processing
        })
      yield* Effect.forkScoped(
        Effect.forever(
          Effect.andThen(
            Effect.sleep(Duration.fromInputUnsafe(gaugesEvery)),
            Effect.sync(() => {
              metrics.archiveHeldBytes.set(holdings.bytes)
              archives.measure(metrics, clock.currentTimeMillisUnsafe())
            })
          )
        )
      )
      return PartitionProcessor.of({ name: "archive", needs: durable, open })
    })
  )
