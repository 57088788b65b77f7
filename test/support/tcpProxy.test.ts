/** The proxy that the fault tests trust: what passes, what it holds, what it cuts. */
import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"
import { afterEach, assert, beforeEach, it } from "vitest"
import { openProxy, type TcpProxy } from "./tcpProxy.ts"
import { until } from "./until.ts"

let server: Server
let proxy: TcpProxy
/** What the server has got, connection after connection; it answers each piece in capitals. */
let got: Array<string> = []
const open: Array<Socket> = []

beforeEach(async () => {
  got = []
  server = createServer((socket) => {
    const index = got.push("") - 1
    socket.on("error", () => {})
    socket.on("data", (bytes) => {
      got[index] = `${got[index]}${bytes}`
      socket.write(String(bytes).toUpperCase())
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  proxy = await openProxy()
  proxy.aim((server.address() as { port: number }).port)
})
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy()
  await proxy.close()
  server.close()
})

const dial = async (port = proxy.port) => {
  const socket = connect(port, "127.0.0.1")
  open.push(socket)
  const client = { socket, text: "", closed: false }
  socket.on("data", (bytes) => {
    client.text += bytes
  })
  socket.on("error", () => {})
  socket.on("close", () => {
    client.closed = true
  })
  // A reset may come before Node tells of the connection.
  await Promise.race([once(socket, "connect"), once(socket, "close")]).catch(() => {})
  return client
}
const answered = (client: { text: string }, text: string) =>
  until(() => client.text === text, { what: () => `the answer ${text}, got ${client.text}`, every: 5 })

it("bytes pass both ways, in order, and an end is passed on", async () => {
  const client = await dial()
  client.socket.write("one,")
  client.socket.write("two")
  await answered(client, "ONE,TWO")
  client.socket.end()
  await until(() => client.closed, { what: "the end", every: 5 })
})

it("a cut resets connections and new ones, until it is healed", async () => {
  const client = await dial()
  client.socket.write("one")
  await answered(client, "ONE")
  proxy.cut()
  await until(() => client.closed, { what: "the reset", every: 5 })
  const refused = await dial()
  await until(() => refused.closed, { what: "the reset of a new connection", every: 5 })
  proxy.heal()
  const healed = await dial()
  healed.socket.write("two")
  await answered(healed, "TWO")
  assert.deepStrictEqual(got, ["one", "two"])
})

it("stalled requests reach nobody and are delivered when it is healed, those of new connections too", async () => {
  const before = await dial()
  before.socket.write("one,")
  await answered(before, "ONE,")
  proxy.stall({ toServer: true, toClient: false })
  before.socket.write("two")
  const during = await dial()
  during.socket.write("three")
  // Passing is seen on another way to the same server: what was to come would have come.
  const other = await dial((server.address() as { port: number }).port)
  other.socket.write("four")
  await answered(other, "FOUR")
  assert.notInclude(got.join(), "t")
  proxy.heal()
  await answered(before, "ONE,TWO")
  await answered(during, "THREE")
})

it("stalled answers were asked for and wait, and an old stall ends when another begins", async () => {
  const client = await dial()
  proxy.stall({ toServer: false, toClient: true })
  client.socket.write("one")
  await until(() => got.includes("one"), { what: "the request", every: 5 })
  assert.strictEqual(client.text, "")
  proxy.stall({ toServer: true, toClient: false })
  await answered(client, "ONE")
})

it("forgotten connections carry nothing for ever and stay open, new ones pass", async () => {
  const before = await dial()
  before.socket.write("one,")
  await answered(before, "ONE,")
  proxy.forget()
  before.socket.write("two")
  const after = await dial()
  after.socket.write("three")
  await answered(after, "THREE")
  proxy.heal()
  after.socket.write("four")
  await answered(after, "THREEFOUR")
  assert.deepStrictEqual([got, before.text, before.closed], [["one,", "threefour"], "ONE,", false])
})

it("a delay makes both directions late and keeps their order, until it is healed", async () => {
  const client = await dial()
  proxy.delay(50)
  const started = performance.now()
  client.socket.write("one,")
  await answered(client, "ONE,")
  assert.isAtLeast(performance.now() - started, 99)
  client.socket.write("two,")
  await until(() => got.join() === "one,two,", { what: "the request", every: 5 })
  proxy.heal()
  client.socket.end("three")
  await until(() => client.closed, { what: "the end", every: 5 })
  assert.strictEqual(client.text, "ONE,TWO,THREE")
})

it("before it is aimed it takes nobody", async () => {
  const unaimed = await openProxy()
  try {
    const client = await dial(unaimed.port)
    await until(() => client.closed, { what: "the reset", every: 5 })
  } finally {
    await unaimed.close()
  }
})
