/**
 * ArchiveJudge: reads nothing but what was written and what the store holds: each line of each file is there once, as it was written, in the order of its
 * file; objects follow one another without a hole or an overlap; nothing else is there. It shares no code with the archive but the format's.
 */
import { zstdDecompressSync } from "node:zlib"
import { decodeLastFrame } from "../../../src/archive/format/LastFrame.ts"
import { decodeLife } from "../../../src/archive/format/Life.ts"
import type { Written } from "./FileWriter.ts"

interface Row {
  readonly source: string
  readonly stream: string | null
  readonly position: number | null
  readonly offset: number
  readonly line: string
}

export interface Expected {
  readonly topic: string
  /** By stream. */
  readonly files: ReadonlyMap<string, Written>
  /** Of records without spans. */
  readonly plain: { readonly sent: ReadonlySet<string>; readonly acknowledged: ReadonlySet<string> }
  /** Of a log that lost something itself: what it still holds, as `stream position`, or `plain` and the text. */
  readonly held: ReadonlySet<string> | undefined
}

/** A row and where it stands. */
interface ArchivedRow extends Row {
  readonly partition: number
  readonly life: number
  readonly name: string
}

const nameOf = /^(.+)\/date=(.+)\/hour=(.+)\/(\d+)-(\d+)-(\d{20})\.ndjson\.zst$/

/** The rows of all chains in their order, and what is wrong with the chains: holes, overlaps, what is out of place. */
export const readChains = (
  objects: ReadonlyMap<string, Buffer>,
  topic: string
): { readonly found: Array<string>; readonly rows: ReadonlyArray<ArchivedRow> } => {
  const found: Array<string> = []
  const all: Array<ArchivedRow> = []
  const chains = new Map<string, Array<{ readonly from: number; readonly name: string }>>()
  for (const name of objects.keys()) {
    const match = nameOf.exec(name)
    if (match === null || match[1] !== topic) continue
    const key = `${match[4]} ${match[5]}`
    const chain = chains.get(key) ?? []
    chain.push({ from: Number(match[6]), name })
    chains.set(key, chain)
  }
  for (const [key, chain] of chains) {
    const [partition, life] = key.split(" ").map(Number) as [number, number]
    chain.sort((a, b) => a.from - b.from)
    const born = objects.get(`_k2p/${topic}/${partition}/life-${life}`)
    const begin = born === undefined ? undefined : decodeLife(born)?.begin
    if (begin === undefined) found.push(`partition ${partition} life ${life} has objects and was never begun`)
    let at = begin ?? 0
    for (const { from, name } of chain) {
      if (from !== at) found.push(`${name}: ${from < at ? "an overlap" : "a hole"}, the one before ends at ${at}`)
      const bytes = objects.get(name)!
      const frame = decodeLastFrame(bytes)?.frame
      if (frame === undefined) {
        found.push(`${name} has no last frame`)
        continue
      }
      if (frame.to <= from) found.push(`${name} ends at ${frame.to}`)
      at = frame.to
      const rows = zstdDecompressSync(bytes)
        .toString()
        .split("\n")
        .filter((row) => row !== "")
        .map((row) => JSON.parse(row) as Row)
      if (rows.length !== frame.rows) found.push(`${name} has ${rows.length} rows and says ${frame.rows}`)
      let offset = from
      for (const row of rows) {
        if (row.offset < offset || row.offset >= frame.to) found.push(`${name}: offset ${row.offset} is out of place`)
        offset = row.offset
        all.push({ ...row, partition, life, name })
      }
    }
  }
  return { found, rows: all }
}

/** What is wrong with an archive; empty where all is well. `whole`: every line must be there. */
export const judge = (
  objects: ReadonlyMap<string, Buffer>,
  expected: Expected,
  whole: boolean
): ReadonlyArray<string> => {
  const { found, rows } = readChains(objects, expected.topic)
  const seen = new Set<string>()
  const once = new Set<string>()
  const last = new Map<string, number>()
  for (const { partition, life, name, ...row } of rows) {
    const id = row.stream === null ? `plain ${row.line}` : `${row.stream} ${row.position}`
    seen.add(id)
    const inLife = `${partition} ${life} ${id}`
    if (once.has(inLife)) found.push(`${name}: ${id} is there twice in life ${life}`)
    once.add(inLife)
    if (row.stream === null) {
      if (!expected.plain.sent.has(row.line)) found.push(`${name}: nobody sent ${row.line}`)
      continue
    }
    const file = expected.files.get(row.stream)
    if (file?.lines.get(row.position!) !== row.line || file.source !== row.source || file.partition !== partition)
      found.push(`${name}: ${id} is not what was written there: ${row.line}`)
    // Of a log that lost something an agent's repeat may fill what is missing, late.
    const stream = `${partition} ${life} ${row.stream}`
    if (expected.held === undefined && row.position! <= (last.get(stream) ?? -1))
      found.push(`${name}: ${id} is out of order`)
    last.set(stream, row.position!)
  }
  if (!whole) return found
  const missing = (id: string) => !seen.has(id) && expected.held?.has(id) !== false
  for (const [stream, file] of expected.files)
    for (const position of file.lines.keys())
      if (position < file.acknowledged && missing(`${stream} ${position}`))
        found.push(`the line at ${position} of ${file.source}, stream ${stream}, is nowhere`)
  for (const line of expected.plain.acknowledged) if (missing(`plain ${line}`)) found.push(`${line} is nowhere`)
  return found
}
