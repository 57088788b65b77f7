/**
 * Backoff: how long to wait before something that failed is tried again: twice as long after each failure in a row, up to a bound, and
 * of that a random part of the second half, so that those who failed together do not come back together. The count of failures is the
 * caller's, as is when it starts anew. In Effects the chance is Effect's `Random`, which a test seeds.
 */
import { Effect, Random, Schedule } from "effect"

export class Backoff {
  readonly #first: number
  readonly #most: number

  /** Ms after the first failure, and at most; 0 < first <= most. */
  constructor(first: number, most: number) {
    this.#first = first
    this.#most = most
  }

  /** Ms to wait after that many failures in a row (1 or more). `draw`: by chance, in [0, 1). */
  after(failures: number, draw: number): number {
    return Math.min(this.#most, this.#first * 2 ** (failures - 1)) * (0.5 + draw / 2)
  }

  pause(failures: number): Effect.Effect<number> {
    return Effect.map(Random.next, (draw) => this.after(failures, draw))
  }

  sleep(failures: number): Effect.Effect<void> {
    return Effect.flatMap(this.pause(failures), Effect.sleep)
  }

  /** Of `Effect.retry`, without end. */
  get schedule(): Schedule.Schedule<number> {
    return Schedule.modifyDelay(Schedule.forever, ({ attempt }) => this.pause(attempt))
  }
}

/** Whether that many failures in a row are worth a line in the log: the first is, then each time that they are twice as many. */
export const worthALine = (failures: number): boolean => Number.isInteger(Math.log2(failures))
