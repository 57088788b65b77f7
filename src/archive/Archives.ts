/**
 * Archives: the partitions that this shard archives now, for the status and the metrics: what each has open, what it created last, what its store last
 * refused, in the store's own words.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import type { Archiver } from "./Archiver.ts"
import type { CreatedObject } from "./Creation.ts"
import type { StoreAsker, StoreTrouble } from "./StoreAsker.ts"

export interface ArchiveStatus {
  /** Of the log; null while the chain's end is being looked for. */
  readonly life: number | null
  /** Everything before it is archived. */
  readonly archivedTo: number | null
  /** Not created yet; null where there is none. `bytes`: of its rows; `held`: as they are packed, in memory. */
  readonly open: { readonly rows: number; readonly bytes: number; readonly held: number; readonly ageMs: number } | null
  /** Created last by this owner. */
  readonly last: CreatedObject | null
  /** Since the oldest record was written that is read and not archived yet. */
  readonly lagMs: number
  /** Why it waits for its store; null where it does not. */
  readonly store: StoreTrouble | null
}

interface Entry {
  readonly asker: StoreAsker
  archiver: Archiver | undefined
}

export class Archives extends Context.Service<Archives, ReturnType<typeof make>>()("k2p/archive/Archives") {
  static readonly layer = Layer.sync(Archives, () => make())
}

const lagOf = ({ archiver }: Entry, now: number): number =>
  archiver?.open === undefined ? 0 : Math.max(0, now - archiver.open.since)

const make = () => {
  const all = new Map<string, Entry>()
  return {
    /** For the Scope's life. */
    opening: (key: string, asker: StoreAsker): Effect.Effect<void, never, Scope.Scope> =>
      Effect.acquireRelease(
        Effect.sync(() => void all.set(key, { asker, archiver: undefined })),
        () => Effect.sync(() => void (all.get(key)?.asker === asker && all.delete(key)))
      ),
    opened: (key: string, archiver: Archiver): void => {
      const entry = all.get(key)
      if (entry !== undefined) entry.archiver = archiver
    },
    /** Undefined where it is not archived here. */
    status: (key: string, now: number): ArchiveStatus | undefined => {
      const entry = all.get(key)
      if (entry === undefined) return undefined
      const { archiver, asker } = entry
      return {
        life: archiver?.end.life ?? null,
        archivedTo: archiver?.end.from ?? null,
        open: archiver?.gathered() ?? null,
        last: archiver?.last ?? null,
        lagMs: lagOf(entry, now),
        store: asker.trouble
      }
    },
    measure: (metrics: SelfMetricsShape, now: number): void => {
      for (const [key, entry] of all) {
        if (entry.archiver === undefined) continue
        const at = key.lastIndexOf("/")
        metrics.archiveLag.set({ topic: key.slice(0, at), partition: key.slice(at + 1) }, lagOf(entry, now) / 1000)
      }
    }
  }
}
