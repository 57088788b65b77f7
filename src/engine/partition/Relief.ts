/**
 * Relief: carries out what back pressure decides for a member's partitions: pauses them, drops the front of their queues, counts and
 * says it. And it looks: a partition that is not fetched tells nothing of what arrives, so while one does not hold all that the log
 * has, and might have to drop, the log's end is asked for four times a second, for all of them at once. What the looks show is judged by Overload.
 */
import { Effect } from "effect"
import { type Decision, type Drop, decidePause, type Queued, type Strategy } from "../Backpressure.ts"
import { labelsOf } from "../Counters.ts"
import type { Member } from "../Member.ts"
import { declared, isBehind, keepsUp, look } from "./Overload.ts"
import type { Partition } from "./Partition.ts"

export interface Relief {
  /** The queue or the position moved: decides, and does it at once. */
  readonly press: (p: Partition) => void
  /** An answer of the log is in the queue. */
  readonly arrived: (p: Partition) => void
  /** By an operator, in the running pod. */
  readonly switchTo: (p: Partition, strategy: Strategy) => void
  /** Runs until interrupted. */
  readonly looks: Effect.Effect<never>
}

/** Ms between two looks. A burst that is shorter is one leap. */
const pace = 250

/** It does not hold all that the log has, or may not, and it matters whether its actor keeps up. */
const watched = (p: Partition): boolean =>
  (p.paused || p.highWatermark > p.fetchPosition) &&
  !p.dropping &&
  p.strategy.drops &&
  p.processing !== undefined &&
  p.phase !== "evicting"

export const makeRelief = (member: Member): Relief => {
  const { options, metrics, signal } = member
  const { mayDrop } = member.processor.needs

  const drop = (p: Partition, { down, rank }: Drop): void => {
    const { queue, strategy } = p
    const { records, from, next } =
      rank === undefined
        ? queue.dropFront(down.records, down.bytes)
        : queue.dropRanked(down.records, down.bytes, guardedRank(p, rank))
    if (records === 0) return
    p.drops.add(records, from, next, member.wallClock())
    metrics.recordsDropped.inc(labelsOf(p.tp), records)
    metrics.strategyDrops.inc({ strategy: strategy.name }, records)
  }

  const guardedRank =
    (p: Partition, rank: NonNullable<Drop["rank"]>): NonNullable<Drop["rank"]> =>
    (head) => {
      if (p.fault !== undefined) return 0
      try {
        return rank(head)
      } catch (cause) {
        member.fail(p, { module: p.strategy.name, function: "rank", cause })
        return 0
      }
    }

  const tell = (p: Partition): void => {
    const line = p.drops.due(member.now(), p.lag, p.fence)
    if (line !== undefined) member.fibers.say(Effect.logWarning(line))
  }

  const within = { down: { records: options.queueRecords, bytes: options.queueBytes } }

  const decide = (p: Partition, queued: Queued): "fetch" | "pause" | Drop => {
    let decision: Decision
    try {
      decision = p.strategy.decide(queued, p.paused)
    } catch (cause) {
      member.fail(p, { module: p.strategy.name, function: "decide", cause })
      return "pause"
    }
    if (decision === "fetch" || decision === "pause") return decision
    // What may not be dropped waits.
    if (!mayDrop) return decidePause(queued, p.paused)
    return decision === "drop" ? within : decision
  }

  const press = (p: Partition): void => {
    if (p.caughtUp) p.overload = keepsUp
    const queued: Queued = {
      tp: p.tp,
      lagMs: p.lagMs(member.now()),
      waiting: () => p.queue.heads(),
      records: p.queue.records,
      bytes: p.queue.bytes,
      maxRecords: options.queueRecords,
      maxBytes: options.queueBytes,
      lag: p.lag,
      behind: isBehind(p.overload),
      dropping: p.dropping
    }
    const decision = decide(p, queued)
    p.dropping = typeof decision === "object"
    if (typeof decision === "object") {
      drop(p, decision)
      tell(p)
    } else {
      const line = p.drops.end(
        member.wallClock(),
        p.caughtUp ? "its actor has caught up" : "its actor starts over or its strategy was switched"
      )
      if (line !== undefined) member.fibers.say(Effect.logWarning(line))
    }
    pause(p, decision === "pause")
  }

  const pause = (p: Partition, wanted: boolean): void => {
    const { pausedSince } = p
    if (wanted === p.paused) return
    p.pausedSince = wanted ? member.now() : undefined
    if (pausedSince !== undefined) metrics.pausedSeconds.inc(labelsOf(p.tp), (member.now() - pausedSince) / 1000)
    signal.notify()
  }

  const judge = (p: Partition, end: number): void => {
    // A fetch that was under way may have told of a later one.
    p.logEnd.told(Math.max(p.highWatermark, end), member.now())
    // Whoever has worked off all that was fetched is not behind, however much lies in the log: fetching is what takes the time.
    if (p.queue.empty && p.reaching <= p.position) p.overload = keepsUp
    else
      p.overload = look(p.overload, {
        position: p.position,
        reaching: p.reaching,
        fetched: p.fetchPosition,
        end: p.highWatermark,
        barred: p.wanted > p.allowed
      })
    press(p)
  }

  let failures = 0
  /** Each by itself, at the same moment: the transport puts them together, and one partition's trouble stays its own. */
  const ask = Effect.gen(function* () {
    const troubles: Array<string> = []
    const one = (p: Partition) => {
      const { incarnation } = p
      return member.client.listOffsets([p.tp], "end").pipe(
        Effect.timeout(options.sessionTimeout),
        Effect.match({
          onSuccess: (ends) => {
            const end = ends.get(p.key)
            if (end === undefined) troubles.push(`${p.key}: no answer`)
            else if (p.incarnation === incarnation && watched(p)) judge(p, end)
          },
          onFailure: (error) => {
            troubles.push(`${p.key}: ${error.message}`)
          }
        })
      )
    }
    yield* Effect.forEach([...member.partitions.values()].filter(watched), one, {
      concurrency: "unbounded",
      discard: true
    })
    failures = troubles.length === 0 ? 0 : failures + 1
    // One line at the start of an outage and one now and then.
    if (failures > 0 && (failures === 1 || failures % 100 === 0))
      yield* Effect.logWarning(
        `cannot ask where the log ends of ${troubles.length} partitions that are full, ${failures} times in a row (${troubles[0]}): ` +
          "as long as that is unknown they drop nothing, and lag more than it looks; it is asked again"
      )
  })

  const due = () => {
    for (const p of member.partitions.values()) if (watched(p) || p.drops.waiting) return true
    return false
  }

  const looks = Effect.gen(function* () {
    yield* signal.until(due)
    yield* Effect.sleep(pace)
    for (const p of member.partitions.values()) tell(p)
    yield* ask
  }).pipe(Effect.forever)

  return {
    press,
    arrived: (p) => {
      const { records, bytes } = p.queue
      const room = records < options.queueRecords && bytes < options.queueBytes
      // All that the log had a moment ago is here, and within the bounds.
      if (room && !p.dropping && p.fetchPosition >= p.highWatermark) p.overload = keepsUp
      press(p)
    },
    switchTo: (p, strategy) => {
      const full = p.paused || p.dropping
      if (!strategy.drops) p.overload = keepsUp
      // Who asks for the emergency mode means what waits now.
      else if (strategy !== p.strategy && full) p.overload = declared
      p.strategy = strategy
      press(p)
    },
    looks
  }
}
