/**
 * Archives: the partitions that this shard archives now, for the status and the metrics: what each has open, what it created last, how far the log is ahead
 * of it, what its store last refused, in the store's own words.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { labelsOf } from "../engine/Counters.ts"
import type { Opening } from "../engine/PartitionProcessor.ts"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import { partitionKey } from "../transport/Transport.ts"
import type { Archiver } from "./Archiver.ts"
import type { CreatedObject } from "./Creation.ts"
import type { LogEnd } from "./LogEnd.ts"
import type { StoreAsker, StoreTrouble } from "./StoreAsker.ts"

export interface ArchiveStatus {
  /** Of the log; null while the chain's end is being looked for. */
  readonly life: number | null
  /** Everything before it is archived. */
  readonly archivedTo: number | null
  /** Not created yet; null where there is none. `bytes`: of its rows; `held`: of memory. */
  readonly open: { readonly rows: number; readonly bytes: number; readonly held: number; readonly ageMs: number } | null
  /** Created last by this owner. */
  readonly last: CreatedObject | null
  /** Offsets of the log that are in no object, read or not; null while it is not known where the log ends, or its archive. */
  readonly lagRecords: number | null
  /** Since the oldest of them was written, at least; 0 where there is none. */
  readonly lagMs: number
  /** Since it was heard where the log ends; null where it never was. */
  readonly logEndAgeMs: number | null
  /** Why it waits for its store; null where it does not. */
  readonly store: StoreTrouble | null
}

/** A partition, from when its chain's end is looked for to its eviction. */
export interface Archived {
  readonly opening: Opening
  readonly asker: StoreAsker
  readonly logEnd: LogEnd
  archiver: Archiver | undefined
}

export class Archives extends Context.Service<Archives, ReturnType<typeof make>>()("k2p/archive/Archives") {
  static readonly layer = Layer.sync(Archives, () => make())
}

const lagRecordsOf = ({ archiver, logEnd }: Archived): number | null =>
  archiver === undefined || logEnd.offset === undefined ? null : Math.max(0, logEnd.offset - archiver.end.from)

/** By the first record's stamp; of what is not read yet by how long owners know that it is there. */
const lagMsOf = (archived: Archived, now: number): number => {
  const { archiver, opening } = archived
  const open = archiver?.open
  if (open !== undefined && open.rows > 0) return Math.max(0, now - open.since)
  const unread = open === undefined && lagRecordsOf(archived) !== 0
  return unread ? Math.round(opening.time.appendedAgo(archiver?.end.from ?? opening.plan.committed)) : 0
}

const make = () => {
  const all = new Map<string, Archived>()
  return {
    /** For the Scope's life. */
    opening: (archived: Archived): Effect.Effect<void, never, Scope.Scope> => {
      const key = partitionKey(archived.opening.tp)
      return Effect.acquireRelease(
        Effect.sync(() => void all.set(key, archived)),
        () => Effect.sync(() => void (all.get(key) === archived && all.delete(key)))
      )
    },
    /** `now`: wall clock, ms. Undefined where it is not archived here. */
    status: (key: string, now: number): ArchiveStatus | undefined => {
      const archived = all.get(key)
      if (archived === undefined) return undefined
      const { archiver, asker, logEnd } = archived
      return {
        life: archiver?.end.life ?? null,
        archivedTo: archiver?.end.from ?? null,
        open: archiver?.gathered() ?? null,
        last: archiver?.last ?? null,
        lagRecords: lagRecordsOf(archived),
        lagMs: lagMsOf(archived, now),
        logEndAgeMs: logEnd.ageMs,
        store: asker.trouble
      }
    },
    /** Of partitions that moved away nothing is left: all are set anew each time. */
    measure: (metrics: SelfMetricsShape, now: number): void => {
      const { archiveLag, archiveLagRecords, archiveLogEndAge, archiveOpenAge, archiveOpenBytes, archiveStoreTrouble } =
        metrics
      for (const gauge of [
        archiveLag,
        archiveLagRecords,
        archiveLogEndAge,
        archiveOpenAge,
        archiveOpenBytes,
        archiveStoreTrouble
      ])
        gauge.reset()
      for (const archived of all.values()) {
        const labels = labelsOf(archived.opening.tp)
        const { archiver, asker, logEnd } = archived
        const open = archiver?.gathered()
        const records = lagRecordsOf(archived)
        if (records !== null) archiveLagRecords.set(labels, records)
        archiveLag.set(labels, lagMsOf(archived, now) / 1000)
        if (logEnd.ageMs !== null) archiveLogEndAge.set(labels, logEnd.ageMs / 1000)
        archiveOpenAge.set(labels, (open?.ageMs ?? 0) / 1000)
        archiveOpenBytes.set(labels, open?.bytes ?? 0)
        archiveStoreTrouble.set(labels, asker.trouble === null ? 0 : Math.max(0, now - asker.trouble.since) / 1000)
      }
    }
  }
}
