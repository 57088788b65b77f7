/** Links against sockets that are no brokers: what a broken, silent or closed connection does to requests and to the process. */
import { once } from "node:events"
import { createServer, type Server, type Socket } from "node:net"
import { afterEach, assert, describe, it } from "vitest"
import type { KafkaOptions } from "../../../src/transport/kafka/connection/KafkaOptions.ts"
import { parseAddress, showAddress } from "../../../src/transport/kafka/connection/KafkaOptions.ts"
import { Link } from "../../../src/transport/kafka/connection/Link.ts"
import { Links } from "../../../src/transport/kafka/connection/Links.ts"
import { TransportError } from "../../../src/transport/Transport.ts"
import { withArmedTimers } from "../../support/armedTimers.ts"

const options: KafkaOptions = { brokers: [], clientId: "c", connectionTimeout: 1_000, requestTimeout: 300 }
const servers: Array<Server> = []
const sockets = new Set<Socket>()

/** A server that does `onRequest` with every chunk it gets. */
const listen = async (onRequest: (socket: Socket, chunk: Buffer) => void): Promise<{ host: string; port: number }> => {
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("data", (chunk) => onRequest(socket, chunk))
    socket.on("error", () => {})
  }).listen(0, "127.0.0.1")
  servers.push(server)
  await once(server, "listening")
  return { host: "127.0.0.1", port: (server.address() as { port: number }).port }
}

afterEach(() => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  for (const server of servers.splice(0)) server.close()
})

/** The answer to ApiVersions v0 of a broker that knows heartbeats v0 only. */
const greet = (socket: Socket, request: Buffer): void => {
  const body = Buffer.alloc(4 + 2 + 4 + 6)
  request.copy(body, 0, 8, 12)
  body.writeInt32BE(1, 6)
  body.writeInt16BE(12, 10)
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  socket.write(Buffer.concat([size, body]))
}
const isGreeting = (request: Buffer): boolean => request.readInt16BE(4) === 18
const apiOf = (request: Buffer): number => request.readInt16BE(4)

const beat = (link: Link) =>
  link.request("heartbeat", "Heartbeat", { groupId: "g", memberId: "m", groupGenerationId: 1 })
const failure = async (attempt: Promise<unknown>): Promise<TransportError> => {
  try {
    await attempt
  } catch (error) {
    assert.instanceOf(error, TransportError)
    return error
  }
  throw new Error("it did not fail")
}

