/** A pod's HTTP surface on a free port, with an engine that does what the test says. Content, renderer and sockets are real. */
import { type ClientRequest, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http"
import { MessageChannel } from "node:worker_threads"
import { Context, Effect, Layer, type Scope } from "effect"
import type { StrategyName } from "../../src/engine/Backpressure.ts"
import { type Cut, Engine, type EngineStatus, type NotProven, type PartitionStatus } from "../../src/engine/Engine.ts"
import { openGate } from "../../src/http/Gate.ts"
import { Server } from "../../src/http/Server.ts"
import { MetricsCache, type PartitionContent } from "../../src/metrics/cache/MetricsCache.ts"
import { metricsParts } from "../../src/metrics/MetricsParts.ts"
import * as MetricsShard from "../../src/metrics/scrape/MetricsShard.ts"
import type { Dump } from "../../src/metrics/text/Dump.ts"
import { type PodOptions, podRoutes } from "../../src/pod/Pod.ts"
import { PodState } from "../../src/pod/PodState.ts"
import { ShardService } from "../../src/pod/ShardService.ts"
import { localShard } from "../../src/pod/shards/LocalShard.ts"
import { RemoteShard } from "../../src/pod/shards/RemoteShard.ts"
import type { Shard } from "../../src/pod/shards/Shard.ts"
import { serveShard } from "../../src/pod/shards/ShardServer.ts"
import { SelfMetrics, type SelfMetricsShape } from "../../src/SelfMetrics.ts"
import { partitionKey, type TopicPartition } from "../../src/transport/Transport.ts"

/** `count` lines of one gauge: `name{instance="source",i="0"} value`. */
export const gauge = (name: string, source: string, count = 1, value = 1): Dump => {
  const lines: Array<string> = []
  for (let i = 0; i < count; i++) lines.push(`${name}{instance="${source}",i="${i}"} ${value}\n`)
  const bytes = Buffer.from(lines.join(""))
  return {
    families: [
      {
        name,
        textName: name,
        type: "gauge",
        help: "",
        unit: "",
        series: count,
        sampleNames: [name],
        bytes,
        conforms: true,
        conformsText: true,
        quoted: false,
        exemplars: false,
        floatLabels: false,
        timestamps: false
      }
    ],
    series: count,
    bytes: bytes.length
  }
}

export const partitionStatus = (partition: number, change: Partial<PartitionStatus> = {}): PartitionStatus => ({
  topic: "metrics",
  partition,
  phase: "serving",
  visible: true,
  position: 10,
  committed: 10,
  reservation: 20,
  fence: 5,
  highWatermark: 12,
  lag: 2,
  lagMs: 40,
  lagAgeMs: 20,
  queue: { records: 0, bytes: 0, paused: false, pausedMs: 0 },
  remainder: { records: 0, bytes: 0 },
  backpressure: "pause",
  growth: { counts: [4], placement: null, waitingFor: [] },
  dropped: 0,
  droppingSince: null,
  restarts: 0,
  trouble: null,
  quarantine: null,
  skipped: { batches: 0, last: null },
  holds: { sources: 1, series: 1, bytes: 10 },
  ...change
})

export class FakeEngine {
  owned: Array<TopicPartition> = [{ topic: "metrics", partition: 0 }]
  prove: Effect.Effect<void, NotProven> = Effect.void
  cuts = 0
  delivered = 0
  switched: Array<[StrategyName, string]> = []
  status: EngineStatus = {
    group: "k2p",
    memberId: "m-1",
    generation: 3,
    leader: true,
    state: "member",
    leaseMs: 15_000,
    refused: null,
    doubt: { missingTopics: [], join: null, heartbeat: null, commit: null, darkMs: null },
    wishes: { assignor: "balanced", refused: 0, last: null },
    ready: true,
    settingsHash: "abc",
    settingsDiffer: [],
    partitions: [partitionStatus(0)],
    handoffs: []
  }

  readonly service: Engine["Service"] = Engine.of({
    cut: (): Cut => {
      this.cuts += 1
      return {
        generation: 3,
        partitions: this.owned.map((tp) => ({ tp, key: partitionKey(tp), position: 10 })),
        prove: Effect.suspend(() => this.prove)
      }
    },
    status: () => this.status,
    setBackpressure: (strategy, tp) => {
      if (tp !== undefined && !this.owned.some((o) => partitionKey(o) === partitionKey(tp))) return false
      this.switched.push([strategy, tp === undefined ? "all" : partitionKey(tp)])
      return true
    },
    caughtUp: () => Effect.never,
    idsChanged: () => Effect.never,
    failed: Effect.never
  })
}

/** Both ends in this thread. */
export const overPort = (shard: Shard): Effect.Effect<RemoteShard, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { port1, port2 } = new MessageChannel()
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        port1.close()
        port2.close()
      })
    )
    yield* serveShard({ port: port2, shard, metrics: Effect.succeed([]), leave: () => {} })
    return new RemoteShard(shard.number, port1)
  })

