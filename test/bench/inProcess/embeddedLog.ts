/**
 * Embedded log: records produced to it and fetched from it in the same process, as the demo and the simulation do: whole dumps of 123 KB
 * eight to a request, and single lines of 145 bytes a thousand to a request, over eight partitions, fetched with the pod's own
 * limits.
 *
 * Not measured: groups, commits, what a pod does with the records. It copies what it takes, as a broker would, and hands out references. It is
 * no replacement for a broker and compared with none.
 */
import { Effect } from "effect"
import { EmbeddedLog } from "../../../src/transport/embedded/EmbeddedLog.ts"
import type { OutgoingRecord } from "../../../src/transport/Transport.ts"
import type { Stage } from "../../support/processes.ts"
import { MB, median, type Row, type Table } from "../Bench.ts"
import { mixedService, sourceName } from "../dumps/mixed.ts"

const [topic, partitions, MiB] = ["metrics", 8, 1024 * 1024]

interface Load {
  readonly name: string
  readonly requests: ReadonlyArray<ReadonlyArray<OutgoingRecord>>
  /** How often all requests are sent. */
  readonly times: number
}

const toward = (index: number, values: ReadonlyArray<Uint8Array>): ReadonlyArray<OutgoingRecord> =>
  values.map((value) => ({
    ...{ topic, partition: index % partitions, key: Buffer.from(sourceName(index)), value, headers: {} }
  }))

const loads = (quick: boolean): ReadonlyArray<Load> => [
  {
    name: "whole dumps of 123 KB",
    requests: Array.from({ length: 8 }, (_, at) =>
      Array.from({ length: 8 }, (_, i) => toward(at * 8 + i, [mixedService(at * 8 + i).round()])).flat()
    ),
    times: quick ? 2 : 200
  },
  {
    name: "single lines of 145 bytes",
    requests: Array.from({ length: 64 }, (_, i) =>
      toward(
        i,
        mixedService(i, true)
          .lines()
          .map((line) => Buffer.from(line))
      )
    ),
    times: quick ? 2 : 10
  }
]

/** Produces everything, fetching behind it; answers seconds of wall and CPU. */
const pass = ({ requests, times }: Load) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog.make({ retentionBytes: 1024 * MiB })
    yield* log.createTopic(topic, partitions)
    const producer = yield* log.transport.producer({ clientId: "bench", acks: "all", compression: "none" })
    const client = yield* log.transport.groupClient({ group: "bench", clientId: "bench" })
    const [info] = yield* client.metadata([topic])
    const node = info!.partitions[0]!.leader
    const offsets = new Map(Array.from({ length: partitions }, (_, partition) => [partition, 0]))
    const [started, before] = [performance.now(), process.cpuUsage()]
    let [records, bytes] = [0, 0]
    const fetch = Effect.gen(function* () {
      const asked = [...offsets].map(([partition, offset]) => ({ tp: { topic, partition }, offset }))
      const answer = yield* client.fetch(node, asked, { maxWait: 0, maxBytes: 8 * MiB, maxBytesPerPartition: MiB })
      let taken = 0
      for (const each of answer) {
        offsets.set(each.tp.partition, each.next)
        taken += each.records.length
        for (const { value } of each.records) bytes += value?.length ?? 0
      }
      records += taken
      return taken
    })
    for (let i = 0; i < times; i++)
      for (const request of requests) {
        yield* producer.produce(request)
        yield* fetch
      }
    while ((yield* fetch) > 0);
    const sent = times * requests.reduce((sum, request) => sum + request.length, 0)
    if (records !== sent) throw new Error(`${sent} records were produced, ${records} fetched`)
    const { user, system } = process.cpuUsage(before)
    return { wall: (performance.now() - started) / 1000, cpu: (user + system) / 1e6, records, bytes }
  }).pipe(Effect.scoped, Effect.runPromise)

export const embeddedLog = async (_: Stage, quick: boolean): Promise<ReadonlyArray<Table>> => {
  const rows: Array<Row> = []
  for (const load of loads(quick)) {
    await pass(load)
    const passes = [await pass(load), await pass(load), await pass(load)]
    const of = (pick: (each: (typeof passes)[number]) => number): number => median(passes.map(pick))
    rows.push({
      name: load.name,
      cells: [
        of(({ records, wall }) => records / wall),
        of(({ bytes, wall }) => bytes / MB / wall),
        of(({ records, cpu }) => (cpu * 1e6) / records)
      ]
    })
  }
  return [
    {
      title: "Embedded log: produced and fetched in one process",
      columns: [
        { name: "records/s", better: "more", digits: 0 },
        { name: "MB/s", better: "more", digits: 0 },
        { name: "CPU µs a record", better: "less", digits: 2 }
      ],
      rows,
      notes: []
    }
  ]
}
