/**
 * What every start of a Kafka node would work out anew, worked out once for a version and a Java, into the user's cache: the storage as Kafka's own
 * tool formats it, and an archive of the classes that a broker loads, which halves the CPU time of its start. Java takes the
 * archive where it fits and does without it where it does not.
 */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { cp, mkdtemp, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import kafkajs from "kafkajs"
import { cached } from "./cached.ts"
import { freePorts } from "./freePorts.ts"
import { guardOver } from "./guard.ts"
import { type KafkaVersion, kafkaJars } from "./kafkaJars.ts"

const run = promisify(execFile)

const archiveName = "classes.jsa"
/** Small and quick to start; what a node is measured by is not measured here. */
const flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]

export interface KafkaStart {
  /** What any of Kafka's programs is started with. */
  readonly java: ReadonlyArray<string>
  /** What a broker is started with besides. */
  readonly archive: string
  /** Makes a node's data folder as if the tool had formatted it. */
  readonly format: (folder: string, clusterId: string, node: number) => Promise<void>
}

const javaVersion = async (): Promise<string> =>
  /version "([\w.+-]+)"/.exec((await run("java", ["-version"])).stderr)?.[1] ?? "unknown"

const randomId = (): string => {
  const id = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64url")
  return id.startsWith("-") ? randomId() : id
}

const lines = (settings: Readonly<Record<string, string | number>>): string =>
  Object.entries(settings)
    .map((pair) => `${pair.join("=")}\n`)
    .join("")

/** What a client asks of a broker at its start, so that those classes are loaded as well. */
const ask = async (broker: string): Promise<void> => {
  // On a busy machine this takes minutes.
  const retry = { retries: 600, initialRetryTime: 100, maxRetryTime: 500 }
  const kafka = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING, retry })
  const admin = kafka.admin()
  const producer = kafka.producer()
  try {
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: "first", numPartitions: 1, replicationFactor: 1 }] })
    await producer.connect()
    await producer.send({ topic: "first", messages: [{ value: "one" }] })
  } finally {
    await producer.disconnect()
    await admin.disconnect()
  }
}

/** A broker is started, meets a client, and is ended in good order, which is when Java writes the archive. */
const prepare = async (folder: string, java: ReadonlyArray<string>): Promise<void> => {
  const home = await mkdtemp(join(tmpdir(), "k2p-kafka-start-"))
  const guard = guardOver(home)
  const [broker, controller] = await freePorts(2)
  const data = join(home, "data")
  const config = join(home, "properties")
  const settings = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAIN://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
    "inter.broker.listener.name": "PLAIN",
    "listener.security.protocol.map": "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": data,
    "offsets.topic.num.partitions": 1,
    "offsets.topic.replication.factor": 1
  }
  try {
    await writeFile(config, lines(settings))
    await run("java", [...java, "kafka.tools.StorageTool", "format", "-t", randomId(), "-c", config])
    await cp(data, join(folder, "formatted"), { recursive: true })
    const archiving = `-XX:ArchiveClassesAtExit=${join(folder, archiveName)}`
    const child = spawn("java", [archiving, ...java, "kafka.Kafka", config], { stdio: "ignore" })
    await writeFile(join(home, "broker.pid"), String(child.pid))
    const exited = once(child, "exit")
    await ask(`127.0.0.1:${broker}`)
    child.kill("SIGTERM")
    await exited
  } finally {
    guard.release()
  }
}

export const kafkaStart = async (version: KafkaVersion): Promise<KafkaStart> => {
  const java = [...flags, "-cp", await kafkaJars(version)]
  const home = await cached(`kafka-${version}-start-1-java-${await javaVersion()}`, (folder) => prepare(folder, java))
  return {
    java,
    archive: `-XX:SharedArchiveFile=${join(home, archiveName)}`,
    format: async (folder, clusterId, node) => {
      await cp(join(home, "formatted"), folder, { recursive: true })
      const own = { version: 1, "cluster.id": clusterId, "node.id": node, "directory.id": randomId() }
      await writeFile(join(folder, "meta.properties"), lines(own))
    }
  }
}
