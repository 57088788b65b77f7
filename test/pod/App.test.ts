/** An application that is no metrics, with an extension over it, in a real pod on the embedded log: by the same doors as metrics. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, type Scope } from "effect"
import counts from "../../docs/examples/own/counts.ts"
import skipping from "../../docs/examples/own/skipping.ts"
import { Assignor } from "../../src/engine/group/Assignor.ts"
import { defaultEngineOptions } from "../../src/engine/Options.ts"
import { get, type Route, replyText } from "../../src/http/Route.ts"
import metricsApp from "../../src/metrics/MetricsApp.ts"
import { type App, protocolOf } from "../../src/pod/App.ts"
import { type Extension, extended } from "../../src/pod/Extension.ts"
import { openPod, runPod } from "../../src/pod/Pod.ts"
import { inThisThread } from "../../src/pod/shards/Shards.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { ask } from "./fakePod.ts"

const backpressure = { strategy: "pause", adaptiveLag: 0 } as const

const start = <S>(app: App<S>, application: S, adminToken?: string) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    const listening = yield* Deferred.make<string>()
    const parts = yield* Effect.promise(() => app.load())
    const engine = { ...defaultEngineOptions, topics: ["orders"] }
    const pod = runPod(
      {
        listen: { host: "127.0.0.1", port: 0 },
        version: "1",
        adminToken,
        settings: [],
        onListening: ({ port }) => Deferred.doneUnsafe(listening, Effect.succeed(`http://127.0.0.1:${port}`))
      },
      parts,
      inThisThread(app, parts, { engine, backpressure, application })
    ).pipe(Effect.provide(Layer.merge(Layer.succeed(Transport, log.transport), SelfMetrics.layerBare)))
    const fiber = yield* Effect.forkScoped(pod)
    return { fiber, base: yield* Effect.raceFirst(Deferred.await(listening), Fiber.join(fiber)) }
  })

const produce = (...keys: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    const producer = yield* log.transport.producer({ clientId: "p", acks: 1, compression: "none" })
    yield* producer.produce(
      keys.map((key, i) => ({ topic: "orders", partition: i % 2, key: Buffer.from(key), value: null, headers: {} }))
    )
  })

const json = (url: string) => Effect.promise(async () => JSON.parse((await ask(url)).body.toString()) as unknown)
const eventually = (url: string, wanted: unknown) =>
  Effect.gen(function* () {
    while (JSON.stringify(yield* json(url)) !== JSON.stringify(wanted)) yield* Effect.yieldNow
  })

const test = (name: string, body: Effect.Effect<void, unknown, EmbeddedLog | Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body).pipe(Effect.provide([EmbeddedLog.layer(), Logger.layer([])])))

describe("an application of one's own", () => {
  test(
    "shows what it made of the records, proved and asked, in status, and under a group protocol of its own",
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      yield* log.createTopic("orders", 2)
      const { base } = yield* start(counts, 5)
      yield* eventually(`${base}/counts`, { "orders/0": 5, "orders/1": 5 })
      yield* produce("a", "b", "c")
      yield* eventually(`${base}/counts`, { "orders/0": 7, "orders/1": 6 })
      assert.deepStrictEqual(yield* json(`${base}/total`), [13])
      const status = (yield* json(`${base}/api/v1/status`)) as {
        readonly counting: boolean
        readonly shards: ReadonlyArray<{ readonly partitions: ReadonlyArray<{ readonly counted: number }> }>
      }
      assert.isTrue(status.counting)
      assert.deepStrictEqual(
        status.shards[0]!.partitions.map(({ counted }) => counted),
        [7, 6]
      )
      assert.strictEqual((yield* Effect.promise(() => ask(`${base}/metrics`))).status, 404)
      const { group } = yield* log.transport.inspect([], "kafka2prom")
      assert.strictEqual(group?.protocol, "k2p-counts-v1")
      assert.strictEqual(protocolOf(metricsApp), (yield* Assignor).protocol)
    }).pipe(Effect.provide(Assignor.layer))
  )

  test(
    "that throws in answering costs that answer",
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      yield* log.createTopic("orders", 2)
      const { base } = yield* start(counts, 1)
      yield* eventually(`${base}/total`, [2])
      assert.strictEqual((yield* Effect.promise(() => ask(`${base}/counts?broken`))).status, 500)
      yield* eventually(`${base}/counts`, { "orders/0": 1, "orders/1": 1 })
    })
  )

  test(
    "that cannot start ends the pod with its name and its reason",
    Effect.gen(function* () {
      const layer = () => Layer.effectContext(Effect.fail(new Error("no disk is left")))
      const refusing = { ...counts, load: async () => ({ ...(await counts.load()), layer }) }
      const { fiber } = yield* start(refusing, 1)
      const exit = yield* Effect.exit(Fiber.join(fiber))
      assert.isTrue(
        Exit.isFailure(exit) &&
          Cause.pretty(exit.cause).includes("the application counts could not start: no disk is left")
      )
    })
  )
})

describe("an application with a log of its own", () => {
  test(
    "that brings none is told so",
    Effect.gen(function* () {
      const { fiber } = yield* start({ ...counts, ownTransport: true }, 1)
      const exit = yield* Effect.exit(Fiber.join(fiber))
      assert.isTrue(Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("and its layer brings none"))
    })
  )

  test(
    "goes before the pod's",
    Effect.gen(function* () {
      const mine = yield* EmbeddedLog
      yield* mine.createTopic("orders", 2)
      const brings: Extension<null> = {
        ...{ name: "brings", module: "", settings: {}, ownTransport: true },
        configure: () => ({ value: { settings: null, agreed: {} } }),
        layer: () => Layer.succeed(Transport, mine.transport)
      }
      const other = yield* Layer.build(Layer.fresh(EmbeddedLog.layer()))
      const app = extended(counts, [brings as Extension])
      assert.isTrue(app.ownTransport)
      const started = start(app as App, { application: 5, extensions: [null] })
      const { base } = yield* Effect.provide(started, other)
      yield* eventually(`${base}/counts`, { "orders/0": 5, "orders/1": 5 })
    })
  )
})

describe("an application's routes", () => {
  for (const [what, path, why] of [
    [
      "one of the pod's own paths",
      "/healthz",
      "its route GET /healthz has a path of the pod's own (/, /self/metrics, "
    ],
    ["the same path twice", "/counts", "it has two routes GET /counts"]
  ] as const)
    test(
      `of which one is ${what}: the pod is refused before it listens`,
      Effect.gen(function* () {
        const parts = yield* Effect.promise(() => counts.load())
        const surface: typeof parts.surface = (pod, metrics) => {
          const own = parts.surface(pod, metrics)
          return { ...own, routes: [...own.routes, get(path, "ours", () => {})] }
        }
        const application = inThisThread(counts, parts, { engine: defaultEngineOptions, backpressure, application: 1 })
        const opened = openPod({ version: "1", adminToken: undefined, settings: [] }, { surface }, application)
        const log = yield* EmbeddedLog
        const error = yield* Effect.flip(
          opened.pipe(Effect.provide(Layer.merge(Layer.succeed(Transport, log.transport), SelfMetrics.layerBare)))
        )
        assert.include(error.message, why)
      })
    )

  test(
    "that change something ask for the admin token before they do anything",
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      yield* log.createTopic("orders", 2)
      const parts = yield* Effect.promise(() => counts.load())
      let resets = 0
      const reset: Route = {
        ...{ method: "PUT", path: "/reset", about: "begins anew", admin: true },
        handle: ({ response }) =>
          Effect.sync(() => {
            resets += 1
            replyText(response, 200, "begun anew")
          })
      }
      const surface: typeof parts.surface = (pod, metrics) => {
        const own = parts.surface(pod, metrics)
        return { ...own, routes: [...own.routes, reset] }
      }
      const { base } = yield* start({ ...counts, load: async () => ({ ...parts, surface }) }, 1, "let-me-in")
      const put = (token: string) =>
        Effect.promise(async () => (await ask(`${base}/reset`, { Authorization: `Bearer ${token}` }, "PUT")).status)
      assert.deepStrictEqual([yield* put("wrong"), resets, yield* put("let-me-in"), resets], [401, 0, 200, 1])
    })
  )
})

describe("an extension", () => {
  test(
    "stands around the application's own processor, and others around it",
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      yield* log.createTopic("orders", 2)
      const other = { ...skipping, name: "other" }
      const app = extended(counts, [skipping as Extension, other as Extension])
      assert.deepStrictEqual(app.extensions, [skipping.module, skipping.module])
      const { base } = yield* start(app as App, { application: 0, extensions: ["b", "d"] })
      yield* eventually(`${base}/total`, [0])
      yield* produce("a", "b", "c", "d", "e")
      yield* eventually(`${base}/total`, [3])
    })
  )

  it("says what must be agreed on, and leaves an application alone that has none", () => {
    assert.strictEqual(extended(counts, []) as unknown, counts)
    const app = extended(counts, [skipping as Extension])
    const configured = app.configure({ values: { countFrom: 3, skipKey: "x" } } as never)
    assert.deepStrictEqual(configured, {
      value: {
        settings: { application: 3, extensions: ["x"] },
        agreed: { from: 3, extensions: [["skipping", { key: "x" }]] },
        notes: ["counts records", "skips x"]
      }
    })
  })
})
