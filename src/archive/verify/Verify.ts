/**
 * Verify: reads a whole archive, object by object, and says what it holds: whether every object is whole, whether offsets follow one another, where streams have
 * gaps, which batches could not be read. It changes nothing, needs no broker, and may run beside pods that write.
 */

import { pipeline } from "node:stream/promises"
import { crc32, createZstdDecompress } from "node:zlib"
import { Effect } from "effect"
import { decodeLastFrame } from "../format/LastFrame.ts"
import { decodeLife } from "../format/Life.ts"
import { type Line, lifeName, memoryName, parseObjectName, parseUnreadName } from "../format/Names.ts"
import { Memory } from "../memory/Memory.ts"
import type { Store, Stored, StoreError } from "../store/Store.ts"
import { type ChainReport, type Finding, type Found, reportChain } from "./Findings.ts"

/** Objects that are read at a time. */
const together = 4
/** Streams with gaps that are named, of each partition. */
const named = 20

const lineFeed = 10

interface Contents {
  readonly rows: number
  readonly bytes: number
}

/** What is in the data, counted as it is unpacked: an object may be much larger than it is stored. */
const unpacked = async (object: Uint8Array): Promise<Contents> => {
  const count = { rows: 0, bytes: 0 }
  const decompress = createZstdDecompress()
  const counting = async (pieces: AsyncIterable<Buffer>): Promise<void> => {
    for await (const piece of pieces) {
      count.bytes += piece.length
      for (let at = piece.indexOf(lineFeed); at >= 0; at = piece.indexOf(lineFeed, at + 1)) count.rows += 1
    }
  }
  await pipeline([object], decompress, counting)
  return count
}

const damageOf = async (bytes: Uint8Array, frame: ReturnType<typeof decodeLastFrame>): Promise<string | undefined> => {
  if (frame === undefined) return "it does not end as one of ours"
  try {
    const { rows, bytes: held } = await unpacked(bytes.subarray(0, bytes.length - frame.bytes))
    const says = frame.frame
    if (rows === says.rows && held === says.bytes) return undefined
    return `it holds ${rows} rows in ${held} bytes and says ${says.rows} in ${says.bytes}`
  } catch (error) {
    return `its data cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`
  }
}

const look = (store: Store, line: Line, { name, bytes: stored }: Stored): Effect.Effect<Found, StoreError> =>
  Effect.gen(function* () {
    const { from } = parseObjectName(line.topic, name)!
    const bytes = yield* store.read(name)
    if (bytes === undefined) return { name, from, stored, frame: undefined, damage: "it was removed meanwhile" }
    const decoded = decodeLastFrame(bytes)
    const frame = decoded?.frame
    const isItself =
      frame === undefined ||
      (frame.topic === line.topic &&
        frame.partition === line.partition &&
        frame.life === line.life &&
        frame.from === from)
    const damage = isItself
      ? yield* Effect.promise(() => damageOf(bytes, decoded))
      : `it says that it is ${frame.topic}/${frame.partition}, life ${frame.life}, from ${frame.from}`
    return { name, from, stored, frame: isItself ? frame : undefined, damage }
  })

/** By the memory of repeats at the end of the chain: of the streams that wrote last. */
const gapsOf = (
  store: Store,
  line: Line,
  found: ReadonlyArray<Found>
): Effect.Effect<ReadonlyArray<Finding>, StoreError> =>
  Effect.gen(function* () {
    const last = found.toSorted((a, b) => a.from - b.from).at(-1)?.frame
    if (last === undefined || last.memory === null) return []
    const bytes = yield* store.read(last.memory)
    const isWhole = bytes !== undefined && memoryName(line, last.to, crc32(bytes)) === last.memory
    const memory = isWhole ? Memory.decode(bytes, Number.MAX_SAFE_INTEGER) : undefined
    if (memory === undefined)
      return [
        { level: "broken", text: `${last.memory} is missing or damaged: what agents send again is archived twice` }
      ]
    const texts: Array<string> = []
    for (const [stream, { gaps }] of memory.entries())
      for (let i = 0; i < gaps.length; i += 2)
        texts.push(`stream ${stream} lacks bytes ${gaps[i]} to ${gaps[i + 1]! - 1}`)
    const shown = texts.slice(0, named).map((text): Finding => ({ level: "note", text }))
    const more = texts.length - shown.length
    return more === 0 ? shown : [...shown, { level: "note", text: `${more} further gaps of streams` }]
  })

export interface Verified {
  readonly reports: ReadonlyArray<ChainReport>
  readonly others: ReadonlyArray<Finding>
}

/** All that is in the archive. */
export const verify = (store: Store): Effect.Effect<Verified, StoreError> =>
  Effect.gen(function* () {
    const chains = new Map<string, { readonly line: Line; readonly objects: Array<Stored> }>()
    const others: Array<Finding> = []
    const chainOf = (line: Line) => {
      const key = lifeName(line)
      const chain = chains.get(key) ?? { line, objects: [] }
      chains.set(key, chain)
      return chain
    }
    yield* store.list("", (stored) => {
      const { name } = stored
      const unread = parseUnreadName(name)
      if (unread !== undefined)
        others.push({ level: "note", text: `${name}: a batch that nobody can read, as its bytes came` })
      const born = /^_k2p\/([^/]+)\/(\d+)\/life-(\d+)$/.exec(name)
      if (born !== null) chainOf({ topic: born[1]!, partition: Number(born[2]), life: Number(born[3]) })
      const topic = name.slice(0, Math.max(0, name.indexOf("/")))
      const object = parseObjectName(topic, name)
      if (object !== undefined) chainOf({ topic, partition: object.partition, life: object.life }).objects.push(stored)
      else if (!name.startsWith("_k2p/")) others.push({ level: "note", text: `${name} is none of ours` })
    })
    const reports: Array<ChainReport> = []
    for (const { line, objects } of chains.values()) {
      const born = yield* store.read(lifeName(line))
      const found = yield* Effect.forEach(objects, (stored) => look(store, line, stored), { concurrency: together })
      const report = reportChain(line, born === undefined ? undefined : decodeLife(born)?.begin, found)
      const gaps = yield* gapsOf(store, line, found)
      reports.push({ ...report, findings: [...report.findings, ...gaps] })
    }
    return { reports, others }
  })
