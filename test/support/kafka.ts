/**
 * Real Kafka for tests: one to three KRaft nodes on loopback with ports and folders of their own, gone with `stop`, or
 * with this process, even if it is killed. Plain, or with a TLS and SASL listener beside the plain one that the brokers use among themselves.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { createWriteStream } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { promisify } from "node:util"
import kafkajs, { type Admin } from "kafkajs"
import "../../src/transport/kafka/connection/RequestQueuePatch.ts"
import { freePorts } from "./freePorts.ts"
import { guardOver } from "./guard.ts"
import type { KafkaVersion } from "./kafkaJars.ts"
import { type KafkaStart, kafkaStart } from "./kafkaStart.ts"

export interface StartOptions {
  readonly version: KafkaVersion
  /** Of two only the first is a controller too: the second may be frozen and the cluster goes on. */
  readonly nodes?: 1 | 2 | 3
  /** A listener with TLS (certificates from `makeCertificates`) and SASL; users are created for all mechanisms. */
  readonly security?: {
    readonly keystore: string
    readonly truststore: string
    readonly password: string
    readonly users: Readonly<Record<string, string>>
    /** The listener demands a client certificate too. */
    readonly clientAuth?: boolean
  }
  /** Broker settings beyond, or instead of, the ones written here. */
  readonly settings?: Readonly<Record<string, string>>
  /** Further plain listeners by name: who comes in by one is told that the nodes are at these ports of loopback, which need not be the listener's own. */
  readonly doors?: Readonly<Record<string, ReadonlyArray<number>>>
}

export interface KafkaNode {
  readonly id: number
  readonly address: string
  readonly pid: () => number
  readonly signal: (signal: NodeJS.Signals) => void
}

export interface KafkaCluster {
  /** The plain listeners. */
  readonly bootstrap: ReadonlyArray<string>
  /** The TLS and SASL listeners; empty without `security`. */
  readonly secured: ReadonlyArray<string>
  /** The ports that the doors really listen on, by node. */
  readonly doors: Readonly<Record<string, ReadonlyArray<number>>>
  readonly nodes: ReadonlyArray<KafkaNode>
  /** Where a node keeps its partitions. */
  readonly dataOf: (id: number) => string
  readonly admin: Admin
  /** As kafka2prom wants it: LogAppendTime, not compacted; `configs` beyond. Waits until all partitions have leaders. */
  readonly createTopic: (
    topic: string,
    partitions: number,
    options?: { readonly replicas?: number; readonly configs?: Readonly<Record<string, string>> }
  ) => Promise<void>
  readonly addPartitions: (topic: string, partitions: number) => Promise<void>
  /** kill -9, awaited. */
  readonly kill: (id: number) => Promise<void>
  /** A killed node with its old data and ports. Waits until it answers. */
  readonly restart: (id: number) => Promise<void>
  readonly stop: () => Promise<void>
}

const run = promisify(execFile)
/** Ms for a node to start and for nodes to find each other: long, for machines that do much else. */
const patience = 180_000
const HEAP = { 1: "-Xmx768m", 2: "-Xmx512m", 3: "-Xmx512m" } as const

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })

/** Until it succeeds, for half a minute. */
const eventually = async (action: () => Promise<unknown>): Promise<void> => {
  for (const deadline = Date.now() + patience; ; )
    try {
      await action()
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      await delay(100)
    }
}

