/**
 * Records of other programs: kcat (librdkafka) and Kafka's own console producer, in every codec they write, and ours as
 * kcat reads them. Also what only a real broker does to a log: transactions' markers and compaction.
 */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { promisify } from "node:util"
import { Effect, type Scope } from "effect"
import kafkajs from "kafkajs"
import { afterAll, assert, beforeAll, it } from "vitest"
import { KafkaTransport } from "../../../src/transport/kafka/KafkaTransport.ts"
import {
  type Fetched,
  type GroupClient,
  type LogRecord,
  Transport,
  type TransportError
} from "../../../src/transport/Transport.ts"
import { batchOf, CODECS } from "../../support/batches.ts"
import { type KafkaCluster, startKafka } from "../../support/kafka.ts"
import { kafkaJars } from "../../support/kafkaJars.ts"
import { produceRaw } from "../../support/produceRaw.ts"
import { describeKafka, describeWith } from "../../support/tools.ts"
import { until } from "../../support/until.ts"

const exec = promisify(execFile)
let kafka: KafkaCluster
let topics = 0

const topic = async (configs: Readonly<Record<string, string>> = {}): Promise<string> => {
  const name = `interop-${++topics}`
  await kafka.createTopic(name, 1, { configs })
  return name
}

const run = <A>(program: Effect.Effect<A, TransportError, Transport | Scope.Scope>): Promise<A> =>
  Effect.runPromise(
    program.pipe(
      Effect.scoped,
      Effect.provide(
        KafkaTransport.layer({
          brokers: kafka.bootstrap,
          clientId: "interop",
          connectionTimeout: 5_000,
          requestTimeout: 15_000
        })
      )
    )
  )

const readAll = (name: string) =>
  run(
    Effect.gen(function* () {
      const client = yield* (yield* Transport).groupClient({ group: name, clientId: "reader" })
      return yield* read(client, name)
    })
  )

/** From the start to the end, and the positions that the fetches led to. */
const read = (client: GroupClient, name: string) =>
  Effect.gen(function* () {
    const tp = { topic: name, partition: 0 }
    const end = (yield* client.listOffsets([tp], "end")).get(`${name}/0`)!
    const records: Array<LogRecord> = []
    let position = 0
    while (position < end) {
      const [fetched] = yield* client.fetch(1, [{ tp, offset: position }], {
        maxWait: 1_000,
        maxBytes: 10_000_000,
        maxBytesPerPartition: 10_000_000
      })
      assert.strictEqual(fetched!.error, undefined)
      assert.isAbove(fetched!.next, position)
      records.push(...fetched!.records)
      position = fetched!.next
    }
    return { end, position, records }
  })

const text = (bytes: Uint8Array | null | undefined): string | null =>
  bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString()

const pipe = async (program: string, args: ReadonlyArray<string>, input: string): Promise<void> => {
  const child = spawn(program, args, { stdio: ["pipe", "ignore", "pipe"] })
  let errors = ""
  child.stderr.on("data", (chunk) => {
    errors += chunk
  })
  child.stdin.end(input)
  const [code] = await once(child, "close")
  assert.strictEqual(code, 0, errors)
}

beforeAll(async () => {
  kafka = await startKafka({
    version: "3.9.1",
    settings: { "log.cleaner.backoff.ms": "100", "log.retention.check.interval.ms": "500" }
  })
})
afterAll(() => kafka?.stop())

// Repetitive and long, so that every codec has matches, overlapping ones too.
const lines = Array.from(
  { length: 200 },
  (_, i) => `http_requests_total{code="200",path="/a/${i % 7}"} ${i}${"ab".repeat(i)}`
)

