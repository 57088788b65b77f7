/**
 * Troubles: what the outbox tells a person of what cannot be sent: each trouble once when it begins and once when it ends,
 * however many rounds it lasts. A partition that takes no records is told as one, not once for each of its sources; a source
 * that is refused is told by itself. It only tells: what happens to a round, and the counting, is the outbox's.
 */
import { Effect } from "effect"
import type { TransportError } from "../transport/Transport.ts"
import type { LeftOut } from "./dump/Chunker.ts"
import { tooLong } from "./dump/RoundRecord.ts"
import type { Held, Lane } from "./Lane.ts"

export interface TroublesOptions {
  readonly topic: string
  /** Ms. */
  readonly giveUpAfter: number
}

export class Troubles {
  private readonly options: TroublesOptions
  private readonly failing = new Map<number, string>()
  /** Partitions of which a round was given up since they last took one; null before the log was reached. */
  private readonly givenUp = new Set<number | null>()

  constructor(options: TroublesOptions) {
    this.options = options
  }

  /** An attempt failed that will be repeated. */
  failed(partition: number, error: TransportError): Effect.Effect<void> {
    if ((!error.retriable && !error.refused) || this.failing.get(partition) === error.code) return Effect.void
    this.failing.set(partition, error.code)
    return Effect.logWarning(
      `partition ${partition} of topic ${this.options.topic} does not take records: ${error.message}; ` +
        `the newest round of each source waits and is retried, each for at most ${this.options.giveUpAfter / 1000} s`
    )
  }

  gaveUp({ partition, origin, source }: Lane, { version }: Held): Effect.Effect<void> {
    if (this.givenUp.has(partition)) return Effect.void
    this.givenUp.add(partition)
    const { topic, giveUpAfter } = this.options
    const where =
      partition === null ? `topic ${topic} was not reached` : `partition ${partition} of topic ${topic} did not take it`
    return Effect.logWarning(
      `round ${version} of ${origin} (source ${source}) is given up after ${giveUpAfter / 1000} s: ${where}. ` +
        "It will not be sent, and the source leaves the pods unless a newer one is in time; rounds after it that end like this are counted, not told"
    )
  }

  /** The partition took records. */
  took(partition: number): Effect.Effect<void> {
    const failed = this.failing.delete(partition)
    const gaveUp = this.givenUp.delete(partition)
    this.givenUp.delete(null)
    return failed || gaveUp
      ? Effect.logInfo(`partition ${partition} of topic ${this.options.topic} takes records again`)
      : Effect.void
  }

  refused(lane: Lane, problem: string): Effect.Effect<void> {
    lane.problem = problem
    if (lane.told === problem) return Effect.void
    lane.told = problem
    return Effect.logError(
      `${lane.origin} (source ${lane.source}) is not sent: ${problem}. The next dump is tried anew; until one is taken the source expires`
    )
  }

  /** Lines of a round that is sent without them. */
  leftOut(lane: Lane, left: LeftOut | undefined): Effect.Effect<void> {
    if ((left !== undefined) === lane.leavesOut) return Effect.void
    lane.leavesOut = left !== undefined
    const what = `${lane.origin} (source ${lane.source})`
    return left === undefined
      ? Effect.logInfo(`${what} is sent whole again`)
      : Effect.logError(
          `${what} is sent without ${left.lines} of its lines: ${tooLong(left)}. So are its next dumps, counted and not told`
        )
  }

  sent(lane: Lane): Effect.Effect<void> {
    const wasRefused = lane.told !== ""
    lane.problem = lane.told = ""
    return wasRefused ? Effect.logInfo(`${lane.origin} (source ${lane.source}) is sent again`) : Effect.void
  }
}
