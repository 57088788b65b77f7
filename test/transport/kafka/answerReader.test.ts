import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { AnswerReader, AnswerTooLong } from "../../../src/transport/kafka/connection/AnswerReader.ts"

const framed = (answer: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(4 + answer.length)
  bytes.writeInt32BE(answer.length)
  bytes.set(answer, 4)
  return bytes
}

describe("AnswerReader", () => {
  it("gives the same answers however the stream is cut, also when the read buffer is used over and over", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 4, maxLength: 300 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 40 }),
        (sent, sizes) => {
          const stream = Buffer.concat(sent.map(framed))
          const got: Array<Buffer> = []
          const reader = new AnswerReader((answer) => got.push(answer))
          const shared = new Uint8Array(500)
          for (let at = 0, i = 0; at < stream.length; i++) {
            const piece = stream.subarray(at, at + sizes[i % sizes.length]!)
            shared.set(piece)
            reader.feed(shared.subarray(0, piece.length))
            shared.fill(0xff)
            at += piece.length
          }
          assert.deepStrictEqual(
            got.map((answer) => [...answer]),
            sent.map((answer) => [...answer])
          )
        }
      )
    )
  })

  it("gives the same answers where large ones are read into directly, as far as each read gets", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 4, max: 100 }), fc.integer({ min: 30_000, max: 200_000 })), {
          maxLength: 6
        }),
        fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 40 }),
        (lengths, sizes) => {
          const sent = lengths.map((length, i) => Buffer.alloc(length, `answer ${i}`))
          const stream = Buffer.concat(sent.map(framed))
          const got: Array<Buffer> = []
          const reader = new AnswerReader((answer) => got.push(answer))
          const usual = new Uint8Array(50_000)
          let direct = 0
          for (let at = 0, i = 0; at < stream.length; i++) {
            const space = reader.space()
            const into = space ?? usual
            const piece = stream.subarray(at, at + Math.min(sizes[i % sizes.length]!, into.length))
            into.set(piece)
            if (space === undefined) reader.feed(usual.subarray(0, piece.length))
            else reader.filled(piece.length)
            if (space !== undefined) direct += piece.length
            usual.fill(0xff)
            at += piece.length
          }
          assert.isTrue(got.length === sent.length && got.every((answer, i) => answer.equals(sent[i]!)))
          if (lengths.some((length) => length > 100_000)) assert.isAbove(direct, 0)
        }
      )
    )
  })

  it("refuses a length that no answer has", () => {
    for (const length of [-1, 0, 3, 0x48545450]) {
      const bytes = Buffer.alloc(4)
      bytes.writeInt32BE(length)
      assert.throws(() => new AnswerReader(() => {}).feed(bytes), AnswerTooLong)
    }
  })
})
