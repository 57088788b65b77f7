/** GET /metrics over real sockets: one cut, proof before the first byte, streaming, and what each end of a scrape counts as. */
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Logger } from "effect"
import { NotProven } from "../../src/engine/Engine.ts"
import { render } from "../../src/metrics/body/Renderer.ts"
import { maxOfClient, maxScrapes } from "../../src/metrics/scrape/ScrapeSlots.ts"
import type { Dump } from "../../src/metrics/text/Dump.ts"
import { ask, askFrom, type FakePod, fakePod, gauge, open, scrapes, sentBytes, until, whole } from "./fakePod.ts"

const openMetrics = "application/openmetrics-text;version=1.0.0"
const prometheus = { "X-Prometheus-Scrape-Timeout-Seconds": "10" }

/** With the shard on this thread and behind a port: nobody may see a difference. */
const test = (name: string, body: (pod: FakePod) => Promise<void>) => {
  for (const overPort of [false, true])
    it.live(overPort ? `${name} (of a shard behind a port)` : name, () =>
      Effect.flatMap(fakePod({ overPort }), (pod) => Effect.promise(() => body(pod))).pipe(
        Effect.provide(Logger.layer([]))
      )
    )
}

describe("the answer", () => {
  test("is text 0.0.4 unless OpenMetrics is asked for", async (pod) => {
    pod.dumps = [gauge("up_time", "a")]
    const text = await ask(`${pod.base}/metrics`)
    assert.match(text.headers["content-type"] ?? "", /^text\/plain; ?version=0\.0\.4/)
    assert.strictEqual(text.headers["cache-control"], "no-store")
    assert.include(text.body.toString(), 'up_time{instance="a",i="0"} 1\n')
    assert.notInclude(text.body.toString(), "# EOF")
    const om = await ask(`${pod.base}/metrics`, { Accept: openMetrics })
    assert.match(om.headers["content-type"] ?? "", /^application\/openmetrics-text; ?version=1\.0\.0/)
    assert.isTrue(om.body.toString().endsWith("# EOF\n"))
  })

  test("is gzipped only when asked for, with the same content", async (pod) => {
    pod.dumps = [gauge("up_time", "a", 5_000)]
    const plain = await ask(`${pod.base}/metrics`)
    const gzip = await ask(`${pod.base}/metrics`, { "Accept-Encoding": "gzip" })
    assert.isUndefined(plain.headers["content-encoding"])
    assert.strictEqual(gzip.headers["content-encoding"], "gzip")
    assert.isBelow(gzip.body.length, plain.body.length)
    assert.isTrue(gunzipSync(gzip.body).equals(plain.body))
    assert.strictEqual(await sentBytes(pod.metrics), 2 * plain.body.length)
  })

  test("to HEAD has the headers and takes no cut", async (pod) => {
    pod.dumps = [gauge("up_time", "a")]
    const { status, headers, body } = await ask(`${pod.base}/metrics`, { Accept: openMetrics }, "HEAD")
    assert.deepStrictEqual([status, body.length, pod.engine.cuts], [200, 0, 0])
    assert.match(headers["content-type"] ?? "", /openmetrics/)
  })

  test("is empty and valid while there is no engine", async (pod) => {
    pod.dumps = [gauge("up_time", "a")]
    pod.pod.left()
    const text = await ask(`${pod.base}/metrics`)
    const om = await ask(`${pod.base}/metrics`, { Accept: openMetrics })
    assert.deepStrictEqual([text.status, text.body.toString(), om.body.toString()], [200, "", "# EOF\n"])
    assert.strictEqual(await scrapes(pod.metrics, "not-running"), 2)
  })
})

