/** The bytes of produce requests: those of kafkajs' encoder, which wrote them before; and what is packed is read back by our own reader. */
import fc from "fast-check"
import kafkajs from "kafkajs"
import keys from "kafkajs/src/protocol/requests/apiKeys.js"
import protocol from "kafkajs/src/protocol/requests/index.js"
import { assert, describe, it, vi } from "vitest"
import { type ProduceArgs, produceBody } from "../../../src/transport/kafka/produce/ProduceRequest.ts"
import { decodeBatches } from "../../../src/transport/kafka/records/RecordBatch.ts"

const bytesArbitrary = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  // Lengths around those at which a number takes one byte more.
  fc.constantFrom(63, 64, 8_191, 8_192).map((length) => new Uint8Array(length).fill(97))
)
const recordArbitrary = fc.record({
  key: fc.option(bytesArbitrary),
  value: fc.option(bytesArbitrary),
  headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), bytesArbitrary, { maxKeys: 3 })
})
const argsArbitrary: fc.Arbitrary<ProduceArgs> = fc.record({
  acks: fc.constantFrom(0, 1, -1),
  timeout: fc.nat(100_000),
  compression: fc.constantFrom("none", "gzip", "zstd"),
  topicData: fc.array(
    fc.record({
      topic: fc.string({ minLength: 1, maxLength: 10 }),
      partitions: fc.array(
        fc.record({ partition: fc.nat(1_000), messages: fc.array(recordArbitrary, { minLength: 1, maxLength: 70 }) }),
        { minLength: 1, maxLength: 3 }
      )
    }),
    { minLength: 1, maxLength: 3 }
  )
})

const buffer = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes))

const byKafkajs = async ({ topicData, ...args }: ProduceArgs): Promise<Buffer> => {
  const versions = { [keys.Produce!]: { minVersion: 3, maxVersion: 7 } }
  const { request } = protocol.lookup(versions)(keys.Produce!, protocol.requests.Produce!)({
    ...args,
    compression: kafkajs.CompressionTypes.None,
    topicData: topicData.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, messages }) => ({
        partition,
        messages: messages.map(({ key, value, headers }) => ({
          key: buffer(key),
          value: buffer(value),
          headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, buffer(bytes)]))
        }))
      }))
    }))
  })
  return ((await request.encode()) as { readonly buffer: Buffer }).buffer
}

describe("produceBody", () => {
  it("is what kafkajs' encoder makes, byte by byte", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_700_000_000_123 })
    try {
      await fc.assert(
        fc.asyncProperty(argsArbitrary, async (args) => {
          const plain = { ...args, compression: "none" as const }
          assert.isTrue((await produceBody(plain)).equals(await byKafkajs(plain)))
        }),
        { numRuns: 100 }
      )
    } finally {
      vi.useRealTimers()
    }
  })

  it("packed, holds the same records, small and large", async () => {
    for (const compression of ["gzip", "zstd"] as const)
      for (const size of [1, 100_000, 2_000_000]) {
        const messages = [1, 2].map((n) => ({
          ...{ key: Buffer.from(`k${n}`), value: Buffer.alloc(size, `value ${n} `) },
          headers: { h: Buffer.from(String(n)) }
        }))
        const args = {
          acks: 1,
          timeout: 1,
          compression,
          topicData: [{ topic: "t", partitions: [{ partition: 0, messages }] }]
        }
        const body = await produceBody(args)
        // Acks and timeout, the topic's name, one partition's number and size.
        const { records } = await decodeBatches(body.subarray(12 + 2 + 1 + 4 + 8), {
          ...{ from: 0, aborted: [], end: Number.POSITIVE_INFINITY, maxRecordBytes: 64 * 1024 * 1024 },
          room: { left: Number.POSITIVE_INFINITY, atOnce: 0 },
          confirmed: () => true
        })
        const found = records.map(({ key, value, headers }) => [key, value, headers.h].map((one) => Buffer.from(one!)))
        const sent = messages.map(({ key, value, headers }) => [key, value, headers.h])
        assert.isTrue(found.flat().every((bytes, n) => bytes.equals(sent.flat()[n]!)) && found.length === 2)
      }
  })
})
