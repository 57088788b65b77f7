/**
 * Keeper: writes what is known of streams to the state directory: soon where a new stream waits for it, else now and then, and never so often
 * that it takes more than a twentieth of the time. What cannot be written is told once, and tried again; what waits for it waits.
 */
import { Effect } from "effect"
import { keepPositions, type Whose } from "./Positions.ts"
import type { Stream } from "./Stream.ts"

const share = 1 / 20
const pause = 20
const afterFailure = 1_000

export interface KeeperOptions {
  readonly stateDir: string
  readonly whose: Whose
  /** Ms between two times, where nothing waits. */
  readonly keepEvery: number
  readonly streams: () => Iterable<Stream>
}

export class Keeper {
  private readonly options: KeeperOptions
  private isDirty = false
  private isUrgent = false
  private hasFailed = false

  constructor(options: KeeperOptions) {
    this.options = options
  }

  dirty(soon: boolean): void {
    this.isDirty = true
    this.isUrgent ||= soon
  }

  readonly run: Effect.Effect<never> = Effect.forever(
    Effect.suspend(() => {
      if (!this.isDirty) return Effect.sleep(pause)
      const began = performance.now()
      return Effect.andThen(
        this.keep,
        Effect.suspend(() => this.rest(performance.now() - began))
      )
    })
  )

  /** Once, where something changed since. */
  readonly keep: Effect.Effect<void> = Effect.suspend(() => {
    if (!this.isDirty) return Effect.void
    const { stateDir, whose } = this.options
    const streams = [...this.options.streams()]
    const places = streams.map(({ place }) => place)
    this.isDirty = this.isUrgent = false
    return Effect.tryPromise({
      try: () => keepPositions(stateDir, whose, places),
      catch: (error) => error as Error
    }).pipe(
      Effect.andThen(
        Effect.suspend(() => {
          for (const [i, stream] of streams.entries()) stream.kept(places[i]!)
          if (!this.hasFailed) return Effect.void
          this.hasFailed = false
          return Effect.logInfo(`${stateDir} takes positions again`)
        })
      ),
      Effect.catch((error) => {
        this.isDirty = true
        const isNews = !this.hasFailed
        this.hasFailed = true
        return isNews ? Effect.logError(error.message) : Effect.void
      })
    )
  })

  private rest(took: number): Effect.Effect<void> {
    const until = performance.now() + Math.max(this.hasFailed ? afterFailure : this.options.keepEvery, took / share)
    return Effect.sleep(pause).pipe(
      Effect.repeat({ until: () => performance.now() >= until || (this.isUrgent && !this.hasFailed) }),
      Effect.asVoid
    )
  }
}
