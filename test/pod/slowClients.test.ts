/**
 * Clients that mean no good, over real sockets: they read nothing or hardly, connect and say nothing, send without an end, ask all
 * at once. Whatever they do, the next scrape is answered, probes are, and what was spent on them comes back.
 */
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, type Scope } from "effect"
import { maxWaiting } from "../../src/http/Turns.ts"
import { maxOfClient, maxScrapes } from "../../src/metrics/scrape/ScrapeSlots.ts"
import { ask, askFrom, type FakeOptions, type FakePod, fakePod, gauge, open, scrapes, until, whole } from "./fakePod.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** A raw connection of a client; all of a test's end with it. */
type Dial = (from: string, request: string) => Promise<Socket>

const test = (
  name: string,
  body: (pod: FakePod, dial: Dial, logged: ReadonlyArray<string>) => Promise<void>,
  options: FakeOptions = {}
) => {
  const logged: Array<string> = []
  const logger = Logger.make(({ message }) => void logged.push(String(message)))
  const dialing = Effect.acquireRelease(
    Effect.sync(() => new Set<Socket>()),
    (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
  )
  const run: Effect.Effect<void, never, Scope.Scope> = Effect.gen(function* () {
    const pod = yield* fakePod({ overPort: true, ...options })
    const sockets = yield* dialing
    const port = Number(new URL(pod.base).port)
    const dial: Dial = async (from, request) => {
      const socket = connect({ host: "127.0.0.1", port, localAddress: from })
      sockets.add(socket)
      socket.on("error", () => {})
      await once(socket, "connect")
      socket.write(request)
      return socket
    }
    yield* Effect.promise(() => body(pod, dial, logged))
  })
  it.live(name, () => run.pipe(Effect.provide(Logger.layer([logger]))), 60_000)
}

const scrape = "GET /metrics HTTP/1.1\r\nHost: pod\r\n\r\n"
/** Far more than all socket buffers on the way: 40 MB. */
const large = () => Array.from({ length: 40 }, (_, n) => gauge("large", `source-${n}`, 25_000))
const size = (pod: FakePod): number => pod.dumps.reduce((sum, { bytes }) => sum + bytes, 0)

/** Begun: all that were not refused. */
const begun = async (pod: FakePod, clients: number): Promise<void> => {
  const refused = async () => (await scrapes(pod.metrics, "busy")) + (await scrapes(pod.metrics, "client-busy"))
  await until(pod, async () => pod.engine.cuts + (await refused()) >= clients)
}

/** The first whole answer, however often it was refused before. */
const answered = async (pod: FakePod, from: string): Promise<number> => {
  for (;;) {
    const { status, body } = await askFrom(from, `${pod.base}/metrics`)
    if (status === 200) return body.length
  }
}

/** Sixteen of one address, within a moment. */
const ask16 = async (pod: FakePod, dial: Dial): Promise<void> => {
  const sockets = await Promise.all(Array.from({ length: 16 }, () => dial("127.0.2.1", "")))
  for (const socket of sockets) socket.write(scrape)
  await begun(pod, 16)
}

describe("clients that read nothing", () => {
  test("of one address take its share; the next scrape is answered at once, and so are probes and status", async (pod, dial) => {
    pod.dumps = large()
    await ask16(pod, dial)
    assert.isAbove(await scrapes(pod.metrics, "client-busy"), 0)
    const { status, body } = await askFrom("127.0.2.2", `${pod.base}/metrics`)
    assert.deepStrictEqual([status, body.length >= size(pod)], [200, true])
    for (const path of ["/healthz", "/readyz", "/api/v1/status", "/self/metrics"])
      assert.strictEqual((await askFrom("127.0.2.1", pod.base + path)).status, 200, path)
  })

  test("of its own address keep nobody out: they make room", async (pod, dial, logged) => {
    pod.dumps = large()
    await ask16(pod, dial)
    assert.isAtLeast(await answered(pod, "127.0.2.1"), size(pod))
    // Those that would have to: not all at once, when their time is over.
    const stalled = await scrapes(pod.metrics, "stalled")
    assert.isTrue(stalled > 0 && stalled < maxOfClient, `${stalled} made room`)
    assert.isTrue(logged.some((line) => /^a scrape by 127\.0\.2\.1 was ended: the client does not read/.test(line)))
    assert.isTrue(logged.some((line) => /^a scrape by 127\.0\.2\.1 was refused: 4 scrapes .* by one client/.test(line)))
    assert.isBelow(logged.length, 4, "one line for many")
  })

  test("200 of them of 50 addresses keep nobody out either", async (pod, dial) => {
    pod.dumps = large()
    await Promise.all(Array.from({ length: 200 }, (_, n) => dial(`127.0.3.${1 + (n % 50)}`, scrape)))
    await begun(pod, 200)
    assert.isAtLeast(await answered(pod, "127.0.2.2"), size(pod))
    for (const path of ["/healthz", "/readyz", "/api/v1/status"])
      assert.strictEqual((await ask(pod.base + path)).status, 200, path)
  })

  test(
    "are let go after ten seconds, with what was made for them, and so is one that reads a byte now and then",
    async (pod, dial) => {
      pod.dumps = large()
      collect()
      const before = process.memoryUsage().arrayBuffers
      const packed = "GET /metrics HTTP/1.1\r\nHost: pod\r\nAccept-Encoding: gzip\r\n\r\n"
      const clients = await Promise.all(
        Array.from({ length: maxScrapes }, (_, n) => dial(`127.0.4.${n}`, n === 1 ? packed : scrape))
      )
      await begun(pod, maxScrapes)
      // Other answers, too.
      clients.push(await dial("127.0.4.100", "GET /api/v1/status HTTP/1.1\r\nHost: pod\r\n\r\n"))
      const dripping = clients[0]!
      let closed = 0
      for (const client of clients) client.once("close", () => closed++)
      let dripped = 0
      await until(pod, async () => {
        if (dripping.read(1) !== null) dripped += 1
        // What is packed has room in the kernel: it is no longer the pod's.
        return (await scrapes(pod.metrics, "stalled")) === maxScrapes - 1
      })
      assert.isAbove(dripped, 10)
      // A reset is seen by who looks.
      for (const client of clients) client.resume()
      await until(pod, () => closed >= maxScrapes)
      await until(pod, () => {
        collect()
        return process.memoryUsage().arrayBuffers < before + 1024 * 1024
      })
      assert.isAtLeast(await answered(pod, "127.0.4.1"), size(pod))
    },
    { settings: [{ name: "large", value: "x".repeat(30 * 1024 * 1024), from: "default" }] }
  )
})

describe("clients that say nothing, or do not stop", () => {
  test("1,000 connections of one address, and as many of others, make room for a probe of any", async (pod, dial) => {
    pod.dumps = [gauge("up_time", "a")]
    const kept = await dial("127.0.5.200", "")
    const silent = Array.from({ length: 1_000 }, () => dial("127.0.5.1", "GET /metrics HTTP/1.1\r\nHost: p"))
    await Promise.all(silent)
    for (const from of ["127.0.5.1", "127.0.5.2"])
      for (const path of ["/healthz", "/metrics"])
        assert.strictEqual((await askFrom(from, pod.base + path)).status, 200, `${path} for ${from}`)
    assert.isAbove(await closedFor(pod, "idle"), 0)
    for (let n = 0; n < 10; n++) await Promise.all(Array.from({ length: 100 }, () => dial(`127.0.6.${n}`, "")))
    for (const path of ["/healthz", "/metrics"]) assert.strictEqual((await ask(pod.base + path)).status, 200, path)
    kept.write("GET /healthz HTTP/1.1\r\nHost: p\r\n\r\n")
    const [answer] = (await once(kept, "data")) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 200 /)
  })

  test("a request with a body is the last of its connection: nobody waits for the body's end", async (_, dial) => {
    for (const [request, status] of [
      ["GET /metrics HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n", 200],
      ["GET /healthz HTTP/1.1\r\nHost: p\r\nContent-Length: 1000000000\r\n\r\n", 200],
      ["POST /healthz HTTP/1.1\r\nHost: p\r\nContent-Length: 1000000000\r\n\r\n", 405],
      ["PUT /api/v1/backpressure HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n", 403]
    ] as const) {
      const socket = await dial("127.0.7.1", request)
      let text = ""
      socket.on("data", (bytes: Buffer) => {
        text += bytes.toString()
      })
      await once(socket, "close")
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} [^]*\\r\\nConnection: close\\r\\n`), request)
    }
  })

  test("requests in a row on one connection are answered one after the other", async (pod, dial) => {
    pod.dumps = [gauge("up_time", "a")]
    const socket = await dial(
      "127.0.8.1",
      `GET /healthz HTTP/1.1\r\nHost: p\r\n\r\n${scrape}GET /x HTTP/1.1\r\nHost: p\r\n\r\n`
    )
    let text = ""
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString()
    })
    await until(pod, () => text.includes("nothing here"))
    const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status)
    assert.deepStrictEqual(statuses, ["200", "200", "404"])
  })

  test("scrapes in a row on one connection are one at a time, and all end with it", async (pod, dial) => {
    pod.dumps = large()
    const socket = await dial("127.0.8.1", scrape.repeat(maxWaiting + 1))
    await until(pod, () => pod.engine.cuts === 1)
    assert.isAtLeast(await answered(pod, "127.0.8.2"), size(pod))
    socket.destroy()
    await until(pod, async () => (await scrapes(pod.metrics, "gone")) === 1)
    assert.isAtLeast(await answered(pod, "127.0.8.1"), size(pod))
    assert.strictEqual(pod.engine.cuts, 3)
  })

  test("more requests than may wait end their connection, whatever they ask for", async (pod, dial, logged) => {
    pod.dumps = [gauge("up_time", "a")]
    for (const path of ["/self/metrics", "/healthz", "/metrics", "/x"])
      await once(await dial("127.0.8.1", `GET ${path} HTTP/1.1\r\nHost: p\r\n\r\n`.repeat(1_500)), "close")
    assert.strictEqual(await closedFor(pod, "pipelined"), 4)
    assert.match(logged.join("\n"), /127\.0\.8\.1 sent more than 16 requests behind one/)
  })

  test("a header that is too long is refused, a HEAD takes no slot", async (pod, dial) => {
    pod.dumps = [gauge("up_time", "a")]
    const socket = await dial("127.0.9.1", `GET /metrics HTTP/1.1\r\nHost: p\r\nX: ${"x".repeat(20_000)}\r\n\r\n`)
    const [answer] = (await once(socket, "data")) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 431 /)
    for (let n = 0; n < 2 * maxScrapes; n++)
      assert.strictEqual((await whole(await open(`${pod.base}/metrics`, {}, "HEAD"))).status, 200)
    assert.strictEqual(pod.engine.cuts, 0)
  })
})

const closedFor = async ({ metrics }: FakePod, why: string): Promise<number> =>
  (await metrics.connectionsClosed.get()).values.find(({ labels }) => labels.why === why)?.value ?? 0
