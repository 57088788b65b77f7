/**
 * Creation: a life's beginning, and from an open object to one in the store: its memory first, because whoever goes on from the object must find it, then the object, whole, under the one
 * name that the object before fixed. A create that is not answered is tried again as it was. Where the name is taken, what is there is compared: it may
 * be an earlier try's, another owner's of this log, or of another log.
 */
import { Effect } from "effect"
import { Backoff } from "../Backoff.ts"
import { type Opening, ProcessorError } from "../engine/PartitionProcessor.ts"
import { partitionKey } from "../transport/Transport.ts"
import { type ChainEnd, endBehind, frameOf } from "./Chain.ts"
import type { Hour } from "./format/Hour.ts"
import { encodeLastFrame, type LastFrame } from "./format/LastFrame.ts"
import { encodeLife } from "./format/Life.ts"
import { lifeName, objectName } from "./format/Names.ts"
import type { Keeper } from "./Keeper.ts"
import type { OpenObject } from "./OpenObject.ts"
import type { StoreAsker } from "./StoreAsker.ts"

export interface CreationHost {
  readonly opening: Opening
  readonly store: StoreAsker
  readonly keeper: Keeper
  /** Done right before each create. */
  readonly proven: Effect.Effect<void>
}

/** What is known of an object that was created, for the status. */
export interface CreatedObject {
  readonly name: string
  readonly rows: number
  /** Of the rows, and as they are stored. */
  readonly bytes: number
  readonly stored: number
}

export type Creation =
  | { readonly end: ChainEnd; readonly object: CreatedObject }
  /** Another owner was there first, and its object ends there. */
  | { readonly lostTo: number }

const askingLog = new Backoff(100, 2_000)

/** What was gathered may be of two logs, where the topic was made anew meanwhile and the new one is as long already. */
export const isAnotherTopic = ({ log }: Opening, { topicId }: ChainEnd): Effect.Effect<boolean> =>
  log.identity.pipe(
    Effect.retry(askingLog.schedule),
    Effect.orDie,
    Effect.map((now) => topicId !== null && now.topicId !== null && now.topicId !== topicId)
  )

/** The first record of a life names the hour of its first object, for whoever is first; undefined for whoever is not. */
export const createLife = (
  { proven, store }: CreationHost,
  end: ChainEnd,
  hour: Hour
): Effect.Effect<ChainEnd | undefined> => {
  const { topic, partition, life, cluster, topicId, from } = end
  const bytes = encodeLife({ topic, partition, life, cluster, topicId, begin: from, hour })
  return Effect.map(
    store.ask((s) => s.create(lifeName(end), [bytes]), bytes.length, proven),
    (created) => (created === "created" ? { ...end, hour } : undefined)
  )
}

/** Everything of `open` before `to`. `next`: the hour of the first record behind it, where one was read. */
export const createObject = (
  host: CreationHost,
  end: ChainEnd & { readonly hour: Hour },
  open: OpenObject,
  to: number,
  next: Hour | undefined
): Effect.Effect<Creation, ProcessorError> =>
  Effect.gen(function* () {
    const { keeper, proven, store } = host
    const { topic, partition, life, cluster, hour } = end
    const data = yield* open.packed
    const memory = yield* keeper.write(end, to, proven)
    const frame: LastFrame = {
      ...{ topic, partition, life, cluster, from: open.from, to, last: open.last, memory },
      next: next ?? hour,
      ...{ records: open.records, rows: open.rows, bytes: open.bytes }
    }
    const pieces = [...data, encodeLastFrame(frame)]
    const stored = pieces.reduce((sum, piece) => sum + piece.length, 0)
    const name = objectName(end, hour, open.from)
    const created = yield* store.ask((s) => s.create(name, pieces), stored, proven)
    const lostTo = created === "exists" ? yield* takenTo(host, frame, hour) : undefined
    if (lostTo !== undefined) return { lostTo }
    const object = { name, rows: open.rows, bytes: open.bytes, stored }
    return { end: endBehind(frame, hour, end), object }
  })

/** Where the object ends that has the name; undefined where it is our own. */
const takenTo = (
  { opening, store }: CreationHost,
  mine: LastFrame,
  hour: Hour
): Effect.Effect<number | undefined, ProcessorError> =>
  Effect.gen(function* () {
    const host = { ask: store.ask.bind(store), place: store.place }
    const name = objectName(mine, hour, mine.from)
    const theirs = yield* frameOf(host, mine, hour, mine.from)
    if (theirs === undefined)
      return yield* new ProcessorError({ message: `${name} in ${store.place} is taken, and is not there` })
    if (theirs.to === mine.to && theirs.memory === mine.memory && theirs.last?.crc === mine.last?.crc) return undefined
    const { last } = theirs
    const testimony =
      last === null ? "gone" : yield* opening.log.holds(last).pipe(Effect.retry(askingLog.schedule), Effect.orDie)
    if (testimony === "another")
      return yield* new ProcessorError({
        message: `the object ${name} in ${store.place} is of another log than ${partitionKey(opening.tp)}: its last record, at offset ${last!.offset}, is another one here; nothing is written behind it`
      })
    return theirs.to
  })
