/**
 * Outbox: between reading and the log. Holds the newest round of each source until the log has it, and sends each source's rounds
 * in order, one at a time.
 *
 * Per source: one round is being sent, at most one waits; a newer one supersedes the one that waits, and the one being sent as
 * soon as an attempt of it fails. A round is retried (capped, jittered) until it is half the expiry old, then given up for good
 * (rule 8 of the handoff), and never sent after a newer one of its source. A round that was partly or maybe appended is sent again
 * with the same number: the pods take it once. What one source cannot send (too large, refused) holds no other; a partition
 * that answers nothing holds its own sources only, and sources do not wait for each other: putting many together into few requests is
 * the producer's work, and trying again is nobody's but this one's. Every round that is not sent is counted by why (what is told: `Troubles`).
 * Bytes held are bounded: `room`.
 */
import { Cause, Clock, Data, Effect, FiberSet, Latch, Option } from "effect"
import { Backoff } from "../Backoff.ts"
import { SelfMetrics } from "../SelfMetrics.ts"
import type { Compression, OutgoingRecord, Producer, TransportError } from "../transport/Transport.ts"
import type { Round, RoundSink } from "./AgentSource.ts"
import { BrokerClock } from "./BrokerClock.ts"
import { encodeRound } from "./dump/RoundRecord.ts"
import { type Held, type Lane, type LaneStatus, newLane, statusOf } from "./Lane.ts"
import { partitionOf } from "./Partitioner.ts"
import { RoundNumbers } from "./RoundNumbers.ts"
import { Troubles } from "./Troubles.ts"

/** What is known once the log was reached for the first time. */
export interface Connection {
  readonly producer: Producer
  readonly base: number
}

export interface OutboxOptions {
  readonly topic: string
  readonly epoch: number
  readonly labels: Readonly<Record<string, string>>
  /** Ms: half the expiry. */
  readonly giveUpAfter: number
  /** Of all rounds that are held. */
  readonly maxBytes: number
  /** Of a chunk with everything around it, and of what is handed to the producer at once. */
  readonly maxRequestBytes: number
  /** What the producer does to requests; it is only spoken of. */
  readonly compression: Compression
}

export interface Outbox extends RoundSink {
  /** Waits until nothing is held any more. */
  readonly idle: Effect.Effect<void>
  readonly bytes: () => number
  readonly sources: () => ReadonlyArray<LaneStatus>
  /** Drops what is held, counted as unsent; answers how many rounds. */
  readonly abandon: () => number
}

type Outcome = "sent" | "superseded" | "expired" | "refused"

class TooOld extends Data.TaggedError("TooOld")<object> {}

/** Whoever has been in once is refused for a reason that passes: a login that fails later does not cost the round. */
const mayPass = (error: TransportError): boolean => error.retriable || error.refused

const backoff = new Backoff(100, 2_000)

