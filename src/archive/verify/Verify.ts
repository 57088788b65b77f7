/**
 * Verify: reads a whole archive, object by object, and says what it holds: whether every object is whole, whether offsets follow one another, where streams have
 * gaps, which batches could not be read. It changes nothing, needs no broker, and may run beside pods that write. Of an archive of any size it keeps the
 * objects' places in memory, some 50 bytes each, and of their contents a few parts.
 */
import { crc32 } from "node:zlib"
import { Effect } from "effect"
import { Backoff } from "../../Backoff.ts"
import type { Hour } from "../format/Hour.ts"
import { decodeLastFrame, tailBytes } from "../format/LastFrame.ts"
import { decodeLife } from "../format/Life.ts"
import { type Line, lifeName, memoryName, objectName, parseObjectName, parseUnreadName } from "../format/Names.ts"
import { Memory } from "../memory/Memory.ts"
import { inTime } from "../store/InTime.ts"
import type { Store, StoreError } from "../store/Store.ts"
import { ChainAudit, type Found } from "./ChainAudit.ts"
import { type Ask, contentsOf } from "./Contents.ts"
import { Findings } from "./Findings.ts"

/** Objects that are read at a time. */
const together = 4

/** Where an object stands. */
interface Placed {
  readonly from: number
  readonly hour: Hour
  readonly stored: number
}

interface Chain {
  readonly line: Line
  readonly objects: Array<Placed>
}

/** Why the object is not as its frame says, or the frame not as its name says; undefined where all is well. */
const look = (ask: Ask, line: Line, { from, hour, stored }: Placed): Effect.Effect<Found, StoreError> =>
  Effect.gen(function* () {
    const name = objectName(line, hour, from)
    const found = (damage: string | undefined, frame?: Found["frame"]): Found => ({ name, from, stored, frame, damage })
    const tail = yield* ask((store) => store.readTail(name, tailBytes))
    if (tail === undefined) return found("it was removed meanwhile")
    const decoded = decodeLastFrame(tail.bytes)
    if (decoded === undefined) return found("it does not end as one of ours: it is cut off, or somebody else wrote it")
    const { frame } = decoded
    const { topic, partition, life } = frame
    if (topic !== line.topic || partition !== line.partition || life !== line.life || frame.from !== from)
      return found(`it says that it is ${topic}/${partition}, life ${life}, from ${frame.from}: somebody moved it here`)
    const contents = yield* contentsOf(ask, name, tail.size - decoded.bytes)
    if (typeof contents === "string") return found(contents, frame)
    const { rows, bytes } = contents
    if (rows === frame.rows && bytes === frame.bytes) return found(undefined, frame)
    return found(`it holds ${rows} rows in ${bytes} bytes and says ${frame.rows} in ${frame.bytes}`, frame)
  })

/** By the memory of repeats at the end of the chain: of the streams that wrote last. */
const findGaps = (ask: Ask, { line, last, findings }: ChainAudit): Effect.Effect<void, StoreError> =>
  Effect.gen(function* () {
    if (last === undefined || last.memory === null) return
    const bytes = yield* ask((store) => store.read(last.memory!))
    const isWhole = bytes !== undefined && memoryName(line, last.to, crc32(bytes)) === last.memory
    const memory = isWhole ? Memory.decode(bytes, Number.MAX_SAFE_INTEGER) : undefined
    if (memory === undefined)
      return findings.add(
        "broken",
        `${last.memory} is ${bytes === undefined ? "missing" : "damaged"}: what agents send again of before offset ${last.to} is archived twice; bring it back`
      )
    for (const [stream, { gaps }] of memory.entries())
      for (let i = 0; i < gaps.length; i += 2)
        findings.add(
          "note",
          `stream ${stream} lacks bytes ${gaps[i]} to ${gaps[i + 1]! - 1}: they never came, or come late`
        )
  })

const audited = (ask: Ask, { line, objects }: Chain): Effect.Effect<ChainAudit, StoreError> =>
  Effect.gen(function* () {
    const born = yield* ask((store) => store.read(lifeName(line)))
    const audit = new ChainAudit(line, born === undefined ? undefined : decodeLife(born)?.begin)
    objects.sort((a, b) => a.from - b.from)
    for (let at = 0; at < objects.length; at += together) {
      const some = objects.slice(at, at + together)
      for (const found of yield* Effect.forEach(some, (each) => look(ask, line, each), { concurrency: together }))
        audit.take(found)
    }
    audit.end()
    yield* findGaps(ask, audit)
    return audit
  })

/** All names, once. */
const listed = (store: Store) =>
  Effect.gen(function* () {
    const chains = new Map<string, Chain>()
    const hours = new Map<Hour, Hour>()
    const others = new Findings()
    const chainOf = (line: Line): Chain => {
      const key = lifeName(line)
      const chain = chains.get(key) ?? { line, objects: [] }
      chains.set(key, chain)
      return chain
    }
    /** One text for all objects of an hour, that does not keep the names that it was cut from. */
    const same = (hour: Hour): Hour => {
      const known = hours.get(hour) ?? Buffer.from(hour).toString()
      hours.set(known, known)
      return known
    }
    yield* store.list("", ({ name, bytes: stored }) => {
      if (parseUnreadName(name) !== undefined)
        others.add("note", `${name}: a batch that nobody can read, as its bytes came; its lines are in no object`)
      const born = /^_k2p\/([^/]+)\/(\d+)\/life-(\d+)$/.exec(name)
      if (born !== null) chainOf({ topic: born[1]!, partition: Number(born[2]), life: Number(born[3]) })
      const topic = name.slice(0, Math.max(0, name.indexOf("/")))
      const object = parseObjectName(topic, name)
      if (object !== undefined) {
        const { partition, life, from, hour } = object
        chainOf({ topic, partition, life }).objects.push({ from, hour: same(hour), stored })
      } else if (!name.startsWith("_k2p/"))
        others.add("note", `${name} is none of ours: whoever reads the whole folder reads it, too; keep it elsewhere`)
    })
    return { chains, others }
  })

export interface Verified {
  readonly reports: ReadonlyArray<ChainAudit>
  /** Of no partition. */
  readonly others: Findings
}

const backoff = new Backoff(500, 10_000)
/** After the first, of each question: a store that is away for longer is not read. */
const tries = 5

/** All that is in the archive. */
export const verify = (store: Store): Effect.Effect<Verified, StoreError> =>
  Effect.gen(function* () {
    const ask: Ask = (question) =>
      inTime(store, question).pipe(
        Effect.retry({ schedule: backoff.schedule, times: tries, while: ({ refused }) => !refused })
      )
    const { chains, others } = yield* ask(listed)
    const reports: Array<ChainAudit> = []
    for (const chain of chains.values()) reports.push(yield* audited(ask, chain))
    return { reports, others }
  })
