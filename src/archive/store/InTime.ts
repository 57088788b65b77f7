/** InTime: a question to a store that is given up, as a failure, when nothing was heard for too long. */
import { Effect } from "effect"
import { type Store, StoreError } from "./Store.ts"

/** Ms for an answer. */
export const patience = 30_000

/** A listing may take longer than `millis`: as long as names come it is being answered. */
export const inTime = <A>(
  store: Store,
  question: (store: Store) => Effect.Effect<A, StoreError>,
  millis: number = patience
): Effect.Effect<A, StoreError> =>
  Effect.suspend(() => {
    let names = 0
    const list: Store["list"] = (prefix, each) =>
      store.list(prefix, (stored) => {
        names += 1
        each(stored)
      })
    const silence = Effect.gen(function* () {
      for (let heard = -1; heard !== names; ) {
        heard = names
        yield* Effect.sleep(millis)
      }
      const message = `${store.place} did not answer within ${Math.round(millis / 1000)} s`
      return yield* new StoreError({ message, code: "TIMEOUT", refused: false })
    })
    return Effect.raceFirst(question({ ...store, list }), silence)
  })
