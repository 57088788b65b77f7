/**
 * The commands of docs/records.md, as they stand there, on a real broker: what a pod shows before and after each is different as the page says,
 * to the line, and no record is refused.
 */
import { readFileSync } from "node:fs"
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { readBody } from "../support/exposed.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { blocksOf } from "../support/pages.ts"
import { type Pod, partitionsOf, startPod } from "../support/pods.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 })

const page = readFileSync(new URL("../../docs/records.md", import.meta.url), "utf8")
const blocks = blocksOf(page).filter(({ language }) => language === "sh" || language === "diff")

describeWith(["java", "mvn", "kcat"], "the commands of docs/records.md", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let pod: Pod
  beforeAll(async () => {
    kafka = await startKafka({ version: "3.9.1" })
    await kafka.createTopic("metrics", 2)
    stage = await openStage()
    const where = ["--brokers", kafka.bootstrap[0]!, "--topic", "metrics", "--group-id", "records"]
    pod = await startPod(stage, "pod", where)
    await until(async () => (await partitionsOf(pod)).filter(({ visible }) => visible).length === 2, {
      what: "both partitions"
    })
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  const shown = async (): Promise<ReadonlyArray<string>> =>
    [...readBody(await pod.get("/metrics")).samples].map(([series, value]) => `${series} ${value}`)

  /** Whatever is in the log was processed. */
  const caughtUp = async (): Promise<boolean> => {
    const ends = new Map((await kafka.admin.fetchTopicOffsets("metrics")).map((end) => [end.partition, end.high]))
    return (await partitionsOf(pod)).every(({ partition, position }) => String(position) === ends.get(partition))
  }

  it("change what a pod shows as the page says", async () => {
    assert.isAbove(blocks.length, 10)
    for (let i = 0; i < blocks.length; i += 2) {
      const [command, change] = [blocks[i]!, blocks[i + 1]]
      assert.deepStrictEqual([command.language, change?.language], ["sh", "diff"], `line ${command.line}`)
      const before = await shown()
      const script = command.text.replaceAll("kafka:9092", kafka.bootstrap[0]!)
      const shell = stage.run(`line ${command.line}`, "bash", ["-eu", "-o", "pipefail", "-c", script])
      assert.deepStrictEqual(await shell.ended, { code: 0, signal: null }, shell.out.stderr)
      await until(caughtUp, { what: `the records of line ${command.line}` })
      const after = await shown()
      const different = [
        ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
        ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`)
      ]
      assert.sameMembers(different, change!.text.trim().split("\n"), `line ${change!.line}`)
    }
    const refused = (await pod.get("/self/metrics")).match(/^k2p_(?:records|lines)_refused_total\{.*\} [1-9].*$/gm)
    assert.isNull(refused)
  })
})
