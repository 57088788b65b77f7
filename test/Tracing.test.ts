/** Spans: what a collector gets from a pod's life, and that a pod without one, or with a wrong one, is a pod all the same. */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { defaultEngineOptions } from "../src/engine/Options.ts"
import { defaultMetricsOptions } from "../src/metrics/cache/MetricsProcessor.ts"
import metricsApp from "../src/metrics/MetricsApp.ts"
import { metricsParts } from "../src/metrics/MetricsParts.ts"
import { openPod } from "../src/pod/Pod.ts"
import { inThisThread } from "../src/pod/shards/Shards.ts"
import { SelfMetrics } from "../src/SelfMetrics.ts"
import { tracing } from "../src/Tracing.ts"
import { EmbeddedLog } from "../src/transport/embedded/EmbeddedLog.ts"
import { Transport } from "../src/transport/Transport.ts"
import { ask } from "./pod/fakePod.ts"

/** Of an OTLP span in JSON. */
interface Span {
  readonly name: string
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Readonly<Record<string, unknown>> }>
}

interface Sent {
  readonly path: string
  readonly body: {
    readonly resourceSpans: ReadonlyArray<{
      readonly resource: { readonly attributes: Span["attributes"] }
      readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Span> }>
    }>
  }
}

/** An HTTP server of Node's, until the test ends. */
const serving = (listener: Parameters<typeof createServer>[1]) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer(listener)
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      return { server, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
    }),
    ({ server }) => Effect.sync(() => server.close())
  ).pipe(Effect.map(({ base }) => base))

const collector = Effect.gen(function* () {
  const sent: Array<Sent> = []
  const base = yield* serving(async (request, response) => {
    const pieces = await request.toArray()
    sent.push({ path: request.url!, body: JSON.parse(Buffer.concat(pieces).toString()) })
    response.end("{}")
  })
  return { base, sent }
})

const pod = Effect.gen(function* () {
  const log = yield* EmbeddedLog
  yield* log.createTopic("metrics", 1)
  const { handle } = yield* openPod(
    { version: "1", adminToken: undefined, settings: [] },
    metricsParts,
    inThisThread(metricsApp, metricsParts, {
      engine: { ...defaultEngineOptions, commitInterval: 50 },
      backpressure: { strategy: "pause", adaptiveLag: 0 },
      application: defaultMetricsOptions
    })
  ).pipe(Effect.provide(Layer.merge(Layer.succeed(Transport, log.transport), SelfMetrics.layerBare)))
  const base = yield* serving(handle)
  while ((yield* Effect.promise(() => ask(`${base}/readyz`))).status !== 200) yield* Effect.yieldNow
  yield* Effect.promise(() => ask(`${base}/metrics`))
})

const quiet = Logger.layer([])

describe("spans", () => {
  it.live("a collector gets those of a rebalance, a commit, a scrape and an eviction, also the last ones", () =>
    Effect.gen(function* () {
      const { base, sent } = yield* collector
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }
      yield* Effect.scoped(pod).pipe(Effect.provide([EmbeddedLog.layer(), quiet]), Effect.provide(tracing(env)))
      assert.deepStrictEqual([...new Set(sent.map(({ path }) => path))], ["/v1/traces"])
      const resources = sent.flatMap(({ body }) => body.resourceSpans)
      assert.deepInclude(resources[0]!.resource.attributes, {
        key: "service.name",
        value: { stringValue: "kafka2prom" }
      })
      const spans = resources.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
      const names = spans.map(({ name }) => name)
      for (const name of ["rebalance", "commit", "scrape", "evict"]) assert.include(names, name)
      const { attributes } = spans.find(({ name }) => name === "evict")!
      assert.deepInclude(attributes, { key: "partition", value: { stringValue: "metrics/0" } })
    }).pipe(Effect.scoped)
  )

  const tracerUnder = (env: Readonly<Record<string, string>>) =>
    Effect.tracer.pipe(Effect.provide(tracing(env)), Effect.provide(quiet))

  it.effect("none are sent where nobody asks for them", () =>
    Effect.gen(function* () {
      const plain = yield* Effect.tracer
      assert.strictEqual(yield* tracerUnder({}), plain)
      assert.strictEqual(yield* tracerUnder({ OTEL_EXPORTER_OTLP_ENDPOINT: "" }), plain)
      const off = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_SDK_DISABLED: "true" }
      assert.strictEqual(yield* tracerUnder(off), plain)
      for (const name of ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
        assert.notStrictEqual(yield* tracerUnder({ [name]: "http://127.0.0.1:1" }), plain, name)
    })
  )

  for (const [what, env, why] of [
    ["an endpoint that is none", { OTEL_EXPORTER_OTLP_ENDPOINT: "collector" }, /URL.*OTEL_EXPORTER_OTLP_ENDPOINT"/],
    [
      "a protocol that is not spoken",
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
      /grpc is not spoken here/
    ]
  ] as const)
    it.effect(`${what} is told in one line, and ends nothing`, () =>
      Effect.gen(function* () {
        const told: Array<string> = []
        const logger = Logger.layer([Logger.make(({ message }) => told.push(String(message)))])
        const went = yield* Effect.succeed("on").pipe(Effect.provide(tracing(env)), Effect.provide(logger))
        assert.strictEqual(went, "on")
        assert.lengthOf(told, 1)
        assert.match(told[0]!, /^no spans are sent: .*; see to the variables OTEL_EXPORTER_OTLP_\.\.\.$/)
        assert.match(told[0]!, why)
      })
    )
})
