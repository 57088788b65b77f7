/**
 * Timekeeper: makes the marks of a member's partitions, by asking where their logs end, all in one request; and asks for the end
 * of a quarantine, and where nothing else tells how far behind a partition is. It decides nothing: Marks and Quarantine do.
 */
import { Effect } from "effect"
import type { TransportError } from "../../transport/Transport.ts"
import type { Member } from "../Member.ts"
import { type EngineOptions, markInterval } from "../Options.ts"
import type { LogTime } from "../PartitionProcessor.ts"
import type { Partition } from "./Partition.ts"
import { shownFrom } from "./Quarantine.ts"
import { keptFrom } from "./Reservation.ts"

/** A mark has one time, an answer two: what lies between them must not count. Quicker than this, in ms, is at once. */
const slack = (options: EngineOptions): number => options.lateness / 32

export const askedQuickly = (options: EngineOptions, askedAt: number, knownAt: number): boolean =>
  knownAt - askedAt <= slack(options)

/** What a processor is told of a partition's time. */
export const timeOf = (p: Partition, now: () => number, options: EngineOptions): LogTime => ({
  settled: (apart) => p.marks.settled(p.position, apart + slack(options)),
  readBefore: (ago) => p.marks.readBefore(ago, now()),
  readAgo: (offset) => p.marks.readAgo(offset),
  appendedAgo: (offset) => p.marks.appendedAgo(offset, now()),
  keptFrom: () => keptFrom(p.reservation),
  shownFrom: () => shownFrom(p.quarantine)
})

/** Ms between two looks. */
const pauseOf = ({ lateness }: EngineOptions): number => lateness / 16

const wantsMark = (p: Partition, options: EngineOptions, now: number): boolean =>
  p.processing !== undefined && p.phase !== "evicting" && now - p.marks.newest >= markInterval(options)

const wantsEnd = (p: Partition, options: EngineOptions, now: number): boolean =>
  p.processing !== undefined && p.quarantine?.until === null && now - p.servingSince >= options.lateness

/** Longer ago than a poll that waits takes: of a partition that is paused, or whose leader does not let it be read. */
const wantsLag = (p: Partition, { fetchQuietWait }: EngineOptions, now: number): boolean =>
  p.processing !== undefined && (p.logEnd.age(now) ?? Number.POSITIVE_INFINITY) > 2 * fetchQuietWait

/** Ms: a log's end that was told longer ago than this, though it is asked for all the time, is not known. */
export const freshFor = (options: EngineOptions): number => 2 * (2 * options.fetchQuietWait + pauseOf(options))

/** Each by itself, at the same moment: the transport puts them together, and what one does not answer costs no other. */
const askEnds = (member: Member): Effect.Effect<void> => {
  const { client, options } = member
  const due = [...member.partitions.values()].filter((p) => wantsLag(p, options, member.now()))
  const ask = (p: Partition): Effect.Effect<void> => {
    const { incarnation } = p
    return client.listOffsets([p.tp], "end").pipe(
      Effect.timeout(options.sessionTimeout / 4),
      Effect.map((ends) => {
        const end = ends.get(p.key)
        if (end !== undefined && p.incarnation === incarnation) p.logEnd.seen(end, member.now())
      }),
      // It cannot be asked: how old the figure is tells so.
      Effect.ignore
    )
  }
  return Effect.forEach(due, ask, { concurrency: "unbounded", discard: true })
}

const look = (member: Member): Effect.Effect<void, TransportError> =>
  Effect.gen(function* () {
    const { options } = member
    const askedAt = member.now()
    const due = [...member.partitions.values()].filter(
      (p) => wantsMark(p, options, askedAt) || wantsEnd(p, options, askedAt)
    )
    if (due.length === 0) return
    const incarnations = due.map((p) => p.incarnation)
    const ends = yield* member.client.listOffsets(
      due.map((p) => p.tp),
      "end"
    )
    const knownAt = member.now()
    const quickly = askedQuickly(options, askedAt, knownAt)
    for (const [i, p] of due.entries()) {
      const end = ends.get(p.key)
      if (end === undefined || p.incarnation !== incarnations[i] || p.processing === undefined) continue
      p.logEnd.seen(end, knownAt)
      if (quickly && wantsMark(p, options, knownAt)) p.mark(end, knownAt)
      if (wantsEnd(p, options, askedAt)) {
        p.quarantine = { until: Math.max(end, p.fence) }
        member.wantCommit()
      }
    }
  })

/** Runs until interrupted. */
export const keepTime = (member: Member): Effect.Effect<never> => {
  const pause = pauseOf(member.options)
  return look(member).pipe(
    Effect.timeout(member.options.sessionTimeout),
    Effect.catch((error) => Effect.logDebug(`asking where the logs end failed: ${error.message}; it is asked again`)),
    Effect.andThen(askEnds(member)),
    Effect.andThen(Effect.sleep(pause)),
    Effect.forever
  )
}
