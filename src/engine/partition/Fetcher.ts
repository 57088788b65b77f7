/**
 * Fetcher: reads the owned partitions, one long poll in flight per leader node, and beside it one request that does not wait, for
 * partitions that are still behind their fence: a handoff must not stand behind a long poll that has nothing to tell (see Patience).
 * What comes is pushed into the partition's queue at once and whole; the fetcher never waits for an actor, so a slow partition
 * delays no other: it is left out of the requests while it is paused (P4). It drops what arrives for an earlier incarnation or
 * another position.
 */
import { Effect, FiberMap, type Scope } from "effect"
import { Backoff, worthALine } from "../../Backoff.ts"
import type { FetchErrorCode, Fetched, FetchRequest, Unreadable } from "../../transport/Transport.ts"
import { labelsOf, timed } from "../Counters.ts"
import type { Member } from "../Member.ts"
import type { Partition } from "./Partition.ts"
import { askedOf, type Haste, isWanted, Patience } from "./Patience.ts"
import { quarantined } from "./Quarantine.ts"
import type { Relief } from "./Relief.ts"
import { Trouble } from "./Trouble.ts"

interface FetcherHost {
  readonly member: Member
  readonly relief: Relief
  /** Where the pauses of partitions in trouble are. */
  readonly pauses: Scope.Scope
  /** Topics whose records carry their senders' timestamps, as was said already. */
  readonly stamped: Set<string>
}

/** What a replay waits where the log has nothing up to the fence, as after a leader that changed, ms. */
const nothingYet = 50

interface Node {
  readonly id: number
  readonly patience: Patience
}

const readable = (p: Partition): boolean =>
  p.processing !== undefined &&
  p.phase !== "evicting" &&
  !p.paused &&
  p.reread === undefined &&
  p.trouble?.resting !== true

/** What passes by itself when leaders move, told only where it lasts. */
const passingCodes: ReadonlySet<FetchErrorCode> = new Set(["NOT_LEADER", "UNKNOWN_TOPIC_OR_PARTITION"])
const passingTries = 32
/** Ms: soon it is somewhere else. */
const passingPause = 100

/** Of a partition that cannot be read, and of a node that answers nothing. */
const ofPartition = new Backoff(100, 10_000)
const ofNode = new Backoff(100, 2_000)

/** The partition is left alone for a while, whatever others do. Answers a line for the log where it is time for one. */
const rest = (
  { member, pauses }: FetcherHost,
  p: Partition,
  code: FetchErrorCode,
  detail: string
): Effect.Effect<void> => {
  const trouble = p.trouble ?? new Trouble(member.now())
  p.trouble = trouble
  const passing = passingCodes.has(code)
  trouble.again(code, detail)
  const pause = passing ? Effect.sleep(passingPause) : ofPartition.sleep(trouble.tries)
  trouble.resting = true
  const resumed = Effect.sync(() => {
    trouble.resting = false
    member.signal.notify()
  })
  const line = Effect.logWarning(
    `${p.key} cannot be read at offset ${p.fetchPosition}: ${code}${detail === "" ? "" : ` (${detail})`}, ${trouble.tries} times in a row; nothing is skipped, it is tried again`
  )
  const silent = !worthALine(trouble.tries) || (passing && trouble.tries < passingTries)
  trouble.told ||= !silent
  return Effect.andThen(silent ? Effect.void : line, Effect.forkIn(Effect.andThen(pause, resumed), pauses))
}

const works = (p: Partition): Effect.Effect<void> | undefined => {
  const { trouble } = p
  if (trouble === undefined) return undefined
  p.trouble = undefined
  return trouble.told ? Effect.logInfo(`${p.key} can be read again`) : undefined
}

/** Counts what nobody can read, and answers what the log is to be told. */
const skip = ({ member }: FetcherHost, p: Partition, stretches: ReadonlyArray<Unreadable>): Effect.Effect<void> => {
  const labels = labelsOf(p.tp)
  const lines: Array<Effect.Effect<void>> = []
  for (const stretch of stretches) {
    p.skippedBatch(stretch)
    if (p.quarantinedBy(stretch))
      lines.push(Effect.logWarning(quarantined(p, "earlier owners may have read a skipped batch")))
    member.metrics.batchesSkipped.inc({ ...labels, reason: stretch.reason })
    const untold = p.skipped.due(member.now())
    if (untold === 0) continue
    const more = untold === 1 ? "" : ` (${untold} batches since this was last said)`
    lines.push(
      Effect.logError(
        `${p.key}: offsets ${stretch.from} to ${stretch.next - 1} are of a batch that nobody can read and were skipped: their records are lost, everything after them is read${more}`
      ).pipe(Effect.annotateLogs({ reason: stretch.reason, detail: stretch.detail }))
    )
  }
  return Effect.all(lines, { discard: true })
}

/** Records are in the queue, or the actor is to start over. */
const arrived = ({ relief }: FetcherHost, p: Partition): void => {
  relief.arrived(p)
  p.signal.notify()
}

const tellStamped = ({ member, stamped }: FetcherHost, topic: string): void => {
  if (stamped.has(topic)) return
  stamped.add(topic)
  member.fibers.say(
    Effect.logWarning(
      `topic ${topic} carries its senders' timestamps (message.timestamp.type is CreateTime). They decide nothing but the time of the sender's own samples: all promises hold. A group's first start shows a source only from its next round on; with LogAppendTime it would show at once what was sent within --lookback`
    )
  )
}