describeWith(["java", "mvn", "kcat"], "kcat", () => {
  for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
    it(`its records with keys and headers are read, codec ${codec}`, async () => {
      const name = await topic()
      const arguments_ = ["-b", kafka.bootstrap[0]!, "-P", "-t", name, "-p", "0", "-z", codec, "-K", "|"]
      await pipe(
        "kcat",
        [...arguments_, "-H", "k2p-round=7", "-H", "content-type=text/plain"],
        lines.map((line) => `key|${line}\n`).join("")
      )
      const { records } = await readAll(name)
      assert.deepStrictEqual(
        records.map((r) => text(r.value)),
        lines
      )
      for (const r of records)
        assert.deepStrictEqual(
          [text(r.key), text(r.headers["k2p-round"]), text(r.headers["content-type"])],
          ["key", "7", "text/plain"]
        )
    })
  }

  for (const compression of ["none", "gzip", "zstd"] as const) {
    it(`it reads ours, compression ${compression}`, async () => {
      const name = await topic()
      await run(
        Effect.gen(function* () {
          const producer = yield* (yield* Transport).producer({ clientId: "p", acks: "all", compression })
          yield* producer.produce(
            lines.map((line) => ({
              topic: name,
              partition: 0,
              key: Buffer.from("key"),
              value: Buffer.from(line),
              headers: { a: Buffer.from("1"), b: Buffer.from("") }
            }))
          )
        })
      )
      const { stdout } = await exec("kcat", [
        ...["-b", kafka.bootstrap[0]!, "-C", "-t", name, "-p", "0", "-o", "beginning", "-e", "-q"],
        ...["-X", "check.crcs=true", "-f", "%k|%h|%s\\n"]
      ])
      assert.deepStrictEqual(
        stdout.trimEnd().split("\n"),
        lines.map((line) => `key|a=1,b=|${line}`)
      )
    })
  }
})

