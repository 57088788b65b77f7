/** A pod's HTTP surface on a free port, with an engine that does what the test says. Content, renderer and sockets are real. */
import { type ClientRequest, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http"
import { Context, Effect, Layer, type Scope } from "effect"
import type { Strategy } from "../../src/engine/Backpressure.ts"
import { type Cut, Engine, type EngineStatus, type NotProven, type PartitionStatus } from "../../src/engine/Engine.ts"
import type { Dump } from "../../src/exposition/Dump.ts"
import { MetricsCache, type PartitionContent } from "../../src/exposition/MetricsCache.ts"
import { SelfMetrics, type SelfMetricsShape } from "../../src/SelfMetrics.ts"
import { type PodOptions, podRoutes } from "../../src/server/Pod.ts"
import { PodState } from "../../src/server/PodState.ts"
import { Server } from "../../src/server/Server.ts"
import { localShard } from "../../src/shards/LocalShard.ts"
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
  queue: { records: 0, bytes: 0, paused: false },
  backpressure: "pause",
  dropped: 0,
  restarts: 0,
  sources: 1,
  series: 1,
  bytes: 10,
  ...change
})

export class FakeEngine {
  owned: Array<TopicPartition> = [{ topic: "metrics", partition: 0 }]
  prove: Effect.Effect<void, NotProven> = Effect.void
  cuts = 0
  delivered = 0
  switched: Array<[Strategy, string]> = []
  status: EngineStatus = {
    group: "k2p",
    memberId: "m-1",
    generation: 3,
    leader: true,
    state: "member",
    leaseMs: 15_000,
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
        prove: Effect.suspend(() => this.prove),
        delivered: () => {
          this.delivered += 1
        }
      }
    },
    status: () => this.status,
    setBackpressure: (strategy, tp) => {
      if (tp !== undefined && !this.owned.some((o) => partitionKey(o) === partitionKey(tp))) return false
      this.switched.push([strategy, tp === undefined ? "all" : partitionKey(tp)])
      return true
    },
    caughtUp: () => Effect.never,
    memberChanged: () => Effect.never,
    failed: Effect.never
  })
}

export interface FakePod {
  readonly base: string
  readonly pod: PodState
  readonly engine: FakeEngine
  readonly metrics: SelfMetricsShape
  /** What partition 0 holds; may be replaced at any time. */
  dumps: ReadonlyArray<Dump>
}

export const fakePod = (
  options: Partial<Pick<PodOptions, "adminToken" | "settings">> & { readonly content?: Partial<PartitionContent> } = {}
): Effect.Effect<FakePod, never, Scope.Scope> =>
  Effect.gen(function* () {
    const services = yield* Layer.build(Layer.merge(SelfMetrics.layerBare, MetricsCache.layer))
    const metrics = Context.get(services, SelfMetrics)
    const cache = Context.get(services, MetricsCache)
    const engine = new FakeEngine()
    const pod = new PodState(0)
    const fake: { -readonly [K in keyof FakePod]: FakePod[K] } = { base: "", pod, engine, metrics, dumps: [] }
    yield* cache.enter("metrics/0", {
      dumps: () => fake.dumps,
      sources: () => [],
      refusals: () => [],
      ...options.content
    })
    pod.places[0]!.view = localShard({ shard: 0, engine: engine.service, cache, metrics })
    pod.running()
    const routes = podRoutes(pod, metrics, { version: "9.9.9", adminToken: undefined, settings: [], ...options })
    const draining = () => pod.phase === "leaving"
    const server = yield* Layer.build(
      Server.layer({ listen: { host: "127.0.0.1", port: 0 }, routes, draining, onRefused: () => {} })
    ).pipe(Effect.orDie)
    fake.base = `http://127.0.0.1:${Context.get(server, Server).address.port}`
    return fake
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
export const open = (url: string, headers: OutgoingHttpHeaders = {}, method = "GET", body?: string): Promise<Opened> =>
  new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false }, (response) => resolve({ request, response }))
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

/** k2p_scrapes_total of one outcome. */
export const scrapes = async (metrics: SelfMetricsShape, outcome: string): Promise<number> =>
  (await metrics.scrapes.get()).values.find((v) => v.labels.outcome === outcome)?.value ?? 0

export const sentBytes = async (metrics: SelfMetricsShape): Promise<number> =>
  (await metrics.scrapeBytes.get()).values[0]?.value ?? 0

/** Waits for a condition by asking the server something harmless in between: each round trip lets everybody work. */
export const until = async (fake: FakePod, condition: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await condition())) await ask(`${fake.base}/healthz`)
}
