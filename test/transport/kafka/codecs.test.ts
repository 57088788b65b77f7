/** Hostile bytes for the unpackers. That they unpack what others pack is the interop test's. */
import { zstdCompressSync } from "node:zlib"
import { lz4Compress, snappyCompress } from "@platformatic/wasm-utils"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { isSubscription, protocolType } from "../../../src/transport/kafka/Envelope.ts"
import { lz4Pieces, unpackSmallLz4 } from "../../../src/transport/kafka/records/Lz4.ts"
import { snappyPieces, unpackSmallSnappy } from "../../../src/transport/kafka/records/Snappy.ts"
import { UnreadableBytes } from "../../../src/transport/kafka/records/UnreadableBytes.ts"
import { ZstdFrames } from "../../../src/transport/kafka/records/ZstdFrames.ts"
import { xerial } from "../../support/batches.ts"

/** "abcabcabcabc" and a literal tail, by hand: literal, overlapping copy, literal. */
const snappy = Buffer.from([15, 2 << 2, ...Buffer.from("abc"), ((5 << 2) | 1) + 0, 3, 2 << 2, ...Buffer.from("xyz")])
const lz4 = Buffer.from([
  ...[0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82],
  ...[10, 0, 0, 0, 0x35, ...Buffer.from("abc"), 3, 0, 0x30, ...Buffer.from("xyz")],
  ...[0, 0, 0, 0]
])

const nothing = Buffer.alloc(0)
/** Packed before anything else is: the library throws for an empty input that follows an output for which its memory grew. */
const packedNothing = { snappy: snappyCompress(nothing), lz4: lz4Compress(nothing) }

const small = { snappy: unpackSmallSnappy, lz4: unpackSmallLz4 }
const pieces = { snappy: snappyPieces, lz4: lz4Pieces }
const good = { snappy, lz4 }

const whole = (gen: Generator<Uint8Array, void, void>): Buffer => {
  const parts: Array<Buffer> = []
  for (const piece of gen) parts.push(Buffer.from(piece))
  return Buffer.concat(parts)
}

/** Text with near and far repetitions, and noise. */
const plainArbitrary = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat({ max: 400 })), { maxLength: 20 })
  .map((parts) => Buffer.concat(parts.flatMap(([bytes, times]) => Array.from({ length: times }, () => bytes))))

for (const codec of ["snappy", "lz4"] as const)
  describe(codec, () => {
    it("follows copies that overlap themselves", () => {
      assert.strictEqual(small[codec](good[codec], 100_000)?.toString(), "abcabcabcabcxyz")
      assert.strictEqual(whole(pieces[codec](good[codec])).toString(), "abcabcabcabcxyz")
    })

    it("gives back in pieces what the library packs, of whatever size", () => {
      const pack = { snappy: snappyCompress, lz4: lz4Compress }[codec]
      const packed = (plain: Buffer): Buffer => (plain.length === 0 ? packedNothing[codec] : pack(plain))
      fc.assert(
        fc.property(plainArbitrary, (plain) => {
          assert.isTrue(whole(pieces[codec](packed(plain))).equals(plain))
          if (codec === "snappy") assert.isTrue(whole(snappyPieces(xerial(plain))).equals(plain))
          else
            assert.isTrue(
              whole(lz4Pieces(Buffer.concat([packed(plain), packed(plain)]))).equals(Buffer.concat([plain, plain]))
            )
        }),
        { numRuns: 100 }
      )
    })

    it("does not unpack at once what is more than it may", () => {
      assert.isUndefined(small[codec](good[codec], 14))
      // It says four gigabytes; nothing is allocated for it.
      assert.isUndefined(unpackSmallSnappy(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), 1_000))
    })

    it("fails on whatever is malformed as unreadable, at once and in pieces alike", () => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat({ max: good[codec].length - 1 }), fc.nat({ max: 255 })), { maxLength: 5 }),
          fc.nat({ max: good[codec].length }),
          (changes, length) => {
            const bytes = Buffer.from(good[codec].subarray(0, length))
            for (const [at, byte] of changes) if (at < length) bytes[at] = byte
            const atOnce = small[codec](bytes, 1_000_000)
            let slow: Buffer | undefined
            try {
              slow = whole(pieces[codec](bytes))
            } catch (error) {
              assert.instanceOf(error, UnreadableBytes)
            }
            if (atOnce !== undefined && slow !== undefined) assert.isTrue(atOnce.equals(slow))
          }
        ),
        { numRuns: 3_000 }
      )
    })
  })

describe("ZstdFrames", () => {
  it("finds where each frame ends, skippable ones too, and where the bytes are cut off", () => {
    const skippable = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
    fc.assert(
      fc.property(fc.array(fc.option(plainArbitrary), { maxLength: 5 }), fc.nat(), (plains, cut) => {
        const parts = plains.map((plain) => (plain === null ? skippable : zstdCompressSync(plain)))
        const frames = new ZstdFrames(Buffer.concat(parts))
        for (const [i, part] of parts.entries()) {
          const frame = frames.next()!
          assert.isTrue(frame.whole && frame.bytes.equals(part) && frame.skippable === (plains[i] === null))
          if (frame.plain !== undefined) assert.strictEqual(frame.plain, plains[i]?.length ?? 0)
        }
        assert.isUndefined(frames.next())
        const first = parts[0]
        if (first === undefined) return
        const size = 4 + (cut % (first.length - 4))
        assert.isFalse(new ZstdFrames(first.subarray(0, size)).next()!.whole)
      }),
      { numRuns: 200 }
    )
    assert.throws(() => new ZstdFrames(Buffer.from("what is this")).next(), UnreadableBytes)
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