describe("content that cannot be shown as it is", () => {
  test("in families whose sources disagree about the type goes with most of them, is counted and found", async (pod) => {
    const said = (type: "counter" | "gauge", source: string): Dump => {
      const dump = gauge("size", source)
      return { ...dump, source, families: [...dump.families].map((family) => ({ ...family, type })) }
    }
    pod.dumps = [said("gauge", "a"), said("counter", "b"), said("gauge", "c")]
    const { body } = await ask(`${pod.base}/metrics`)
    assert.match(body.toString(), /# TYPE size gauge\n/)
    assert.strictEqual((await pod.metrics.typeConflicts.get()).values[0]?.value, 1)
    const { familyConflicts } = JSON.parse((await ask(`${pod.base}/api/v1/status`)).body.toString())
    assert.deepInclude(familyConflicts.text, {
      count: 1,
      families: [
        {
          family: "size",
          shown: "gauge",
          sides: [
            { says: "gauge size", sources: 2, names: ["a", "c"] },
            { says: "counter size", sources: 1, names: ["b"] }
          ]
        }
      ]
    })
  })

  test("because of a fault of ours is a 500, not half an answer", async (pod) => {
    pod.dumps = [{ families: null as never, series: 1, bytes: 1 }]
    assert.strictEqual((await ask(`${pod.base}/metrics`)).status, 500)
  })

  test("because of a fault half-way fails the scrape and is counted", async (pod) => {
    const good = gauge("good", "a", 50_000)
    const [bad] = gauge("later", "b").families
    const bytes = new Proxy(bad!.bytes, { get: () => assert.fail("a fault") })
    pod.dumps = [good, { families: [{ ...bad!, bytes }], series: 1, bytes: 1 }]
    const ended = await ask(`${pod.base}/metrics`, prometheus).then(
      () => "whole",
      () => "cut off"
    )
    assert.deepStrictEqual([ended, await scrapes(pod.metrics, "failed"), pod.engine.delivered], ["cut off", 1, 0])
  })
})

describe("a cut", () => {
  test("is the content at the request's arrival, whatever happens until it is proved", async (pod) => {
    pod.dumps = [gauge("round", "a", 1, 1)]
    const proof = Effect.runSync(Deferred.make<void>())
    pod.engine.prove = Deferred.await(proof)
    const answer = ask(`${pod.base}/metrics`)
    await until(pod, () => pod.engine.cuts === 1)
    pod.dumps = [gauge("round", "a", 1, 2), gauge("other", "b")]
    pod.engine.owned = []
    Effect.runSync(Deferred.succeed(proof, undefined))
    const body = (await answer).body.toString()
    assert.include(body, 'round{instance="a",i="0"} 1\n')
    assert.notInclude(body, "other")
  })

  test("shows only what the engine's cut names", async (pod) => {
    pod.dumps = [gauge("up_time", "a")]
    pod.engine.owned = [{ topic: "metrics", partition: 7 }]
    assert.strictEqual((await ask(`${pod.base}/metrics`)).body.length, 0)
  })

  test("writes no byte before its proof", async (pod) => {
    pod.dumps = [gauge("up_time", "a")]
    const proof = Effect.runSync(Deferred.make<void>())
    pod.engine.prove = Deferred.await(proof)
    let headers = false
    const answer = open(`${pod.base}/metrics`).then((opened) => {
      headers = true
      return whole(opened)
    })
    await until(pod, () => pod.engine.cuts === 1)
    for (let i = 0; i < 5; i++) await ask(`${pod.base}/healthz`)
    assert.isFalse(headers)
    Effect.runSync(Deferred.succeed(proof, undefined))
    assert.include((await answer).body.toString(), "up_time")
  })

  test("that cannot be proved is an empty valid answer, counted and not delivered", async (pod) => {
    pod.dumps = [gauge("up_time", "a")]
    pod.engine.prove = Effect.fail(new NotProven({ message: "no answer" }))
    const text = await ask(`${pod.base}/metrics`, prometheus)
    const om = await ask(`${pod.base}/metrics`, { ...prometheus, Accept: openMetrics })
    assert.deepStrictEqual([text.status, text.body.toString(), om.body.toString()], [200, "", "# EOF\n"])
    assert.match(text.headers["content-type"] ?? "", /^text\/plain/)
    assert.deepStrictEqual([await scrapes(pod.metrics, "unproven"), pod.engine.delivered], [2, 0])
  })

  test("whose proof does not come in time is answered empty, in time for Prometheus", async (pod) => {
    pod.dumps = [gauge("up_time", "a")]
    pod.engine.prove = Effect.never
    const answer = await ask(`${pod.base}/metrics`, { "X-Prometheus-Scrape-Timeout-Seconds": "0.2" })
    assert.deepStrictEqual([answer.status, answer.body.length], [200, 0])
    assert.strictEqual(await scrapes(pod.metrics, "unproven"), 1)
  })

  test("whose proof is broken is a 500 without any content", async (pod) => {
    pod.dumps = [gauge("up_time", "a")]
    pod.engine.prove = Effect.die(new Error("a bug"))
    const answer = await ask(`${pod.base}/metrics`)
    assert.strictEqual(answer.status, 500)
    assert.notInclude(answer.body.toString(), "up_time")
    assert.notInclude(answer.body.toString(), "a bug")
  })

  test("is delivered when a Prometheus has all of it, and not when another client has", async (pod) => {
    pod.dumps = [gauge("up_time", "a")]
    await ask(`${pod.base}/metrics`)
    await until(pod, async () => (await scrapes(pod.metrics, "ok")) === 1)
    assert.strictEqual(pod.engine.delivered, 0)
    await ask(`${pod.base}/metrics`, prometheus)
    await until(pod, async () => (await scrapes(pod.metrics, "ok")) === 2)
    assert.strictEqual(pod.engine.delivered, 1)
  })
})

/** Some 20 MB in sources of 1 MB: far more than all socket buffers on the way. */
const large = () => Array.from({ length: 20 }, (_, n) => gauge("large", `source-${n}`, 25_000))
const size = (dumps: FakePod["dumps"]) => dumps.reduce((sum, d) => sum + d.bytes, 0)

describe("a large body", () => {
  for (const encoding of ["identity", "gzip"])
    test(`is not rendered ahead of a client that does not read (${encoding})`, async (pod) => {
      pod.dumps = large()
      const opened = await open(`${pod.base}/metrics`, { ...prometheus, "Accept-Encoding": encoding })
      let before = -1
      let same = 0
      await until(pod, async () => {
        const now = await sentBytes(pod.metrics)
        same = now === before ? same + 1 : 0
        before = now
        return same === 50
      })
      // gzip shrinks this text so much that the whole body fits the socket's buffers.
      if (encoding === "identity") assert.isBelow(before, size(pod.dumps) * 0.75)
      const { body } = await whole(opened)
      const text = encoding === "gzip" ? gunzipSync(body) : body
      assert.isAtLeast(text.length, size(pod.dumps))
      await until(pod, () => pod.engine.delivered === 1)
    })

  for (const encoding of ["identity", "gzip"])
    test(`arrives byte for byte, though it is made in memory used again, at whatever pace it is read (${encoding})`, async (pod) => {
      pod.dumps = large()
      const expected = Buffer.concat([...render(pod.dumps, "text")])
      const opened = await open(`${pod.base}/metrics`, { "Accept-Encoding": encoding })
      const pieces: Array<Buffer> = []
      for await (const piece of opened.response as AsyncIterable<Buffer>) {
        pieces.push(piece)
        // So slow at first that the socket's buffers are full, then faster than they fill.
        if (pieces.length < 50) await ask(`${pod.base}/healthz`)
      }
      const body = Buffer.concat(pieces)
      assert.isTrue((encoding === "gzip" ? gunzipSync(body) : body).equals(expected))
    })

  test("stops being made when its client goes, and is not delivered", async (pod) => {
    pod.dumps = large()
    const { request } = await open(`${pod.base}/metrics`, prometheus)
    request.on("error", () => {})
    request.destroy()
    await until(pod, async () => (await scrapes(pod.metrics, "gone")) === 1)
    const sent = await sentBytes(pod.metrics)
    assert.isBelow(sent, size(pod.dumps) * 0.75)
    for (let i = 0; i < 20; i++) await ask(`${pod.base}/healthz`)
    assert.deepStrictEqual([await sentBytes(pod.metrics), pod.engine.delivered], [sent, 0])
  })

  test("that is not taken within the scrape's timeout is cut off", async (pod) => {
    pod.dumps = large()
    const opened = await open(`${pod.base}/metrics`, { "X-Prometheus-Scrape-Timeout-Seconds": "0.3" })
    await until(pod, async () => (await scrapes(pod.metrics, "too-slow")) === 1)
    let cut = false
    await whole(opened).catch(() => {
      cut = true
    })
    assert.deepStrictEqual([cut, pod.engine.delivered], [true, 0])
  })

  test("of 400,000 series is streamed while other requests are answered", async (pod) => {
    pod.dumps = Array.from({ length: 400 }, (_, n) => gauge(`family_${n % 20}`, `source-${n}`, 1_000))
    const opened = await open(`${pod.base}/metrics`)
    const health: Array<number> = []
    let lines = 0
    for await (const chunk of opened.response as AsyncIterable<Buffer>) {
      for (const byte of chunk) if (byte === 10) lines += 1
      if (health.length < 10) health.push((await ask(`${pod.base}/healthz`)).status)
      // The first answers came while most of the body was still to be made.
      if (health.length === 5) assert.isBelow(lines, 200_000)
    }
    assert.isAtLeast(lines, 400_000)
    assert.deepStrictEqual(health, Array(10).fill(200))
  })
})

describe("many scrapes at once", () => {
  test("beyond the bound get 503, and their places come free, also those of clients that went", async (pod) => {
    pod.dumps = [gauge("up_time", "a")]
    const proof = Effect.runSync(Deferred.make<void>())
    pod.engine.prove = Deferred.await(proof)
    const impatient = new AbortController()
    const gone = fetch(`${pod.base}/metrics`, { signal: impatient.signal }).catch(() => "gone")
    const from = (n: number) => askFrom(`127.0.1.${1 + Math.floor(n / maxOfClient)}`, `${pod.base}/metrics`)
    const running = Array.from({ length: maxScrapes - 1 }, (_, n) => from(n))
    await until(pod, () => pod.engine.cuts === maxScrapes)
    const refused = await ask(`${pod.base}/metrics`)
    assert.deepStrictEqual([refused.status, refused.headers["retry-after"]], [503, "1"])
    assert.strictEqual(await scrapes(pod.metrics, "busy"), 1)
    assert.strictEqual(pod.engine.cuts, maxScrapes, "nothing was cut for the one that was refused")
    impatient.abort()
    assert.strictEqual(await gone, "gone")
    await until(pod, async () => (await scrapes(pod.metrics, "gone")) === 1)
    running.push(ask(`${pod.base}/metrics`))
    await until(pod, () => pod.engine.cuts === maxScrapes + 1)
    Effect.runSync(Deferred.succeed(proof, undefined))
    for (const answer of await Promise.all(running)) assert.strictEqual(answer.status, 200)
    await until(pod, async () => (await scrapes(pod.metrics, "ok")) === maxScrapes)
  })

  test("by one client beyond its share get 503, the others' are answered", async (pod) => {
    pod.dumps = [gauge("up_time", "a")]
    const proof = Effect.runSync(Deferred.make<void>())
    pod.engine.prove = Deferred.await(proof)
    const running = Array.from({ length: maxOfClient }, () => askFrom("127.0.1.1", `${pod.base}/metrics`))
    await until(pod, () => pod.engine.cuts === maxOfClient)
    const refused = await askFrom("127.0.1.1", `${pod.base}/metrics`)
    assert.deepStrictEqual([refused.status, refused.headers["retry-after"]], [503, "1"])
    assert.match(refused.body.toString(), /^4 scrapes of the whole pod by one client are running already/)
    assert.deepStrictEqual([await scrapes(pod.metrics, "client-busy"), pod.engine.cuts], [1, maxOfClient])
    const other = ask(`${pod.base}/metrics`)
    await until(pod, () => pod.engine.cuts === maxOfClient + 1)
    Effect.runSync(Deferred.succeed(proof, undefined))
    for (const { status } of await Promise.all([...running, other])) assert.strictEqual(status, 200)
  })
})
