/** Records: the rules of the transport contract about produce, fetch, offsets, metadata, and what `check` reads. */
import { randomBytes } from "node:crypto"
import { Effect, Exit, Fiber } from "effect"
import {
  type Fetched,
  type FetchRequest,
  type GroupClient,
  type LogRecord,
  type OutgoingRecord,
  partitionKey,
  type TopicPartition,
  Transport,
  type TransportError,
  type Unreadable,
  unreadableReasons
} from "../../../transport/Transport.ts"
import { must } from "../Must.ts"
import { codeOf, form, partition } from "./Groups.ts"
import { Harness, type Rule, type TransportHarness } from "./Harness.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text)
const text = (data: Uint8Array | null | undefined): string | null | undefined =>
  data === null || data === undefined ? data : Buffer.from(data).toString()

export const record = (tp: TopicPartition, value: string | Uint8Array | null, key: string | null = null) =>
  ({
    ...tp,
    key: key === null ? null : bytes(key),
    value: typeof value === "string" ? bytes(value) : value,
    headers: {}
  }) satisfies OutgoingRecord

export const produce = (records: ReadonlyArray<OutgoingRecord>) =>
  Transport.use((transport) =>
    Effect.scoped(
      Effect.flatMap(
        transport.producer({ clientId: Harness.unique("producer"), acks: "all", compression: "none" }),
        (producer) => producer.produce(records)
      )
    )
  )

const wide = { maxWait: 5_000, maxBytes: 16 * 1024 * 1024, maxBytesPerPartition: 8 * 1024 * 1024 }
const at = (tp: TopicPartition, offset: number): FetchRequest => ({ tp, offset })

/** One fetch from the leader of the first partition, which must lead the others too. */
const fetch = (
  client: GroupClient,
  requests: ReadonlyArray<FetchRequest>,
  options: Partial<typeof wide> = {}
): Effect.Effect<ReadonlyArray<Fetched>, TransportError> =>
  Effect.gen(function* () {
    const { partition, topic } = requests[0]!.tp
    const leaders = yield* leadersOf(client, topic)
    return yield* client.fetch(leaders[partition]!, requests, { ...wide, ...options })
  })

const leadersOf = (client: GroupClient, topic: string): Effect.Effect<ReadonlyArray<number>, TransportError> =>
  Effect.map(client.metadata([topic]), ([info]) => {
    const leaders: Array<number> = []
    for (const { leader, partition } of info!.partitions) leaders[partition] = leader
    return leaders
  })

/** Two partitions of a new topic that one node leads, however many nodes there are. */
const neighbours = Effect.gen(function* () {
  const topic = yield* Harness.topic(6)
  const client = yield* Harness.client()
  const leaders = yield* leadersOf(client, topic)
  const first = leaders.findIndex((leader, i) => leaders.lastIndexOf(leader) !== i)
  return { client, one: partition(topic, first), two: partition(topic, leaders.lastIndexOf(leaders[first]!)) }
})

/** All records of [offset, end), over as many fetches as it takes. */
export const readTo = (client: GroupClient, tp: TopicPartition, end: number, offset = 0) =>
  Effect.gen(function* () {
    const records: Array<LogRecord> = []
    let position = offset
    let patience = 100
    while (position < end) {
      const [fetched] = yield* fetch(client, [at(tp, position)])
      // A new topic's leader may hear of its role a moment after the rest of the cluster.
      if (fetched!.error === "NOT_LEADER" && patience-- > 0) {
        yield* Effect.sleep(50)
        continue
      }
      must.equal(fetched!.error, undefined)
      must.equal(fetched!.from, position)
      records.push(...fetched!.records)
      position = fetched!.next
    }
    return records
  })

