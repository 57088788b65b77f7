import { Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Connections } from "../../src/http/Connections.ts"

const from = (client: string): Socket => Object.defineProperty(new Socket(), "remoteAddress", { value: client })

describe("connections", () => {
  const open = (bounds: { all: number; ofClient: number }) => {
    const closed: Array<string> = []
    const connections = new Connections(bounds, (why, client) => closed.push(`${why} ${client}`))
    const arrive = (client: string, busy: boolean): Socket => {
      const socket = from(client)
      connections.arrived(socket)
      if (busy) connections.begins(socket)
      return socket
    }
    return { connections, closed, arrive }
  }

  it("that are busy make room, too: the oldest of who has most", () => {
    const { closed, arrive } = open({ all: 6, ofClient: 3 })
    const [oldest] = [1, 2, 3].map(() => arrive("10.0.0.1", true))
    const quiet = arrive("10.0.0.9", false)
    for (let n = 0; n < 2; n++) arrive("10.0.0.2", true)
    arrive("10.0.0.8", true)
    assert.deepStrictEqual(closed, ["busy 10.0.0.1"])
    assert.isTrue(oldest!.destroyed)
    assert.isFalse(quiet.destroyed)
  })

  it("that are idle go first, of who has most", () => {
    const { connections, closed, arrive } = open({ all: 3, ofClient: 3 })
    const first = arrive("10.0.0.1", true)
    const second = arrive("10.0.0.1", true)
    connections.ends(second)
    arrive("10.0.0.2", false)
    arrive("10.0.0.3", false)
    assert.deepStrictEqual(closed, ["idle 10.0.0.1"])
    assert.deepStrictEqual([first.destroyed, second.destroyed], [false, true])
  })

  it("of who has a share, or most, are refused while all of its own are busy", () => {
    const { closed, arrive } = open({ all: 4, ofClient: 3 })
    for (let n = 0; n < 4; n++) arrive("10.0.0.1", true)
    arrive("10.0.0.2", true)
    assert.isTrue(arrive("10.0.0.1", false).destroyed)
    assert.deepStrictEqual(closed, ["refused 10.0.0.1", "refused 10.0.0.1"])
  })
})
