/**
 * MetricsCache: what the scrape endpoint can see, keyed by partition. A partition's cache enters when its actor opens and
 * leaves when the actor's Scope closes: that removal is the eviction of the handoff's rule 1. It holds no opinion about
 * ownership: a cut names the partitions that may be shown, `collect` gives their content at that instant.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import type { Dump } from "../text/Dump.ts"

/** What was there at one instant. @experimental */
export interface Look {
  /** Of all live sources of the partitions that were asked for. Lent until `end`. */
  readonly dumps: ReadonlyArray<Dump>
  /** When each source's was dumped, by its sender's clock: ms since the Unix epoch. */
  readonly times: ReadonlyArray<number>
  /** Nobody looks at the dumps any more: their memory is others'. Once; who keeps them never calls it. */
  readonly end: () => void
  /** A body made of it was sent whole to a Prometheus. Absent: nobody wants to know. */
  readonly delivered?: () => void
}

/** The live content of one partition. Synchronous, so that a cut is one instant. @experimental */
export interface PartitionContent {
  /** The dumps of all live sources (not expired, not ended) now, as they are until the look has ended. */
  readonly look: () => Look
  /** For status: one entry a source, at most `limit`. */
  readonly sources: (limit: number) => ReadonlyArray<SourceStatus>
  /** Of one source; undefined where nothing of it is shown. */
  readonly source: (id: string) => SourceStatus | undefined
  /** The latest refusals, newest first, bounded. */
  readonly refusals: () => ReadonlyArray<RefusalStatus>
}

/** What is shown of one source. @stable */
export interface SourceStatus {
  /** Its id. */
  readonly source: string
  /** Of what is shown: `<epoch>.<round>`, else `@<offset>`. */
  readonly version: string
  /** Whether rounds replace what it has, or add to it. */
  readonly mode: "snapshot" | "samples"
  /** That are shown. */
  readonly series: number
  /** Of what is held of it. */
  readonly bytes: number
  /** Dump time of the content, ms since the epoch. */
  readonly time: number
  /** Of the last record that it is made of. */
  readonly offset: number
  /** Ms without a round until it leaves the endpoint. */
  readonly expiresInMs: number
}

/** The latest of what a source was refused for one reason. `at`: ms since the Unix epoch. @stable */
export interface RefusalStatus {
  /** When it was read here. */
  readonly at: number
  /** Of the log. */
  readonly topic: string
  /** Its number in the topic. */
  readonly partition: number
  /** Of the record. */
  readonly offset: number
  /** As the record names it, also where it is the source id that was refused. */
  readonly source: string
  /** A word of a closed set, which metrics have as their label. */
  readonly reason: string
  /** What is wrong and where, for a person; at most 200 characters. */
  readonly detail: string
  /** The line that is to blame, shortened; "" where no text is. */
  readonly sample: string
  /** How often this source was refused for this reason; the rest is of the latest. */
  readonly count: number
}

/** What scrapes can see, by partition key. A partition's content enters when its actor opens and leaves with its Scope. @experimental */
export class MetricsCache extends Context.Service<
  MetricsCache,
  {
    /** Enters the partition's content; the Scope's close removes it. A key is entered once at a time. */
    readonly enter: (key: string, content: PartitionContent) => Effect.Effect<void, never, Scope.Scope>
    /** Synchronous. Keys that are not here are left out. */
    readonly collect: (keys: ReadonlyArray<string>) => Look
    /** What a partition has; undefined where it is not open here. */
    readonly get: (key: string) => PartitionContent | undefined
    /** By their keys. */
    readonly all: () => Iterable<readonly [key: string, content: PartitionContent]>
  }
>()("k2p/metrics/cache/MetricsCache") {
  /** Empty; one for a shard. */
  static readonly layer = Layer.effect(
    MetricsCache,
    Effect.sync(() => {
      const contents = new Map<string, PartitionContent>()
      return MetricsCache.of({
        enter: (key, content) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              if (contents.has(key)) throw new Error(`two caches of ${key} at once`)
              contents.set(key, content)
            }),
            () => Effect.sync(() => contents.delete(key))
          ),
        collect: (keys) => {
          const looks: Array<Look> = []
          for (const key of keys) {
            const look = contents.get(key)?.look()
            if (look !== undefined) looks.push(look)
          }
          return {
            dumps: looks.flatMap(({ dumps }) => dumps),
            times: looks.flatMap(({ times }) => times),
            end: () => {
              for (const look of looks) look.end()
            },
            delivered: () => {
              for (const look of looks) look.delivered?.()
            }
          }
        },
        get: (key) => contents.get(key),
        all: () => contents
      })
    })
  )
}
