/** A pod of several shards over real sockets: one body of what each can prove, one target for each that asks for its part. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Logger } from "effect"
import { NotProven } from "../../src/engine/Engine.ts"
import type { Dump, Family } from "../../src/metrics/text/Dump.ts"
import { Totals } from "../../src/pod/shards/Totals.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import {
  ask,
  type FakeOptions,
  type FakePod,
  fakePod,
  gauge,
  open,
  partitionStatus,
  scrapes,
  until,
  whole
} from "./fakePod.ts"

const prometheus = { "X-Prometheus-Scrape-Timeout-Seconds": "10" }
const openMetrics = { Accept: "application/openmetrics-text;version=1.0.0" }

const test = (name: string, body: (pod: FakePod) => Promise<void>, options: FakeOptions = {}) =>
  it.live(name, () =>
    Effect.flatMap(fakePod({ shards: 2, overPort: true, ...options }), (pod) => Effect.promise(() => body(pod))).pipe(
      Effect.provide(Logger.layer([]))
    )
  )

const fill = (pod: FakePod) => {
  for (const [n, shard] of pod.shards.entries())
    shard.dumps = [gauge("up_time", `s-${n}`), gauge(`only_${n}`, `s-${n}`)]
}
const lines = async (pod: FakePod, path = "/metrics") => (await ask(pod.base + path)).body.toString()
const both =
  '# TYPE only_0 gauge\nonly_0{instance="s-0",i="0"} 1\n# TYPE only_1 gauge\nonly_1{instance="s-1",i="0"} 1\n' +
  '# TYPE up_time gauge\nup_time{instance="s-0",i="0"} 1\nup_time{instance="s-1",i="0"} 1\n'

describe("a scrape of two shards", () => {
  for (const overPort of [false, true])
    test(
      `is one body with each family once (${overPort ? "behind ports" : "on this thread"})`,
      async (pod) => {
        fill(pod)
        assert.strictEqual(await lines(pod), both)
        assert.strictEqual((await ask(`${pod.base}/metrics`, openMetrics)).body.toString(), `${both}# EOF\n`)
        assert.strictEqual(await scrapes(pod.metrics, "ok"), 2)
      },
      { overPort }
    )

  test("of more families than one message holds is whole", async (pod) => {
    const many = (source: string): Dump => {
      const families = Array.from({ length: 4_500 }, (_, i) => [...gauge(`family_${i}`, source).families][0]!)
      return { source, families, series: families.length, bytes: 1 }
    }
    for (const [n, shard] of pod.shards.entries()) shard.dumps = [many(`s-${n}`)]
    const body = await lines(pod)
    assert.strictEqual(body.match(/^# TYPE family_/gm)?.length, 4_500)
    assert.strictEqual(body.match(/^family_/gm)?.length, 9_000)
  })

  test("asks the shards where families are in dispute, and escapes names as it is asked", async (pod) => {
    const [family] = gauge("size", "s-0").families
    const said = (change: Partial<Family>): Dump => ({
      source: "x",
      families: [{ ...family!, ...change }],
      series: 1,
      bytes: 1
    })
    const quoted = { name: "a.b", textName: "a.b", sampleNames: ["a.b"], quoted: true }
    const bytes = (text: string) => ({ bytes: Buffer.from(text) })
    const counter = { type: "counter", name: "size", textName: "size_total", sampleNames: ["size_total"] } as const
    const untold = { type: "unknown", name: "size_total", textName: "size_total", sampleNames: ["size_total"] } as const
    pod.shards[0]!.dumps = [said({ ...counter, ...bytes('size_total{instance="a"} 1\n') })]
    const rest = said({ ...quoted, ...bytes('{"a.b","x.y"="1",instance="c"} 3\n') })
    const show = async (value: number, accept: string) => {
      pod.shards[1]!.dumps = [said({ ...untold, ...bytes(`size_total{instance="b"} ${value}\n`) }), rest]
      const { headers, body } = await ask(`${pod.base}/metrics`, { Accept: accept })
      return [headers["content-type"]?.split("; ").at(-1), ...body.toString().split("\n")]
    }
    assert.deepStrictEqual(await show(2, openMetrics.Accept), [
      "escaping=underscores",
      "# TYPE a_b gauge",
      'a_b{x_y="1",instance="c"} 3',
      "# TYPE size counter",
      'size_total{instance="a"} 1',
      'size_total{instance="b"} 2',
      "# EOF",
      ""
    ])
    assert.deepStrictEqual(await show(-2, `${openMetrics.Accept};escaping=allow-utf-8`), [
      "escaping=allow-utf-8",
      '# TYPE "a.b" gauge',
      '{"a.b","x.y"="1",instance="c"} 3',
      "# TYPE size_total unknown",
      'size_total{instance="a"} 1',
      'size_total{instance="b"} -2',
      "# EOF",
      ""
    ])
  })

  test("takes the cut of both at its arrival, whatever the proof of one takes", async (pod) => {
    fill(pod)
    const proof = Effect.runSync(Deferred.make<void>())
    pod.shards[1]!.engine.prove = Deferred.await(proof)
    const answer = lines(pod)
    await until(pod, () => pod.shards.every(({ engine }) => engine.cuts === 1))
    for (const shard of pod.shards) shard.dumps = [gauge("later", "x")]
    Effect.runSync(Deferred.succeed(proof, undefined))
    assert.strictEqual(await answer, both)
  })

  test("shows one where the other cannot prove its ownership, and counts it", async (pod) => {
    fill(pod)
    pod.shards[0]!.engine.prove = Effect.fail(new NotProven({ message: "no answer" }))
    const answer = await ask(`${pod.base}/metrics`, prometheus)
    assert.strictEqual(answer.status, 200)
    assert.match(answer.body.toString(), /only_1\{/)
    assert.notMatch(answer.body.toString(), /s-0/)
    await until(pod, async () => (await scrapes(pod.metrics, "partial")) === 1)
    await until(pod, () => pod.shards[1]!.engine.delivered === 1)
    assert.strictEqual(pod.shards[0]!.engine.delivered, 0)
  })

  test("shows one where the other does not answer in time, and where it does not run", async (pod) => {
    fill(pod)
    pod.shards[0]!.engine.prove = Effect.never
    const answer = await ask(`${pod.base}/metrics`, { "X-Prometheus-Scrape-Timeout-Seconds": "0.3" })
    assert.match(answer.body.toString(), /only_1\{/)
    assert.notMatch(answer.body.toString(), /s-0/)
    pod.pod.slots[0]!.shard = undefined
    assert.strictEqual(await lines(pod), answer.body.toString())
    await until(pod, async () => (await scrapes(pod.metrics, "partial")) === 2)
    pod.pod.slots[1]!.shard = undefined
    assert.strictEqual((await ask(`${pod.base}/metrics`, openMetrics)).body.toString(), "# EOF\n")
    await until(pod, async () => (await scrapes(pod.metrics, "not-running")) === 1)
  })

  test("of which one dies while its lines are sent goes on without the rest, to a valid end", async (pod) => {
    pod.shards[0]!.dumps = Array.from({ length: 20 }, (_, n) => gauge("large", `s-0-${n}`, 25_000))
    pod.shards[1]!.dumps = [gauge("zz_last", "s-1", 3)]
    const opened = await open(`${pod.base}/metrics`, { ...prometheus, ...openMetrics })
    // It waits for the socket now, with most of its lines to come.
    await until(pod, async () => ((await pod.metrics.scrapeBytes.get()).values[0]?.value ?? 0) > 0)
    pod.shards[0]!.port!.lost()
    const body = (await whole(opened)).body.toString()
    assert.isTrue(body.endsWith('zz_last{instance="s-1",i="2"} 1\n# EOF\n'))
    assert.isBelow(body.length, pod.shards[0]!.dumps.reduce((sum, d) => sum + d.bytes, 0) * 0.75)
    for (const line of body.trimEnd().split("\n")) assert.match(line, /^(#.*|[a-z_]+\{instance="[^"]*",i="\d+"\} 1)$/)
    await until(pod, async () => (await scrapes(pod.metrics, "partial")) === 1)
    await until(pod, () => pod.shards[1]!.engine.delivered === 1)
    assert.strictEqual(pod.shards[0]!.engine.delivered, 0)
  })

  test("is not made ahead of a client that does not read, and ends for the shards when the client goes", async (pod) => {
    const made = [0, 0]
    for (const [n, shard] of pod.shards.entries()) {
      const counted = (source: string) => {
        const dump = gauge("large", source, 25_000)
        const [family] = dump.families
        const bytes = new Proxy(family!.bytes, {
          get: (target, key) => {
            if (key === "subarray") made[n]! += 1
            const value = Reflect.get(target, key, target)
            return typeof value === "function" ? value.bind(target) : value
          }
        })
        return { ...dump, families: [{ ...family!, bytes }] }
      }
      shard.dumps = Array.from({ length: 20 }, (_, i) => counted(`s-${n}-${i}`))
    }
    const { request } = await open(`${pod.base}/metrics`, prometheus)
    request.on("error", () => {})
    let [before, same] = [-1, 0]
    await until(pod, () => {
      const now = made[0]! + made[1]!
      same = now === before ? same + 1 : 0
      before = now
      return same === 50
    })
    // Of the second shard, whose lines come after those of the first, only what may wait.
    assert.isAtMost(made[1]!, 4)
    assert.isBelow(made[0]!, 80)
    request.destroy()
    await until(pod, async () => (await scrapes(pod.metrics, "gone")) === 1)
    for (let i = 0; i < 20; i++) await ask(`${pod.base}/healthz`)
    assert.strictEqual(made[0]! + made[1]!, before)
  })
})

describe("one shard's part", () => {
  test("is what ?shard= asks for", async (pod) => {
    fill(pod)
    const parts = [await lines(pod, "/metrics?shard=0"), await lines(pod, "/metrics?shard=1")]
    for (const n of [0, 1]) {
      assert.include(parts[n]!, `up_time{instance="s-${n}"`)
      assert.notInclude(parts[n]!, `s-${1 - n}`)
    }
    assert.deepStrictEqual(
      pod.shards.map(({ engine }) => engine.cuts),
      [1, 1]
    )
    assert.strictEqual(await scrapes(pod.metrics, "ok"), 2)
  })

  test("of a shard that there is not is a 400 that says which there are", async (pod) => {
    for (const query of ["2", "-1", "x", "", "0x0", "1e0", "00000", "0&shard=1", "1".repeat(2_000)]) {
      const { status, body } = await ask(`${pod.base}/metrics?shard=${query}`)
      assert.strictEqual(status, 400, query)
      assert.strictEqual(body.toString(), "shard must be a whole number below 2, the shards of this pod\n")
    }
    assert.deepStrictEqual(
      pod.shards.map(({ engine }) => engine.cuts),
      [0, 0]
    )
  })

  test("is a target of its own, by the address that was asked", async (pod) => {
    const targets = async (headers = {}) => JSON.parse((await ask(`${pod.base}/sd`, headers)).body.toString())
    const of = (host: string) =>
      ["0", "1"].map((shard) => ({
        targets: [host],
        labels: { __param_shard: shard, instance: `${host}/${shard}` }
      }))
    assert.deepStrictEqual(await targets(), of(new URL(pod.base).host))
    for (const host of ["k2p-0.k2p:9464", "pod", "[2001:db8::1]:9464"])
      assert.deepStrictEqual(await targets({ Host: host }), of(host))
    for (const host of ["a b", 'a"b', "a/b", "x".repeat(400), "a:999999"])
      assert.strictEqual((await ask(`${pod.base}/sd`, { Host: host })).status, 400, host)
  })
})

describe("the state of two shards", () => {
  test("is told side by side, and the pod is ready when both are", async (pod) => {
    pod.shards[1]!.engine.status = {
      ...pod.shards[1]!.engine.status,
      memberId: "m-2",
      partitions: [partitionStatus(7)]
    }
    pod.pod.slots[1]!.restarts = 3
    const { shards, ready } = JSON.parse((await ask(`${pod.base}/api/v1/status`)).body.toString())
    assert.isTrue(ready)
    assert.deepStrictEqual(
      shards.map((s: Record<string, unknown>) => [s.shard, s.memberId, s.workerRestarts]),
      [
        [0, "m-1", 0],
        [1, "m-2", 3]
      ]
    )
    assert.strictEqual(shards[1].partitions[0].partition, 7)
    const readyz = async () => {
      const { status, body } = await ask(`${pod.base}/readyz`)
      return `${status} ${body.toString().split(":").slice(0, 2).join(":").trim()}`
    }
    assert.strictEqual(await readyz(), "200 ready")
    pod.shards[1]!.engine.status = { ...pod.shards[1]!.engine.status, ready: false, state: "joining" }
    assert.strictEqual(await readyz(), "503 shard 1: joining")
    pod.pod.slots[1]!.shard = undefined
    assert.strictEqual(await readyz(), "503 shard 1: starting")
    pod.shards[0]!.port!.lost()
    assert.strictEqual(await readyz(), "503 shard 0: silent")
  })

  test(
    "is switched in both, or where the partition is",
    async (pod) => {
      const put = async (body: object) =>
        (
          await ask(
            `${pod.base}/api/v1/backpressure`,
            { Authorization: "Bearer let-me-in" },
            "PUT",
            JSON.stringify(body)
          )
        ).status
      pod.shards[1]!.engine.owned = [{ topic: "metrics", partition: 7 }]
      assert.strictEqual(await put({ strategy: "drop-front" }), 200)
      assert.strictEqual(await put({ strategy: "pause", topic: "metrics", partition: 7 }), 200)
      assert.strictEqual(await put({ strategy: "pause", topic: "metrics", partition: 8 }), 404)
      assert.deepStrictEqual(
        pod.shards.map(({ engine }) => engine.switched),
        [
          [["drop-front", "all"]],
          [
            ["drop-front", "all"],
            ["pause", "metrics/7"]
          ]
        ]
      )
      // For threads that come later.
      assert.deepStrictEqual(
        pod.pod.slots.map(({ strategy }) => strategy),
        ["drop-front", "drop-front"]
      )
    },
    { adminToken: "let-me-in" }
  )
})

describe("own metrics of several threads", () => {
  it.live("are summed, and do not fall when a thread dies", () =>
    Effect.gen(function* () {
      const pod = yield* fakePod({ shards: 3, overPort: true })
      const [a, b, c] = pod.pod.shards
      const main = pod.metrics
      const thread = (rounds: number, lease: number) =>
        Effect.gen(function* () {
          const own = yield* SelfMetrics
          own.roundsAccepted.inc(rounds)
          own.recordsRefused.inc({ reason: "syntax" }, rounds)
          own.handoffSeconds.observe(rounds)
          own.sources.set(rounds)
          own.leaseSeconds.set(lease)
          return structuredClone(yield* Effect.promise(() => own.registry.getMetricsAsJSON()))
        }).pipe(Effect.provide(Layer.fresh(SelfMetrics.layerBare)))
      const totals = new Totals()
      main.leaseSeconds.remove()
      const value = (text: string, name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1])
      const text = (live: typeof pod.pod.shards) => Effect.promise(async () => main.text(await totals.all(live)))
      totals.saw(a!, yield* thread(3, 9), 0)
      totals.saw(b!, yield* thread(5, 4), 0)
      const first = yield* text([a!, b!])
      const shown = (of: string) =>
        [
          "k2p_rounds_accepted_total",
          'k2p_records_refused_total\\{reason="syntax"\\}',
          "k2p_handoff_visible_seconds_sum",
          "k2p_sources",
          "k2p_lease_seconds"
        ].map((name) => value(of, name))
      assert.deepStrictEqual(shown(first), [8, 8, 8, 8, 4])
      // It does not answer this time: what it said before stands.
      totals.saw(b!, [], 0)
      assert.deepStrictEqual(shown(yield* text([a!, b!])), [8, 8, 8, 8, 4])
      // It died, and what came in its place starts from nothing.
      totals.saw(c!, yield* thread(1, 7), 0)
      assert.deepStrictEqual(shown(yield* text([a!, c!])), [9, 9, 9, 4, 7])
      assert.deepStrictEqual(shown(yield* text([a!])), [9, 9, 9, 3, 9])
      assert.deepStrictEqual(shown(yield* text([])).slice(0, 3), [9, 9, 9])
    }).pipe(Effect.scoped)
  )
})
