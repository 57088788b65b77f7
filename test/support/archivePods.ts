/** ArchivePods: `kafka2prom archive` as processes, and what they wrote, read by the judge of the simulation: from a folder, whoever serves it. */
import { readFileSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { random } from "../../src/testing/Random.ts"
import { KafkaTransport } from "../../src/transport/kafka/KafkaTransport.ts"
import { type Producer, Transport } from "../../src/transport/Transport.ts"
import type { Expected } from "../archive/sim/ArchiveJudge.ts"
import { FileWriter, type Written } from "../archive/sim/FileWriter.ts"
import type { Running, RunOptions, Stage } from "./processes.ts"

export interface ArchivePodStatus {
  readonly ready: boolean
  readonly shards: ReadonlyArray<{
    readonly partitions: ReadonlyArray<{
      readonly phase: string
      readonly lag: number | null
      readonly archive: {
        readonly archivedTo: number | null
        readonly open: { readonly rows: number } | null
        readonly lagMs: number
        readonly store: { readonly words: string; readonly code: string } | null
      } | null
    }>
  }>
}

export interface ArchivePod {
  readonly process: Running
  readonly status: () => Promise<ArchivePodStatus>
  readonly text: (path: string) => Promise<string>
}

export const startArchivePod = async (
  stage: Stage,
  name: string,
  args: ReadonlyArray<string>,
  options: RunOptions = {}
): Promise<ArchivePod> => {
  const process = stage.program(name, ["archive", "--listen", "127.0.0.1:0", ...args], options)
  const [, base] = await process.says(/listening on (http:\/\/[^/]+)\//)
  const text = async (path: string) => (await fetch(base + path, { signal: AbortSignal.timeout(10_000) })).text()
  return { process, text, status: async () => JSON.parse(await text("/api/v1/status")) as ArchivePodStatus }
}

/** The objects below the folder, by their paths in it. */
export const objectsBelow = async (folder: string): Promise<ReadonlyArray<string>> =>
  (await readdir(folder, { recursive: true }).catch(() => [])).filter((name) => name.endsWith(".zst"))

/** All files below the folder, by their paths in it, when nobody writes any more. */
export const filesBelow = async (folder: string): Promise<ReadonlyMap<string, Buffer>> => {
  const files = new Map<string, Buffer>()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name)
      files.set(path.slice(folder.length + 1), readFileSync(path))
    }
  return files
}

/** Every partition is served, and has nothing left to archive. */
export const haveArchived = async (pods: ReadonlyArray<ArchivePod>, partitions: number): Promise<boolean> => {
  const statuses = await Promise.all(pods.map((pod) => pod.status()))
  const all = statuses.flatMap(({ shards }) => shards.flatMap((shard) => shard.partitions))
  return (
    all.length === partitions &&
    all.every(({ phase, lag, archive }) => phase === "serving" && lag === 0 && (archive?.open?.rows ?? 0) === 0)
  )
}

/** What the judge is to find of files alone. */
export const expecting = (topic: string, senders: Senders): Expected => {
  const none = new Set<string>()
  return { topic, files: senders.files(), plain: { sent: none, acknowledged: none }, held: undefined }
}

export interface Senders {
  readonly files: () => ReadonlyMap<string, Written>
  /** No further line is written, and all are sent. */
  readonly finish: () => Promise<void>
  /** Of all, as they stand. */
  readonly lines: () => number
}

/** Files that grow, and agents that send them and crash now and then; `pace`: ms between two sends of a file. */
export const startSenders = async (
  brokers: ReadonlyArray<string>,
  topic: string,
  partitions: number,
  { writers: count = 6, pace = 20, lines = 8 } = {}
): Promise<Senders> => {
  const scope = Scope.makeUnsafe()
  const kafka = { brokers, clientId: "agents", connectionTimeout: 10_000, requestTimeout: 10_000 }
  const producer: Producer = await Effect.runPromise(
    Effect.gen(function* () {
      return yield* (yield* Transport).producer({ clientId: "agents", acks: "all", compression: "zstd" })
    }).pipe(Effect.provide(KafkaTransport.layer(kafka)), Scope.provide(scope))
  )
  let writing = true
  const r = random(7)
  const writers = Array.from(
    { length: count },
    (_, i) => new FileWriter(topic, `host/${i}`, i % partitions, random(100 + i))
  )
  const work = Promise.all(
    writers.map(async (writer) => {
      while (writing || !writer.allSent) {
        if (writing) writer.write(r.int(1, lines))
        await Effect.runPromise(writer.send(producer))
        if (writing && r.chance(0.02)) writer.crash()
        if (writing && writer.allSent && r.chance(0.02)) writer.rotate()
        await new Promise((resolve) => setTimeout(resolve, pace))
      }
    })
  )
  const files = () => new Map(writers.flatMap((writer) => [...writer.files]))
  return {
    files,
    lines: () => [...files().values()].reduce((sum, file) => sum + file.lines.size, 0),
    finish: async () => {
      writing = false
      await work
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }
}
