/** What the response took: memory is called free when the kernel has it, never before, and never when that is not known. */

import { EventEmitter } from "node:events"
import type { ServerResponse } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { ResponseOutlet } from "../../src/http/Outlet.ts"

/** A response whose socket does what the test says. */
class FakeResponse extends EventEmitter {
  destroyed = false
  readonly writes: Array<{ readonly bytes: number; readonly done: (error?: Error | null) => void }> = []

  write(bytes: Uint8Array, done: (error?: Error | null) => void): boolean {
    this.writes.push({ bytes: bytes.length, done })
    return false
  }

  destroy(): this {
    this.destroyed = true
    this.emit("close")
    return this
  }
}

const over = () => {
  const response = new FakeResponse()
  return { response, outlet: new ResponseOutlet(response as unknown as ServerResponse) }
}
const chunk = new Uint8Array(512 * 1024)

const settled = async (promise: Promise<unknown>): Promise<string> => {
  const state = promise.then(
    () => "room",
    () => "gone"
  )
  await new Promise((resolve) => setImmediate(resolve))
  return await Promise.race([state, Promise.resolve("waits")])
}

describe("bytes that were put", () => {
  it("are free when each write before is done, and not earlier", async () => {
    const { response, outlet } = over()
    const free: Array<string> = []
    void outlet.put(chunk.subarray(0, 10))
    void outlet.put(chunk.subarray(10, 20))
    outlet.whenTaken(() => free.push("first two"))
    void outlet.put(chunk.subarray(20, 30))
    outlet.whenTaken(() => free.push("third"))
    assert.deepStrictEqual(free, [])
    response.writes[0]!.done()
    assert.deepStrictEqual(free, [])
    response.writes[1]!.done(null)
    assert.deepStrictEqual(free, ["first two"])
    response.writes[2]!.done()
    assert.deepStrictEqual(free, ["first two", "third"])
    outlet.whenTaken(() => free.push("nothing waits"))
    assert.deepStrictEqual(free, ["first two", "third", "nothing waits"])
  })

  it("are never free when a write failed: the kernel may have them still", async () => {
    const { response, outlet } = over()
    let free = 0
    void outlet.put(chunk.subarray(0, 10))
    outlet.whenTaken(() => free++)
    response.destroy()
    response.writes[0]!.done(new Error("write ECANCELED"))
    assert.strictEqual(free, 0)
  })
})

describe("room", () => {
  it("is for a second chunk while the first is written, and for a third when that is done", async () => {
    const { response, outlet } = over()
    assert.strictEqual(await settled(outlet.put(chunk)), "room")
    const second = outlet.put(chunk)
    assert.strictEqual(await settled(second), "waits")
    response.writes[0]!.done()
    assert.strictEqual(await settled(second), "room")
  })

  it("never comes of a response that is closed: whoever waits is told, and whoever comes later", async () => {
    const { response, outlet } = over()
    await outlet.put(chunk)
    const waiting = outlet.put(chunk)
    response.destroy()
    assert.strictEqual(await settled(waiting), "gone")
    assert.strictEqual(await settled(outlet.put(chunk)), "gone")
    assert.strictEqual(await settled(outlet.end()), "gone")
    assert.strictEqual(response.writes.length, 2)
  })
})
