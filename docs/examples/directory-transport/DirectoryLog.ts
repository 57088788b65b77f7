/**
 * DirectoryLog: a Transport over files in a directory: a folder a topic, a file a partition, and one file with what groups committed. It is
 * for one process: who is in a group is known in its memory alone, which it borrows from the embedded log. Records and commits outlive it.
 *
 * Not promised: retention (a file grows as long as it is written to), records above `maxRecordBytes`, other processes on the same directory.
 */
import { appendFile, mkdir, readdir } from "node:fs/promises"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import {
  defaultMaxRecordBytes,
  EmbeddedLog,
  type Fetched,
  type FetchRequest,
  type GroupClient,
  type LogRecord,
  type OutgoingRecord,
  type Producer,
  partitionKey,
  retriableCodes,
  type TopicPartition,
  type Transport,
  TransportError,
  type TransportErrorCode
} from "kafka2prom/transport"
import { CommitFile } from "./CommitFile.ts"
import { PartitionFile } from "./PartitionFile.ts"

export interface DirectoryLog {
  readonly transport: Transport["Service"]
  /** Creates the topic, or grows it to that many partitions. */
  readonly createTopic: (topic: string, partitions: number) => Effect.Effect<void>
}

export interface DirectoryLogOptions {
  /** Of a record's value. Larger ones are refused. */
  readonly maxRecordBytes?: number
  /** Ms: what a member's session timeout may be at least. */
  readonly minSessionTimeout?: number
}

/** Ms between two looks of a fetch that waits for records. */
const pause = 10

const failure = (op: string, code: TransportErrorCode, detail: string) =>
  new TransportError({ op, code, retriable: retriableCodes.has(code), detail })

/** A record that is longer than the reader takes comes without its value. */
const within = (record: LogRecord, most: number): LogRecord =>
  record.value !== null && record.value.length > most
    ? { ...record, value: null, tooLarge: record.value.length }
    : record

