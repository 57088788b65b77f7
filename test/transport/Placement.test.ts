/** Placement: the hashes by their published vectors. Where real producers put keys is kafka/placement.test.ts. */
import { assert, describe, it } from "@effect/vitest"
import { crc32, murmur2, placing } from "../../src/transport/Placement.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

describe("placement", () => {
  it("murmur2 is that of Kafka's own client", () => {
    // The vectors of org.apache.kafka.common.utils.UtilsTest.
    const vectors: ReadonlyArray<readonly [string, number]> = [
      ["21", -973932308],
      ["foobar", -790332482],
      ["a-little-bit-long-string", -985981536],
      ["a-little-bit-longer-string", -1486304829],
      ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
      ["abc", 479470107]
    ]
    for (const [text, hash] of vectors) assert.strictEqual(murmur2(bytes(text)), hash, text)
  })

  it("crc32 is zlib's", () => {
    assert.strictEqual(crc32(bytes("123456789")), 0xcbf43926)
    assert.strictEqual(crc32(bytes("")), 0)
  })

  it("no hash is negative", () => {
    for (let i = 0; i < 1_000; i++)
      for (const hash of [placing.murmur2, placing.crc32]) assert.isAtLeast(hash(bytes(`edge-${i}`)), 0)
  })
})
