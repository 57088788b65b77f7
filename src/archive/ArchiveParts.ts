/** ArchiveParts: what a pod of an archive is made of: a shard's processor over the store, what answers of it, each worker's share of the memory. */
import { Effect, Layer } from "effect"
import type { AppParts } from "../pod/App.ts"
import * as ArchiveProcessor from "./ArchiveProcessor.ts"
import type { ArchiveOptions } from "./ArchiveSettings.ts"
import * as ArchiveShard from "./ArchiveShard.ts"
import { Archives } from "./Archives.ts"
import { openStore } from "./store/OpenStore.ts"
import { probe } from "./store/Probe.ts"
import type { StoreError } from "./store/Store.ts"

/** A store that has to be seen to by somebody ends the pod at its start; one that is away does not: its partitions wait. */
const probed = (error: StoreError): Effect.Effect<void, StoreError> =>
  error.refused
    ? Effect.fail(error)
    : Effect.logWarning(`the store cannot be looked at yet: ${error.message}; partitions wait until it answers`)

export const archiveParts: AppParts<ArchiveOptions> = {
  divide: (options, count) => () => ({ ...options, holdBytes: Math.max(1, Math.floor(options.holdBytes / count)) }),
  layer: (options) =>
    Layer.unwrap(
      Effect.gen(function* () {
        const store = yield* openStore(options)
        yield* probe(store).pipe(
          Effect.timeout("10 seconds"),
          Effect.catchTag("StoreError", probed),
          Effect.catchTag("TimeoutError", () =>
            Effect.logWarning(`${store.place} does not answer yet; partitions wait until it does`)
          )
        )
        return Layer.merge(ArchiveProcessor.layer(store, options), ArchiveShard.layer).pipe(
          Layer.provide(Archives.layer)
        )
      })
    ),
  surface: () => ({ routes: [], status: () => ({}) })
}