export const make = Effect.fnUntraced(function* (options: OutboxOptions, connection: Effect.Effect<Connection>) {
  const metrics = yield* SelfMetrics
  const clock = yield* Clock.Clock
  const senders = yield* FiberSet.make<void>()
  const fork = yield* FiberSet.runtime(senders)()
  const idle = yield* Latch.make(true)
  const lanes = new Map<string, Lane>()
  const numbers = new RoundNumbers()
  const troubles = new Troubles(options)
  const brokerClock = new BrokerClock(options.topic, metrics)
  let heldBytes = 0
  let held = 0

  const monotonic = (): number => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  const bothClocks = (): Held["offeredAt"] => ({ monotonic: monotonic(), wall: clock.currentTimeMillisUnsafe() })
  // A suspended machine's monotonic clock stands still, a wall clock may be set back: the one that says more is believed.
  const age = ({ age, offeredAt }: Held): number => {
    const now = bothClocks()
    return age + Math.max(now.monotonic - offeredAt.monotonic, now.wall - offeredAt.wall)
  }

  const hold = (round: Held): void => {
    held++
    heldBytes += round.bytes
    idle.closeUnsafe()
  }
  const release = (round: Held): void => {
    held--
    heldBytes -= round.bytes
    if (held === 0) idle.openUnsafe()
  }
  const count = (outcome: Outcome | "unsent"): void => metrics.agentRounds.inc({ outcome })

  /** `sent`: so many of its chunks the log had taken. */
  const gaveUp = (lane: Lane, round: Held, sent: number): Effect.Effect<void> => {
    count("expired")
    lane.problem = `its round was given up after ${options.giveUpAfter / 1000} s`
    const bytes = round.chunks.slice(0, sent).reduce((sum, { value }) => sum + value.length, 0)
    return troubles.gaveUp(lane, round, bytes)
  }

  /** As many of the chunks from `first` on as one request may carry: what fails is tried again from there. */
  const requestAt = (round: Held, first: number, partition: number): ReadonlyArray<OutgoingRecord> => {
    const records: Array<OutgoingRecord> = []
    let room = options.maxRequestBytes
    for (const chunk of round.chunks.slice(first)) {
      room -= chunk.value.length + 4096
      if (records.length > 0 && room < 0) break
      records.push({ topic: options.topic, partition, key: round.key, value: chunk.value, headers: chunk.headers })
    }
    return records
  }

  const produce = (
    lane: Lane,
    round: Held,
    producer: Producer,
    partition: number,
    records: ReadonlyArray<OutgoingRecord>
  ) => {
    const tooOld = Effect.suspend(() => (age(round) >= options.giveUpAfter ? Effect.fail(new TooOld()) : Effect.void))
    const attempt = Effect.suspend(() =>
      Effect.andThen(tooOld, producer.produce(records)).pipe(
        Effect.timeoutOrElse({
          duration: Math.max(0, options.giveUpAfter - age(round)),
          orElse: () => Effect.fail(new TooOld())
        }),
        Effect.tapErrorTag("TransportError", (error) => {
          metrics.agentErrors.inc({ code: error.code })
          return troubles.failed(partition, error)
        })
      )
    )
    return attempt.pipe(
      Effect.retry({
        schedule: backoff.schedule,
        while: (error) => error._tag === "TransportError" && mayPass(error) && lane.waiting === null
      })
    )
  }

  /** How it ended, and how many chunks the log has then. */
  const send = Effect.fnUntraced(function* (lane: Lane, round: Held, producer: Producer, partition: number) {
    let next = 0
    while (next < round.chunks.length) {
      const records = requestAt(round, next, partition)
      const error = yield* produce(lane, round, producer, partition, records).pipe(
        Effect.as(null),
        Effect.catch((error) => Effect.succeed(error))
      )
      if (error !== null) return { error, sent: next }
      next += records.length
      metrics.agentChunks.inc(records.length)
      for (const record of records) metrics.agentBytes.inc(record.value?.length ?? 0)
      yield* troubles.took(partition)
      yield* brokerClock.look(producer)
    }
    return { error: null, sent: next }
  })

  const deliver = Effect.fnUntraced(function* (lane: Lane, round: Held, producer: Producer, partition: number) {
    const { error, sent } = yield* send(lane, round, producer, partition)
    if (error === null) {
      count("sent")
      lane.sentRound = round.version
      lane.sentTime = round.time
      yield* troubles.sent(lane)
    } else if (error._tag === "TransportError" && !mayPass(error)) {
      count("refused")
      yield* troubles.refusedByLog(lane, error)
    } else if (error._tag === "TransportError") {
      count("superseded")
      lane.problem = `not sent yet (${error.message})`
    } else yield* gaveUp(lane, round, sent)
  })

  /** As soon as the log is reached; null where what waited for it was given up meanwhile. */
  const reached = (lane: Lane): Effect.Effect<Connection | null> =>
    Effect.suspend(() => {
      const round = lane.waiting
      if (round === null) return Effect.succeed(null)
      return connection.pipe(
        Effect.timeoutOption(Math.max(0, options.giveUpAfter - age(round))),
        Effect.flatMap((answer) => {
          if (Option.isSome(answer)) return Effect.succeed(answer.value)
          // A newer one may have come in its place.
          if (lane.waiting !== round || age(round) < options.giveUpAfter) return reached(lane)
          lane.waiting = null
          release(round)
          return Effect.andThen(gaveUp(lane, round, 0), reached(lane))
        })
      )
    })

  const forget = (lane: Lane): void => {
    lanes.delete(lane.source)
    numbers.leave(lane.source)
  }

  const drain = Effect.fnUntraced(function* (lane: Lane) {
    while (lane.waiting !== null) {
      const there = yield* reached(lane)
      const round = lane.waiting
      if (there === null || round === null) continue
      const { producer, base } = there
      lane.waiting = null
      lane.sending = round
      lane.partition = partitionOf(round.key, base)
      yield* deliver(lane, round, producer, lane.partition)
      lane.sending = null
      release(round)
    }
    // No yield between the check above and this: an offer in between would wait for a fiber that is leaving.
    lane.running = false
    if (lane.gone) forget(lane)
  })

  /** A drain that was interrupted, or died of a bug, takes its round with it; the next offer starts another. */
  const drained = (lane: Lane) =>
    drain(lane).pipe(
      Effect.onError(() =>
        Effect.sync(() => {
          lane.running = false
          if (lane.sending === null) return
          count("unsent")
          release(lane.sending)
          lane.sending = null
        })
      ),
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError(`sending ${lane.source} failed`, cause)
      )
    )

  const offer = Effect.fnUntraced(function* (round: Round) {
    const version = `${options.epoch}.${numbers.next(round.source)}`
    let lane = lanes.get(round.source)
    if (lane === undefined) {
      lane = newLane(round.source)
      lanes.set(round.source, lane)
    }
    lane.origin = round.origin
    lane.round = version
    lane.gone = false
    const encoded = encodeRound(round, version, options.labels, options.maxRequestBytes)
    if (encoded.kind === "refused") {
      count("refused")
      yield* troubles.refused(lane, encoded.why)
      return
    }
    metrics.agentLinesLeftOut.inc(encoded.leftOut?.lines ?? 0)
    yield* troubles.leftOut(lane, encoded.leftOut)
    const newest: Held = { ...encoded.round, age: round.age, offeredAt: bothClocks() }
    if (age(newest) >= options.giveUpAfter) {
      count("expired")
      yield* troubles.refused(
        lane,
        `its dump is older than ${options.giveUpAfter / 1000} s, as if the service no longer wrote it`
      )
      return
    }
    if (lane.waiting !== null) {
      count("superseded")
      release(lane.waiting)
    }
    hold(newest)
    lane.waiting = newest
    if (lane.running) return
    lane.running = true
    fork(drained(lane))
  })

  const outbox: Outbox = {
    offer,
    room: (source, bytes) => heldBytes - (lanes.get(source)?.waiting?.bytes ?? 0) + bytes <= options.maxBytes,
    gone: (source) => {
      const lane = lanes.get(source)
      if (lane === undefined) return
      lane.gone = true
      if (!lane.running) forget(lane)
    },
    idle: idle.await,
    bytes: () => heldBytes,
    sources: () => Array.from(lanes.values(), statusOf),
    abandon: () => {
      let rounds = 0
      for (const lane of lanes.values()) {
        if (lane.sending !== null) rounds++
        if (lane.waiting === null) continue
        rounds++
        count("unsent")
        release(lane.waiting)
        lane.waiting = null
      }
      return rounds
    }
  }
  return outbox
})
