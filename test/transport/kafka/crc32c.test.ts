import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import crc32C from "kafkajs/src/protocol/recordBatch/crc32C/index.js"
import { crc32c } from "../../../src/transport/kafka/records/Crc32c.ts"

it("the checksum is Castagnoli's, of bytes of any length and at any place", () => {
  assert.strictEqual(crc32c(Buffer.from("123456789")), 0xe3069283)
  const some = Buffer.alloc(150_000)
  for (let i = 0; i < some.length; i++) some[i] = (i * 2_654_435_761) >>> 13
  const lengths = fc.oneof(fc.nat({ max: 2_000 }), fc.nat({ max: 140_000 }))
  fc.assert(
    fc.property(fc.nat({ max: 10_000 }), lengths, (from, length) => {
      const bytes = some.subarray(from, from + length)
      assert.strictEqual(crc32c(bytes), crc32C(bytes) >>> 0)
    }),
    { numRuns: 300 }
  )
})
