/**
 * Turns: the longest turn of the event loop while the worst records that we know are worked off, beside ordinary dumps: a heartbeat or a
 * scrape can wait so long. Records go to the processor of a partition as its actor gives them, in batches of a megabyte; the loop itself
 * samples its turns. Each case has a process of its own.
 *
 * Also, against an ordinary dump's: CPU a byte of input, and what the process grew by a byte of input, after a collection.
 * Not measured: Kafka, unpacking, scrapes.
 */
import { setImmediate as turn } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Effect, Layer } from "effect"
import { PartitionProcessor } from "../../../src/engine/PartitionProcessor.ts"
import { loopTurns } from "../../../src/LoopTurns.ts"
import { MetricsCache } from "../../../src/metrics/cache/MetricsCache.ts"
import * as MetricsProcessor from "../../../src/metrics/cache/MetricsProcessor.ts"
import { SelfMetrics } from "../../../src/SelfMetrics.ts"
import { openingOf } from "../../../src/testing/TestOpening.ts"
import type { LogRecord } from "../../../src/transport/Transport.ts"
import { mixedService, sourceName } from "../dumps/mixed.ts"
import { numbered, type Unnumbered } from "./subject.ts"

const batchBytes = 1024 * 1024

/** Names of three letters, each another one: a line of six bytes is a family. */
const shortNames = (count: number): ReadonlyArray<string> => {
  const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:"
  const all = `${letters}0123456789`
  return Array.from(
    { length: count },
    (_, i) =>
      letters[i % letters.length]! +
      all[Math.floor(i / letters.length) % all.length]! +
      all[Math.floor(i / letters.length / all.length) % all.length]!
  )
}

/** Lines as long as those of services, of so many bytes together. */
const longLines = (bytes: number, value: number): ReadonlyArray<string> =>
  Array.from(
    { length: Math.ceil(bytes / 320) },
    (_, i) => `requests_${i % 500}_total{path="/api/v1/${i}",tenant="${"customer".repeat(32)}"} ${value}\n`
  )

/** `scale`: 1 for the sizes that were found in the field of attack. */
export const worstCases: Readonly<Record<string, (scale: number) => ReadonlyArray<Unnumbered>>> = {
  "ordinary dumps": (scale) =>
    Array.from({ length: Math.ceil(100 * scale) }, (_, i) => numbered(sourceName(i), 1, mixedService(i).round())),
  "ten records of 190,000 families of one line": (scale) => {
    const text = Buffer.from(
      shortNames(190_000 * scale)
        .map((name) => `${name} 1\n`)
        .join("")
    )
    return Array.from({ length: 10 }, (_, i) => numbered(sourceName(i), 1, text))
  },
  "150,000 families as gauge, then as counter, in samples mode": (scale) =>
    ["gauge", "counter"].map((type) => ({
      ...{ key: Buffer.from("source"), headers: {} },
      value: Buffer.from(
        shortNames(150_000 * scale)
          .map((name) => `# TYPE ${name} ${type}\n${name} 1\n`)
          .join("")
      )
    })),
  "40,000 first chunks of unfinished rounds": (scale) =>
    Array.from({ length: 40_000 * scale }, (_, i) => {
      const record = numbered(`source-${i % 2_000}`, 1 + Math.floor(i / 2_000), Buffer.from("a 1\n"))
      return { ...record, headers: { ...record.headers, "k2p-chunk": Buffer.from("1/2") } }
    }),
  "a record of 60 MB, then its next round": (scale) =>
    [1, 2].map((round) => numbered("source", round, Buffer.from(longLines(60e6 * scale, round).join("")))),
  "a record of 60 MB that has 190,000 families with HELP and TYPE": (scale) => {
    const help = "what it counts, and of whom. ".repeat(6)
    const family = (i: number): string =>
      `# HELP a_name_of_some_length_${i} ${help}\n# TYPE a_name_of_some_length_${i} counter\na_name_of_some_length_${i} 1\n`
    return [numbered("source", 1, Buffer.from(Array.from({ length: 190_000 * scale }, (_, i) => family(i)).join("")))]
  },
  "a record of 60 MB of TYPE lines": (scale) => [
    numbered("source", 1, Buffer.from(`a 1\n${"# TYPE a gauge\n".repeat(4e6 * scale)}`))
  ],
  "a record of 40 MB in samples mode, then another": (scale) =>
    [1, 2].map((round) => ({
      ...{ key: Buffer.from("source"), headers: {} },
      value: Buffer.from(longLines(40e6 * scale, round).join(""))
    })),
  "64 chunks of one family": (scale) => {
    const lines = longLines(50e6 * scale, 1).map((line) => line.replace(/^requests_\d+_/, "requests_"))
    const size = Math.ceil(lines.length / 64)
    return Array.from({ length: 64 }, (_, i) => {
      const record = numbered("source", 1, Buffer.from(lines.slice(i * size, (i + 1) * size).join("")))
      return { ...record, headers: { ...record.headers, "k2p-chunk": Buffer.from(`${i + 1}/64`) } }
    })
  },
  "one record of 60,000 lines that are no text": (scale) => [
    { key: Buffer.from("source"), headers: {}, value: Buffer.from("a{b= 1\n".repeat(60_000 * scale)) }
  ]
}

