/** A processor that makes records durable, as a team would write it, on real processes under kills, freezes and handoffs: see test/outside/archive.ts. */
import { afterAll, beforeAll, it, vi } from "vitest"
import { archive } from "../outside/archive.ts"
import { fromSource } from "../outside/Ground.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { describeKafka } from "../support/tools.ts"

vi.setConfig({ testTimeout: 240_000, hookTimeout: 180_000 })

describeKafka("records that a team's processor keeps", () => {
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

  it("are in exactly one file each, and committed, whatever became of their owners", async () => {
    try {
      await archive({ kafka, stage, ...fromSource })
    } catch (error) {
      process.stderr.write(`${stage.logs()}\n`)
      throw error
    }
  })
})
