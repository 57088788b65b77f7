/** ArchiveSubject: the archive as a team would bring a processor of its own to the kit, with its store in memory, reached through `outside`. */
import { zstdDecompressSync } from "node:zlib"
import { Effect, Layer } from "effect"
import * as ArchiveProcessor from "../../../src/archive/ArchiveProcessor.ts"
import { Archives } from "../../../src/archive/Archives.ts"
import { parseObjectName } from "../../../src/archive/format/Names.ts"
import { zstdAtOnce } from "../../../src/archive/rows/Packing.ts"
import { type Store, StoreError } from "../../../src/archive/store/Store.ts"
import type { DurableSubject, Stored } from "../../../src/testing/DurableSubject.ts"
import { outside } from "../../../src/testing/pods/Outside.ts"
import { limits } from "./ArchivePod.ts"

interface Row {
  readonly source: string
  readonly line: string
}

const rowsOf = (bytes: Uint8Array): ReadonlyArray<Stored> =>
  zstdDecompressSync(bytes)
    .toString()
    .split("\n")
    .filter((row) => row !== "")
    .map((row) => JSON.parse(row) as Row)
    .map(({ source, line }) => ({ source, n: Number(line) }))

/** By name; of archived ones their rows, each read once. `conditional`: it creates nothing that is there. */
const memoryStore = (conditional = true) => {
  const objects = new Map<string, Uint8Array>()
  const rows = new WeakMap<Uint8Array, ReadonlyArray<Stored>>()
  const away = Effect.mapError(() => new StoreError({ message: "no answer", code: "AWAY", refused: false }))
  const store: Store = {
    place: "memory",
    create: (name, pieces) =>
      away(
        outside.write(() => {
          if (conditional && objects.has(name)) return "exists"
          objects.set(name, Buffer.concat(pieces))
          return "created"
        })
      ),
    read: (name) => away(outside.read(() => objects.get(name))),
    readPart: (name, from, bytes) => away(outside.read(() => objects.get(name)?.subarray(from, from + bytes))),
    readTail: (name, most) =>
      away(
        outside.read(() => {
          const bytes = objects.get(name)
          return bytes && { bytes: bytes.subarray(Math.max(0, bytes.length - most)), size: bytes.length }
        })
      ),
    list: (prefix, each) =>
      Effect.map(away(outside.read(() => [...objects].filter(([name]) => name.startsWith(prefix)))), (found) => {
        for (const [name, bytes] of found) each({ name, bytes: bytes.length })
      }),
    remove: (name) => away(outside.write(() => void objects.delete(name)))
  }
  const stored = Effect.sync(() =>
    [...objects]
      .flatMap(([name, bytes]) => {
        const from = parseObjectName("metrics", name)?.from
        return from === undefined ? [] : [{ from, bytes }]
      })
      .sort((a, b) => a.from - b.from)
      .flatMap(({ bytes }) => {
        const known = rows.get(bytes) ?? rowsOf(bytes)
        rows.set(bytes, known)
        return known
      })
  )
  return { store, stored }
}

/** `conditional`: its store creates nothing that is there already. */
export const archiveSubject = (conditional?: boolean): Effect.Effect<DurableSubject> =>
  Effect.sync(() => {
    const { store, stored } = memoryStore(conditional)
    return {
      app: ArchiveProcessor.layer(store, { ...limits, rollBytes: 1_000 }, zstdAtOnce).pipe(
        Layer.provide(Archives.layer)
      ),
      says: (_, n) => ({ value: Buffer.from(`${n}`) }),
      stored,
      once: true,
      ordered: true,
      proves: true
    }
  })
