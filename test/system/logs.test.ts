/**
 * Logs from files to an archive, by whole processes on a real broker: services log and rotate their files, an agent tails them and is killed at
 * any instant, archive pods are killed and replaced. What is judged is what a reader gets: the rows of the objects, and nothing else. The long form,
 * with more brokers and all that is done to them, is `npm run test:logs`.
 */
import { join } from "node:path"
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { openDuck } from "../support/duck.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { killAgent, killPod, killTailer, LogsTrial, stopPod } from "../support/logsTrial.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { describeKafka } from "../support/tools.ts"

vi.setConfig({ testTimeout: 400_000, hookTimeout: 240_000 })

describeKafka("logs from files to an archive", () => {
  let kafka: KafkaCluster
  let stage: Stage
  beforeAll(async () => {
    kafka = await startKafka({ version: "3.9.1" })
    stage = await openStage()
    await kafka.createTopic("logs", 2)
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  it("each line once, whoever is killed, in order and without a hole, and for DuckDB as well", async () => {
    const folder = join(stage.dir, "archive")
    const trial = await LogsTrial.open({
      ...{ stage, kafka, topic: "logs", to: [`file://${folder}`], folder },
      ...{ agents: 1, pods: 2, seed: 11, rotateEvery: 700 }
    })
    try {
      const pods = { "a pod is killed": killPod, "a pod is stopped": stopPod }
      await trial.play([{ "an agent is killed": killAgent, "a tailer is killed": killTailer }, pods], 1)
      assert.deepStrictEqual(await trial.finish(200_000), [])
    } catch (error) {
      process.stderr.write(`${stage.logs()}\n`)
      throw error
    }
    const duck = await openDuck(folder)
    assert.deepStrictEqual(await duck.answers("SELECT count(*) AS n FROM logs"), [{ n: String(trial.lines) }])
    duck.close()
  })
})
