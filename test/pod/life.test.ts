/** The pod's life seen from its HTTP server: it answers before it has joined, while it leaves, and ends in order. */
import { Agent, request as httpRequest } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { defaultEngineOptions } from "../../src/engine/Options.ts"
import { PartitionProcessor, shown } from "../../src/engine/PartitionProcessor.ts"
import { openGate } from "../../src/http/Gate.ts"
import { get, type Route, replyText } from "../../src/http/Route.ts"
import { Server } from "../../src/http/Server.ts"
import type { ServerError } from "../../src/http/ServerError.ts"
import { MetricsCache } from "../../src/metrics/cache/MetricsCache.ts"
import metricsApp from "../../src/metrics/MetricsApp.ts"
import { metricsParts } from "../../src/metrics/MetricsParts.ts"
import * as MetricsShard from "../../src/metrics/scrape/MetricsShard.ts"
import { type PodOptions, runPod } from "../../src/pod/Pod.ts"
import { inThisThread } from "../../src/pod/shards/Shards.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { partitionKey, Transport } from "../../src/transport/Transport.ts"
import { ask, gauge } from "./fakePod.ts"

const keepAlive = { Connection: "keep-alive" }
const silent = Logger.layer([])

/** One gauge a partition; the test holds the key of its eviction. */
const processor = (closing: Deferred.Deferred<void>, evicting: Deferred.Deferred<void>) =>
  Layer.effect(
    PartitionProcessor,
    Effect.gen(function* () {
      const cache = yield* MetricsCache
      return PartitionProcessor.of({
        name: "held",
        needs: shown,
        open: ({ tp }) =>
          Effect.gen(function* () {
            const look = () => ({ times: [], dumps: [gauge("held", partitionKey(tp))], end: () => {} })
            const content = { look, sources: () => [], source: () => undefined, refusals: () => [] }
            yield* cache.enter(partitionKey(tp), content)
            yield* Effect.addFinalizer(() =>
              Effect.andThen(Deferred.succeed(closing, undefined), Deferred.await(evicting))
            )
            return {
              process: () => Effect.void,
              committable: (position) => position,
              lowest: (position) => position,
              status: () => ({ sources: 1, series: 1, bytes: 1 })
            }
          })
      })
    })
  )

const options: PodOptions = {
  listen: { host: "127.0.0.1", port: 0 },
  version: "0",
  adminToken: undefined,
  settings: []
}

/** A running pod, its base address, and the two rendezvous of its end. */
const startPodWith = (more: Partial<PodOptions>) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    const closing = yield* Deferred.make<void>()
    const evicting = yield* Deferred.make<void>()
    const listening = yield* Deferred.make<string>()
    const layer = () =>
      Layer.merge(processor(closing, evicting), MetricsShard.layer).pipe(Layer.provide(MetricsCache.layer))
    const onListening = ({ port }: { readonly port: number }) => {
      Effect.runSync(Deferred.succeed(listening, `http://127.0.0.1:${port}`))
    }
    const fiber = yield* runPod(
      { ...options, onListening, ...more },
      metricsParts,
      inThisThread(
        metricsApp,
        { layer },
        {
          engine: { ...defaultEngineOptions, clientId: "pod-1" },
          backpressure: { strategy: "pause", adaptiveLag: 0 },
          application: undefined
        }
      )
    ).pipe(
      Effect.provide(Layer.merge(Layer.succeed(Transport, log.transport), SelfMetrics.layerBare)),
      Effect.forkScoped
    )
    // A failed assertion must not leave the pod waiting for it.
    yield* Effect.addFinalizer(() => Deferred.succeed(evicting, undefined))
    return { fiber, closing, evicting, base: yield* Deferred.await(listening) }
  })
const startPod = startPodWith({})

const status = (url: string) => Effect.promise(() => ask(url)).pipe(Effect.map((a) => a.status))
const text = (url: string) => Effect.promise(() => ask(url)).pipe(Effect.map((a) => a.body.toString()))
const eventually = (url: string, wanted: number) =>
  Effect.gen(function* () {
    while ((yield* status(url)) !== wanted) yield* Effect.yieldNow
  })
