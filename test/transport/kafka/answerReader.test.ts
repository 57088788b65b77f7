import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { AnswerReader, AnswerTooLong } from "../../../src/transport/kafka/AnswerReader.ts"

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

  it("refuses a length that no answer has", () => {
    for (const length of [-1, 0, 3, 0x48545450]) {
      const bytes = Buffer.alloc(4)
      bytes.writeInt32BE(length)
      assert.throws(() => new AnswerReader(() => {}).feed(bytes), AnswerTooLong)
    }
  })
})