const properties = (
  options: StartOptions,
  node: {
    readonly id: number
    readonly plain: number
    readonly controller: number
    readonly secure: number
    readonly doors: ReadonlyArray<readonly [name: string, port: number]>
  },
  controllers: string,
  folder: string
): string => {
  const count = options.nodes ?? 1
  const { security } = options
  const secured = security === undefined ? "" : `,SECURE://127.0.0.1:${node.secure}`
  const doors = node.doors.map(([name, port]) => `,${name}://127.0.0.1:${port}`).join("")
  const told = node.doors.map(([name]) => `,${name}://127.0.0.1:${options.doors![name]![node.id - 1]}`).join("")
  const plain = node.doors.map(([name]) => `,${name}:PLAINTEXT`).join("")
  const controls = controllers.startsWith(`${node.id}@`) || controllers.includes(`,${node.id}@`)
  const own = controls ? `,CONTROLLER://127.0.0.1:${node.controller}` : ""
  const settings: Record<string, string> = {
    "process.roles": controls ? "broker,controller" : "broker",
    "node.id": String(node.id),
    "controller.quorum.voters": controllers,
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAIN://127.0.0.1:${node.plain}${own}${secured}${doors}`,
    "advertised.listeners": `PLAIN://127.0.0.1:${node.plain}${secured}${told}`,
    "inter.broker.listener.name": "PLAIN",
    "listener.security.protocol.map": `PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT${plain}${security === undefined ? "" : ",SECURE:SASL_SSL"}`,
    "log.dirs": folder,
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": String(count),
    "transaction.state.log.num.partitions": "2",
    "transaction.state.log.replication.factor": String(count),
    "transaction.state.log.min.isr": "1",
    "min.insync.replicas": "1",
    "message.max.bytes": "1048588",
    "log.message.timestamp.type": "LogAppendTime",
    // A killed node of three is missed after seconds, not half a minute.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
    "controller.quorum.election.timeout.ms": "500",
    "controller.quorum.fetch.timeout.ms": "1000",
    ...(options.version === "4.1.1" ? { "group.coordinator.rebalance.protocols": "classic,consumer" } : {}),
    ...(security === undefined
      ? {}
      : {
          "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
          "listener.name.secure.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required ${Object.entries(
            security.users
          )
            .map(([user, password]) => `user_${user}="${password}"`)
            .join(" ")};`,
          "listener.name.secure.scram-sha-256.sasl.jaas.config":
            "org.apache.kafka.common.security.scram.ScramLoginModule required;",
          "listener.name.secure.scram-sha-512.sasl.jaas.config":
            "org.apache.kafka.common.security.scram.ScramLoginModule required;",
          "ssl.keystore.type": "PKCS12",
          "ssl.keystore.location": security.keystore,
          "ssl.keystore.password": security.password,
          "ssl.key.password": security.password,
          "ssl.truststore.type": "PKCS12",
          "ssl.truststore.location": security.truststore,
          "ssl.truststore.password": security.password,
          // A SASL_SSL listener takes client certificates only by a setting of its own.
          ...(security.clientAuth === true ? { "listener.name.secure.ssl.client.auth": "required" } : {})
        }),
    ...options.settings
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("")
}

export const startKafka = async (options: StartOptions): Promise<KafkaCluster> => {
  const start = await kafkaStart(options.version)
  for (let attempt = 1; ; attempt++)
    try {
      // A port may have been taken meanwhile.
      return await startOnce(options, start)
    } catch (error) {
      if (attempt === 3) throw error
    }
}

const startOnce = async (options: StartOptions, { java, archive, format }: KafkaStart): Promise<KafkaCluster> => {
  const count = options.nodes ?? 1
  const home = await mkdtemp(join(tmpdir(), "k2p-kafka-"))
  const doors = Object.keys(options.doors ?? {})
  const each = 3 + doors.length
  const ports = await freePorts(count * each)
  const specs = Array.from({ length: count }, (_, i) => ({
    id: i + 1,
    plain: ports[i * each]!,
    controller: ports[i * each + 1]!,
    secure: ports[i * each + 2]!,
    doors: doors.map((name, door) => [name, ports[i * each + 3 + door]!] as const)
  }))
  const controllers = specs
    .slice(0, count === 2 ? 1 : count)
    .map(({ id, controller }) => `${id}@127.0.0.1:${controller}`)
    .join(",")
  const clusterId = Buffer.from(randomUUID().replaceAll("-", ""), "hex").toString("base64url")
  const children = new Map<number, ChildProcess>()
  const config = (id: number) => join(home, `node-${id}.properties`)

  const pidFile = (id: number) => join(home, `node-${id}.pid`)
  const guard = guardOver(home)

  const launch = async (id: number): Promise<void> => {
    const spec = specs[id - 1]!
    const log = createWriteStream(join(home, `node-${id}.log`), { flags: "a" })
    const child = spawn("java", [HEAP[count], archive, ...java, "kafka.Kafka", config(id)], {
      stdio: ["ignore", "pipe", "pipe"]
    })
    child.stdout.pipe(log)
    child.stderr.pipe(log)
    children.set(id, child)
    await writeFile(pidFile(id), String(child.pid))
    const deadline = Date.now() + patience
    while (!(await accepts(spec.plain))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        const text = await readFile(join(home, `node-${id}.log`), "utf8").catch(() => "")
        throw new Error(`Kafka node ${id} did not start:\n${text.slice(-4_000)}`)
      }
      await delay(100)
    }
  }

  const kill = async (id: number): Promise<void> => {
    const child = children.get(id)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, "exit")
    child.kill("SIGKILL")
    await exited
    await rm(pidFile(id), { force: true })
  }

  const kafka = new kafkajs.Kafka({
    clientId: "test-admin",
    brokers: specs.map(({ plain }) => `127.0.0.1:${plain}`),
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 30, initialRetryTime: 100, maxRetryTime: 500 }
  })
  const admin = kafka.admin()

  const stop = async (): Promise<void> => {
    await admin.disconnect().catch(() => undefined)
    await Promise.all(specs.map(({ id }) => kill(id)))
    await rm(home, { recursive: true, force: true })
    guard.release()
  }

  /** All nodes are registered and the topic's partitions have leaders that the asked broker knows of. */
  const settled = async (topic: string, partitions: number): Promise<void> => {
    const deadline = Date.now() + patience
    for (;;) {
      const metadata = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => undefined)
      const found = metadata?.topics[0]?.partitions ?? []
      // Metadata may name a leader that has not heard of it yet: only an answer from each leader is proof.
      if (found.length === partitions && found.every(({ leader }) => leader >= 0)) {
        const offsets = await admin.fetchTopicOffsets(topic).catch(() => [])
        if (offsets.length === partitions) return
      }
      if (Date.now() > deadline) throw new Error(`topic ${topic} did not get its leaders`)
      await delay(50)
    }
  }

  /** Before it sends anything kafkajs asks some broker for all topics that it knows; one that has not heard of the last one yet fails that. */
  const asking = async <A>(ask: () => Promise<A>): Promise<A> => {
    const deadline = Date.now() + patience
    for (;;)
      try {
        return await ask()
      } catch (error) {
        if ((error as { retriable?: boolean }).retriable !== true || Date.now() > deadline) throw error
        await delay(100)
      }
  }

  const brokersUp = async (): Promise<void> => {
    const deadline = Date.now() + patience
    while ((await admin.describeCluster().catch(() => ({ brokers: [] }))).brokers.length < count) {
      if (Date.now() > deadline) throw new Error("the Kafka nodes did not find each other")
      await delay(100)
    }
  }

  try {
    for (const spec of specs) {
      await writeFile(config(spec.id), properties(options, spec, controllers, join(home, `data-${spec.id}`)))
    }
    const scram = Object.entries(options.security?.users ?? {}).flatMap(([name, password]) =>
      ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((m) => ["--add-scram", `${m}=[name=${name},password=${password}]`])
    )
    for (const { id } of specs) {
      // Passwords are in the storage from the beginning.
      if (scram.length === 0) await format(join(home, `data-${id}`), clusterId, id)
      else
        await run("java", [
          ...java,
          "kafka.tools.StorageTool",
          "format",
          `--cluster-id=${clusterId}`,
          "-c",
          config(id),
          ...scram
        ])
    }
    await Promise.all(specs.map(({ id }) => launch(id)))
    await admin.connect()
    await brokersUp()
    // Makes the brokers create and load the topic of the groups' offsets, which the first group would wait for.
    await eventually(() => admin.fetchOffsets({ groupId: "warm-up", topics: [] }))
  } catch (error) {
    await stop()
    throw error
  }

  return {
    bootstrap: specs.map(({ plain }) => `127.0.0.1:${plain}`),
    secured: options.security === undefined ? [] : specs.map(({ secure }) => `127.0.0.1:${secure}`),
    doors: Object.fromEntries(doors.map((name, door) => [name, specs.map((spec) => spec.doors[door]![1])])),
    nodes: specs.map(({ id, plain }) => ({
      id,
      address: `127.0.0.1:${plain}`,
      pid: () => children.get(id)!.pid!,
      signal: (signal) => {
        children.get(id)!.kill(signal)
      }
    })),
    dataOf: (id) => join(home, `data-${id}`),
    admin,
    createTopic: async (topic, partitions, { replicas = count, configs = {} } = {}) => {
      const wanted = {
        // Its own wait fails where the broker that it asks has not heard of the topic yet.
        waitForLeaders: false,
        topics: [
          {
            topic,
            numPartitions: partitions,
            replicationFactor: replicas,
            configEntries: Object.entries({
              "message.timestamp.type": "LogAppendTime",
              "cleanup.policy": "delete",
              ...configs
            }).map(([name, value]) => ({ name, value }))
          }
        ]
      }
      await asking(() => admin.createTopics(wanted))
      await settled(topic, partitions)
    },
    addPartitions: async (topic, partitions) => {
      await asking(() => admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] }))
      await settled(topic, partitions)
    },
    kill,
    restart: async (id) => {
      await launch(id)
      await brokersUp()
    },
    stop
  }
}