export const recordRules = (
  rule: Rule,
  { addPartitions, deleteRecords, maxRecordBytes, spoilLastBatch }: TransportHarness
): void => {
  rule("records come back in order, at the offsets they were appended at, with their keys and headers", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const client = yield* Harness.client()
      yield* produce([
        record(tp, "first", "a"),
        { ...record(tp, "second", null), headers: { "k2p-round": bytes("7.1"), empty: bytes("") } },
        record(tp, null, "ended")
      ])
      yield* produce([record(tp, "", "empty")])
      const records = yield* readTo(client, tp, 4)
      must.equal(
        records.map((r) => [r.offset, text(r.key), text(r.value)]),
        [
          [0, "a", "first"],
          [1, null, "second"],
          [2, "ended", null],
          [3, "empty", ""]
        ]
      )
      must.equal(
        Object.entries(records[1]!.headers).map(([name, value]) => [name, text(value)]),
        [
          ["k2p-round", "7.1"],
          ["empty", ""]
        ]
      )
      must.equal(Object.keys(records[0]!.headers), [])
      for (const r of records)
        must.hold(
          Math.abs(r.timestamp - Date.now()) < 60_000,
          "a timestamp of now, in ms since the Unix epoch",
          r.timestamp
        )
    })
  )

  rule("a partition keeps the order of the calls of one producer, and partitions do not mix", () =>
    Effect.gen(function* () {
      const topic = yield* Harness.topic(2)
      const client = yield* Harness.client()
      const producer = yield* (yield* Transport).producer({ clientId: "order", acks: 1, compression: "none" })
      for (let i = 0; i < 20; i++) {
        yield* producer.produce([
          record(partition(topic, 0), `a${i}`),
          record(partition(topic, 1), `b${i}`),
          record(partition(topic, 0), `c${i}`)
        ])
      }
      const zero = yield* readTo(client, partition(topic, 0), 40)
      const one = yield* readTo(client, partition(topic, 1), 20)
      must.equal(
        zero.map((r) => text(r.value)),
        Array.from({ length: 20 }, (_, i) => [`a${i}`, `c${i}`]).flat()
      )
      must.equal(
        one.map((r) => [r.offset, text(r.value)]),
        Array.from({ length: 20 }, (_, i) => [i, `b${i}`])
      )
    })
  )

  rule(
    "calls that nobody waited between are appended in their order, and a partition that is not there fails its own alone",
    () =>
      Effect.gen(function* () {
        const topic = yield* Harness.topic(2)
        const client = yield* Harness.client()
        const producer = yield* (yield* Transport).producer({ clientId: "together", acks: "all", compression: "none" })
        const calls = Array.from({ length: 60 }, (_, i) => producer.produce([record(partition(topic, i % 2), `${i}`)]))
        const nowhere = Effect.exit(producer.produce([record(partition(topic, 7), "nowhere")]))
        const [lost] = yield* Effect.all([nowhere, Effect.all(calls, { concurrency: "unbounded" })], {
          concurrency: "unbounded"
        })
        must.hold(Exit.isFailure(lost), "a failure of the call to a partition that is not there", lost)
        for (const [at, first] of [0, 1].entries())
          must.equal(
            (yield* readTo(client, partition(topic, at), 30)).map((r) => text(r.value)),
            Array.from({ length: 30 }, (_, i) => `${2 * i + first}`)
          )
      })
  )

  rule("a call that was given up lets nothing of it be appended behind a later one", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const client = yield* Harness.client()
      const producer = yield* (yield* Transport).producer({ clientId: "given-up", acks: "all", compression: "none" })
      for (let i = 0; i < 20; i++) {
        const call = yield* Effect.forkChild(producer.produce([record(tp, `given up ${i}`)]), {
          startImmediately: true
        })
        // Not yet sent, just sent, or answered.
        for (let turn = 0; turn < i % 5; turn++) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(call)
        yield* producer.produce([record(tp, `later ${i}`)])
      }
      const end = (yield* client.listOffsets([tp], "end")).get(partitionKey(tp))!
      const values = (yield* readTo(client, tp, end)).map((r) => text(r.value)!)
      const inOrder = Array.from({ length: 20 }, (_, i) => [`given up ${i}`, `later ${i}`]).flat()
      must.equal(
        values,
        inOrder.filter((value) => value.startsWith("later") || values.includes(value))
      )
    })
  )

  if (maxRecordBytes !== undefined)
    rule("a record near the size limit comes back byte for byte, one far above it is refused", () =>
      Effect.gen(function* () {
        const tp = partition(yield* Harness.topic(), 0)
        const client = yield* Harness.client()
        const value = randomBytes(maxRecordBytes)
        yield* produce([record(tp, value)])
        const [read] = yield* readTo(client, tp, 1)
        must.hold(value.equals(read!.value!), "the same bytes", `${read!.value!.length} bytes, others`)
        must.equal(yield* codeOf(produce([record(tp, randomBytes(2 * maxRecordBytes))])), "MESSAGE_TOO_LARGE")
        must.equal((yield* client.listOffsets([tp], "end")).get(partitionKey(tp)), 1)
      })
    )

  rule("a fetch from the middle of a batch starts exactly there", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const client = yield* Harness.client()
      yield* produce(Array.from({ length: 10 }, (_, i) => record(tp, `${i}`)))
      for (const offset of [7, 3, 9]) {
        const [fetched] = yield* fetch(client, [at(tp, offset)])
        must.equal(fetched!.from, offset)
        must.equal(fetched!.next, 10)
        must.equal(fetched!.highWatermark, 10)
        must.equal(
          fetched!.records.map((r) => r.offset),
          Array.from({ length: 10 - offset }, (_, i) => offset + i)
        )
      }
    })
  )

  rule("records that are released leave those of other partitions and of other fetches as they are", () =>
    Effect.gen(function* () {
      const { client, one, two } = yield* neighbours
      const [a, b] = ["a".repeat(300_000), "b".repeat(300_000)]
      yield* produce([record(one, a), record(two, b)])
      for (const tp of [one, two]) yield* readTo(client, tp, 1)
      const asked = [at(one, 0), at(two, 0)]
      const answers = [yield* fetch(client, asked), yield* fetch(client, asked)]
      const seen = (answer: number, tp: TopicPartition) =>
        text(answers[answer]!.find((f) => partitionKey(f.tp) === partitionKey(tp))!.records[0]!.value)
      answers[0]!.find((f) => partitionKey(f.tp) === partitionKey(one))!.release?.()
      must.hold(seen(0, two) === b && seen(1, one) === a && seen(1, two) === b, "records as they were")
    })
  )

  rule("a fetch at the log's end waits, and is answered by the record that arrives", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const client = yield* Harness.client()
      yield* produce([record(tp, "before")])
      const before = performance.now()
      const waiting = yield* Effect.forkChild(fetch(client, [at(tp, 1)], { maxWait: 25_000 }))
      yield* produce([record(tp, "after")])
      const [fetched] = yield* Fiber.join(waiting)
      must.equal(
        fetched!.records.map((r) => [r.offset, text(r.value)]),
        [[1, "after"]]
      )
      must.hold(performance.now() - before < 15_000, "an answer when the record arrives", "the end of the wait")
    })
  )

  rule("a fetch at the log's end without news is answered empty after its wait, and is no error", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const client = yield* Harness.client()
      yield* client.metadata([tp.topic])
      const before = performance.now()
      const [fetched] = yield* fetch(client, [at(tp, 0)], { maxWait: 400 })
      const { error, from, next, records } = fetched!
      must.equal({ error, from, next, records: [...records] }, { error: undefined, from: 0, next: 0, records: [] })
      must.hold(performance.now() - before >= 350, "a wait of 400 ms", `${performance.now() - before} ms`)
    })
  )

  rule("a fetch that does not wait is answered while another one waits", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const client = yield* Harness.client()
      yield* produce([record(tp, "there")])
      const [node] = yield* leadersOf(client, tp.topic)
      const from = (offset: number, maxWait: number) => client.fetch(node!, [at(tp, offset)], { ...wide, maxWait })
      const waiting = yield* Effect.forkChild(from(1, 20_000), { startImmediately: true })
      // Once the first of these was answered, the one that waits is with the broker, if ever they share a connection.
      for (const [offset, records] of [
        [0, 1],
        [0, 1],
        [1, 0]
      ] as const)
        must.equal((yield* from(offset, 0))[0]!.records.length, records)
      must.equal(waiting.pollUnsafe(), undefined, "the other one still waits")
      yield* Fiber.interrupt(waiting)
    })
  )

  rule("fetches at once give each of their readers every record once and in order, while records arrive", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const count = 40
      const readers = yield* Effect.forEach([1, 2, 3], () => Harness.client())
      const reading = yield* Effect.forkChild(
        Effect.forEach(readers, (reader) => readTo(reader, tp, count), { concurrency: "unbounded" })
      )
      for (let i = 0; i < count; i++) yield* produce([record(tp, `${i}`)])
      const expected = Array.from({ length: count }, (_, i) => [i, `${i}`] as const)
      for (const records of yield* Fiber.join(reading))
        must.equal(
          records.map((r) => [r.offset, text(r.value)] as const),
          expected,
          "offsets and values that a reader was given"
        )
    })
  )

  if (deleteRecords !== undefined)
    rule("a position outside the log is out of range, and the other partitions of the fetch are answered", () =>
      Effect.gen(function* () {
        const { client, one, two } = yield* neighbours
        yield* produce([...Array.from({ length: 5 }, (_, i) => record(one, `${i}`)), record(two, "here")])
        yield* deleteRecords(one, 2)
        for (const offset of [0, 1, 6, 1_000]) {
          const fetched = yield* fetch(client, [at(one, offset), at(two, 0)])
          const gone = fetched.find((f) => partitionKey(f.tp) === partitionKey(one))!
          const fine = fetched.find((f) => partitionKey(f.tp) === partitionKey(two))!
          must.equal(gone.error, "OFFSET_OUT_OF_RANGE", `offset ${offset}`)
          must.equal([gone.from, gone.next, gone.records.length], [offset, offset, 0])
          must.equal(
            fine.records.map((r) => text(r.value)),
            ["here"]
          )
        }
        must.equal(
          (yield* readTo(client, one, 5, 2)).map((r) => r.offset),
          [2, 3, 4]
        )
      })
    )

  rule("a partition that does not exist fails alone", () =>
    Effect.gen(function* () {
      const { client, one } = yield* neighbours
      yield* produce([record(one, "here")])
      const missing = partition(one.topic, 99)
      const fetched = yield* fetch(client, [at(one, 0), at(missing, 0)])
      const byKey = new Map(fetched.map((f) => [partitionKey(f.tp), f]))
      must.equal(byKey.get(partitionKey(missing))?.error, "UNKNOWN_TOPIC_OR_PARTITION")
      must.equal(byKey.get(partitionKey(one))?.records.length, 1)
    })
  )

  rule("the size limits bound an answer, and still let one record through", () =>
    Effect.gen(function* () {
      const { client, one, two } = yield* neighbours
      const value = randomBytes(50_000)
      for (let i = 0; i < 6; i++) yield* produce([record(one, value), record(two, value)])
      const whole = yield* fetch(client, [at(one, 0)])
      must.equal(whole[0]!.records.length, 6)
      const [small] = yield* fetch(client, [at(one, 0)], { maxBytesPerPartition: 120_000 })
      must.hold(small!.records.length >= 1 && small!.records.length <= 3, "1 to 3 records", small!.records.length)
      const [tiny] = yield* fetch(client, [at(one, 0)], { maxBytes: 1, maxBytesPerPartition: 1 })
      must.equal(tiny!.records.length, 1)
      const both = yield* fetch(client, [at(one, 0), at(two, 0)], { maxBytes: 210_000 })
      const count = both.reduce((n, f) => n + f.records.length, 0)
      must.hold(count >= 1 && count <= 5, "1 to 5 records", count)
    })
  )

  for (const reason of spoilLastBatch === undefined ? [] : unreadableReasons)
    rule(`a batch that nobody can read is stepped over, by every reader and from any offset: ${reason}`, () =>
      Effect.gen(function* () {
        const { client, one, two } = yield* neighbours
        yield* produce([record(one, "0"), record(one, "1"), record(two, "here")])
        // As old formats have it, an entry is a record.
        const lost = reason === "format" ? 1 : 3
        yield* produce(Array.from({ length: lost }, (_, i) => record(one, `lost ${i}`)))
        yield* spoilLastBatch!(one, reason)
        const end = 2 + lost + 1
        yield* produce([record(one, "after")])
        for (const reader of [client, yield* Harness.client()])
          for (const from of [0, 2, lost + 1]) {
            const read: Array<string> = []
            const unreadable: Array<Unreadable> = []
            for (let position = from, patience = 50; position < end; ) {
              const answer = yield* fetch(reader, [at(one, position), at(two, 0)])
              const mine = answer.find((f) => partitionKey(f.tp) === partitionKey(one))!
              const other = answer.find((f) => partitionKey(f.tp) === partitionKey(two))
              if (other !== undefined && other.error === undefined) must.equal(text(other.records[0]?.value), "here")
              // What cannot be believed at first sight is asked for again.
              if (mine.error === "LOCAL" && patience-- > 0) continue
              must.equal(mine.error, undefined)
              for (const r of mine.records) read.push(text(r.value)!)
              unreadable.push(...(mine.unreadable ?? []))
              position = mine.next
            }
            must.equal(
              read.filter((value) => !value.startsWith("lost")),
              [...(from === 0 ? ["0", "1"] : []), "after"]
            )
            must.hold(unreadable.length >= 1, "a stretch that nobody can read", unreadable)
            for (const stretch of unreadable) {
              must.equal(stretch.reason, reason)
              must.hold(
                stretch.from >= Math.max(from, 2) && stretch.from < stretch.next && stretch.next <= end,
                `a stretch within [${Math.max(from, 2)}, ${end})`,
                stretch
              )
            }
          }
      })
    )

  rule("a record over the reader's limit comes without its value, and the next one whole", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const narrow = yield* Harness.client(Harness.unique("group"), { maxRecordBytes: 10_000 })
      const headers = { "k2p-round": bytes("7.1") }
      yield* produce([
        record(tp, "before", "a"),
        { ...record(tp, randomBytes(50_000), "b"), headers },
        record(tp, "after", "c")
      ])
      const records = yield* readTo(narrow, tp, 3)
      must.equal(
        records.map((r) => [r.offset, text(r.key), text(r.value), r.tooLarge]),
        [
          [0, "a", "before", undefined],
          [1, "b", null, 50_000],
          [2, "c", "after", undefined]
        ]
      )
      must.equal(text(records[1]!.headers["k2p-round"]), "7.1")
      const wideClient = yield* Harness.client()
      must.equal((yield* readTo(wideClient, tp, 3))[1]!.value!.length, 50_000)
    })
  )

  rule("offsets are found by start, end and time", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const client = yield* Harness.client()
      const offset = (where: Parameters<GroupClient["listOffsets"]>[1]) =>
        Effect.map(client.listOffsets([tp], where), (found) => found.get(partitionKey(tp)))
      must.equal([yield* offset("start"), yield* offset("end"), yield* offset({ timestamp: 0 })], [0, 0, 0])
      yield* produce([record(tp, "0"), record(tp, "1")])
      const [early] = yield* readTo(client, tp, 1)
      // The brokers' clock must pass the first timestamp, or there is nothing to find.
      let late = early!.timestamp
      for (let end = 2; late <= early!.timestamp; end++) {
        yield* Effect.sleep(2)
        yield* produce([record(tp, "later")])
        late = (yield* readTo(client, tp, end + 1, end))[0]!.timestamp
      }
      const end = (yield* offset("end"))!
      must.equal(yield* offset("start"), 0)
      must.equal(yield* offset({ timestamp: early!.timestamp }), 0)
      must.equal(yield* offset({ timestamp: late }), end - 1)
      must.equal(yield* offset({ timestamp: early!.timestamp - 10_000 }), 0)
      must.equal(yield* offset({ timestamp: late + 1 }), end, "none at or after: the end")
      if (deleteRecords === undefined) return
      yield* deleteRecords(tp, 1)
      must.equal([yield* offset("start"), yield* offset("end")], [1, end])
    })
  )

  rule("metadata names every partition's leader and is fresh", () =>
    Effect.gen(function* () {
      const topic = yield* Harness.topic(2)
      const client = yield* Harness.client()
      const producer = yield* (yield* Transport).producer({ clientId: "meta", acks: 1, compression: "none" })
      for (const { metadata } of [client, producer]) {
        const [info, ...none] = yield* metadata([topic])
        must.equal(info!.topic, topic)
        must.equal(info!.partitions.map((p) => p.partition).sort(), [0, 1])
        for (const { leader } of info!.partitions) must.hold(leader >= 0, "a leader", leader)
        must.equal(none, [])
      }
      if (addPartitions === undefined) return
      yield* addPartitions(topic, 3)
      must.equal((yield* client.metadata([topic]))[0]!.partitions.length, 3)
      must.equal((yield* producer.metadata([topic]))[0]!.partitions.length, 3)
      yield* producer.produce([record(partition(topic, 2), "new")])
      must.equal((yield* readTo(client, partition(topic, 2), 1)).length, 1)
    })
  )

  rule("what does not exist is refused by name, and may exist later", () =>
    Effect.gen(function* () {
      const client = yield* Harness.client()
      const missing = partition(Harness.unique("nowhere"), 0)
      const refusals = [
        client.metadata([missing.topic]),
        client.listOffsets([missing], "end"),
        produce([record(missing, "x")])
      ]
      for (const refusal of refusals) {
        const error = yield* Effect.flip(refusal as Effect.Effect<unknown, TransportError, Transport>)
        must.equal([error.code, error.retriable, error.unknownOutcome], ["UNKNOWN_TOPIC_OR_PARTITION", true, false])
      }
    })
  )

  for (const acks of [0, 1, "all"] as const) {
    for (const compression of ["none", "gzip", "zstd"] as const) {
      rule(`acks ${acks} with compression ${compression} gives the same bytes back`, () =>
        Effect.gen(function* () {
          const topic = yield* Harness.topic(2)
          const client = yield* Harness.client()
          const producer = yield* (yield* Transport).producer({ clientId: Harness.unique("p"), acks, compression })
          const values = ["x".repeat(100_000), `# TYPE a counter\n${"a 1\n".repeat(1_000)}`, "", "\u0000\u00ff€"]
          yield* producer.produce(values.map((value) => record(partition(topic, 1), value, "k")))
          const records = yield* readTo(client, partition(topic, 1), values.length)
          must.equal(
            records.map((r) => [text(r.key), text(r.value)]),
            values.map((value) => ["k", value])
          )
        })
      )
    }
  }

  rule("identify tells a cluster's topics apart, and fails for one that is not there", () =>
    Effect.gen(function* () {
      const client = yield* Harness.client()
      const [one, two] = [yield* Harness.topic(), yield* Harness.topic()]
      const identity = yield* client.identify(one)
      must.equal(yield* client.identify(one), identity)
      const other = yield* client.identify(two)
      must.equal(other.cluster, identity.cluster)
      // A log without ids of its topics says so.
      if (identity.topicId !== null) must.hold(other.topicId !== identity.topicId, "another id", other.topicId)
      const refusal = yield* Effect.flip(client.identify(Harness.unique("nowhere")))
      must.equal(refusal.code, "UNKNOWN_TOPIC_OR_PARTITION")
    })
  )

  rule("inspect tells brokers, topics with their settings, and the group, and changes nothing", () =>
    Effect.gen(function* () {
      const { sessionTimeout } = yield* Harness
      const transport = yield* Transport
      const topic = yield* Harness.topic(3)
      const group = Harness.unique("group")
      const before = yield* Effect.scoped(transport.inspect([topic], group))
      must.hold(before.brokers.length >= 1, "a broker", before.brokers)
      must.equal([before.topics[0]?.topic, before.topics[0]?.partitions], [topic, 3])
      must.hold(before.topics[0]!.replicas >= 1, "a replica", before.topics[0])
      must.equal(before.topics[0]!.settings["cleanup.policy"], "delete")
      must.equal(before.topics[0]!.settings["message.timestamp.type"], "LogAppendTime")
      must.equal(before.group?.members, 0)
      must.equal((yield* Effect.scoped(transport.inspect([topic], null))).group, null)
      const client = yield* Harness.client(group)
      yield* form([client], { sessionTimeout, rebalanceTimeout: 10_000 })
      const after = yield* Effect.scoped(transport.inspect([topic], group))
      const { sessionTimeouts, ...joined } = after.group!
      must.equal(joined, { state: "Stable", members: 1, protocol: "k2p" })
      must.equal(sessionTimeouts, before.group?.sessionTimeouts)
      // A log that tells them tells the truth: this group has just been joined.
      if (sessionTimeouts !== null)
        must.hold(
          sessionTimeouts.least <= sessionTimeout && sessionTimeout <= sessionTimeouts.most,
          "bounds around the session timeout that was taken",
          sessionTimeouts
        )
      must.equal(
        yield* codeOf(Effect.scoped(transport.inspect([Harness.unique("nowhere")], group))),
        "UNKNOWN_TOPIC_OR_PARTITION"
      )
    })
  )
}