export interface FakeShard {
  readonly engine: FakeEngine
  /** What partition 0 holds; may be replaced at any time. */
  dumps: ReadonlyArray<Dump>
  /** Only of a shard behind a port. */
  readonly port: RemoteShard | undefined
}

export interface FakePod {
  readonly base: string
  readonly pod: PodState
  readonly metrics: SelfMetricsShape
  readonly shards: ReadonlyArray<FakeShard>
  /** Of the first shard. */
  readonly engine: FakeEngine
  dumps: ReadonlyArray<Dump>
}

export interface FakeOptions
  extends Partial<Pick<PodOptions, "adminToken" | "adminTokenFile" | "settings" | "webConfigFile" | "browserHosts">> {
  readonly content?: Partial<PartitionContent>
  /** One where nothing is said. */
  readonly shards?: number
  /** The shards are seen through message ports, as those on worker threads are. */
  readonly overPort?: boolean
}

export const fakePod = (options: FakeOptions = {}): Effect.Effect<FakePod, never, Scope.Scope> =>
  Effect.gen(function* () {
    const metrics = Context.get(yield* Layer.build(SelfMetrics.layerBare), SelfMetrics)
    const pod = new PodState(0, options.shards)
    const shards: Array<FakeShard> = []
    for (const slot of pod.slots) {
      const cache = Context.get(yield* Layer.build(Layer.fresh(MetricsCache.layer)), MetricsCache)
      const engine = new FakeEngine()
      const fake: { -readonly [K in keyof FakeShard]: FakeShard[K] } = { engine, dumps: [], port: undefined }
      yield* cache.enter("metrics/0", {
        sources: () => [],
        source: () => undefined,
        refusals: () => [],
        ...options.content,
        look: () => ({
          ...(options.content?.look?.() ?? { dumps: fake.dumps, times: [], end: () => {} }),
          delivered: () => {
            engine.delivered += 1
          }
        })
      })
      const answers = MetricsShard.layer.pipe(
        Layer.provide([Layer.succeed(MetricsCache, cache), Layer.succeed(SelfMetrics, metrics)])
      )
      const service = Context.get(yield* Layer.build(Layer.fresh(answers)), ShardService)
      const shard = localShard({ number: slot.number, engine: engine.service, service, metrics })
      if (options.overPort === true) fake.port = yield* overPort(shard)
      slot.shard = fake.port ?? shard
      shards.push(fake)
    }
    pod.running()
    const gate = yield* openGate({ ...options, onRefused: (why) => metrics.httpRefused.inc({ why }) }).pipe(
      Effect.orDie
    )
    const routes = podRoutes(
      pod,
      metrics,
      { version: "9.9.9", adminToken: undefined, settings: [], ...options },
      metricsParts.surface(pod, metrics),
      gate.notice
    )
    const draining = () => pod.phase === "leaving"
    const server = yield* Layer.build(
      Server.layer({
        listen: { host: "127.0.0.1", port: 0 },
        option: "--listen",
        routes,
        gate,
        draining,
        onClosed: (why) => metrics.connectionsClosed.inc({ why })
      })
    ).pipe(Effect.orDie)
    const [first] = shards
    const { address, scheme } = Context.get(server, Server)
    return {
      base: `${scheme}://127.0.0.1:${address.port}`,
      pod,
      metrics,
      shards,
      engine: first!.engine,
      get dumps() {
        return first!.dumps
      },
      set dumps(dumps) {
        first!.dumps = dumps
      }
    }
  })

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  readonly body: Buffer
}

export interface Opened {
  readonly request: ClientRequest
  readonly response: IncomingMessage
}

/** The answer's head has come; nothing of the body is read yet. */
export const open = (
  url: string,
  headers: OutgoingHttpHeaders = {},
  method = "GET",
  body?: string,
  localAddress?: string
): Promise<Opened> =>
  new Promise((resolve, reject) => {
    const options = { method, headers, agent: false, ...(localAddress === undefined ? {} : { localAddress }) }
    const request = httpRequest(url, options, (response) => resolve({ request, response }))
    request.on("error", reject)
    request.end(body)
  })

export const whole = async ({ response }: Opened): Promise<Answer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }
}

export const ask = async (
  url: string,
  headers?: OutgoingHttpHeaders,
  method?: string,
  body?: string
): Promise<Answer> => whole(await open(url, headers, method, body))

/** As another client: any address of 127.0.0.0/8 is this machine's. */
export const askFrom = async (localAddress: string, url: string): Promise<Answer> =>
  whole(await open(url, {}, "GET", undefined, localAddress))

/** k2p_scrapes_total of one outcome. */
export const scrapes = async (metrics: SelfMetricsShape, outcome: string): Promise<number> =>
  (await metrics.scrapes.get()).values.find((v) => v.labels.outcome === outcome)?.value ?? 0

export const sentBytes = async (metrics: SelfMetricsShape): Promise<number> =>
  (await metrics.scrapeBytes.get()).values[0]?.value ?? 0

/** Waits for a condition by asking the server something harmless in between: each round trip lets everybody work. */
export const until = async (fake: FakePod, condition: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await condition())) await ask(`${fake.base}/healthz`)
}