export interface Turns {
  readonly longestMs: number
  readonly wallMs: number
  readonly cpuNsPerByte: number
  readonly grownPerByte: number
  readonly bytes: number
}

const sizeOf = ({ key, value, headers }: Unnumbered): number =>
  (key?.length ?? 0) +
  (value?.length ?? 0) +
  Object.entries(headers).reduce((sum, [name, header]) => sum + name.length + (header?.length ?? 0), 0)

/** As an actor takes them from its queue. */
const batchesOf = (records: ReadonlyArray<Unnumbered>): ReadonlyArray<ReadonlyArray<LogRecord>> => {
  const batches: Array<Array<LogRecord>> = []
  let room = 0
  for (const [offset, record] of records.entries()) {
    if (room <= 0) {
      batches.push([])
      room = batchBytes
    }
    batches.at(-1)!.push({ ...record, offset, timestamp: Date.now() })
    room -= sizeOf(record)
  }
  return batches
}

const collect = (): void => {
  setFlagsFromString("--expose-gc")
  ;(runInNewContext("gc") as () => void)()
}

const parts = MetricsProcessor.layer(MetricsProcessor.defaultMetricsOptions).pipe(
  Layer.provideMerge(Layer.merge(MetricsCache.layer, SelfMetrics.layerBare))
)

/** In this process, which should do nothing else before or after. */
export const measureTurns = (name: string, scale: number): Promise<Turns> =>
  Effect.gen(function* () {
    const records = worstCases[name]!(scale)
    const bytes = records.reduce((sum, record) => sum + sizeOf(record), 0)
    const batches = batchesOf(records)
    const processor = yield* PartitionProcessor
    const processing = yield* processor.open(openingOf({ topic: "metrics", partition: 0 }))
    collect()
    yield* Effect.promise(() => turn())
    const turns = loopTurns()
    const [resident, started, before] = [process.memoryUsage.rss(), performance.now(), process.cpuUsage()]
    for (const batch of batches) {
      yield* processing.process({ records: batch, next: batch.at(-1)!.offset + 1, fence: 0 })
      yield* Effect.promise(() => turn())
    }
    const { user, system } = process.cpuUsage(before)
    const wallMs = performance.now() - started
    turns.disable()
    collect()
    yield* Effect.promise(() => turn())
    return {
      longestMs: turns.max / 1e6,
      wallMs,
      cpuNsPerByte: ((user + system) * 1000) / bytes,
      grownPerByte: Math.max(0, process.memoryUsage.rss() - resident) / bytes,
      bytes
    }
  }).pipe(Effect.scoped, Effect.provide(parts), Effect.runPromise)
