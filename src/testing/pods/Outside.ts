/**
 * Outside: how what is tried reaches a store that all pods share, in the place of a network. What was sent is not taken back, not by the
 * interruption, the freeze or the death of who sent it, and whether it was carried out may never be heard. In the simulation requests take their
 * time, fail and get lost; anywhere else each is carried out at once.
 */
import { Clock, Context, Deferred, Effect, Schema } from "effect"
import type { PodClock } from "./PodClock.ts"

/** No answer came: the request may have been carried out, may yet be, or never will. @experimental */
export class Unheard extends Schema.TaggedError<Unheard>()("Unheard", {
  /** For people: what became of the request, as far as the pod can know. */
  message: Schema.String
}) {}

/** What a pod may ask of a store that lies outside. @experimental */
export interface Reach {
  /** Changes nothing, so it may be asked again. */
  readonly read: <A>(look: () => A) => Effect.Effect<A, Unheard>
  /** A side effect: carried out in one step, once or not at all. */
  readonly write: <A>(carryOut: () => A) => Effect.Effect<A, Unheard>
}

const atOnce = <A>(carryOut: () => A): Effect.Effect<A> =>
  Effect.yieldNow.pipe(
    Effect.andThen(Effect.sync(carryOut)),
    Effect.tap(() => Effect.yieldNow)
  )

/** Whose requests these are is known where something is simulated. */
export const Outside = Context.Reference<Reach>("k2p/testing/Outside", {
  defaultValue: () => ({ read: atOnce, write: atOnce })
})

/** What a store in memory is reached through: `outside.write(() => rows.push(row))`. Its caller is interrupted without taking it back. @experimental */
export const outside: Reach = {
  read: (look) => Effect.flatMap(Effect.service(Outside), (reach) => reach.read(look)),
  write: (carryOut) => Effect.flatMap(Effect.service(Outside), (reach) => reach.write(carryOut))
}

/** What becomes of one request. Times in ms. */
export interface Fate {
  /** On the way there, and back. */
  readonly there: number
  readonly back: number
  /** `lost`: carried out, and the caller is told a failure. `late`: the failure is told at once, and it is carried out then. `hangs`: carried out then, and never answered. */
  readonly how: "answered" | "refused" | "lost" | "late" | "hangs"
}

/** Sends a request of the pod with this clock through a world with that one. */
export const sending = <A, E>(
  { clock, world }: { readonly clock: PodClock; readonly world: Clock.Clock },
  { there, back, how }: Fate,
  carryOut: () => A,
  unheard: () => E
): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    const heard = yield* Deferred.make<A, E>()
    const fails = Effect.suspend(() => Deferred.fail(heard, unheard()))
    const sent = Effect.gen(function* () {
      if (how === "late") yield* fails
      yield* Effect.sleep(there)
      if (how === "refused") return yield* fails
      const answer = carryOut()
      if (how === "hangs") return
      yield* Effect.sleep(back)
      yield* how === "lost" ? fails : Deferred.succeed(heard, answer)
    })
    yield* Effect.forkDetach(Effect.provideService(sent, Clock.Clock, world), { startImmediately: true })
    return yield* clock.open.pipe(
      Effect.andThen(Effect.exit(Deferred.await(heard))),
      Effect.tap(() => clock.open),
      Effect.flatten
    )
  })
