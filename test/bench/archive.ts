/**
 * Archiving: how much text of logs one archive pod takes from Kafka to finished objects with one CPU second, compression included; how much of that is zstd
 * itself; and what memory it takes, with few partitions and with a hundred. Records are as an agent sends them: some hundred lines each, with spans.
 */
import { randomBytes } from "node:crypto"
import { readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib"
import { Effect } from "effect"
import { KafkaTransport } from "../../src/transport/kafka/KafkaTransport.ts"
import { type Compression, type OutgoingRecord, Transport } from "../../src/transport/Transport.ts"
import { haveArchived, objectsBelow, startArchivePod } from "../support/archivePods.ts"
import type { KafkaCluster } from "../support/kafka.ts"
import { until } from "../support/until.ts"
import { type Bench, MB, type Rig, type Row } from "./Bench.ts"
import { usageOf } from "./usage.ts"

interface Input {
  readonly name: string
  readonly line: (i: number) => string
  readonly linesPerRecord: number
  readonly compression: Compression
  readonly partitions: number
  /** MB of text. */
  readonly text: number
}

const two = (n: number): string => String(n).padStart(2, "0")
const application = (i: number): string =>
  `2026-11-28T09:${two(i % 60)}:${two((i * 7) % 60)}.123Z INFO  [http-nio-8080-exec-${i % 16}] c.e.shop.OrderController - order ${(i * 7919) % 1000003} accepted for customer ${(i * 104729) % 99991} in ${i % 900} ms`
const random = (): string => randomBytes(112).toString("base64")

const lines = { line: application, linesPerRecord: 500, compression: "zstd", partitions: 4, text: 300 } as const
const inputs: ReadonlyArray<Input> = [
  { ...lines, name: "application lines" },
  { ...lines, name: "the same, four times as much", text: 1200 },
  { ...lines, name: "lines that hardly compress", line: random, compression: "none" },
  { ...lines, name: "application lines, one a record", linesPerRecord: 1, text: 100 },
  { ...lines, name: "application lines, 25 partitions", partitions: 25 },
  { ...lines, name: "application lines, 100 partitions", partitions: 100 },
  { ...lines, name: "100 partitions, four times as much", partitions: 100, text: 1200 }
]

/** Bytes of lines, with their ends. */
const fill = async (cluster: KafkaCluster, topic: string, input: Input, bytes: number): Promise<number> => {
  const { line, linesPerRecord, partitions, compression } = input
  await cluster.createTopic(topic, partitions, { configs: { "retention.bytes": "-1" } })
  let sent = 0
  const program = Effect.gen(function* () {
    const producer = yield* (yield* Transport).producer({ clientId: "bench", acks: 1, compression })
    const ends = new Array<number>(partitions).fill(0)
    for (let i = 0, record = 0; sent < bytes; ) {
      const records: Array<OutgoingRecord> = []
      for (let size = 0; size < 900_000; record++) {
        const partition = record % partitions
        const value = Buffer.from(Array.from({ length: linesPerRecord }, () => line(i++)).join("\n"))
        const to = ends[partition]! + value.length + 1
        const span = Buffer.from(`${partition.toString(16).padStart(32, "0")}.${ends[partition]}-${to}`)
        ends[partition] = to
        records.push({
          topic,
          partition,
          key: Buffer.from(`host-${partition}/var/log/app.log`),
          value,
          headers: { "k2p-span": span }
        })
        size += value.length + 1
        sent += value.length + 1
      }
      yield* producer.produce(records)
    }
  })
  const kafka = { brokers: cluster.bootstrap, clientId: "bench", connectionTimeout: 5_000, requestTimeout: 30_000 }
  await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(KafkaTransport.layer(kafka))))
  return sent
}

/** CPU seconds of zstd alone over the rows that the objects hold, as a pod packs them. */
const packing = async (
  folder: string
): Promise<{ readonly seconds: number; readonly rows: number; readonly stored: number }> => {
  const params = { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_compressionLevel]: 1 }
  let [seconds, rows, stored] = [0, 0, 0]
  for (const name of await objectsBelow(folder)) {
    const object = await readFile(join(folder, name))
    const data = zstdDecompressSync(object)
    const before = process.cpuUsage()
    zstdCompressSync(data, { params })
    const { user, system } = process.cpuUsage(before)
    seconds += (user + system) / 1e6
    rows += data.length
    stored += object.length
  }
  return { seconds, rows, stored }
}

const measure = async ({ kafka, quick, say, stage }: Rig, input: Input, i: number): Promise<Row> => {
  const cluster = await kafka()
  const topic = `archive-${i}`
  const bytes = await fill(cluster, topic, input, (quick ? 4 : input.text) * MB)
  const folder = join(stage.dir, topic)
  say(`archive: ${input.name}, ${(bytes / MB).toFixed(0)} MB`)
  const to = ["--to", `file://${folder}`, "--brokers", cluster.bootstrap.join(","), "--workers", "1"]
  const idle = await startArchivePod(stage, `${topic}-idle`, [...to, "--topic", "none", "--group-id", `${topic}-none`])
  await idle.process.says(/generation 1/)
  const beside = await usageOf(idle.process.pid)
  await idle.process.kill()
  const started = performance.now()
  const pod = await startArchivePod(stage, topic, [...to, "--topic", topic, "--group-id", topic, "--roll-age", "2s"])
  await until(() => haveArchived([pod], input.partitions), { what: "everything archived", within: 300_000, every: 100 })
  const seconds = (performance.now() - started) / 1000
  const used = await usageOf(pod.process.pid)
  pod.process.signal("SIGTERM")
  await pod.process.ended
  const packed = await packing(folder)
  await rm(folder, { recursive: true, force: true })
  const cpu = used.cpu - beside.cpu
  const cells = [
    bytes / MB,
    bytes / MB / cpu,
    (100 * packed.seconds) / cpu,
    packed.rows / MB,
    packed.stored / MB,
    bytes / MB / seconds,
    used.peak / MB
  ]
  return { name: input.name, cells }
}

export const archive: Bench = {
  name: "archive",
  about: "logs from Kafka to finished objects in a folder: text for a CPU second, zstd's share, memory",
  run: async (rig) => {
    await (await rig.kafka()).createTopic("none", 1)
    const rows: Array<Row> = []
    for (const [i, input] of inputs.entries()) rows.push(await measure(rig, input, i))
    return [
      {
        title: "Archiving",
        columns: [
          { name: "text, MB", better: "neither", digits: 0 },
          { name: "MB of text a CPU second", better: "more", digits: 0 },
          { name: "of it zstd, %", better: "neither", digits: 0 },
          { name: "rows, MB", better: "neither", digits: 0 },
          { name: "stored, MB", better: "less", digits: 1 },
          { name: "MB of text a second", better: "more", digits: 0 },
          { name: "peak memory, MB", better: "less", digits: 0 }
        ],
        rows,
        notes: [
          "One worker. What the pod takes to start (an idle one's CPU) is taken off. zstd's share: the same rows packed once more, alone."
        ]
      }
    ]
  }
}
