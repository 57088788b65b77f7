/** Traffic: how the rules of the transport contract write records, and read them back. */
import { Effect } from "effect"
import {
  type Fetched,
  type FetchRequest,
  type GroupClient,
  type LogRecord,
  type OutgoingRecord,
  type TopicPartition,
  Transport,
  type TransportError
} from "../../../transport/Transport.ts"
import { must } from "../Must.ts"
import { partition } from "./Groups.ts"
import { Harness } from "./Harness.ts"

export const bytes = (text: string): Uint8Array => Buffer.from(text)
export const text = (data: Uint8Array | null | undefined): string | null | undefined =>
  data === null || data === undefined ? data : Buffer.from(data).toString()

export const record = (tp: TopicPartition, value: string | Uint8Array | null, key: string | null = null) =>
  ({
    ...tp,
    key: key === null ? null : bytes(key),
    value: typeof value === "string" ? bytes(value) : value,
    headers: {}
  }) satisfies OutgoingRecord

export const produce = (records: ReadonlyArray<OutgoingRecord>) =>
  Transport.use((transport) =>
    Effect.scoped(
      Effect.flatMap(
        transport.producer({ clientId: Harness.unique("producer"), acks: "all", compression: "none" }),
        (producer) => producer.produce(records)
      )
    )
  )

export const wide = { maxWait: 5_000, maxBytes: 16 * 1024 * 1024, maxBytesPerPartition: 8 * 1024 * 1024 }
export const at = (tp: TopicPartition, offset: number): FetchRequest => ({ tp, offset })

/** One fetch from the leader of the first partition, which must lead the others too. */
export const fetch = (
  client: GroupClient,
  requests: ReadonlyArray<FetchRequest>,
  options: Partial<typeof wide> = {}
): Effect.Effect<ReadonlyArray<Fetched>, TransportError> =>
  Effect.gen(function* () {
    const { partition, topic } = requests[0]!.tp
    const leaders = yield* leadersOf(client, topic)
    return yield* client.fetch(leaders[partition]!, requests, { ...wide, ...options })
  })

export const leadersOf = (client: GroupClient, topic: string): Effect.Effect<ReadonlyArray<number>, TransportError> =>
  Effect.map(client.metadata([topic]), ([info]) => {
    const leaders: Array<number> = []
    for (const { leader, partition } of info!.partitions) leaders[partition] = leader
    return leaders
  })

/** Two partitions of a new topic that one node leads, however many nodes there are. */
export const neighbours = Effect.gen(function* () {
  const topic = yield* Harness.topic(6)
  const client = yield* Harness.client()
  const leaders = yield* leadersOf(client, topic)
  const first = leaders.findIndex((leader, i) => leaders.lastIndexOf(leader) !== i)
  return { client, one: partition(topic, first), two: partition(topic, leaders.lastIndexOf(leaders[first]!)) }
})

/** All records of [offset, end), over as many fetches as it takes. */
export const readTo = (client: GroupClient, tp: TopicPartition, end: number, offset = 0) =>
  Effect.gen(function* () {
    const records: Array<LogRecord> = []
    let position = offset
    let patience = 100
    while (position < end) {
      const [fetched] = yield* fetch(client, [at(tp, position)])
      // A new topic's leader may hear of its role a moment after the rest of the cluster.
      if (fetched!.error === "NOT_LEADER" && patience-- > 0) {
        yield* Effect.sleep(50)
        continue
      }
      must.equal(fetched!.error, undefined)
      must.equal(fetched!.from, position)
      records.push(...fetched!.records)
      position = fetched!.next
    }
    return records
  })
