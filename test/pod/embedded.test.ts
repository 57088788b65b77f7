/** A pod within somebody else's HTTP server: Node's own, as express and fastify hand it on, and Effect's. */

import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { gunzipSync } from "node:zlib"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { toIncomingMessage, toServerResponse } from "@effect/platform-node/NodeHttpServerRequest"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, type Scope } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { defaultEngineOptions } from "../../src/engine/Options.ts"
import { defaultMetricsOptions } from "../../src/metrics/cache/MetricsProcessor.ts"
import metricsApp from "../../src/metrics/MetricsApp.ts"
import { metricsParts } from "../../src/metrics/MetricsParts.ts"
import { type EmbeddedPod, openPod } from "../../src/pod/Pod.ts"
import { inThisThread } from "../../src/pod/shards/Shards.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { ask } from "./fakePod.ts"

const opened = Effect.gen(function* () {
  const log = yield* EmbeddedLog
  yield* log.createTopic("metrics", 1)
  const pod = yield* openPod(
    { version: "1", adminToken: undefined, settings: [] },
    metricsParts,
    inThisThread(metricsApp, metricsParts, {
      engine: defaultEngineOptions,
      backpressure: { strategy: "pause", adaptiveLag: 0 },
      application: defaultMetricsOptions
    })
  ).pipe(Effect.provide(Layer.merge(Layer.succeed(Transport, log.transport), SelfMetrics.layerBare)))
  const producer = yield* log.transport.producer({ clientId: "p", acks: 1, compression: "none" })
  const value = Buffer.from("# TYPE orders counter\norders 7\n")
  return {
    pod,
    send: producer.produce([{ topic: "metrics", partition: 0, key: Buffer.from("s"), value, headers: {} }])
  }
})

/** Node's, in which the pod is under a path of its own. */
const nodes = ({ handle }: EmbeddedPod) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly base: string; readonly close: () => void }>((resume) => {
      const server = createServer((request, response) => {
        if (!handle(request, response, "/k2p")) response.writeHead(404).end("ours")
      })
      server.listen(0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
            close: () => server.close()
          })
        )
      )
    }),
    ({ close }) => Effect.sync(close)
  )

const effects = ({ handle }: EmbeddedPod) =>
  Effect.gen(function* () {
    const app = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const message = toIncomingMessage(request) as IncomingMessage
      const response = toServerResponse(request) as ServerResponse
      return yield* Effect.callback<HttpServerResponse.HttpServerResponse>((resume) => {
        response.once("close", () => resume(Effect.succeed(HttpServerResponse.empty())))
        if (!handle(message, response)) resume(Effect.succeed(HttpServerResponse.text("ours", { status: 404 })))
      })
    })
    const layer = NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })
    const server = HttpServer.serve(app).pipe(Layer.provideMerge(layer))
    const services = yield* Layer.build(server)
    const address = yield* Effect.provide(
      HttpServer.HttpServer.useSync(({ address: at }) => at),
      services
    )
    return { base: `http://127.0.0.1:${(address as { readonly port: number }).port}` }
  })

const test = (name: string, body: Effect.Effect<void, unknown, EmbeddedLog | Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body).pipe(Effect.provide([EmbeddedLog.layer(), Logger.layer([])])))

describe("a pod within a server", () => {
  for (const [whose, serverOf, under] of [
    ["of Node's", nodes, "/k2p"],
    ["of Effect's", effects, ""]
  ] as const)
    test(
      `${whose} answers as it does in its own, and leaves the other paths alone`,
      Effect.gen(function* () {
        const { pod, send } = yield* opened
        const { base } = yield* serverOf(pod)
        const get = (path: string, headers = {}, method = "GET") =>
          Effect.promise(() => ask(base + path, headers, method))
        while ((yield* get(`${under}/readyz`)).status !== 200) yield* Effect.yieldNow
        yield* send
        const shown = '# TYPE orders counter\norders{instance="s"} 7'
        const body = () => Effect.map(get(`${under}/metrics`), (answer) => answer.body.toString())
        while (!(yield* body()).startsWith("# TYPE orders")) yield* Effect.yieldNow
        assert.include(yield* body(), shown)
        const packed = yield* get(`${under}/metrics`, {
          Accept: "application/openmetrics-text;version=1.0.0",
          "Accept-Encoding": "gzip"
        })
        assert.strictEqual(packed.headers["content-encoding"], "gzip")
        assert.match(gunzipSync(packed.body).toString(), /# EOF\n$/)
        assert.strictEqual((yield* get(`${under}/metrics`, {}, "PUT")).status, 405)
        assert.strictEqual((yield* get(`${under}/metrics?shard=1`)).status, 400)
        const other = yield* get("/theirs")
        assert.deepStrictEqual([other.status, other.body.toString()], [404, "ours"])
      })
    )
})
