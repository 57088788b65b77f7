/** One gzip stream of pieces that are packed at once: what went in comes out in order, as one member, and no piece is packed far ahead of its reader. */
import { createHash } from "node:crypto"
import { crc32, gunzipSync, inflateRawSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { GzipOutlet } from "../../src/http/Gzip.ts"
import type { Outlet } from "../../src/http/Outlet.ts"

const mega = 1024 * 1024

/** Bytes that do not get smaller. */
const noise = (length: number, seed: number): Buffer => {
  const blocks: Array<Buffer> = []
  for (let i = 0; i * 64 < length; i++) blocks.push(createHash("sha512").update(`${seed} ${i}`).digest())
  return Buffer.concat(blocks).subarray(0, length)
}
const text = (length: number, seed: number): Buffer => Buffer.alloc(length, `line of source ${seed} with some value\n`)

/** `room`: what its reader does before it takes more. */
const packed = async (pieces: ReadonlyArray<Uint8Array>, room = async () => {}): Promise<Buffer> => {
  const bytes: Array<Buffer> = []
  let ended = false
  const gzip = new GzipOutlet({
    put: async (piece) => {
      bytes.push(Buffer.from(piece))
      await room()
    },
    whenTaken: (then) => then(),
    end: async () => {
      ended = true
    },
    close: () => {}
  })
  for (const piece of pieces) await gzip.put(piece)
  await gzip.end()
  assert.isTrue(ended)
  return Buffer.concat(bytes)
}

const bodies: Readonly<Record<string, ReadonlyArray<Buffer>>> = {
  "of nothing": [],
  "of one byte": [Buffer.from("a")],
  "of small pieces": Array.from({ length: 300 }, (_, i) => text(i, i)),
  "of large pieces": Array.from({ length: 9 }, (_, i) => text(mega + i, i)),
  "that does not get smaller": Array.from({ length: 5 }, (_, i) => noise(mega, i)),
  "of pieces that take longer and shorter": Array.from({ length: 12 }, (_, i) => (i % 2 ? text(10, i) : noise(mega, i)))
}

describe("a packed body", () => {
  for (const [name, pieces] of Object.entries(bodies))
    it(`${name} is one gzip member with just these bytes`, async () => {
      const plain = Buffer.concat(pieces)
      const whole = await packed(pieces)
      assert.isTrue(gunzipSync(whole).equals(plain))
      // The deflate stream alone, between the member's head and its trailer: all of it, and ended where the trailer begins.
      const { buffer, engine } = inflateRawSync(whole.subarray(10, -8), { info: true }) as unknown as {
        buffer: Buffer
        engine: { bytesWritten: number }
      }
      assert.isTrue(buffer.equals(plain))
      assert.strictEqual(engine.bytesWritten, whole.length - 18)
      assert.strictEqual(whole.readUInt32LE(whole.length - 8), crc32(plain))
      assert.strictEqual(whole.readUInt32LE(whole.length - 4), plain.length)
    })

  it("is the same for a reader that takes its time", async () => {
    const pieces = bodies["of pieces that take longer and shorter"]!
    const slowly = await packed(pieces, () => new Promise((resolve) => setImmediate(resolve)))
    assert.isTrue(slowly.equals(await packed(pieces)))
  })

  it("is hardly larger than one that is packed in one go", async () => {
    const lines = Buffer.from(
      Array.from(
        { length: 40_000 },
        (_, i) => `requests_total{route="/api/${i % 97}",pod="${i % 31}"} ${i * 7}\n`
      ).join("")
    )
    const pieces = Array.from({ length: Math.ceil(lines.length / (512 * 1024)) }, (_, i) =>
      lines.subarray(i * 512 * 1024, (i + 1) * 512 * 1024)
    )
    assert.isAbove(pieces.length, 3)
    assert.isBelow((await packed(pieces)).length, (await packed([lines])).length * 1.03)
  })
})

describe("a reader that stands still", () => {
  it("has a few pieces waiting for it, and no more is taken", async () => {
    const stuck: Outlet = {
      put: () => new Promise(() => {}),
      whenTaken: () => {},
      end: async () => {},
      close: () => {}
    }
    const gzip = new GzipOutlet(stuck)
    let put = 0
    const producing = (async () => {
      for (; put < 100; put++) await gzip.put(noise(mega, put))
    })()
    for (let last = -1, same = 0; same < 20; last = put) {
      same = put === last ? same + 1 : 0
      await taken(gzip)
    }
    assert.isAtMost(put, 4)
    gzip.close()
    void producing
  })

  it("that is gone fails what comes next", async () => {
    const gone: Outlet = {
      put: () => Promise.reject(new Error("gone")),
      whenTaken: (then) => then(),
      end: async () => {},
      close: () => {}
    }
    const gzip = new GzipOutlet(gone)
    const failed = (async () => {
      for (let i = 0; i < 20; i++) await gzip.put(noise(mega, i))
      return "went on"
    })().catch((error: Error) => error.message)
    assert.strictEqual(await failed, "gone")
    gzip.close()
  })
})

/** Everything that was put is packed, and the event loop had a turn. */
const taken = (gzip: GzipOutlet): Promise<void> => new Promise((resolve) => gzip.whenTaken(() => setImmediate(resolve)))
