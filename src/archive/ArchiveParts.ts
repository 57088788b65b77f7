/** ArchiveParts: what a pod of an archive is made of: a shard's processor over the store, what answers of it, each worker's share of the memory. */
import { Effect, Layer } from "effect"
import { Backoff, worthALine } from "../Backoff.ts"
import type { AppParts } from "../pod/App.ts"
import * as ArchiveProcessor from "./ArchiveProcessor.ts"
import type { ArchiveOptions } from "./ArchiveSettings.ts"
import * as ArchiveShard from "./ArchiveShard.ts"
import { Archives } from "./Archives.ts"
import { inTime } from "./store/InTime.ts"
import { openStore } from "./store/OpenStore.ts"
import { probe } from "./store/Probe.ts"
import type { Store, StoreError } from "./store/Store.ts"

const backoff = new Backoff(500, 15_000)
/**
 * One that somebody has to see to ends the pod at its start. One that is away is waited for: a pod that can archive nothing takes no partition, and is not
 * ready.
 */
const probed = (store: Store): Effect.Effect<void, StoreError> => {
  let tries = 0
  return inTime(store, probe).pipe(
    Effect.tapError(({ message, refused }) => {
      tries += 1
      return refused || !worthALine(tries)
        ? Effect.void
        : Effect.logWarning(`the archive's store is waited for: ${message}, ${tries} times in a row`)
    }),
    Effect.retry({ schedule: backoff.schedule, while: ({ refused }) => !refused })
  )
}

export const archiveParts: AppParts<ArchiveOptions> = {
  divide: (options, count) => () => ({ ...options, holdBytes: Math.max(1, Math.floor(options.holdBytes / count)) }),
  layer: (options) =>
    Layer.unwrap(
      Effect.gen(function* () {
        const store = yield* openStore(options)
        yield* probed(store)
        return Layer.merge(ArchiveProcessor.layer(store, options), ArchiveShard.layer).pipe(
          Layer.provide(Archives.layer)
        )
      })
    ),
  surface: () => ({ routes: [], status: () => ({}) })
}
