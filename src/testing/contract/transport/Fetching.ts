/** Fetching: the rules of the transport contract about what a fetch answers, when, and how much of it. */
import { randomBytes } from "node:crypto"
import { Effect, Fiber } from "effect"
import { partitionKey, type TopicPartition } from "../../../transport/Transport.ts"
import { must } from "../Must.ts"
import { partition } from "./Groups.ts"
import { Harness, type Rule, type TransportHarness } from "./Harness.ts"
import { at, bytes, fetch, leadersOf, neighbours, produce, readTo, record, text, wide } from "./Traffic.ts"

export const fetchingRules = (rule: Rule, { deleteRecords }: TransportHarness): void => {
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
}
