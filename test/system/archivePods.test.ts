/**
 * Archive pods as processes on real Kafka, over a folder and over a bucket: killed, frozen beyond their session and stopped while agents send and repeat
 * themselves, the store away for a while; the judge reads only what the store holds.
 */
import { join } from "node:path"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { judge } from "../archive/sim/ArchiveJudge.ts"
import {
  type ArchivePod,
  expecting,
  filesBelow,
  haveArchived,
  objectsBelow,
  startArchivePod,
  startSenders
} from "../support/archivePods.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { credentials, type S3Server, startRclone, startVersity } from "../support/s3Server.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

const partitions = 6

vi.setConfig({ testTimeout: 120_000, hookTimeout: 400_000 })

describeWith(["java", "mvn", "go", "python3"], "archive pods", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let s3: S3Server

  beforeAll(async () => {
    kafka = await startKafka({ version: "3.9.1" })
    stage = await openStage()
    s3 = await startVersity(stage)
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  const optionsOf = (topic: string, to: ReadonlyArray<string>) => [
    ...["--brokers", kafka.bootstrap.join(","), "--topic", topic, "--group-id", topic],
    ...["--roll-age", "1s", "--session-timeout", "6s", "--to", ...to]
  ]
  const bucket = (topic: string) => [`s3://logs/${topic}`, "--s3-endpoint", s3.endpoint]
  const start = (name: string, topic: string, to: ReadonlyArray<string>, workers = 1): Promise<ArchivePod> =>
    startArchivePod(stage, name, [...optionsOf(topic, to), "--workers", String(workers)], { env: credentials })
  const ended = async ({ process }: ArchivePod) => {
    process.signal("SIGTERM")
    assert.strictEqual((await process.ended).code, 0)
  }

  for (const store of ["a folder", "a bucket"])
    it(`over ${store} have each line once, in order, without a hole, whatever is done to them`, async () => {
      const topic = store.replace(" ", "-")
      const to = store === "a folder" ? [`file://${join(stage.dir, topic)}`] : bucket(topic)
      const folder = store === "a folder" ? join(stage.dir, topic) : join(s3.folder, "logs", topic)
      const grows = async () => {
        const before = (await objectsBelow(folder)).length
        const grown = async () => (await objectsBelow(folder)).length > before + partitions
        await until(grown, { what: "further objects" })
      }
      await kafka.createTopic(topic, partitions)
      const senders = await startSenders(kafka.bootstrap, topic, partitions)
      const [a, b, c] = await Promise.all(["a", "b", "c"].map((name) => start(`${topic} ${name}`, topic, to)))
      await grows()
      await a!.process.kill()
      await grows()
      // It stands still for longer than its session, and wakes when its partitions are another one's.
      b!.process.signal("SIGSTOP")
      await c!.process.says(/generation \d+: 6 partitions are ours/)
      await grows()
      b!.process.signal("SIGCONT")
      const d = await start(`${topic} d`, topic, to)
      await grows()
      await ended(c!)
      if (store === "a bucket") {
        await s3.process().kill()
        await until(
          async () =>
            (await Promise.all([b!, d].map((pod) => pod.status()))).some(({ shards }) =>
              shards.some((shard) => shard.partitions.some(({ archive }) => archive?.store != null))
            ),
          { what: "a pod that says that its store is away" }
        )
        await s3.restart()
      }
      await grows()
      await senders.finish()
      await until(() => haveArchived([b!, d], partitions), { what: "everything archived" })
      await Promise.all([ended(b!), ended(d)])
      assert.deepStrictEqual(judge(await filesBelow(folder), expecting(topic, senders), true), [])
      assert.isAbove(senders.lines(), 1_000)
    })

  it("on two workers say how far each partition is archived, in status and metrics; verify finds nothing", async () => {
    await kafka.createTopic("workers", 2)
    const folder = join(stage.dir, "workers")
    const pod = await start("workers", "workers", [`file://${folder}`], 2)
    const senders = await startSenders(kafka.bootstrap, "workers", 2, { writers: 2 })
    const says = async () => {
      const all = (await pod.status()).shards.flatMap((shard) => shard.partitions.map(({ archive }) => archive))
      return all.length === 2 && all.every((archive) => (archive?.archivedTo ?? 0) > 0)
    }
    await until(says, { what: "partitions that say how far they are archived" })
    const metrics = await pod.text("/self/metrics")
    assert.match(metrics, /^k2p_archive_rows_total\{topic="workers",partition="[01]"\} [1-9]/m)
    assert.match(metrics, /^k2p_archive_lag_seconds\{topic="workers",partition="[01]"\} /m)
    await senders.finish()
    await until(() => haveArchived([pod], 2), { what: "everything archived" })
    await ended(pod)
    assert.deepStrictEqual(judge(await filesBelow(folder), expecting("workers", senders), true), [])
    const verify = stage.program("verify", ["archive", "verify", "--to", `file://${folder}`])
    assert.strictEqual((await verify.ended).code, 0, verify.out.stdout)
    assert.match(verify.out.stdout, /^workers\/0: offsets 0 to \d+ in \d+ objects?, \d+ rows/m)
  })

  it("end in words where the place cannot hold an archive", async () => {
    const plain = await startRclone(stage)
    const refused = async (to: ReadonlyArray<string>, words: RegExp) => {
      const args = ["archive", ...optionsOf("a-folder", to), "--listen", "127.0.0.1:0", "--workers", "1"]
      const pod = stage.program(to[0]!, args, { env: credentials })
      assert.strictEqual((await pod.ended).code, 1)
      assert.match(pod.out.stderr, words)
    }
    await refused(["s3://logs/x", "--s3-endpoint", plain.endpoint], /created _k2p\/probe twice.*If-None-Match/)
    const check = ["check", "--brokers", kafka.bootstrap.join(","), "--topic", "workers", "--to"]
    const careless = stage.program("check", [...check, "s3://logs/x", "--s3-endpoint", plain.endpoint], {
      env: credentials
    })
    assert.strictEqual((await careless.ended).code, 1)
    assert.match(careless.out.stdout, /^store s3:\/\/logs\/x\n {2}broken {2}.*created _k2p\/probe twice/m)
    const good = stage.program("check", [...check, ...bucket("workers")], { env: credentials })
    await good.ended
    assert.match(good.out.stdout, /^store .*\n {2}ok {6}it refuses to create what is there already$/m)
    await refused(["s3://no-such-bucket/x", "--s3-endpoint", s3.endpoint], /NoSuchBucket.*create it/)
    await refused(["file:///proc/no-archive"], /\/proc\/no-archive.*(EACCES|EPERM|EROFS)/)
  })
})
