/**
 * Chain: where the archive of a partition ends, found when the partition is opened: by what the commit says, else by looking at what the store holds; and
 * whether the log is still the one that the chain is of. Everything is decided by the store and the log together: C is only a hint.
 *
 * A store that fails is asked again without end, and the caller is told. What may not go on (another cluster's chain, an object that says
 * something else than its name) fails in words.
 */
import { Effect } from "effect"
import { type Beginning, type OpenedLog, ProcessorError } from "../engine/PartitionProcessor.ts"
import type { Witness } from "../engine/partition/Witness.ts"
import type { LogIdentity, TopicPartition, TransportError } from "../transport/Transport.ts"
import type { Hour } from "./format/Hour.ts"
import { decodeLastFrame, type LastFrame, tailBytes } from "./format/LastFrame.ts"
import { decodeLife, type Life } from "./format/Life.ts"
import { decodeMemo, encodeMemo, type Memo } from "./format/Memo.ts"
import {
  type Line,
  lifeName,
  lifePrefix,
  objectName,
  parseLifeName,
  parseMemoryName,
  parseObjectName
} from "./format/Names.ts"
import type { Store, StoreError } from "./store/Store.ts"

/** The end of a chain; what the next object is, as far as that is known. */
export interface ChainEnd extends Line, LogIdentity {
  /** Where the next object begins. */
  readonly from: number
  /** Under which it stands; null while the life has not begun: no record of it was read. */
  readonly hour: Hour | null
  /** The last record of all before `from` whose checksum is known. */
  readonly last: Witness | null
  /** The memory of repeats at `from`, by its name. */
  readonly memory: string | null
  /** What the commit of `from` says; "" while there is no object. */
  readonly memo: string
}

export interface ChainHost {
  readonly tp: TopicPartition
  readonly plan: Beginning
  readonly log: OpenedLog
  /** Answers, however long that takes. */
  readonly ask: <A>(question: (store: Store) => Effect.Effect<A, StoreError>) => Effect.Effect<A>
  readonly askLog: <A>(question: Effect.Effect<A, TransportError>) => Effect.Effect<A>
  readonly place: string
}

const refuse = (message: string): ProcessorError => new ProcessorError({ message })

/** What a memory's name adds to a memo. */
const checksumOf = (line: Line, memory: string | null): string | null =>
  memory === null ? null : (parseMemoryName(line, memory)?.crc.toString(16) ?? null)

/** The chain's end behind an object. */
export const endBehind = (frame: LastFrame, hour: Hour, { topicId }: Pick<LogIdentity, "topicId">): ChainEnd => ({
  topic: frame.topic,
  partition: frame.partition,
  life: frame.life,
  cluster: frame.cluster,
  topicId,
  from: frame.to,
  hour: frame.next,
  last: frame.last,
  memory: frame.memory,
  memo: encodeMemo({
    life: frame.life,
    from: frame.from,
    to: frame.to,
    hour,
    next: frame.next,
    memory: checksumOf(frame, frame.memory)
  })
})

/** Of a life that has no object yet. */
const endAtBirth = (life: Life): ChainEnd => ({
  topic: life.topic,
  partition: life.partition,
  life: life.life,
  cluster: life.cluster,
  topicId: life.topicId,
  from: life.begin,
  hour: life.hour,
  last: null,
  memory: null,
  memo: ""
})

/** What an object says of itself; undefined where there is none of the name. */
export const frameOf = (
  host: Pick<ChainHost, "ask" | "place">,
  line: Line,
  hour: Hour,
  from: number
): Effect.Effect<LastFrame | undefined, ProcessorError> =>
  Effect.gen(function* () {
    const name = objectName(line, hour, from)
    const tail = yield* host.ask((store) => store.readTail(name, tailBytes))
    if (tail === undefined) return undefined
    const frame = decodeLastFrame(tail.bytes)?.frame
    if (frame === undefined)
      return yield* refuse(
        `the object ${name} in ${host.place} does not end as one of ours: somebody changed it, or it is not an archive's; nothing is written behind it`
      )
    const { topic, partition, life } = frame
    if (topic !== line.topic || partition !== line.partition || life !== line.life || frame.from !== from)
      return yield* refuse(
        `the object ${name} in ${host.place} says that it is ${topic}/${partition}, life ${life}, from ${frame.from}: somebody moved it here; nothing is written behind it`
      )
    return frame
  })

const lifeOf = (host: ChainHost, line: Line): Effect.Effect<Life | undefined, ProcessorError> =>
  Effect.gen(function* () {
    const name = lifeName(line)
    const bytes = yield* host.ask((store) => store.read(name))
    if (bytes === undefined) return undefined
    const life = decodeLife(bytes)
    if (life === undefined)
      return yield* refuse(`${name} in ${host.place} cannot be read: somebody changed it; nothing is written behind it`)
    return life
  })

