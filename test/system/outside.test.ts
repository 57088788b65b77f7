/**
 * The packed package in somebody else's strict project: all of test/outside/project compiles against its declarations, and a strategy of back pressure
 * runs on two workers by its flag. The other demonstrations, and the project as npm installs it: `npm run test:outside`.
 */
import { afterAll, beforeAll, it, vi } from "vitest"
import { openProject, type Project } from "../outside/Project.ts"
import { strategy } from "../outside/strategy.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { describeWith } from "../support/tools.ts"

vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 })

describeWith(["java", "mvn", "npm", "tar"], "a project of a team's own", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let project: Project

  beforeAll(async () => {
    project = await openProject({ fetched: false })
    kafka = await startKafka({ version: "3.9.1" })
    stage = await openStage()
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
    await project?.remove()
  })

  it("has a strategy of its own by its flag", async () => {
    try {
      await strategy({ kafka, stage, module: project.module, options: { main: project.main } })
    } catch (error) {
      process.stderr.write(`${stage.logs()}\n`)
      throw error
    }
  })
})
