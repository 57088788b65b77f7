/**
 * An archive whose disk is full or read-only, or whose bucket lets it write only in part: each partition that waits says why, naming the file or the object and what to
 * do, the others go on, and all goes on by itself when somebody has seen to it; nothing is lost.
 */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { judge } from "../archive/sim/ArchiveJudge.ts"
import {
  type ArchivePod,
  type ArchivePodStatus,
  expecting,
  filesBelow,
  haveArchived,
  startArchivePod,
  startSenders
} from "../support/archivePods.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { createUser, startVersity } from "../support/s3Server.ts"
import { giveBack, noSmallDisk, remount, seenBy, withSmallDisk } from "../support/smallDisk.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

vi.setConfig({ testTimeout: 300_000, hookTimeout: 400_000 })

const noDisk = noSmallDisk()
if (noDisk !== undefined && process.env.K2P_REQUIRE_ALL === "1") throw new Error(noDisk)

type Partition = ArchivePodStatus["shards"][number]["partitions"][number]

describeWith(["java", "mvn", "go"], "an archive in trouble", () => {
  let kafka: KafkaCluster
  let stage: Stage
  beforeAll(async () => {
    kafka = await startKafka({ version: "3.9.1" })
    stage = await openStage()
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  const optionsOf = (topic: string, to: ReadonlyArray<string>) => [
    ...["--brokers", kafka.bootstrap.join(","), "--topic", topic, "--group-id", topic],
    ...["--roll-age", "1s", "--workers", "1", "--to", ...to]
  ]
  const partitionsOf = async (pod: ArchivePod): Promise<ReadonlyArray<Partition>> =>
    (await pod.status()).shards.flatMap(({ partitions }) => partitions)
  const storeOf = ({ archive }: Partition) => archive?.store ?? null
  const archivedTo = ({ archive }: Partition) => archive?.archivedTo ?? 0

  it.skipIf(noDisk !== undefined)("waits for a disk that is full, and for one that is read-only", async () => {
    const topic = "disk"
    const point = join(stage.dir, topic)
    await mkdir(point)
    await kafka.createTopic(topic, 2)
    const senders = await startSenders(kafka.bootstrap, topic, 2, { writers: 2 })
    const through = withSmallDisk(point, 700, 600)
    const pod = await startArchivePod(stage, topic, optionsOf(topic, [`file://${point}/a`]), { through })
    const { pid } = pod.process
    const refusal = async (code: string) => {
      const found = (await partitionsOf(pod)).map(storeOf).filter((store) => store?.code === code)
      return found.length === 2 ? found[0]!.words : undefined
    }
    const mended = async () => (await partitionsOf(pod)).every((partition) => storeOf(partition) === null)
    const full = await until(() => refusal("ENOSPC"), { what: "a full disk" })
    assert.match(full, /writing \/.*\/a\/(disk\/date=.*\.ndjson\.zst|_k2p\/disk\/\d\/\S+): ENOSPC, no space is left/)
    await giveBack(pid, point)
    await until(mended, { what: "partitions that go on" })
    // Not while a file is being written there.
    const isReadOnly = () =>
      remount(pid, point, "ro").then(
        () => true,
        () => false
      )
    await until(isReadOnly, { what: "a moment in which nothing is written" })
    const readOnly = await until(() => refusal("EROFS"), { what: "a read-only disk" })
    assert.match(readOnly, /writing \/.*\/a\/\S+: EROFS, it is mounted read-only/)
    assert.isTrue((await pod.status()).ready)
    await remount(pid, point, "rw")
    await senders.finish()
    await until(() => haveArchived([pod], 2), { what: "everything archived" })
    assert.deepStrictEqual(judge(await filesBelow(join(seenBy(pid, point), "a")), expecting(topic, senders), true), [])
    assert.match(pod.process.out.stderr, /disk\/[01] waits for its store: .*ENOSPC/)
    pod.process.signal("SIGTERM")
    assert.strictEqual((await pod.process.ended).code, 0)
  })

  it("goes on with the partitions that a bucket lets it write, and with the rest when it may again", async () => {
    const topic = "bucket"
    const s3 = await startVersity(stage)
    const user = await createUser(s3, "archiver")
    await user.mayNotPut([])
    await kafka.createTopic(topic, 2)
    const senders = await startSenders(kafka.bootstrap, topic, 2, { writers: 2 })
    const to = [`s3://logs/${topic}`, "--s3-endpoint", s3.endpoint]
    const pod = await startArchivePod(stage, topic, optionsOf(topic, to), { env: user.credentials })
    const begun = async () => (await partitionsOf(pod)).filter((partition) => archivedTo(partition) > 0).length === 2
    await until(begun, { what: "objects of both partitions" })
    await user.mayNotPut([`${topic}/_k2p/${topic}/1/`])
    const waiting = await until(
      async () => (await partitionsOf(pod)).find((partition) => storeOf(partition) !== null && partition),
      { what: "a partition that waits" }
    )
    assert.match(
      storeOf(waiting)!.words,
      /writing s3:\/\/logs\/bucket\/_k2p\/bucket\/1\/memory-\S+: AccessDenied \(403\).*needs s3:PutObject/
    )
    const atFirst = (await partitionsOf(pod)).map(archivedTo)
    const moved = async () => (await partitionsOf(pod)).filter((each, i) => archivedTo(each) > atFirst[i]!)
    const others = await until(async () => ((await moved()).length > 0 ? moved() : undefined), {
      what: "the other one"
    })
    assert.deepStrictEqual(others.map(storeOf), [null])
    await user.mayNotPut([])
    await senders.finish()
    await until(() => haveArchived([pod], 2), { what: "everything archived" })
    const held = await filesBelow(join(s3.folder, "logs", topic))
    assert.deepStrictEqual(judge(held, expecting(topic, senders), true), [])
    pod.process.signal("SIGTERM")
    assert.strictEqual((await pod.process.ended).code, 0)
  })
})