/** Objects that were made behind it, by owners that had no time to commit them. */
const walk = (host: ChainHost, end: ChainEnd): Effect.Effect<ChainEnd, ProcessorError> =>
  Effect.gen(function* () {
    let last = end
    for (;;) {
      if (last.hour === null) return last
      const frame = yield* frameOf(host, last, last.hour, last.from)
      if (frame === undefined) return last
      last = endBehind(frame, last.hour, last)
    }
  })

/** The one listing: the newest object of the life, whatever its date. */
const newest = (host: ChainHost, life: Life): Effect.Effect<ChainEnd, ProcessorError> =>
  Effect.gen(function* () {
    let found: { readonly from: number; readonly hour: Hour } | undefined
    yield* host.ask((store) =>
      store.list(`${life.topic}/`, ({ name }) => {
        const named = parseObjectName(life.topic, name)
        if (named === undefined || named.partition !== life.partition || named.life !== life.life) return
        if (found === undefined || named.from > found.from) found = named
      })
    )
    if (found === undefined) return endAtBirth(life)
    const frame = yield* frameOf(host, life, found.hour, found.from)
    return frame === undefined ? endAtBirth(life) : endBehind(frame, found.hour, life)
  })

/** The end that the commit names, where the store has that object; undefined where it has not. */
const committed = (host: ChainHost, memo: Memo | undefined): Effect.Effect<ChainEnd | undefined, ProcessorError> =>
  Effect.gen(function* () {
    if (memo === undefined) return undefined
    const line = { ...host.tp, life: memo.life }
    const frame = yield* frameOf(host, line, memo.hour, memo.from)
    if (frame === undefined) return undefined
    const life = yield* lifeOf(host, line)
    const isIt = frame.to === memo.to && frame.next === memo.next && checksumOf(line, frame.memory) === memo.memory
    // Without its file nothing is known of the topic's id; the objects are there all the same.
    return isIt ? endBehind(frame, memo.hour, life ?? { topicId: null }) : undefined
  })

/** The newest life of the partition; undefined where the store has none. */
const newestLife = (host: ChainHost): Effect.Effect<Life | undefined, ProcessorError> =>
  Effect.gen(function* () {
    let life = 0
    yield* host.ask((store) =>
      store.list(lifePrefix(host.tp), ({ name }) => {
        life = Math.max(life, parseLifeName(host.tp, name) ?? 0)
      })
    )
    return life === 0 ? undefined : yield* lifeOf(host, { ...host.tp, life })
  })

/** Why the log is not the one that the chain is of; undefined where nothing says so. */
const wentBack = (host: ChainHost, identity: LogIdentity, end: ChainEnd): Effect.Effect<string | undefined> =>
  Effect.gen(function* () {
    const { logStart, logEnd } = host.plan
    if (end.topicId !== null && identity.topicId !== null && end.topicId !== identity.topicId)
      return "the topic was made anew"
    if (end.from > logEnd) return `the log ends at ${logEnd}, before what is archived up to ${end.from}`
    const { last } = end
    if (last === null || last.offset < logStart || last.offset >= logEnd) return undefined
    const testimony = yield* host.askLog(host.log.holds(last))
    return testimony === "another" ? `the record at offset ${last.offset} is not the archived one` : undefined
  })

const sameCluster = (host: ChainHost, identity: LogIdentity, end: ChainEnd): Effect.Effect<void, ProcessorError> =>
  end.cluster === null || identity.cluster === null || end.cluster === identity.cluster
    ? Effect.void
    : Effect.fail(
        refuse(
          `${host.place} holds the archive of topic ${end.topic} of another cluster (${end.cluster}; this one is ${identity.cluster}): name another --to`
        )
      )

export interface OpenedChain {
  readonly end: ChainEnd
  /** Why it begins another life; undefined where it goes on. */
  readonly restarted: string | undefined
}

/** Where the archive of the partition goes on. */
export const openChain = (host: ChainHost): Effect.Effect<OpenedChain, ProcessorError> =>
  Effect.gen(function* () {
    const { plan, tp } = host
    const identity = yield* host.askLog(host.log.identity)
    const unborn = (life: number): ChainEnd => ({
      ...{ ...tp, life, ...identity, from: plan.logStart },
      ...{ hour: null, last: null, memory: null, memo: "" }
    })
    let end = yield* committed(host, decodeMemo(plan.memo))
    // What the engine knows of a log that went back is about the commit's life, and about no other.
    let restarted = end !== undefined && plan.restarted ? "the log went back" : undefined
    if (end === undefined) {
      const life = yield* newestLife(host)
      if (life === undefined) return { end: unborn(1), restarted }
      end = yield* newest(host, life)
    }
    for (;;) {
      yield* sameCluster(host, identity, end)
      end = yield* walk(host, end)
      const why = restarted ?? (yield* wentBack(host, identity, end))
      if (why === undefined) return { end, restarted }
      restarted = undefined
      const next: Life | undefined = yield* lifeOf(host, { ...tp, life: end.life + 1 })
      if (next === undefined) return { end: unborn(end.life + 1), restarted: why }
      end = yield* newest(host, next)
    }
  })