const inLog = <A, E>(effect: Effect.Effect<A, E, EmbeddedLog | Scope.Scope>) =>
  effect.pipe(Effect.provide(EmbeddedLog.layer()), Effect.provide(silent))

describe("a pod", () => {
  it.live("switches on an address of its own alone, where it has one", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => void logged.push(String(message)))
    return Effect.gen(function* () {
      const log = yield* EmbeddedLog
      yield* log.createTopic("metrics", 1)
      const adminListen = { host: "127.0.0.1", port: 0 }
      const { base, evicting } = yield* startPodWith({ adminListen, adminToken: "let-me-in" })
      yield* eventually(`${base}/readyz`, 200)
      const [, admin] = /^switching is on (http:\/\/\S+) alone$/m.exec(logged.join("\n")) ?? []
      const put = (at: string) =>
        Effect.promise(() =>
          ask(`${at}/api/v1/backpressure`, { Authorization: "Bearer let-me-in" }, "PUT", '{"strategy":"drop-front"}')
        )
      assert.strictEqual((yield* put(base)).status, 404)
      assert.strictEqual((yield* put(admin!)).status, 200)
      assert.strictEqual(yield* status(`${admin}/healthz`), 200)
      assert.strictEqual(yield* status(`${admin}/metrics`), 404)
      yield* Deferred.succeed(evicting, undefined)
    }).pipe(Effect.scoped, Effect.provide(EmbeddedLog.layer()), Effect.provide(Logger.layer([logger])))
  })

  it.live("answers before it can join, and is ready when it has", () =>
    inLog(
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const joins = yield* Scope.make()
        yield* log
          .intercept((request) =>
            request.op === "joinGroup" ? { fail: "COORDINATOR_NOT_AVAILABLE" as const } : undefined
          )
          .pipe(Scope.provide(joins))
        yield* log.createTopic("metrics", 2)
        const { base } = yield* startPod
        assert.strictEqual(yield* status(`${base}/healthz`), 200)
        assert.strictEqual(yield* status(`${base}/readyz`), 503)
        assert.strictEqual(yield* text(`${base}/metrics`), "")
        yield* Scope.close(joins, Exit.void)
        yield* eventually(`${base}/readyz`, 200)
      })
    )
  )

  it.live("told to stop is unready at once, answers while it evicts without the evicted, and leaves the group", () =>
    inLog(
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        yield* log.createTopic("metrics", 1)
        const { base, fiber, closing, evicting } = yield* startPod
        while (!(yield* text(`${base}/metrics`)).includes('held{instance="metrics/0"')) yield* Effect.yieldNow
        assert.strictEqual(yield* status(`${base}/readyz`), 200)
        const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
        yield* Deferred.await(closing)
        const ready = yield* Effect.promise(() => ask(`${base}/readyz`, keepAlive))
        assert.deepStrictEqual([ready.status, ready.headers.connection], [503, "close"])
        assert.match(ready.body.toString(), /^leaving/)
        assert.strictEqual(yield* status(`${base}/healthz`), 200)
        assert.notInclude(yield* text(`${base}/metrics`), "held{")
        assert.strictEqual(log.group("kafka2prom").members.length, 1)
        yield* Deferred.succeed(evicting, undefined)
        yield* Fiber.join(stopping)
        assert.strictEqual(log.group("kafka2prom").members.length, 0)
        const refused = yield* Effect.promise(() =>
          ask(`${base}/healthz`).then(
            () => "answered",
            (e) => e.code
          )
        )
        assert.strictEqual(refused, "ECONNREFUSED")
      })
    )
  )
})

