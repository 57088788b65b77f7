import { assert, describe, it } from "@effect/vitest"
import { Frames, frame } from "../../src/agent/Frames.ts"
import type { FromLooker } from "../../src/agent/files/Wire.ts"

const left = (id: number): FromLooker => ({ t: "left", id })

/** Messages and bodies as they came out. */
const read = (pieces: Iterable<Buffer>): ReadonlyArray<readonly [FromLooker, string]> => {
  const out: Array<readonly [FromLooker, string]> = []
  const frames = new Frames<FromLooker>((message, body) => void out.push([message, body.toString()]))
  for (const piece of pieces) frames.accept(piece)
  return out
}

const piecesOf = function* (bytes: Buffer, size: number): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

describe("Frames", () => {
  const body = Buffer.from("a 1\né 2\n")
  const text: FromLooker = { t: "trouble", key: "é", text: "…" }
  const bytes = Buffer.concat([
    ...[frame(left(1)), frame(left(2), body.length), body, frame(text), frame(left(3), 1), Buffer.from("x")],
    frame(left(4))
  ])
  const expected: ReadonlyArray<readonly [FromLooker, string]> = [
    [left(1), ""],
    [left(2), body.toString()],
    [text, ""],
    [left(3), "x"],
    [left(4), ""]
  ]

  it("frames are read from pieces of every size, also several from one piece", () => {
    for (let size = 1; size <= bytes.length; size++) assert.deepStrictEqual(read(piecesOf(bytes, size)), expected)
  })

  it("a frame without a body is handed on with its last byte, not with the next piece", () => {
    assert.deepStrictEqual(read([frame(left(1))]), [[left(1), ""]])
    assert.deepStrictEqual(read([frame(left(1), 1)]), [])
  })

  it("each body has memory of its own: it is handed on", () => {
    const bodies: Array<Buffer> = []
    const frames = new Frames<FromLooker>((_, body) => void bodies.push(body))
    const piece = Buffer.concat([frame(left(1), 2), Buffer.from("ab"), frame(left(2), 2), Buffer.from("cd")])
    frames.accept(piece)
    piece.fill(0)
    assert.deepStrictEqual(bodies.map(String), ["ab", "cd"])
    assert.notStrictEqual(bodies[0]!.buffer, bodies[1]!.buffer)
  })

  it("bytes that are no frames are refused before memory is taken for them", () => {
    const head = Buffer.alloc(8)
    head.writeUInt32LE(64 * 1024 * 1024 + 1, 0)
    assert.throws(() => read([head]), /a frame of 67108865 and 0 bytes/)
    const junk = Buffer.concat([frame(left(1)).subarray(0, 8), Buffer.alloc(100, "x")])
    assert.throws(() => read([junk]), SyntaxError)
  })
})
