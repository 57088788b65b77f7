/**
 * LogEnd: where the log of one partition ends, asked now and then, and how long ago that was heard: a partition that waits for its store is not fetched, so
 * nothing else tells what arrives meanwhile.
 */
import { Effect } from "effect"
import type { OpenedLog } from "../engine/PartitionProcessor.ts"

const pace = "10 seconds"

export class LogEnd {
  /** As it was heard last; undefined where it never was. */
  offset: number | undefined
  #heardAt = 0
  readonly #log: OpenedLog
  readonly #now: () => number

  /** `now`: monotonic, ms. */
  constructor(log: OpenedLog, now: () => number) {
    this.#log = log
    this.#now = now
  }

  get ageMs(): number | null {
    return this.offset === undefined ? null : Math.round(this.#now() - this.#heardAt)
  }

  /** Asks as long as its Scope lasts. What is not answered is asked again, and the age tells. */
  get asking(): Effect.Effect<never> {
    const asked = Effect.gen({ self: this }, function* () {
      this.offset = yield* this.#log.end
      this.#heardAt = this.#now()
    })
    return asked.pipe(
      Effect.catch(({ message }) => Effect.logDebug(`where a log ends is not told: ${message}`)),
      Effect.andThen(Effect.sleep(pace)),
      Effect.forever
    )
  }
}
