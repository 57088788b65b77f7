/**
 * A processor that makes records durable, on real processes that are killed, frozen beyond their session and handed over, while records are written:
 * each record is in exactly one file, and once all have left in order, all is committed.
 */
import assert from "node:assert/strict"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import kafkajs from "kafkajs"
import type { Running } from "../support/processes.ts"
import { until } from "../support/until.ts"
import type { Ground } from "./Ground.ts"

const topic = "orders"
const group = "outside-archive"
const partitions = 6
const backlog = 20_000

interface Archiver {
  readonly process: Running
  readonly status: () => Promise<{
    readonly shards: ReadonlyArray<{
      readonly partitions: ReadonlyArray<{
        readonly partition: number
        readonly phase: string
        readonly lag: number | null
      }>
      readonly handoffs: ReadonlyArray<{ readonly at: number; readonly kind: string }>
    }>
  }>
}

/** Records of all partitions: a backlog, then some each tenth of a second. */
const startOrders = async (brokers: ReadonlyArray<string>) => {
  const client = new kafkajs.Kafka({ clientId: "orders", brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING })
  const producer = client.producer()
  await producer.connect()
  let written = 0
  const write = async (count: number): Promise<void> => {
    const of = (partition: number) =>
      Array.from({ length: count }, (_, i) => ({ partition, value: `order ${written + i}` }))
    await producer.send({ topic, messages: Array.from({ length: partitions }, (_, p) => p).flatMap(of) })
    written += count
  }
  while (written < backlog) await write(2_000)
  const stopping = new AbortController()
  let work: Promise<void> = Promise.resolve()
  return {
    begin: () => {
      work = (async () => {
        while (!stopping.signal.aborted) {
          await write(70)
          await delay(100)
        }
      })()
    },
    stop: async () => {
      stopping.abort()
      await work
      await producer.disconnect()
    }
  }
}

/** By partition: how many records are in how many files, in none and in two. */
const read = async (folder: string, ends: ReadonlyMap<number, number>) => {
  const found = { files: 0, records: 0, lost: 0, twice: 0 }
  for (const [partition, end] of ends) {
    const seen = new Set<number>()
    const home = join(folder, topic, String(partition))
    for (const name of (await readdir(home)).filter((each) => !each.startsWith("part-"))) {
      found.files += 1
      const [, ...lines] = (await readFile(join(home, name), "utf8")).trimEnd().split("\n")
      for (const line of lines) {
        const offset = Number(line.split(" ", 1)[0])
        found.records += 1
        if (seen.has(offset)) found.twice += 1
        seen.add(offset)
      }
    }
    for (let offset = 0; offset < end; offset++) if (!seen.has(offset)) found.lost += 1
  }
  return found
}

export const archive = async ({ kafka, stage, module, options }: Ground): Promise<string> => {
  await kafka.createTopic(topic, partitions)
  const folder = join(stage.dir, "archive")
  const orders = await startOrders(kafka.bootstrap)
  const archivers = new Map<string, Archiver>()
  const serve = async (name: string, workers = 1): Promise<void> => {
    const running = stage.program(
      name,
      [
        ...["run", module("archive"), "--brokers", kafka.bootstrap.join(), "--topic", topic, "--group-id", group],
        ...["--client-id", name, "--workers", String(workers), "--session-timeout", "6s", "--listen", "127.0.0.1:0"],
        // Longer than as many records take to come: whoever is frozen is frozen while it makes a file.
        ...["--archive-to", folder, "--archive-slow", "400ms"]
      ],
      options
    )
    const [, base] = await running.says(/listening on (http:\/\/[^/]+)\//)
    const status: Archiver["status"] = async () =>
      (await (await fetch(`${base}/api/v1/status`, { signal: AbortSignal.timeout(10_000) })).json()) as Awaited<
        ReturnType<Archiver["status"]>
      >
    archivers.set(name, { process: running, status })
  }
  /** Until these have all partitions, each one of them some. */
  const held = (...names: ReadonlyArray<string>) =>
    until(
      async () => {
        const all = await Promise.all(names.map((name) => archivers.get(name)!.status()))
        const serving = all.map(({ shards }) =>
          shards.flatMap((shard) => shard.partitions.filter(({ phase }) => phase === "serving"))
        )
        return serving.every(({ length }) => length > 0) && serving.flat().length === partitions
      },
      { what: `all partitions with ${names.join(", ")}` }
    )
  const caughtUp = () =>
    until(
      async () => {
        const all = await Promise.all([...archivers.values()].map(({ status }) => status()))
        const lags = all.flatMap(({ shards }) => shards.flatMap((shard) => shard.partitions.map(({ lag }) => lag)))
        return lags.length === partitions && lags.every((lag) => lag === 0)
      },
      { what: "all records processed" }
    )
  const committed = async (): Promise<ReadonlyMap<number, number>> => {
    const [offsets] = await kafka.admin.fetchOffsets({ groupId: group, topics: [topic] })
    return new Map(offsets!.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
  }
  const ended = async (name: string): Promise<void> => {
    const { process: running } = archivers.get(name)!
    running.signal("SIGTERM")
    assert.equal((await running.ended).code, 0, running.out.stderr)
  }
  let first = Number.NaN
  try {
    await serve("a")
    const firstOffset = await until(
      async () => {
        const most = Math.max(...(await committed()).values())
        return most > 0 && most
      },
      { what: "the first commit", every: 5 }
    )
    first = Date.now()
    const acquired = (await archivers.get("a")!.status()).shards.flatMap(({ handoffs }) => handoffs)
    first -= Math.min(...acquired.filter(({ kind }) => kind === "acquired").map(({ at }) => at))
    orders.begin()
    await serve("b")
    await serve("c")
    await held("a", "b", "c")
    for (let i = 0; i < 2; i++) {
      await archivers.get("a")!.process.kill()
      await held("b", "c")
      await serve("a", 2)
      await held("a", "b", "c")
    }
    for (const name of ["b", "c"]) {
      archivers.get(name)!.process.signal("SIGSTOP")
      await held(...["a", "b", "c"].filter((other) => other !== name))
      archivers.get(name)!.process.signal("SIGCONT")
      await held("a", "b", "c")
    }
    await ended("c")
    await held("a", "b")
    await serve("c")
    await held("a", "b", "c")
    await orders.stop()
    await caughtUp()
    await Promise.all(["a", "b", "c"].map(ended))
    const ends = new Map(
      (await kafka.admin.fetchTopicOffsets(topic)).map(({ partition, offset }) => [partition, Number(offset)])
    )
    const found = await read(folder, ends)
    const refused = stage.logs().match(/ is another owner's$/gm)?.length ?? 0
    assert.deepEqual([found.lost, found.twice], [0, 0])
    assert.ok(refused > 0, "no frozen owner came too late")
    assert.deepEqual([...(await committed())].sort(), [...ends].sort(), "what a drain made durable is committed")
    return (
      `${found.records} records in ${found.files} files: 0 lost, 0 twice, through 2 kills, 2 freezes beyond the session, 1 handoff; ` +
      `first commit ${first} ms after the first partition was taken, at ${firstOffset} of ${backlog}; ${refused} files of frozen owners came too late`
    )
  } finally {
    await orders.stop()
  }
}
