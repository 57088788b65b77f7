/** What a pod of metrics takes: by Prometheus' rules of its options, and by an extension's own admission over them, on the embedded log. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Logger, type Scope } from "effect"
import admitting from "../../docs/examples/own/admitting.ts"
import { defaultEngineOptions } from "../../src/engine/Options.ts"
import { defaultMetricsOptions } from "../../src/metrics/cache/MetricsProcessor.ts"
import metricsApp from "../../src/metrics/MetricsApp.ts"
import type { App } from "../../src/pod/App.ts"
import { type Extension, extended } from "../../src/pod/Extension.ts"
import { runPod } from "../../src/pod/Pod.ts"
import { inThisThread } from "../../src/pod/shards/Shards.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { ask } from "./fakePod.ts"

const none = { separator: undefined, modulus: undefined, targetLabel: undefined, replacement: undefined }
const relabel = {
  rules: [
    { ...none, sourceLabels: ["__name__"], regex: "go_.*", action: "drop" },
    { ...none, sourceLabels: ["job"], regex: "(.*)", targetLabel: "Service", replacement: "$1-svc", action: undefined }
  ],
  refusedSources: "test-.*",
  sourceLabel: "instance"
}
const application = { ...defaultMetricsOptions, timestamps: "scrape" as const, relabel }

const start = (app: App, settings: unknown) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic("metrics", 1)
    const listening = yield* Deferred.make<string>()
    const parts = yield* Effect.promise(() => app.load())
    const engine = { ...defaultEngineOptions, topics: ["metrics"] }
    yield* runPod(
      {
        listen: { host: "127.0.0.1", port: 0 },
        ...{ version: "1", adminToken: undefined, settings: [] },
        onListening: ({ port }) => Deferred.doneUnsafe(listening, Effect.succeed(`http://127.0.0.1:${port}`))
      },
      parts,
      inThisThread(app, parts, { engine, backpressure: { strategy: "pause", adaptiveLag: 0 }, application: settings })
    ).pipe(
      Effect.provide(Layer.merge(Layer.succeed(Transport, log.transport), SelfMetrics.layerBare)),
      Effect.forkScoped
    )
    return yield* Deferred.await(listening)
  })

const produce = (sources: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    const producer = yield* log.transport.producer({ clientId: "p", acks: 1, compression: "none" })
    const encoded = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)]))
    yield* producer.produce(
      Object.entries(sources).map(([source, text]) => ({
        ...{ topic: "metrics", partition: 0, headers: encoded },
        ...{ key: Buffer.from(source), value: Buffer.from(text) }
      }))
    )
  })

const text = (url: string) => Effect.promise(async () => (await ask(url)).body.toString())
const samples = (body: string) => body.split("\n").filter((line) => line !== "" && !line.startsWith("#"))

interface Status {
  readonly shards: ReadonlyArray<{
    readonly partitions: ReadonlyArray<{
      readonly refusals: ReadonlyArray<Readonly<Record<"source" | "reason" | "detail" | "sample" | "count", unknown>>>
    }>
  }>
}

const refusals = (base: string) =>
  Effect.map(text(`${base}/api/v1/status`), (body) =>
    (JSON.parse(body) as Status).shards[0]!.partitions[0]!.refusals.map(
      ({ source, reason, detail, sample, count }) => [source, reason, count, detail, sample] as const
    )
  )

const test = (name: string, body: Effect.Effect<void, unknown, EmbeddedLog | Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body).pipe(Effect.provide([EmbeddedLog.layer(), Logger.layer([])])))

const headers = { "k2p-labels": '{"job":"shop"}' }
const left = "line 2: the admission relabel left out 1 series of this record"

describe("a pod's admission", () => {
  for (const mode of ["snapshot", "samples"])
    test(
      `by Prometheus' rules, of ${mode}: what is shown, refused, counted`,
      Effect.gen(function* () {
        const base = yield* start(metricsApp as App, application)
        const before = yield* text(`${base}/self/metrics`)
        assert.include(before, 'k2p_lines_refused_total{reason="admission"} 0\n')
        assert.include(before, 'k2p_records_refused_total{reason="admission"} 0\n')
        yield* produce(
          { "test-1": "a 1\n", s: 'a{b="c"} 1\ngo_x 1\n', last: "a 2\n" },
          { ...headers, "k2p-mode": mode }
        )
        let body = ""
        while (!body.includes('instance="last"')) body = yield* text(`${base}/metrics`)
        assert.deepStrictEqual(samples(body), [
          'a{b="c",job="shop",Service="shop-svc",instance="s"} 1',
          'a{job="shop",Service="shop-svc",instance="last"} 2'
        ])
        assert.deepStrictEqual(yield* refusals(base), [
          ["s", "admission", 1, left, "go_x 1"],
          ["test-1", "admission", 1, "the source id matches --refuse-sources test-.*", ""]
        ])
        const after = yield* text(`${base}/self/metrics`)
        assert.include(after, 'k2p_lines_refused_total{reason="admission"} 1\n')
        assert.include(after, 'k2p_records_refused_total{reason="admission"} 1\n')
      })
    )

  test(
    "of an extension's own goes before it and builds on it",
    Effect.gen(function* () {
      const app = extended(metricsApp, [admitting as Extension])
      const base = yield* start(app as App, { application, extensions: ["guest"] })
      yield* produce({ guest: "a 1\n", "test-1": "a 1\n", s: "A 1\ngo_x 1\n", last: "a 2\n" }, headers)
      let body = ""
      while (!body.includes('instance="last"')) body = yield* text(`${base}/metrics`)
      assert.deepStrictEqual(samples(body), [
        'A{job="shop",service="shop-svc",instance="s"} 1',
        'a{job="shop",service="shop-svc",instance="last"} 2'
      ])
      assert.deepStrictEqual(yield* refusals(base), [
        ["s", "admission", 1, left.replace("relabel", "lower-case"), "go_x 1"],
        ["test-1", "admission", 1, "the source id matches --refuse-sources test-.*", ""],
        ["guest", "admission", 1, "guests are shown elsewhere", ""]
      ])
    })
  )

  test(
    "of an extension's own needs no other",
    Effect.gen(function* () {
      const app = extended(metricsApp, [admitting as Extension])
      const { relabel: _, ...plain } = application
      const base = yield* start(app as App, { application: plain, extensions: ["guest"] })
      yield* produce({ guest: "a 1\n", last: 'B{DC="eu"} 2\n' }, {})
      let body = ""
      while (!body.includes('instance="last"')) body = yield* text(`${base}/metrics`)
      assert.deepStrictEqual(samples(body), ['B{dc="eu",instance="last"} 2'])
    })
  )
})
