/**
 * Bare consumers in Node, each in a process of its own (`bareConsumer.ts`), that read the topic and throw it away: kafkajs, which is the
 * floor for anything built on it, @platformatic/kafka, and this project's own Transport without engine, parser and cache.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import type { Usage } from "../usage.ts"
import { platformaticFolder, platformaticVersion } from "./platformatic.ts"
import { freshGroup, type Reader } from "./Reader.ts"

const script = new URL("bareConsumer.ts", import.meta.url).pathname

const bare = (client: string, name: string, version: string, folder = ""): Reader => ({
  name,
  version,
  drain: async ({ stage, cluster }, { topic, partitions, records, bytes, ends }) => {
    const started = performance.now()
    const group = freshGroup(`bare-${client}`)
    const work = { client, brokers: cluster.bootstrap, topic, group, partitions, records, ends: [...ends], folder }
    const running = stage.run(group, process.execPath, [script, JSON.stringify(work)])
    const [, json] = await running.says(/^used (.*)$/m, "stdout")
    const wall = (performance.now() - started) / 1000
    await running.kill()
    const usage = JSON.parse(json!) as Usage & { readonly bytes: number }
    if (usage.bytes !== bytes) throw new Error(`${name} read ${usage.bytes} bytes of ${bytes}`)
    return { usage, wall, faults: undefined }
  }
})

const installed = async (name: string): Promise<string> => {
  const file = new URL(`../../../node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(await readFile(file, "utf8")) as { readonly version: string }).version
}

export const bareReaders = async (): Promise<ReadonlyArray<Reader>> => [
  bare("transport", "our Transport, thrown away", "this checkout's"),
  bare("kafkajs", "kafkajs, thrown away", await installed("kafkajs")),
  bare(
    "platformatic",
    "@platformatic/kafka, thrown away",
    platformaticVersion,
    join(await platformaticFolder(), "node_modules", "@platformatic", "kafka", "dist", "index.js")
  )
]
