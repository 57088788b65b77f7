/**
 * Kafka's own jars for the tests, fetched once with Maven into the user's cache. Two test files may ask at once: the
 * folder appears whole or not at all (renamed into place), the second one waits for the first.
 */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { promisify } from "node:util"

export const kafkaVersions = ["3.9.1", "4.1.1"] as const
export type KafkaVersion = (typeof kafkaVersions)[number]

const run = promisify(execFile)
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "kafka2prom")
const logging: Readonly<Record<KafkaVersion, string>> = { "3.9.1": "slf4j-reload4j", "4.1.1": "slf4j-simple" }
/** A fetch that takes longer was ended half-way: its lock is nobody's. */
const STALE_MS = 10 * 60_000

const dependency = (group: string, artifact: string, version: string): string =>
  `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`

const pom = (version: KafkaVersion): string =>
  `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>` +
  `<groupId>t</groupId><artifactId>t</artifactId><version>1</version><dependencies>` +
  dependency("org.apache.kafka", "kafka_2.13", version) +
  dependency("org.apache.kafka", "kafka-tools", version) +
  dependency("org.slf4j", logging[version], "1.7.36") +
  `</dependencies></project>`

/** The classpath of that version, fetched if need be. */
export const kafkaJars = async (version: KafkaVersion): Promise<string> => {
  const home = join(cache, `kafka-${version}`)
  const classpath = join(home, "libs", "*")
  const lock = `${home}.lock`
  await mkdir(cache, { recursive: true })
  while (!existsSync(join(home, "libs"))) {
    try {
      await mkdir(lock)
    } catch {
      const held = await stat(lock).catch(() => undefined)
      if (held !== undefined && Date.now() - held.mtimeMs > STALE_MS) await rm(lock, { recursive: true, force: true })
      await delay(200)
      continue
    }
    const building = await mkdtemp(`${home}.part-`)
    try {
      if (existsSync(join(home, "libs"))) break
      await writeFile(join(building, "pom.xml"), pom(version))
      await run("mvn", ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs"], { cwd: building })
      await rename(building, home)
    } finally {
      await rm(building, { recursive: true, force: true })
      await rm(lock, { recursive: true, force: true })
    }
  }
  return classpath
}