describe("Link", () => {
  it("fails with CONNECTION where nobody listens", async () => {
    const address = await listen(() => {})
    servers.pop()!.close()
    const link = new Link(options, "c", address)
    const error = await failure(beat(link))
    assert.strictEqual(error.code, "CONNECTION")
    assert.match(error.message, /heartbeat: CONNECTION \(broker 127\.0\.0\.1:\d+: .*ECONNREFUSED/)
    assert.isTrue(link.broken)
  })

  it("says so when the other side hangs up on the greeting", async () => {
    const link = new Link(options, "c", await listen((socket) => socket.destroy()))
    assert.match((await failure(beat(link))).message, /does this port expect TLS or SASL/)
  })

  it("fails all requests under way at once when the connection breaks", async () => {
    const address = await listen((socket, chunk) => {
      if (isGreeting(chunk)) greet(socket, chunk)
      else socket.destroy()
    })
    const link = new Link(options, "c", address)
    const errors = await Promise.all([failure(beat(link)), failure(beat(link)), failure(beat(link))])
    assert.deepStrictEqual(
      errors.map((e) => [e.code, e.unknownOutcome]),
      Array.from({ length: 3 }, () => ["CONNECTION", true])
    )
    assert.strictEqual((await failure(beat(link))).code, "CONNECTION")
  })

  it("breaks after a request that was not answered in time, so that nothing waits behind it", async () => {
    const address = await listen((socket, chunk) => {
      if (isGreeting(chunk)) greet(socket, chunk)
    })
    const link = new Link(options, "c", address)
    const first = await failure(beat(link))
    assert.strictEqual(first.code, "TIMEOUT")
    assert.isTrue(link.broken)
  })

  it("breaks when the first request is overdue, whatever else waits longer or was answered meanwhile", async () => {
    let requests = 0
    const address = await listen((socket, chunk) => {
      if (isGreeting(chunk)) greet(socket, chunk)
      // The third one, which a broker would not answer before the others.
      else if (++requests === 3)
        socket.write(Buffer.concat([Buffer.from([0, 0, 0, 6]), chunk.subarray(8, 12), Buffer.from([0, 0])]))
    })
    const link = new Link(options, "c", address)
    const patient = failure(
      link.request("heartbeat", "Heartbeat", { groupId: "g", memberId: "m", groupGenerationId: 1 }, { atLeast: 60_000 })
    )
    while (requests < 1) await new Promise(setImmediate)
    const overdue = failure(beat(link))
    while (requests < 2) await new Promise(setImmediate)
    assert.strictEqual((await beat(link)).errorCode, 0)
    assert.strictEqual((await overdue).code, "TIMEOUT")
    assert.strictEqual((await patient).code, "CONNECTION")
    assert.isTrue(link.broken)
  })

  it("ends requests under way when it is closed, at every stage of the connection", async () => {
    const silent = await listen(() => {})
    const greeted = Promise.withResolvers<void>()
    const answering = await listen((socket, chunk) => {
      if (isGreeting(chunk)) greet(socket, chunk)
      else greeted.resolve()
    })
    const connecting = new Link(options, "c", silent)
    const early = failure(beat(connecting))
    connecting.close("enough")
    assert.strictEqual((await early).code, "CONNECTION")
    const ready = new Link({ ...options, requestTimeout: 60_000 }, "c", answering)
    const late = failure(beat(ready))
    await greeted.promise
    ready.close("enough")
    assert.strictEqual((await late).code, "CONNECTION")
  })

  it("loses no request that is being handed over while it is closed", async () => {
    const address = await listen((socket, chunk) => {
      if (isGreeting(chunk)) greet(socket, chunk)
      else if (chunk.readInt32BE(8) === 1) socket.write(Buffer.concat([Buffer.from([0, 0, 0, 6, 0, 0, 0, 1, 0, 0])]))
    })
    for (let turns = 0; turns < 30; turns++) {
      const link = new Link({ ...options, requestTimeout: 60_000 }, "c", address)
      // Connected and used once: what follows is only the handing over.
      await beat(link)
      const pending = failure(beat(link))
      for (let turn = 0; turn < turns; turn++) await null
      link.close("enough")
      assert.strictEqual((await pending).code, "CONNECTION")
    }
  }, 10_000)

  it("leaves no timer and no socket behind when it is closed", () =>
    withArmedTimers(async (armed) => {
      const address = await listen((socket, chunk) => {
        if (isGreeting(chunk)) greet(socket, chunk)
      })
      const links = Array.from({ length: 5 }, () => new Link({ ...options, requestTimeout: 60_000 }, "c", address))
      const failures = links.map((link) => failure(beat(link)))
      links[0]!.close("enough")
      await Promise.all(
        links.map(async (link, i) => {
          while (i > 0 && sockets.size < 4) await new Promise(setImmediate)
          link.close("enough")
        })
      )
      for (const error of await Promise.all(failures)) assert.strictEqual(error.code, "CONNECTION")
      await Promise.all(
        [...sockets].map((socket) => socket.closed || new Promise((closed) => socket.once("close", closed)))
      )
      // A timer that was cleared is known to be gone a turn later.
      await new Promise(setImmediate)
      assert.strictEqual(armed(), 0)
    }))

  it("arms no timer while it is idle, but the one that looks for requests without an answer", () =>
    withArmedTimers(async (armed) => {
      const address = await listen((socket, chunk) => {
        if (isGreeting(chunk)) greet(socket, chunk)
        else socket.write(Buffer.concat([Buffer.from([0, 0, 0, 6]), chunk.subarray(8, 12), Buffer.from([0, 0])]))
      })
      const link = new Link({ ...options, requestTimeout: 60_000 }, "c", address)
      assert.strictEqual((await beat(link)).errorCode, 0)
      await new Promise(setImmediate)
      assert.strictEqual(armed(), 1)
      link.close("enough")
      await new Promise(setImmediate)
      assert.strictEqual(armed(), 0)
    }))

  it("sends requests in the order of the calls, also those made before it was connected", async () => {
    const generations: Array<number> = []
    const all = Promise.withResolvers<void>()
    let rest = Buffer.alloc(0)
    const address = await listen((socket, chunk) => {
      if (isGreeting(chunk)) {
        greet(socket, chunk)
        return
      }
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
        const request = rest.subarray(0, 4 + rest.readInt32BE(0))
        rest = rest.subarray(request.length)
        assert.strictEqual(apiOf(request), 12)
        // size, api, version, correlation, client id "c", group "g", then the generation
        generations.push(request.readInt32BE(4 + 2 + 2 + 4 + 3 + 3))
        if (generations.length === 20) all.resolve()
      }
    })
    const link = new Link({ ...options, requestTimeout: 60_000 }, "c", address)
    const sent = Array.from({ length: 20 }, (_, i) =>
      failure(link.request("heartbeat", "Heartbeat", { groupId: "g", memberId: "m", groupGenerationId: i }))
    )
    await all.promise
    link.close("enough")
    await Promise.all(sent)
    assert.deepStrictEqual(
      generations,
      Array.from({ length: 20 }, (_, i) => i)
    )
  })
})

describe("Links", () => {
  it("ask every known broker once, and fail with the last one's error", async () => {
    let asked = 0
    const addresses = await Promise.all(
      Array.from({ length: 3 }, () =>
        listen((socket) => {
          asked++
          socket.destroy()
        })
      )
    )
    const links = new Links({ ...options, brokers: addresses.map(showAddress) }, "c")
    assert.strictEqual((await failure(links.metadata(["t"]))).code, "CONNECTION")
    assert.strictEqual(asked, 3)
    links.close()
    assert.strictEqual((await failure(links.metadata(["t"]))).code, "CONNECTION")
    assert.strictEqual(asked, 3)
  })

  it("refuse an address that is not one, by name", async () => {
    for (const bad of ["localhost", "host:0", "host:99999", "http://host:1", ":9092", ""])
      assert.throws(() => new Links({ ...options, brokers: [bad] }, "c"), /is not a broker address; write host:port/)
    assert.throws(() => new Links(options, "c"), /no broker address is given/)
    assert.deepStrictEqual(parseAddress("[::1]:9092"), { host: "::1", port: 9092 })
    assert.strictEqual(showAddress({ host: "::1", port: 9092 }), "[::1]:9092")
  })
})