const accept = (host: FetcherHost, p: Partition, f: Fetched): Effect.Effect<void> | undefined => {
  // Of a leader that cannot be read nothing is known, least of all that there is nothing to read.
  p.logEnd.told(f.highWatermark, host.member.now())
  if (f.error !== undefined) {
    host.member.metrics.fetchErrors.inc({ code: f.error })
    if (f.error === "OFFSET_OUT_OF_RANGE") {
      // Never the client's own reset: the actor starts over and rule 9 decides from the log's bounds.
      p.reread = `offset ${f.from} is not in the log any more`
      arrived(host, p)
      return undefined
    }
    if (passingCodes.has(f.error)) host.member.topology.stale()
    return rest(host, p, f.error, f.detail ?? "")
  }
  const again = works(p)
  const skipped = f.unreadable === undefined ? undefined : skip(host, p, f.unreadable)
  if (f.records[0]?.sendersTime === true) tellStamped(host, p.tp.topic)
  if (f.next > f.from) {
    p.queue.push(f.records, f.next, f.release, p.processing?.unreadable === undefined ? [] : f.unreadable)
    p.fetchPosition = f.next
    arrived(host, p)
  } else f.release?.()
  return again === undefined ? skipped : Effect.andThen(again, skipped ?? Effect.void)
}

const poll = (host: FetcherHost, { id, patience }: Node, haste: Haste, turn: number) =>
  Effect.gen(function* () {
    const { client, options, partitions, topology } = host.member
    const { fetchMaxBytes, fetchMaxBytesPartition, fetchMaxWait, sessionTimeout } = options
    const here = [...partitions.values()].filter((p) => topology.leader(p.key) === id)
    const mine = here.filter((p) => readable(p) && patience.hasteOf(p) === haste)
    // The broker fills an answer in the order asked: each partition comes first in its turn.
    const turned = mine.map((_, i) => mine[(i + turn) % mine.length]!)
    const asked = new Map(turned.map((p) => [p.key, askedOf(p)]))
    const requests: ReadonlyArray<FetchRequest> = turned.map((p) => ({ tp: p.tp, offset: p.fetchPosition }))
    const maxWait = haste === "waiting" ? patience.begin(asked, mine.length === here.length) : 0
    let moved = false
    let answered = false
    const read = Effect.gen(function* () {
      const answer = yield* client
        .fetch(id, requests, { maxWait, maxBytes: fetchMaxBytes, maxBytesPerPartition: fetchMaxBytesPartition })
        .pipe(Effect.timeout(maxWait + sessionTimeout), timed(host.member, "fetchSeconds"))
      answered = true
      for (const f of answer) {
        const sent = asked.get(`${f.tp.topic}/${f.tp.partition}`)
        if (sent === undefined || !isWanted({ ...sent, offset: f.from })) {
          f.release?.()
          continue
        }
        moved ||= f.next > f.from
        const log = accept(host, sent.p, f)
        if (log !== undefined) yield* log
      }
    })
    if (haste === "waiting")
      return yield* Effect.ensuring(
        read,
        Effect.sync(() => patience.end(answered && !moved))
      )
    yield* read
    if (!moved) yield* Effect.sleep(mine.some((p) => p.fetchPosition < p.fence) ? nothingYet : fetchMaxWait)
  })

const nodeLoop = (host: FetcherHost, node: Node, haste: Haste): Effect.Effect<never> => {
  const { member } = host
  let turn = 0
  let failures = 0
  const reads = (p: Partition): boolean =>
    readable(p) && node.patience.hasteOf(p) === haste && member.topology.leader(p.key) === node.id
  const some = () => {
    for (const p of member.partitions.values()) if (reads(p)) return true
    return false
  }
  return Effect.gen(function* () {
    yield* member.signal.until(some)
    yield* poll(host, node, haste, turn++)
    failures = 0
    yield* Effect.yieldNow
  }).pipe(
    Effect.catch((error) =>
      Effect.gen(function* () {
        const code = error._tag === "TransportError" ? error.code : "TIMEOUT"
        member.metrics.fetchErrors.inc({ code })
        member.topology.stale()
        failures += 1
        for (const p of member.partitions.values())
          if (reads(p)) {
            p.trouble ??= new Trouble(member.now())
            p.trouble.again(code, error.message)
            p.logEnd.lost()
          }
        if (worthALine(failures))
          yield* Effect.logWarning(
            `reading from node ${node.id} fails (${error.message}), ${failures} times in a row; it is tried again`
          )
        yield* ofNode.sleep(failures)
      })
    ),
    Effect.forever
  )
}

/** Two loops per node that leads a partition; loops that have nothing to read wait. Runs until interrupted. */
export const runFetcher = (member: Member, relief: Relief) =>
  Effect.gen(function* () {
    const host: FetcherHost = { member, relief, pauses: yield* Effect.scope, stamped: new Set() }
    const loops = yield* FiberMap.make<string, never, never>()
    const known = new Set<number>()
    yield* Effect.gen(function* () {
      const fresh = () => [...member.topology.nodes].filter((n) => !known.has(n))
      yield* member.signal.until(() => fresh().length > 0)
      for (const id of fresh()) {
        known.add(id)
        const node = { id, patience: new Patience(member.options) }
        for (const haste of ["waiting", "hasty"] as const)
          yield* FiberMap.run(loops, `${id} ${haste}`, nodeLoop(host, node, haste))
      }
    }).pipe(Effect.forever, Effect.raceFirst(FiberMap.join(loops)))
  }).pipe(Effect.scoped)
