import { Socket } from "node:net"
import { setImmediate } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { maxWaiting, Turns } from "../../src/http/Turns.ts"

const from = (client: string): Socket => Object.defineProperty(new Socket(), "remoteAddress", { value: client })

describe("turns", () => {
  it("of a connection's requests come one after the other, each when the one before has ended", async () => {
    const turns = new Turns()
    const socket = from("10.0.0.1")
    const begun: Array<number> = []
    for (const n of [1, 2, 3]) assert.isTrue(turns.add(socket, () => begun.push(n)))
    await setImmediate()
    assert.deepStrictEqual(begun, [1])
    turns.ended(socket)
    await setImmediate()
    assert.deepStrictEqual(begun, [1, 2])
  })

  it("are shared by clients, not by connections: who asks much delays another by one answer", async () => {
    const turns = new Turns()
    const begun: Array<string> = []
    for (let n = 0; n < 50; n++) turns.add(from("10.0.0.1"), () => begun.push("much"))
    turns.add(from("10.0.0.2"), () => begun.push("little"))
    await Promise.resolve()
    assert.deepStrictEqual(begun, ["much", "little"])
    while (begun.length < 51) await setImmediate()
  })

  it("are refused where too many wait on a connection, and those of one that is gone never come", async () => {
    const turns = new Turns()
    const socket = from("10.0.0.1")
    const begun: Array<number> = []
    for (let n = 0; n <= maxWaiting; n++) assert.isTrue(turns.add(socket, () => begun.push(n)))
    assert.isFalse(turns.add(socket, () => begun.push(-1)))
    await setImmediate()
    turns.gone(socket)
    turns.ended(socket)
    await setImmediate()
    assert.deepStrictEqual(begun, [0])
  })
})