describeKafka("Kafka's own programs", () => {
  for (const codec of ["snappy", "lz4", "gzip", "zstd"]) {
    it(`the console producer's records are read, codec ${codec}`, async () => {
      const name = await topic()
      await pipe(
        "java",
        [
          ...["-XX:TieredStopAtLevel=1", "-cp", await kafkaJars("3.9.1"), "kafka.tools.ConsoleProducer"],
          ...["--bootstrap-server", kafka.bootstrap[0]!, "--topic", name, "--compression-codec", codec]
        ],
        lines.map((line) => `${line}\n`).join("")
      )
      const { records } = await readAll(name)
      assert.deepStrictEqual(
        records.map((r) => text(r.value)),
        lines
      )
    })
  }

  it("a member's metadata reaches the leader whatever bytes it is, and tools see the topics where it names them", async () => {
    const name = await topic()
    const named = kafkajs.AssignerProtocol.MemberMetadata.encode({
      version: 0,
      topics: [name],
      userData: Buffer.from("u")
    })
    for (const metadata of [
      named,
      Buffer.from('{"json":1}'),
      Buffer.alloc(0),
      Buffer.from([0, 0, 0x7f, 0xff, 0xff, 0xff])
    ]) {
      const group = `${name}-${metadata.toString("hex")}`
      await run(
        Effect.gen(function* () {
          const client = yield* (yield* Transport).groupClient({ group, clientId: "c" })
          const joined = yield* client.joinGroup({
            memberId: "",
            sessionTimeout: 10_000,
            rebalanceTimeout: 10_000,
            protocols: [{ name: "p", metadata }]
          })
          assert.deepStrictEqual(Buffer.from(joined.members[0]!.metadata), metadata)
          const { generation, memberId, protocol } = joined
          const assignment = yield* client.syncGroup({ memberId, generation, protocol }, [
            { memberId, assignment: metadata }
          ])
          assert.deepStrictEqual(Buffer.from(assignment), metadata)
          const described = (yield* Effect.promise(() => kafka.admin.describeGroups([group]))).groups[0]!
          assert.strictEqual(described.protocolType, metadata === named ? "consumer" : "kafka2prom")
          yield* client.leaveGroup(memberId)
        })
      )
    }
  })

  it("aborted transactions and markers are stepped over, an open one is waited for", async () => {
    const name = await topic()
    const producer = new kafkajs.Kafka({
      brokers: [...kafka.bootstrap],
      clientId: "tx",
      logLevel: kafkajs.logLevel.NOTHING
    }).producer({ transactionalId: name, maxInFlightRequests: 1, idempotent: true })
    await producer.connect()
    try {
      const send = async (value: string, end: "commit" | "abort") => {
        const transaction = await producer.transaction()
        await transaction.send({ topic: name, messages: [{ partition: 0, value }] })
        await transaction[end]()
      }
      await send("one", "commit")
      await send("gone", "abort")
      await send("two", "commit")
      await send("gone too", "abort")
      // A transaction is at its end before its marker is written.
      const done = await until(
        async () => {
          const read = await readAll(name)
          return read.end === 8 && read
        },
        { what: "all four markers" }
      )
      assert.deepStrictEqual(
        done.records.map((r) => [r.offset, text(r.value)]),
        [
          [0, "one"],
          [4, "two"]
        ]
      )
      // Four records and their four markers: the position reaches the end although nothing to show is there.
      assert.deepStrictEqual([done.position, done.end], [8, 8])
      const open = await producer.transaction()
      await open.send({ topic: name, messages: [{ partition: 0, value: "not yet" }] })
      const pending = await readAll(name)
      assert.deepStrictEqual([pending.end, pending.records.length], [8, 2])
      await open.abort()
    } finally {
      await producer.disconnect()
    }
  })

  it("a batch that unpacks to far more than an answer holds is read on without the broker, until it is to be forgotten", async () => {
    const name = await topic()
    const dumps = Array.from({ length: 80 }, (_, i) => ({ value: Buffer.alloc(850_000, `line ${i}\n`) }))
    const tp = { topic: name, partition: 0 }
    await produceRaw(kafka.bootstrap[0]!, tp, batchOf(dumps, { compression: CODECS.zstd }))
    const wide = { maxWait: 1_000, maxBytes: 10_000_000, maxBytesPerPartition: 10_000_000 }
    await run(
      Effect.gen(function* () {
        const client = yield* (yield* Transport).groupClient({ group: name, clientId: "reader" })
        const [first] = yield* client.fetch(1, [{ tp, offset: 0 }], wide)
        assert.isTrue(first!.next > 0 && first!.next < 40)
        yield* Effect.promise(() => kafka.kill(1))
        let position = first!.next
        const seen = first!.records.map((r) => r.offset)
        while (position < 60) {
          const [more] = yield* client.fetch(1, [{ tp, offset: position }], wide)
          assert.strictEqual(more!.highWatermark, 80)
          for (const r of more!.records) {
            assert.isTrue(Buffer.from(r.value!.subarray(0, 40)).toString().startsWith(`line ${r.offset}\n`))
            seen.push(r.offset)
          }
          position = more!.next
          more!.release!()
        }
        assert.deepStrictEqual(
          seen,
          Array.from({ length: position }, (_, i) => i)
        )
        client.forget(tp)
        const gone = yield* Effect.exit(client.fetch(1, [{ tp, offset: position }], wide))
        assert.strictEqual(gone._tag, "Failure")
        yield* Effect.promise(() => kafka.restart(1))
        // Elsewhere in the batch, without anything that is kept of it: the same records.
        let answer: ReadonlyArray<Fetched> = []
        while (answer.length === 0 || answer[0]!.error !== undefined)
          answer = yield* client
            .fetch(1, [{ tp, offset: 41 }], wide)
            .pipe(Effect.catch(() => Effect.as(Effect.sleep(200), [])))
        assert.strictEqual(answer[0]!.records[0]!.offset, 41)
      })
    )
  }, 90_000)

  it("a compacted partition's gaps are stepped over, up to its end", async () => {
    const name = await topic({
      "cleanup.policy": "compact",
      "segment.ms": "100",
      "min.cleanable.dirty.ratio": "0.001",
      "max.compaction.lag.ms": "200",
      "min.compaction.lag.ms": "0"
    })
    const write = (key: string, value: string) =>
      run(
        Effect.gen(function* () {
          const producer = yield* (yield* Transport).producer({ clientId: "p", acks: "all", compression: "gzip" })
          const record = { topic: name, partition: 0, key: Buffer.from(key), value: Buffer.from(value), headers: {} }
          yield* producer.produce([record, record])
        })
      )
    for (let i = 0; i < 5; i++) await write("a", `${i}`)
    // The cleaner works when a segment has been rolled, which only a later write does.
    const deadline = Date.now() + 60_000
    for (let i = 5; ; i++) {
      const { end, position, records } = await readAll(name)
      assert.strictEqual(position, end)
      assert.strictEqual(text(records.at(-1)!.value), `${i - 1}`)
      if (records.length < end - 4) break
      assert.isBelow(Date.now(), deadline, "the cleaner did not run")
      await write("a", `${i}`)
    }
  })
})
