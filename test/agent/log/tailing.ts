/** Log files of a test in a folder of their own, an agent that tails them into an embedded log, and what a judge reads there. */
import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { Effect, Exit, Layer, Logger, Scope } from "effect"
import { type LogAgent, makeLogAgent } from "../../../src/agent/log/LogAgent.ts"
import { defaultLogOptions, type LogOptions } from "../../../src/agent/log/LogOptions.ts"
import { parseSpan, type Span } from "../../../src/Span.ts"
import { EmbeddedLog } from "../../../src/transport/embedded/EmbeddedLog.ts"
import type { LogRecord, Transport } from "../../../src/transport/Transport.ts"

export const topic = "logs"
export const io = <A>(work: () => Promise<A>): Effect.Effect<A> => Effect.promise(work)

export interface Received extends Span {
  readonly source: string
  readonly partition: number
  readonly value: string
}

export const received = (record: LogRecord, partition: number): Received => {
  const text = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString("latin1")
  const span = parseSpan(text(record.headers["k2p-span"]))
  if (span === undefined) throw new Error("a record without a span")
  if (text(record.key) !== text(record.headers["k2p-source"])) throw new Error("the key is not the source")
  return { ...span, source: text(record.key), partition, value: text(record.value) }
}

/** Each stream's lines once, in order, without what was repeated; it throws where a stream has a gap or goes back to what was not seen. */
export const linesOf = (records: ReadonlyArray<Received>): ReadonlyMap<string, ReadonlyArray<string>> => {
  const reached = new Map<string, number>()
  const lines = new Map<string, Array<string>>()
  for (const { stream, from, to, value } of records) {
    const at = reached.get(stream) ?? 0
    if (from > at) throw new Error(`stream ${stream} has a gap: ${at} to ${from}`)
    if (to <= at) continue
    const found = lines.get(stream) ?? []
    lines.set(stream, found)
    reached.set(stream, to)
    let position = from
    for (const line of value.split("\n")) {
      if (position >= at) found.push(line)
      position += line.length + 1
    }
  }
  return lines
}

/** All lines of a partition's records as they came, and those that are left where what spans repeat is left out; a stream may have gaps. */
export const linesOfSpans = (
  records: ReadonlyArray<LogRecord>
): { readonly all: ReadonlyArray<string>; readonly merged: ReadonlyArray<string> } => {
  const reached = new Map<string, number>()
  const all: Array<string> = []
  const merged: Array<string> = []
  for (const record of records) {
    const { stream, from, to, value } = received(record, 0)
    const at = reached.get(stream) ?? 0
    reached.set(stream, Math.max(at, to))
    let position = from
    for (const line of value.split("\n")) {
      all.push(line)
      if (position >= at) merged.push(line)
      position += line.length + 1
    }
  }
  return { all, merged }
}

/** What a judge reads of the topic, from its beginning. */
export const judging = Effect.fnUntraced(function* (of: string, partitions: number) {
  const log = yield* EmbeddedLog
  const client = yield* log.transport.groupClient({ group: "judge", clientId: "judge" })
  const positions = Array.from({ length: partitions }, () => 0)
  const records: Array<Received> = []
  const read = Effect.gen(function* () {
    for (const [partition, position] of positions.entries()) {
      const [fetched] = yield* client.fetch(1, [{ tp: { topic: of, partition }, offset: position }], {
        maxWait: 20,
        maxBytes: 50_000_000,
        maxBytesPerPartition: 50_000_000
      })
      positions[partition] = fetched!.next
      for (const record of fetched!.records) records.push(received(record, partition))
    }
    return records
  })
  /** Reads until the condition holds. */
  const until = Effect.fnUntraced(function* (holds: (records: ReadonlyArray<Received>) => boolean, what: string) {
    for (const deadline = performance.now() + 30_000; ; ) {
      if (holds(yield* read)) return records
      if (performance.now() > deadline)
        throw new Error(`waited for ${what}; there are ${JSON.stringify(records).slice(0, 2_000)}`)
      yield* io(() => delay(5))
    }
  })
  return { read, records, until }
})

export const setUp = Effect.fnUntraced(function* (partitions = 1) {
  const dir = yield* Effect.acquireRelease(
    io(() => mkdtemp(join(tmpdir(), "k2p-tail-"))),
    (path) => io(() => rm(path, { recursive: true, force: true }))
  )
  yield* io(() => mkdir(join(dir, "log")))
  const log = yield* EmbeddedLog
  yield* log.createTopic(topic, partitions)
  const options: LogOptions = {
    ...defaultLogOptions,
    topic,
    globs: [join(dir, "log/*.log*")],
    host: "h",
    stateDir: join(dir, "state"),
    poll: 5,
    globEvery: 20,
    linger: 5,
    keepEvery: 10
  }
  return { dir: join(dir, "log"), stateDir: options.stateDir, options, log, ...(yield* judging(topic, partitions)) }
})

/** An agent in a Scope of its own: closing it is its shutdown. */
export const start = Effect.fnUntraced(function* (options: LogOptions) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const agent: LogAgent = yield* makeLogAgent(options).pipe(Scope.provide(scope))
  return { agent, stop: Scope.close(scope, Exit.void) }
})

export const onEmbedded = <A>(
  body: Effect.Effect<A, unknown, EmbeddedLog | Transport | Scope.Scope>
): Effect.Effect<A, unknown> =>
  Effect.scoped(body).pipe(
    Effect.provide(Layer.merge(EmbeddedLog.transport.pipe(Layer.provideMerge(EmbeddedLog.layer())), Logger.layer([])))
  )