describe("a server", () => {
  const serve = (
    routes: ReadonlyArray<Route>,
    draining = () => false
  ): Effect.Effect<string, ServerError, Scope.Scope> =>
    Effect.gen(function* () {
      const gate = yield* openGate({ onRefused: () => {} })
      const listen = { host: "127.0.0.1", port: 0 }
      const layer = Server.layer({ listen, option: "--listen", routes, gate, draining, onClosed: () => {} })
      const context = yield* Layer.build(layer)
      const { address } = yield* Effect.provide(Server, context)
      return `http://127.0.0.1:${address.port}`
    })
  const hello = get("/hello", "", ({ response }) => replyText(response, 200, "hello"))

  /** A route that writes its head before or after the test opens the gate. */
  const gated = (
    path: string,
    early: boolean,
    asked: Deferred.Deferred<void>,
    gate: Deferred.Deferred<void>
  ): Route => ({
    method: "GET",
    path,
    about: "",
    handle: ({ response }) =>
      Effect.gen(function* () {
        if (early) response.writeHead(200).write("first ")
        yield* Deferred.succeed(asked, undefined)
        yield* Deferred.await(gate)
        response.end("last")
      })
  })

  for (const early of [false, true])
    it.live(
      `that closes finishes an answer ${early ? "half sent" : "not begun"}, then ends its kept connection`,
      () =>
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          const asked = yield* Deferred.make<void>()
          const scope = yield* Scope.make()
          const base = yield* serve([gated("/slow", early, asked, gate), hello]).pipe(Scope.provide(scope))
          const agent = new Agent({ keepAlive: true, maxSockets: 2 })
          const kept = (path: string) =>
            new Promise<string>((resolve, reject) => {
              const request = httpRequest(base + path, { agent }, (response) => {
                let body = `${response.headers.connection} `
                response.on("data", (chunk) => {
                  body += chunk
                })
                response.on("end", () => resolve(body))
              })
              request.on("error", reject).end()
            })
          yield* Effect.promise(() => kept("/hello"))
          const answer = kept("/slow")
          yield* Deferred.await(asked)
          const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
          const refused = yield* Effect.promise(() =>
            ask(`${base}/hello`).then(
              () => "answered",
              (e) => e.code
            )
          )
          assert.strictEqual(refused, "ECONNREFUSED")
          yield* Deferred.succeed(gate, undefined)
          assert.strictEqual(yield* Effect.promise(() => answer), early ? "keep-alive first last" : "close last")
          // Sooner than the bound at which connections are cut, and than their keep-alive.
          yield* Fiber.join(closing)
          agent.destroy()
        }),
      5_000
    )

  it.live("that drains tells its clients to close", () =>
    Effect.gen(function* () {
      let draining = false
      const base = yield* serve([hello], () => draining)
      assert.strictEqual(
        (yield* Effect.promise(() => ask(`${base}/hello`, keepAlive))).headers.connection,
        "keep-alive"
      )
      draining = true
      assert.strictEqual((yield* Effect.promise(() => ask(`${base}/hello`, keepAlive))).headers.connection, "close")
    })
  )

  it.live("whose handler has a fault answers 500 and goes on", () =>
    Effect.gen(function* () {
      const broken = get("/broken", "", () => {
        throw new Error("a bug")
      })
      const base = yield* serve([broken, hello])
      const { status, body } = yield* Effect.promise(() => ask(`${base}/broken`))
      assert.strictEqual(status, 500)
      assert.notInclude(body.toString(), "a bug")
      assert.strictEqual((yield* Effect.promise(() => ask(`${base}/hello`))).status, 200)
    }).pipe(Effect.provide(silent))
  )

  it.live("that cannot listen says where, why and what to do", () =>
    Effect.gen(function* () {
      const base = yield* serve([hello])
      const listen = { host: "127.0.0.1", port: Number(new URL(base).port) }
      const gate = yield* openGate({ onRefused: () => {} })
      const options = { listen, option: "--listen", routes: [], gate } as const
      const layer = Server.layer({ ...options, draining: () => false, onClosed: () => {} })
      const error = yield* Effect.flip(Layer.build(layer))
      assert.strictEqual(
        error.message,
        `cannot listen on 127.0.0.1:${listen.port}: another program listens there already; choose another address with --listen`
      )
    })
  )
})
