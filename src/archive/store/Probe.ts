/**
 * Probe: whether a store refuses to create what is there. One that does not would let two pods write the same records: it is refused. It costs one
 * name in the archive, for ever, and nothing else.
 */
import { Effect } from "effect"
import { probeName } from "../format/Names.ts"
import { type Store, StoreError } from "./Store.ts"

const content = Buffer.from("Created by kafka2prom to see that this store refuses to create what is there already.\n")

/** Fails with code IGNORES-CONDITIONS where it created the name a second time. */
export const probe = (store: Store): Effect.Effect<void, StoreError> =>
  Effect.gen(function* () {
    if ((yield* store.create(probeName, [content])) === "exists") return
    if ((yield* store.create(probeName, [content])) === "exists") return
    return yield* new StoreError({
      message: `${store.place} cannot hold an archive: it created ${probeName} twice, so it ignores the condition of a create (If-None-Match), and two pods could write the same records; choose a store that keeps it`,
      code: "IGNORES-CONDITIONS",
      refused: true
    })
  })
