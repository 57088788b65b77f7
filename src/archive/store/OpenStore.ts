/** OpenStore: the store at a place. What speaks to a cloud is loaded only where it is needed: it is large. */
import { Effect } from "effect"
import { directory } from "./Directory.ts"
import type { Place } from "./Place.ts"
import type { Store, StoreError } from "./Store.ts"

/** Plain data. */
export interface StoreSettings {
  readonly place: Place
  /** A server that speaks S3, instead of Amazon's. */
  readonly s3Endpoint?: string
  readonly s3Region?: string
}

export const openStore = (settings: StoreSettings): Effect.Effect<Store, StoreError> =>
  Effect.gen(function* () {
    const { place } = settings
    switch (place.kind) {
      case "file": {
        const store = directory(place.path)
        yield* store.sweep
        return store
      }
      case "s3": {
        const { s3 } = yield* Effect.promise(() => import("./S3.ts"))
        return s3(place, settings)
      }
      case "azblob": {
        const { azureBlob } = yield* Effect.promise(() => import("./AzureBlob.ts"))
        return yield* azureBlob(place)
      }
    }
  })
