/**
 * SharedStore: the bucket that all pods of a history share, in memory and in virtual time, with what happens to requests on their way: refused, answered
 * late, lost with or without having been carried out, carried out long after the caller gave up. What was sent is not taken back by anything.
 */
import { Clock, Deferred, Effect } from "effect"
import { type Store, StoreError } from "../../../src/archive/store/Store.ts"
import type { PodClock } from "../../../src/testing/pods/PodClock.ts"

/** What becomes of one request. Times in ms. */
export interface Fate {
  /** On the way there, and back. */
  readonly there: number
  readonly back: number
  /** `lost`: carried out, and the caller is told a failure. `late`: the failure is told at once, and it is carried out then. `hangs`: carried out then, and never answered. */
  readonly how: "answered" | "refused" | "lost" | "late" | "hangs"
}

export type Op = "create" | "read" | "readTail" | "list" | "remove"

const broken = () => new StoreError({ message: "the store is away", code: "AWAY", refused: false })

export class SharedStore {
  readonly objects = new Map<string, Buffer>()
  /** Else it overwrites, which no store of ours does. */
  readonly conditional: boolean
  /** Creates of names that were taken. */
  refusals = 0
  readonly #base: Clock.Clock

  constructor(base: Clock.Clock, conditional = true) {
    this.#base = base
    this.conditional = conditional
  }

  #carryOut(name: string, bytes: Buffer): "created" | "exists" {
    if (this.conditional && this.objects.has(name)) {
      this.refusals += 1
      return "exists"
    }
    this.objects.set(name, bytes)
    return "created"
  }

  /** As one pod reaches it. `fate`: of each request, as it is sent. */
  through(pod: string, clock: PodClock, fate: (op: Op, name: string) => Fate): Store {
    const request = <A>(op: Op, name: string, carryOut: () => A): Effect.Effect<A, StoreError> =>
      Effect.gen({ self: this }, function* () {
        yield* clock.open
        const { there, back, how } = fate(op, name)
        const heard = yield* Deferred.make<A, StoreError>()
        const fails = Deferred.fail(heard, broken())
        const sent = Effect.gen(function* () {
          if (how === "late") yield* fails
          yield* Effect.sleep(there)
          if (how === "refused") return yield* fails
          const answer = carryOut()
          if (how === "hangs") return
          yield* Effect.sleep(back)
          yield* how === "lost" ? fails : Deferred.succeed(heard, answer)
        })
        yield* Effect.forkDetach(Effect.provideService(sent, Clock.Clock, this.#base), { startImmediately: true })
        return yield* clock.open.pipe(
          Effect.andThen(Effect.exit(Deferred.await(heard))),
          Effect.tap(() => clock.open),
          Effect.flatten
        )
      })
    return {
      place: `memory:${pod}`,
      create: (name, pieces) => {
        const bytes = Buffer.concat(pieces)
        return request("create", name, () => this.#carryOut(name, bytes))
      },
      read: (name) => request("read", name, () => this.objects.get(name)),
      readTail: (name, most) =>
        request("readTail", name, () => {
          const bytes = this.objects.get(name)
          return bytes === undefined
            ? undefined
            : { bytes: bytes.subarray(Math.max(0, bytes.length - most)), size: bytes.length }
        }),
      list: (prefix, each) =>
        Effect.map(
          request("list", prefix, () => [...this.objects].filter(([name]) => name.startsWith(prefix))),
          (found) => {
            for (const [name, bytes] of found) each({ name, bytes: bytes.length })
          }
        ),
      remove: (name) => request("remove", name, () => void this.objects.delete(name))
    }
  }
}
