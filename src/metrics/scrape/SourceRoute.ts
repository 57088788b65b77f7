/**
 * SourceRoute: GET /api/v1/source?id=…: where one source is in this pod and what became of what it sent: in which partition, what is shown,
 * what was refused. The status names some of the sources; this finds any. What `kafka2prom source show` asks.
 */
import { Effect } from "effect"
import { type Route, replyJson, replyText } from "../../http/Route.ts"
import type { PodState } from "../../pod/PodState.ts"
import { partitionKey } from "../../transport/Transport.ts"
import type { RefusalStatus, SourceStatus } from "../cache/MetricsCache.ts"

/** Of a source's id. */
const maxId = 512

/** What a shard is asked, see MetricsShard. Plain data. */
export interface SourceQuestion {
  readonly about: "source"
  readonly id: string
}

/** What a shard has of a source in one partition. Plain data. */
export interface SourceTrace {
  /** The partition's key. */
  readonly key: string
  /** null: nothing of it is shown here. */
  readonly shown: SourceStatus | null
  readonly refusals: ReadonlyArray<RefusalStatus>
}

/** One partition in which a pod has something of a source. */
export interface SourcePlace {
  readonly topic: string
  readonly partition: number
  readonly shard: number
  readonly phase: string
  /** Whether the partition is in a scrape now. */
  readonly visible: boolean
  /** Why it cannot be read, where it cannot. */
  readonly trouble: string | null
  readonly shown: SourceStatus | null
  readonly refusals: ReadonlyArray<RefusalStatus>
}

/** The answer of the route. */
export interface SourceAnswer {
  readonly source: string
  readonly places: ReadonlyArray<SourcePlace>
  /** Partitions that this pod owns: `topic/partition`. */
  readonly partitions: ReadonlyArray<string>
  /** Shards that did not answer: what they have is not in it. */
  readonly silent: ReadonlyArray<number>
}

const idOf = (url: string | undefined): string | undefined => {
  const query = (url ?? "").split("?", 2)[1] ?? ""
  const ids = new URLSearchParams(query).getAll("id")
  return ids.length === 1 && ids[0] !== "" && Buffer.byteLength(ids[0]!) <= maxId ? ids[0] : undefined
}

export const sourceRoute = (pod: PodState): Route => ({
  method: "GET",
  path: "/api/v1/source",
  about: "where the source of ?id= is in this pod, and why it is not shown",
  handle: ({ request, response }) =>
    Effect.gen(function* () {
      const id = idOf(request.url)
      if (id === undefined)
        return replyText(response, 400, `the source's id must be given once, of at most ${maxId} bytes: ?id=…`)
      const question: SourceQuestion = { about: "source", id }
      const { shards } = pod
      const answers = yield* Effect.forEach(shards, (shard) => shard.ask(question), { concurrency: "unbounded" })
      const reports = yield* pod.reports(0)
      const places: Array<SourcePlace> = []
      const silent: Array<number> = []
      for (const [i, { number }] of shards.entries()) {
        const traces = answers[i] as ReadonlyArray<SourceTrace> | undefined
        if (traces === undefined) silent.push(number)
        const report = reports.find(({ shard }) => shard === number)
        for (const { key, shown, refusals } of traces ?? []) {
          const p = report?.partitions.find((partition) => partitionKey(partition) === key)
          if (p === undefined) continue
          const { topic, partition, phase, visible, trouble } = p
          places.push({
            topic,
            partition,
            shard: number,
            phase,
            visible,
            trouble: trouble?.code ?? null,
            shown,
            refusals
          })
        }
      }
      const partitions = reports.flatMap((report) => report.partitions.map(partitionKey))
      const answer: SourceAnswer = { source: id, places, partitions, silent }
      return replyJson(response, 200, answer)
    })
})