/** Opens the directory, which is created where it is not there. */
export const openDirectoryLog = (
  directory: string,
  { maxRecordBytes = 1_000_000, minSessionTimeout = 6_000 }: DirectoryLogOptions = {}
): Effect.Effect<DirectoryLog, never, Scope.Scope> =>
  Effect.gen(function* () {
    const groups = yield* EmbeddedLog.make({ minSessionTimeout })
    const files = new Map<string, PartitionFile>()
    const pathOf = (topic: string, partition: number) => join(directory, topic, `${partition}.ndjson`)
    yield* Effect.promise(() => mkdir(directory, { recursive: true }))
    const commits = new CommitFile(join(directory, "commits.json"))

    /** The group's coordinator knows the topics, too: it refuses commits of what is not there. */
    const topics = new Set<string>()
    const enter = (topic: string, partitions: number) => {
      for (let partition = 0; partition < partitions; partition++) {
        const key = partitionKey({ topic, partition })
        if (!files.has(key)) files.set(key, new PartitionFile(pathOf(topic, partition)))
      }
      const known = topics.has(topic)
      topics.add(topic)
      return known ? groups.addPartitions(topic, partitions) : groups.createTopic(topic, partitions)
    }
    const folders = yield* Effect.promise(() => readdir(directory, { withFileTypes: true }))
    for (const folder of folders.filter((entry) => entry.isDirectory()))
      yield* enter(folder.name, (yield* Effect.promise(() => readdir(join(directory, folder.name)))).length)

    const opened = (op: string, tp: TopicPartition): Effect.Effect<PartitionFile, TransportError> => {
      const file = files.get(partitionKey(tp))
      if (file === undefined) return Effect.fail(failure(op, "UNKNOWN_TOPIC_OR_PARTITION", partitionKey(tp)))
      return Effect.as(file.follow, file)
    }

    /** What is there of one partition now. */
    const readNow = ({ tp, offset }: FetchRequest, maxBytes: number, most: number): Effect.Effect<Fetched> =>
      Effect.gen(function* () {
        const nothing = { tp, from: offset, next: offset, records: [], highWatermark: -1 }
        const found = yield* Effect.exit(opened("fetch", tp))
        if (found._tag === "Failure") return { ...nothing, error: "UNKNOWN_TOPIC_OR_PARTITION" }
        const file = found.value
        if (offset < 0 || offset > file.end) return { ...nothing, error: "OFFSET_OUT_OF_RANGE" }
        const records = (yield* file.read(offset, maxBytes)).map((record) => within(record, most))
        return { tp, from: offset, next: offset + records.length, records, highWatermark: file.end }
      })

    const fetch =
      (most: number, isOpen: () => boolean): GroupClient["fetch"] =>
      (_node, requests, { maxWait, maxBytes, maxBytesPerPartition }) =>
        Effect.gen(function* () {
          const deadline = performance.now() + maxWait
          for (;;) {
            if (!isOpen()) return yield* failure("fetch", "CONNECTION", "the client is closed")
            const answer: Array<Fetched> = []
            let left = maxBytes
            for (const request of requests) {
              const fetched = yield* readNow(request, Math.min(left, maxBytesPerPartition), most)
              answer.push(fetched)
              for (const { value } of fetched.records) left -= value?.length ?? 0
              // The others are asked for again: an answer is never empty for its size alone.
              if (left <= 0) break
            }
            const ready = answer.some(({ records, error }) => records.length > 0 || error !== undefined)
            if (ready || performance.now() >= deadline) return answer
            yield* Effect.sleep(Math.min(pause, Math.max(1, deadline - performance.now())))
          }
        })

    const groupClient: Transport["Service"]["groupClient"] = (options) =>
      Effect.gen(function* () {
        const member = yield* groups.transport.groupClient(options)
        let isOpen = true
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            isOpen = false
          })
        )
        return {
          ...member,
          fetch: fetch(options.maxRecordBytes ?? defaultMaxRecordBytes, () => isOpen),
          // The coordinator says whether this member may, and in which order; then it is made durable.
          offsetCommit: (as, offsets) =>
            Effect.andThen(member.offsetCommit(as, offsets), commits.store(options.group, offsets)),
          offsetFetch: (tps) => Effect.andThen(member.offsetFetch([]), commits.committed(options.group, tps)),
          listOffsets: (tps, at) =>
            Effect.gen(function* () {
              if (!isOpen) return yield* failure("listOffsets", "CONNECTION", "the client is closed")
              const found = new Map<string, number>()
              for (const tp of tps) {
                const file = yield* opened("listOffsets", tp)
                found.set(partitionKey(tp), at === "start" ? 0 : at === "end" ? file.end : file.firstAt(at.timestamp))
              }
              return found
            })
        }
      })

    const produce = (records: ReadonlyArray<OutgoingRecord>): Effect.Effect<void, TransportError> =>
      Effect.gen(function* () {
        const tooLarge = records.find(({ value }) => (value?.length ?? 0) > maxRecordBytes)
        if (tooLarge !== undefined)
          return yield* failure(
            "produce",
            "MESSAGE_TOO_LARGE",
            `${tooLarge.value!.length} bytes for ${partitionKey(tooLarge)}`
          )
        const byPartition = Map.groupBy(records, partitionKey)
        const missing = [...byPartition.keys()].find((key) => !files.has(key))
        if (missing !== undefined) return yield* failure("produce", "UNKNOWN_TOPIC_OR_PARTITION", missing)
        yield* Effect.forEach(byPartition, ([key, own]) => files.get(key)!.append(own), {
          concurrency: "unbounded",
          discard: true
        })
      })

    const producer: Transport["Service"]["producer"] = (options) =>
      Effect.map(groups.transport.producer(options), ({ metadata }): Producer => ({ produce, metadata }))

    return {
      transport: { groupClient, producer, inspect: groups.transport.inspect },
      createTopic: (topic, partitions) =>
        Effect.gen(function* () {
          yield* Effect.promise(async () => {
            await mkdir(join(directory, topic), { recursive: true })
            for (let partition = 0; partition < partitions; partition++) await appendFile(pathOf(topic, partition), "")
          })
          yield* enter(topic, partitions)
        })
    }
  })
