/** A registry that goes to the log without a file: the embedded log, a real registry, the real clock. It waits for records, never for time. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Scope } from "effect"
import { Counter, Registry } from "prom-client"
import { AgentFailed } from "../../src/agent/AgentFailed.ts"
import { partitionOf } from "../../src/agent/Partitioner.ts"
import { type PublishOptions, publishRegistry } from "../../src/agent/PublishRegistry.ts"
import { isRefused, readEnvelope } from "../../src/metrics/rounds/Record.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import type { LogRecord, Transport } from "../../src/transport/Transport.ts"

const topic = "metrics"
const source = "eu/orders-1"
const text = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString()
const version = (record: LogRecord) => text(record.headers["k2p-round"])
const epochOf = (record: LogRecord) => Number(version(record).split(".")[0])

const orders = () => {
  const registry = new Registry()
  const counter = new Counter({ name: "orders_total", help: "Orders.", registers: [registry] })
  return { registry, counter }
}

/** The source's partition, read by hand. */
const reading = Effect.fnUntraced(function* (partitions: number) {
  const log = yield* EmbeddedLog
  yield* log.createTopic(topic, partitions)
  const client = yield* log.transport.groupClient({ group: "test", clientId: "test" })
  const partition = partitionOf(Buffer.from(source), partitions)
  let position = 0
  return {
    partition,
    next: Effect.fnUntraced(function* (count: number) {
      const records: Array<LogRecord> = []
      while (records.length < count) {
        const [fetched] = yield* client.fetch(1, [{ tp: { topic, partition }, offset: position }], {
          maxWait: 1_000,
          maxBytes: 50_000_000,
          maxBytesPerPartition: 50_000_000
        })
        position = fetched?.next ?? position
        records.push(...(fetched?.records ?? []))
      }
      return records
    })
  }
})

const options = { topic, source, job: "orders", every: "1 second", partitionBase: 4 } as const

/** In a Scope of its own: closing it is the service's end. */
const start = Effect.fnUntraced(function* (given: PublishOptions) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  yield* Layer.build(publishRegistry(given)).pipe(Scope.provide(scope))
  return Scope.close(scope, Exit.void)
})

const temporary = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "k2p-publish-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

describe("publishRegistry", () => {
  const lines: Array<string> = []
  const kept = Logger.make(({ message }) => void lines.push(String(message)))
  const test = (
    name: string,
    body: Effect.Effect<void, unknown, EmbeddedLog | Transport | SelfMetrics | Scope.Scope>
  ) =>
    it.live(name, () =>
      Effect.suspend(() => {
        lines.length = 0
        return body
      }).pipe(
        Effect.provide(
          Layer.mergeAll(
            EmbeddedLog.transport.pipe(Layer.provideMerge(EmbeddedLog.layer())),
            SelfMetrics.layerBare,
            Logger.layer([kept])
          )
        )
      )
    )

  test(
    "puts rounds on the log as pods read them, numbered in their order, and the last values at its end",
    Effect.gen(function* () {
      const { next, partition } = yield* reading(4)
      const { registry, counter } = orders()
      counter.inc(3)
      const stop = yield* start({ ...options, registry, labels: { dc: "x" } })
      const [first] = yield* next(1)
      const envelope = readEnvelope(first!, { topic, partition }, "instance")
      if (isRefused(envelope)) throw new Error(envelope.detail)
      assert.deepInclude(envelope, { source, index: 1, count: 1, mode: "snapshot", format: "text", ended: false })
      assert.deepStrictEqual(envelope.labels, [
        ["job", "orders"],
        ["dc", "x"]
      ])
      assert.strictEqual(envelope.number?.round, 1)
      assert.include(text(first!.value), "orders_total 3\n")
      const [second] = yield* next(1)
      assert.strictEqual(version(second!), `${epochOf(first!)}.2`)
      counter.inc(4)
      yield* stop
      let value = ""
      while (!value.includes("orders_total 7\n")) value = text((yield* next(1)).at(-1)!.value)
      const { agentRounds } = yield* SelfMetrics
      const { values } = yield* Effect.promise(() => agentRounds.get())
      assert.isAtLeast(values.find(({ labels }) => labels.outcome === "sent")!.value, 3)
    })
  )

  test(
    "says so where the registry answers in OpenMetrics",
    Effect.gen(function* () {
      const { next } = yield* reading(4)
      const { registry } = orders()
      registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
      yield* start({ ...options, registry: registry as PublishOptions["registry"] })
      const [record] = yield* next(1)
      assert.match(text(record!.headers["content-type"]), /^application\/openmetrics-text/)
      assert.match(text(record!.value), /# EOF\n$/)
    })
  )

  test(
    "goes on when the registry fails, and tells it once until it works again",
    Effect.gen(function* () {
      const { next } = yield* reading(4)
      let broken = true
      let asked = 0
      const registry = {
        metrics: () => {
          asked++
          // What is not a prom-client Registry may also throw at once, and may not end its last line.
          if (broken) throw new Error("the database is away")
          return Promise.resolve("a 1")
        }
      }
      yield* start({ ...options, registry })
      while (asked < 3) yield* Effect.sleep(10)
      broken = false
      const [record] = yield* next(1)
      assert.strictEqual(text(record!.value), "a 1\n")
      assert.deepStrictEqual(
        lines.filter((line) => line.startsWith(source)),
        [
          `${source} is not published: the database is away; the pods show the last round until it expires, trying on`,
          `${source} is published again`
        ]
      )
    })
  )

  test(
    "keeps its epoch and its partition in a state directory, though the clock stands and the topic grows",
    Effect.gen(function* () {
      const { next } = yield* reading(4)
      const stateDir = yield* temporary
      const { registry } = orders()
      const { partitionBase: _, ...kept } = options
      const first = yield* start({ ...kept, registry, stateDir })
      const [before] = yield* next(1)
      yield* first
      const log = yield* EmbeddedLog
      yield* log.addPartitions(topic, 7)
      yield* start({ ...kept, registry, stateDir })
      let after = before!
      while (epochOf(after) === epochOf(before!)) after = (yield* next(1)).at(-1)!
      assert.isAbove(epochOf(after), epochOf(before!))
    })
  )

  test(
    "is told in words what is wrong with its options",
    Effect.gen(function* () {
      const { registry } = orders()
      const { partitionBase: _, ...without } = options
      const wrong = (given: PublishOptions) => Effect.flip(start(given))
      const said = [
        [without, /give partitionBase/],
        [{ ...options, every: 10 }, /every is 10 ms/],
        [{ ...options, source: "" }, /source and job/],
        [{ ...options, labels: { instance: "x" } }, /instance/]
      ] as const
      for (const [given, words] of said) {
        const failed = yield* wrong({ ...given, registry })
        assert.instanceOf(failed, AgentFailed)
        assert.match(failed.message, words)
      }
    })
  )

  test(
    "does not end its service where the log lets nobody in",
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      yield* log.createTopic(topic, 4)
      yield* log.intercept(({ clientId }) => (clientId === "test" ? undefined : { fail: "AUTHENTICATION" }))
      yield* start({ ...options, registry: orders().registry })
      const told = () => lines.find((line) => line.includes("does not let the agent in"))
      while (told() === undefined) yield* Effect.sleep(10)
      assert.match(told()!, /^eu\/orders-1 is not published: .*AUTHENTICATION/)
    })
  )
})
