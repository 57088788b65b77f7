/**
 * `npm run test:outside [-- <name> …]`: the packed package in a fresh project of somebody else's, with what npm fetches for it, compiled strictly and run
 * against a real broker: a strategy, an assignor, a durable processor and pods within other servers, as docs/extending.md has them; and an empty project. A line for each;
 * ends with 1 where one fails.
 */
import { startKafka } from "../support/kafka.ts"
import { openStage } from "../support/processes.ts"
import { archive } from "./archive.ts"
import { assignor } from "./assignor.ts"
import { embedding } from "./embedding.ts"
import type { Ground } from "./Ground.ts"
import { install } from "./install.ts"
import { openProject } from "./Project.ts"
import { strategy } from "./strategy.ts"

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(0)} s`

const began = performance.now()
const project = await openProject({ fetched: true })
say(`packed, installed and compiled in ${seconds(began)}`)

const all = {
  install: () => install(project.tarball),
  strategy,
  assignor,
  archive,
  embedding: (ground: Ground) => embedding(ground, ["onEffect", "onExpress", "onFastify"])
}
const named = process.argv.slice(2)
const kafka = await startKafka({ version: "3.9.1" })
try {
  for (const [name, demonstrate] of Object.entries(all)) {
    if (named.length > 0 && !named.includes(name)) continue
    const since = performance.now()
    const stage = await openStage()
    try {
      const ground = { kafka, stage, module: project.module, options: { main: project.main } }
      say(`${name}: ${await demonstrate(ground)} (${seconds(since)})`)
    } catch (error) {
      process.exitCode = 1
      say(`${name}: FAILED: ${error instanceof Error ? error.stack : error}\n${stage.logs()}`)
    } finally {
      await stage.close()
    }
  }
} finally {
  await kafka.stop()
  await project.remove()
}
