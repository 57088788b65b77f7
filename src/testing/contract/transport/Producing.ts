/** Producing: the rules of the transport contract about the order of calls, sizes, acknowledgements and compression. */
import { randomBytes } from "node:crypto"
import { Effect, Exit, Fiber } from "effect"
import { partitionKey, Transport } from "../../../transport/Transport.ts"
import { must } from "../Must.ts"
import { codeOf, partition } from "./Groups.ts"
import { Harness, type Rule, type TransportHarness } from "./Harness.ts"
import { produce, readTo, record, text } from "./Traffic.ts"

export const producingRules = (rule: Rule, { maxRecordBytes }: TransportHarness): void => {
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
}
