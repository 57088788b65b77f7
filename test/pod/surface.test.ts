/** Everything of the HTTP surface but /metrics: health, readiness, status, own metrics, the switch, and the ways to ask wrongly. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import fc from "fast-check"
import { namesWith } from "../../src/engine/Backpressure.ts"
import { parseSwitch } from "../../src/pod/BackpressureRoute.ts"
import { ask, type FakePod, fakePod, partitionStatus } from "./fakePod.ts"

const test = (name: string, body: (pod: FakePod) => Promise<void>, options: Parameters<typeof fakePod>[0] = {}) =>
  it.live(name, () =>
    Effect.flatMap(fakePod(options), (pod) => Effect.promise(() => body(pod))).pipe(Effect.provide(Logger.layer([])))
  )

describe("health", () => {
  test("a pod that answers is alive, ready or not", async (pod) => {
    pod.pod.left()
    assert.strictEqual((await ask(`${pod.base}/healthz`)).status, 200)
  })

  test("readiness follows the engine and the shutdown, with the reason", async (pod) => {
    const ready = async () => {
      const { status, body } = await ask(`${pod.base}/readyz`)
      return `${status} ${body.toString().split(":")[0]!.trim()}`
    }
    const is = async (change: Partial<typeof pod.engine.status>) => {
      pod.engine.status = { ...pod.engine.status, ...change }
      return ready()
    }
    assert.strictEqual(await ready(), "200 ready")
    assert.strictEqual(
      await is({ partitions: [partitionStatus(0, { phase: "replaying", visible: false })] }),
      "200 ready"
    )
    assert.strictEqual(await is({ ready: false, leaseMs: -3000 }), "503 silent")
    assert.strictEqual(await is({ refused: "a wrong password" }), "503 refused")
    assert.strictEqual(await is({ refused: null, state: "joining" }), "503 joining")
    assert.strictEqual(await is({ state: "failed" }), "503 failed")
    assert.strictEqual(await is({ state: "member", ready: true, leaseMs: 1000 }), "200 ready")
    pod.pod.leaving()
    assert.strictEqual(await ready(), "503 leaving")
    pod.pod.left()
    assert.strictEqual(await ready(), "503 leaving")
  })
})

describe("status", () => {
  const settings = [{ name: "sasl-password", value: "(set, not shown)", from: "variable" }] as const
  const sources = (limit: number) =>
    Array.from({ length: limit }, (_, n) => ({
      source: `s${n}`,
      version: "1.1",
      mode: "snapshot" as const,
      series: 1,
      bytes: 1,
      time: 0,
      offset: n,
      expiresInMs: 1
    }))
  test(
    "is the engine's state with the partitions' sources, bounded, and the settings",
    async (pod) => {
      pod.engine.status = {
        ...pod.engine.status,
        partitions: [partitionStatus(0, { holds: { sources: 5_000 } }), partitionStatus(1)]
      }
      const { status, headers, body } = await ask(`${pod.base}/api/v1/status`)
      const state = JSON.parse(body.toString())
      assert.deepStrictEqual([status, headers["content-type"]], [200, "application/json; charset=utf-8"])
      assert.deepStrictEqual([state.version, state.phase, state.ready, state.reason], ["9.9.9", "running", true, null])
      const [shard] = state.shards
      assert.deepStrictEqual([shard.shard, shard.workerRestarts, shard.group, shard.generation], [0, 0, "k2p", 3])
      const [first, second] = shard.partitions
      assert.deepStrictEqual([first.sources, first.sourceList.length, second.sourceList.length], [5_000, 100, 0])
      assert.deepStrictEqual(state.settings, settings)
    },
    { settings, content: { sources } }
  )

  test("is told without an engine too", async (pod) => {
    pod.pod.left()
    const state = JSON.parse((await ask(`${pod.base}/api/v1/status`)).body.toString())
    assert.deepStrictEqual([state.shards[0].state, state.ready, state.phase], ["starting", false, "left"])
  })
})

describe("own metrics", () => {
  test("show the engine's state of now, and nothing of a partition that moved away", async (pod) => {
    const lines = async () => (await ask(`${pod.base}/self/metrics`)).body.toString().split("\n")
    pod.engine.status = {
      ...pod.engine.status,
      settingsDiffer: ["x"],
      partitions: [partitionStatus(0, { lag: 7 }), partitionStatus(3, { phase: "replaying", lag: null })]
    }
    const before = await lines()
    for (const line of [
      'k2p_partition_lag_records{topic="metrics",partition="0"} 7',
      'k2p_partition_queue_records{topic="metrics",partition="3"} 0',
      'k2p_partitions{phase="serving"} 1',
      'k2p_partitions{phase="replaying"} 1',
      "k2p_lease_seconds 15",
      "k2p_settings_differ 1"
    ])
      assert.include(before, line)
    assert.notInclude(before.join("\n"), 'k2p_partition_lag_records{topic="metrics",partition="3"}')
    pod.engine.status = { ...pod.engine.status, partitions: [] }
    const after = (await lines()).join("\n")
    assert.notInclude(after, 'partition="')
    assert.include(after, 'k2p_partitions{phase="serving"} 0')
  })
})

describe("asking wrongly", () => {
  test("an unknown path is a 404 that names the known ones", async (pod) => {
    const { status, body } = await ask(`${pod.base}/metric?x=<script>`)
    assert.strictEqual(status, 404)
    assert.include(body.toString(), "/metrics")
    assert.notInclude(body.toString(), "script")
  })

  test("a wrong method is a 405 that names the right ones", async (pod) => {
    const answer = await ask(`${pod.base}/metrics`, {}, "POST", "x")
    assert.deepStrictEqual([answer.status, answer.headers.allow], [405, "GET, HEAD"])
  })

  test("a query does not hide the path", async (pod) => {
    assert.strictEqual((await ask(`${pod.base}/healthz?a=b`)).status, 200)
  })

  test("the first page links the others", async (pod) => {
    const { status, body } = await ask(`${pod.base}/`)
    assert.strictEqual(status, 200)
    for (const path of ["/metrics", "/self/metrics", "/healthz", "/readyz", "/api/v1/status"])
      assert.include(body.toString(), `href="${path}"`)
  })

  test("what is not HTTP, or has too large a head, is refused and harms nobody", async (pod) => {
    const { port } = new URL(pod.base)
    const raw = (text: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(Number(port), "127.0.0.1", () => socket.write(text))
        let answer = ""
        socket.on("data", (chunk) => {
          answer += chunk
        })
        socket.on("close", () => resolve(answer))
        socket.on("error", reject)
      })
    assert.match(await raw("\x16\x03\x01 this is TLS\r\n\r\n"), /^HTTP\/1\.1 400/)
    assert.match(await raw(`GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431/)
    assert.strictEqual((await ask(`${pod.base}/healthz`)).status, 200)
  })
})

describe("the switch", () => {
  const put = (pod: FakePod, body: string, authorization = "Bearer let-me-in") =>
    ask(`${pod.base}/api/v1/backpressure`, { Authorization: authorization }, "PUT", body)
  const admin = { adminToken: "let-me-in" }
  const drop = '{"strategy":"drop-front"}'

  test("is off without a token, whatever is sent", async (pod) => {
    for (const authorization of ["Bearer let-me-in", "Bearer ", "Bearer undefined", "x"]) {
      const { status, body } = await put(pod, drop, authorization)
      assert.strictEqual(status, 403)
      assert.include(body.toString(), "--admin-token")
    }
    assert.deepStrictEqual(pod.engine.switched, [])
  })

  test(
    "needs exactly the token",
    async (pod) => {
      for (const authorization of ["Bearer let-me-i", "Bearer let-me-in2", "Basic let-me-in", "let-me-in", ""]) {
        const answer = await put(pod, drop, authorization)
        assert.deepStrictEqual([answer.status, answer.headers["www-authenticate"]], [401, "Bearer"])
        assert.notInclude(answer.body.toString(), "let-me-in")
      }
      assert.deepStrictEqual(pod.engine.switched, [])
    },
    admin
  )

  const folder = mkdtempSync(join(tmpdir(), "k2p-admin-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const tokenFile = join(folder, "token")
  writeFileSync(tokenFile, "from-the-file\n")

  test(
    "takes the token of a file as it is now, before one that is given by itself",
    async (pod) => {
      assert.strictEqual((await put(pod, drop)).status, 401)
      assert.strictEqual((await put(pod, drop, "Bearer from-the-file")).status, 200)
      writeFileSync(tokenFile, "rotated")
      assert.strictEqual((await put(pod, drop, "Bearer from-the-file")).status, 401)
      assert.strictEqual((await put(pod, drop, "Bearer rotated")).status, 200)
      rmSync(tokenFile)
      assert.strictEqual((await put(pod, drop, "Bearer rotated")).status, 503)
      assert.strictEqual((await put(pod, drop)).status, 503)
      assert.strictEqual(pod.engine.switched.length, 2)
    },
    { ...admin, adminTokenFile: tokenFile }
  )

  test(
    "is not reached by guessing: who is wrong too often is slowed, and counted",
    async (pod) => {
      for (let n = 0; n < 10; n++) assert.strictEqual((await put(pod, drop, `Bearer ${n}`)).status, 401)
      const slowed = await put(pod, drop)
      assert.strictEqual(slowed.status, 429)
      assert.isTrue(Number(slowed.headers["retry-after"]) >= 1)
      assert.deepStrictEqual(pod.engine.switched, [])
      const body = (await ask(`${pod.base}/self/metrics`)).body.toString()
      assert.include(body, 'k2p_http_refused_total{why="token"} 10\n')
      assert.include(body, 'k2p_http_refused_total{why="slowed"} 1\n')
    },
    admin
  )

  test(
    "switches all partitions or one",
    async (pod) => {
      assert.strictEqual((await put(pod, drop)).status, 200)
      assert.strictEqual((await put(pod, '{"strategy":"pause","topic":"metrics","partition":0}')).status, 200)
      assert.deepStrictEqual(pod.engine.switched, [
        ["drop-front", "all"],
        ["pause", "metrics/0"]
      ])
    },
    admin
  )

  test(
    "says what is wrong with a request and changes nothing",
    async (pod) => {
      const status = async (body: string) => (await put(pod, body)).status
      assert.strictEqual(await status('{"strategy":"explode"}'), 400)
      assert.strictEqual(await status("drop-front"), 400)
      assert.strictEqual(await status('{"strategy":"pause","topic":"metrics","partition":9}'), 404)
      assert.strictEqual(
        await status(JSON.stringify({ strategy: "pause", topic: "x".repeat(5_000), partition: 0 })),
        413
      )
      pod.pod.left()
      assert.strictEqual(await status(drop), 503)
      assert.deepStrictEqual(pod.engine.switched, [])
    },
    admin
  )

  it("accepts no other shape than the documented one", () => {
    assert.deepStrictEqual(parseSwitch('{"strategy":"adaptive"}', namesWith([])), {
      strategy: "adaptive",
      tp: undefined
    })
    for (const body of [
      "null",
      "[]",
      '"pause"',
      '{"strategy":"pause","topic":"t"}',
      '{"strategy":"pause","partition":1}',
      '{"strategy":"pause","topic":"t","partition":-1}',
      '{"strategy":"pause","topic":"t","partition":1.5}',
      '{"strategy":"pause","topic":"t","partition":"1"}',
      '{"strategy":"pause","extra":1}'
    ])
      assert.isString(parseSwitch(body, namesWith([])), body)
    fc.assert(fc.property(fc.jsonValue(), (value) => void parseSwitch(JSON.stringify(value), namesWith([]))))
  })
})
