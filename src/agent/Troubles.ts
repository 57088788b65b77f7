/**
 * Troubles: what the outbox tells a person of what cannot be sent: each trouble once when it begins and once when it ends,
 * however many rounds it lasts. A broker that fails is told as one, with its address, not once for each of its partitions, and a partition
 * not once for each of its sources; a source that is refused, or too much for the uplink, is told by itself. It only tells: what
 * happens to a round, and the counting, is the outbox's.
 */
import { Effect } from "effect"
import type { Compression, TransportError } from "../transport/Transport.ts"
import type { LeftOut } from "./dump/Chunker.ts"
import { tooLong } from "./dump/RoundRecord.ts"
import type { Held, Lane } from "./Lane.ts"

export interface TroublesOptions {
  readonly topic: string
  /** Ms. */
  readonly giveUpAfter: number
  readonly compression: Compression
  readonly maxRequestBytes: number
}

interface Trouble {
  /** "broker 10.0.0.1:9092", or "" where it is no broker's. */
  readonly who: string
  /** Whose failure would be no news. */
  readonly known: ReadonlySet<number>
  /** Of these, whose last attempt failed. */
  readonly failing: Set<number>
  code: string
  gaveUp: boolean
}

const named = (partitions: Iterable<number>): string => {
  const sorted = [...new Set(partitions)].sort((a, b) => a - b)
  return `${sorted.length === 1 ? "partition" : "partitions"} ${sorted.join(", ")}`
}

export class Troubles {
  private readonly options: TroublesOptions
  private readonly open = new Set<Trouble>()
  private unreached = false

  constructor(options: TroublesOptions) {
    this.options = options
  }

  /** An attempt failed that will be repeated. */
  failed(partition: number, error: TransportError): Effect.Effect<void> {
    if (!error.retriable && !error.refused) return Effect.void
    const present = this.of(partition)
    present?.failing.add(partition)
    // What a person has to change is news whatever went before.
    if (present !== undefined && (!error.refused || present.code === error.code)) return Effect.void
    if (present !== undefined) this.open.delete(present)
    const { broker = "", partitions = [] } = error.holds ?? {}
    const known = new Set([partition])
    for (const tp of partitions)
      if (tp.topic === this.options.topic && this.of(tp.partition) === undefined) known.add(tp.partition)
    this.begin(broker === "" ? "" : `broker ${broker}`, known, partition, error.code)
    const { giveUpAfter, topic } = this.options
    const who =
      broker === ""
        ? `${named(known)} of topic ${topic} ${known.size === 1 ? "does" : "do"} not take records`
        : `broker ${broker} does not take records of ${named(known)} of topic ${topic}`
    return Effect.logWarning(
      `${who}: ${error.message}; ` +
        `the newest round of each source there waits and is retried, each for at most ${giveUpAfter / 1000} s; other brokers' go on`
    )
  }

  /** Of the round the log had taken so many bytes. */
  gaveUp(lane: Lane, round: Held, sent: number): Effect.Effect<void> {
    const { giveUpAfter, topic } = this.options
    const { origin, partition, source } = lane
    const what = `round ${round.version} of ${origin} (source ${source}) is given up after ${giveUpAfter / 1000} s`
    if (partition === null) {
      if (this.unreached) return Effect.void
      this.unreached = true
      return Effect.logWarning(`${what}: topic ${topic} was not reached. ${consequence}`)
    }
    if (sent > 0) {
      if (lane.told === "slow") return Effect.void
      lane.told = "slow"
      return Effect.logWarning(
        `${what}: the uplink is too slow for it, ${sent} of its ${round.bytes} bytes had reached the log. ${this.smaller()}. ${consequence}`
      )
    }
    const trouble = this.of(partition) ?? this.begin("", new Set([partition]), null, "")
    if (trouble.gaveUp) return Effect.void
    trouble.gaveUp = true
    const where = `${named(trouble.known)} of topic ${topic}`
    const why = trouble.who === "" ? `${where} did not take it` : `${trouble.who}, leader of ${where}, did not take it`
    const slow =
      round.bytes > 100_000 ? ` If the uplink is too slow for its ${round.bytes} bytes: ${this.smaller()}.` : ""
    return Effect.logWarning(`${what}: ${why}. ${consequence}.${slow}`)
  }

  /** The partition took records. */
  took(partition: number): Effect.Effect<void> {
    this.unreached = false
    const trouble = this.of(partition)
    if (trouble === undefined) return Effect.void
    trouble.failing.delete(partition)
    if (trouble.failing.size > 0) return Effect.void
    this.open.delete(trouble)
    const since = trouble.who === "" ? "" : ` (${trouble.who} had not taken them)`
    const verb = trouble.known.size === 1 ? "takes" : "take"
    return Effect.logInfo(`${named(trouble.known)} of topic ${this.options.topic} ${verb} records again${since}`)
  }

  /** The round will not be sent, whatever the log's state. */
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

  /** As `refused`, by the log itself. */
  refusedByLog(lane: Lane, error: TransportError): Effect.Effect<void> {
    const hint =
      error.code === "MESSAGE_TOO_LARGE"
        ? `; --max-request-bytes is ${this.options.maxRequestBytes}: set it below the topic's max.message.bytes (brokers: message.max.bytes), or raise that`
        : ""
    return this.refused(lane, `the log refused it (${error.message})${hint}`)
  }

  sent(lane: Lane): Effect.Effect<void> {
    const wasRefused = lane.told !== ""
    lane.problem = lane.told = ""
    return wasRefused ? Effect.logInfo(`${lane.origin} (source ${lane.source}) is sent again`) : Effect.void
  }

  private of(partition: number): Trouble | undefined {
    for (const trouble of this.open) if (trouble.known.has(partition)) return trouble
    return undefined
  }

  private begin(who: string, known: ReadonlySet<number>, failing: number | null, code: string): Trouble {
    const trouble = { who, known, failing: new Set(failing === null ? [...known] : [failing]), code, gaveUp: false }
    this.open.add(trouble)
    return trouble
  }

  private smaller(): string {
    return this.options.compression === "none"
      ? "--compression is not set: gzip makes dumps about ten times smaller"
      : `it is compressed already (${this.options.compression}): dump less, or less often`
  }
}

const consequence =
  "It will not be sent, and the source leaves the pods unless a newer one is in time; rounds after it that end like this are counted, not told"
