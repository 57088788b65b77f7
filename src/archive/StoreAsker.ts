/**
 * StoreAsker: one partition's questions to the store, asked again until they are answered, with growing pauses, counted and told: a store that is away, slow
 * or full makes a partition wait, and loses nothing. What is known of its last refusal stands in the status, with the store's own words.
 */
import { Clock, Effect } from "effect"
import { Backoff, worthALine } from "../Backoff.ts"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import { inTime, patience } from "./store/InTime.ts"
import type { Store, StoreError } from "./store/Store.ts"

export interface StoreTrouble {
  /** Wall clock, ms. */
  readonly since: number
  readonly tries: number
  readonly code: string
  readonly words: string
}

/** Ms that each byte that goes to a store may take longer: a slow line is no failure. */
const msForByte = 1 / 500

const backoff = new Backoff(200, 15_000)

export class StoreAsker {
  readonly #store: Store
  readonly #key: string
  readonly #metrics: SelfMetricsShape
  trouble: StoreTrouble | null = null

  /** `key`: the partition, for the log. */
  constructor(store: Store, key: string, metrics: SelfMetricsShape) {
    this.#store = store
    this.#key = key
    this.#metrics = metrics
  }

  get place(): string {
    return this.#store.place
  }

  /** `bytes`: how much goes there. `before`: done before each try. */
  ask<A>(
    question: (store: Store) => Effect.Effect<A, StoreError>,
    bytes = 0,
    before: Effect.Effect<void> = Effect.void
  ): Effect.Effect<A> {
    return Effect.andThen(before, inTime(this.#store, question, patience + bytes * msForByte)).pipe(
      Effect.tapError((error) => this.#failed(error)),
      Effect.retry(backoff.schedule),
      // Only what was tried without end can fail with this.
      Effect.orDie,
      Effect.tap(() => this.#answered)
    )
  }

  /** For what may wait until another time: undefined where it was not done, which is counted. */
  tryOnce<A>(question: (store: Store) => Effect.Effect<A, StoreError>): Effect.Effect<A | undefined> {
    return inTime(this.#store, question).pipe(
      Effect.catch(({ code, message }) => {
        this.#metrics.archiveStoreErrors.inc({ code })
        return Effect.as(Effect.logDebug(`${this.#key}: ${message}; it is tried again later`), undefined)
      })
    )
  }

  #failed({ code, message }: StoreError): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.#metrics.archiveStoreErrors.inc({ code })
      const now = yield* Clock.currentTimeMillis
      const tries = (this.trouble?.tries ?? 0) + 1
      this.trouble = { since: this.trouble?.since ?? now, tries, code, words: message }
      if (worthALine(tries))
        yield* Effect.logWarning(
          `${this.#key} waits for its store: ${message}, ${tries} times in a row; nothing is lost, it is tried again`
        )
    })
  }

  get #answered(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { trouble } = this
      this.trouble = null
      return trouble === null ? Effect.void : Effect.logInfo(`${this.#key}: its store answers again`)
    })
  }
}
