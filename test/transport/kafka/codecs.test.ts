/** Hostile bytes for the unpackers. That they unpack what others pack is the interop test's. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { isSubscription, protocolType } from "../../../src/transport/kafka/Envelope.ts"
import { unpackLz4 } from "../../../src/transport/kafka/Lz4.ts"
import { unpackSnappy } from "../../../src/transport/kafka/Snappy.ts"

/** "abcabcabcabc" and a literal tail, by hand: literal, overlapping copy, literal. */
const snappy = Buffer.from([15, 2 << 2, ...Buffer.from("abc"), ((5 << 2) | 1) + 0, 3, 2 << 2, ...Buffer.from("xyz")])
const lz4 = Buffer.from([
  ...[0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82],
  ...[10, 0, 0, 0, 0x35, ...Buffer.from("abc"), 3, 0, 0x30, ...Buffer.from("xyz")],
  ...[0, 0, 0, 0]
])

describe("unpackers", () => {
  it("follow copies that overlap themselves", () => {
    assert.strictEqual(unpackSnappy(snappy, 1_000).toString(), "abcabcabcabcxyz")
    assert.strictEqual(unpackLz4(lz4, 1_000).toString(), "abcabcabcabcxyz")
  })

  it("refuse to unpack more than they may", () => {
    assert.throws(() => unpackSnappy(snappy, 14), /more than 14/)
    assert.throws(() => unpackLz4(lz4, 14), /more than 14/)
    // It says four gigabytes; nothing is allocated for it.
    assert.throws(() => unpackSnappy(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), 1_000), /more than 1000/)
  })

  it("fail on whatever is malformed, and give at most their bound", () => {
    for (const [unpack, good] of [
      [unpackSnappy, snappy],
      [unpackLz4, lz4]
    ] as const)
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { maxLength: 5 }),
          fc.nat({ max: good.length }),
          (changes, length) => {
            const bytes = Buffer.from(good.subarray(0, length))
            for (const [at, byte] of changes) if (at < length) bytes[at] = byte
            try {
              assert.isAtMost(unpack(bytes, 500).length, 500)
            } catch (error) {
              assert.match((error as Error).message, /snappy|lz4|range/)
            }
          }
        ),
        { numRuns: 2_000 }
      )
  })
})

describe("Envelope", () => {
  it("tells a subscription from any other bytes", () => {
    const subscription = Buffer.from([0, 0, 0, 0, 0, 1, 0, 1, 0x74, 0, 0, 0, 2, 7, 7])
    assert.isTrue(isSubscription(subscription))
    assert.isTrue(isSubscription(Buffer.from([0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])))
    for (let size = 0; size < subscription.length; size++)
      assert.isFalse(isSubscription(subscription.subarray(0, size)))
    for (const other of ['{"a":1}', "", "\u0000\u0000\u007f\u00ff"]) assert.isFalse(isSubscription(Buffer.from(other)))
    assert.strictEqual(protocolType([subscription, Buffer.alloc(0)]), "kafka2prom")
    assert.strictEqual(protocolType([subscription]), "consumer")
  })
})
