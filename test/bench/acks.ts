/**
 * What each `--acks` loses of log lines when brokers fail, measured on three real brokers: one agent a setting tails a file that grows all the
 * time, and all meet the same failures. Prints a table; asserts nothing about losses, and fails where it cannot measure, or where a line came
 * twice under spans that do not say so.
 *
 * Run: npm run measure:acks -- [--times 5]
 */
import { appendFile, mkdir } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { KafkaTransport } from "../../src/transport/kafka/KafkaTransport.ts"
import { type LogRecord, Transport } from "../../src/transport/Transport.ts"
import { linesOfSpans } from "../agent/log/tailing.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { openStage, type Running } from "../support/processes.ts"
import { until } from "../support/until.ts"

const { values } = parseArgs({ options: { times: { type: "string", default: "5" } } })
const times = Number(values.times)

/** How an agent sends, and what the topic asks for. */
interface Setting {
  readonly acks: "0" | "1" | "all"
  readonly minInsync: 1 | 2
}

const settings: ReadonlyArray<Setting> = [
  { acks: "0", minInsync: 2 },
  { acks: "1", minInsync: 2 },
  { acks: "all", minInsync: 1 },
  { acks: "all", minInsync: 2 }
]

interface Failure {
  readonly name: string
  readonly replicas: ReadonlyArray<number>
  readonly times: number
  /** From brokers that are all there to brokers that are all there. `leader`: of all the topics. */
  readonly happens: (cluster: KafkaCluster, leader: number) => Promise<void>
}

const away = 8_000

const failures: ReadonlyArray<Failure> = [
  {
    ...{ name: "the leader is killed, another one takes over", replicas: [1, 2, 3], times },
    happens: async (cluster, leader) => {
      await cluster.kill(leader)
      await delay(away)
      await cluster.restart(leader)
    }
  },
  {
    ...{ name: "the leader stands still for 8 s, and goes on", replicas: [1, 2, 3], times },
    happens: async (cluster, leader) => {
      const node = cluster.nodes[leader - 1]!
      node.signal("SIGSTOP")
      await delay(away)
      node.signal("SIGCONT")
    }
  },
  {
    ...{ name: "all brokers are killed, and start again", replicas: [1, 2, 3], times: 1 },
    happens: async (cluster) => {
      const ids = cluster.nodes.map(({ id }) => id)
      await Promise.all(ids.map((id) => cluster.kill(id)))
      await delay(2_000)
      await Promise.all(ids.map((id) => cluster.restart(id)))
    }
  },
  {
    // Node 3 keeps the quorum of controllers.
    ...{
      name: "unclean: the leader was alone for 5 s, and one that lacks these lines leads",
      replicas: [1, 2],
      times: 1
    },
    happens: async (cluster, leader) => {
      const other = leader === 1 ? 2 : 1
      await cluster.kill(other)
      // Missed after 4 s: from then on the leader is the only replica in sync.
      await delay(10_000)
      await cluster.kill(leader)
      const restarted = cluster.restart(other)
      await delay(10_000)
      await Promise.all([restarted, cluster.restart(leader)])
    }
  }
]

const leaderOf = async (cluster: KafkaCluster, topics: ReadonlyArray<string>, replicas: number): Promise<number> => {
  let leader = -1
  let seen = ""
  const isWell = async () => {
    const { topics: found } = await cluster.admin.fetchTopicMetadata({ topics: [...topics] })
    seen = JSON.stringify(found)
    const [first] = found.map(({ partitions }) => partitions[0]!)
    leader = first!.leader
    return leader > 0 && found.every(({ partitions: [p] }) => p!.leader === leader && p!.isr.length === replicas)
  }
  const looked = () => isWell().catch(() => false)
  await until(looked, { what: () => `one leader and all replicas in sync: ${seen}`, every: 200, within: 60_000 })
  return leader
}

const createTopic = async (cluster: KafkaCluster, topic: string, { minInsync }: Setting, { replicas }: Failure) => {
  const config = {
    "min.insync.replicas": String(minInsync),
    "unclean.leader.election.enable": String(replicas.length < 3)
  }
  await cluster.admin.createTopics({
    waitForLeaders: false,
    topics: [
      {
        topic,
        replicaAssignment: [{ partition: 0, replicas: [...replicas] }],
        configEntries: Object.entries({ "message.timestamp.type": "LogAppendTime", ...config }).map(
          ([name, value]) => ({
            name,
            value
          })
        )
      }
    ]
  })
}

const readAll = (cluster: KafkaCluster, topic: string): Promise<ReadonlyArray<LogRecord>> =>
  Effect.gen(function* () {
    const client = yield* (yield* Transport).groupClient({ group: "judge", clientId: "judge" })
    const records: Array<LogRecord> = []
    const wide = { maxWait: 100, maxBytes: 16_000_000, maxBytesPerPartition: 16_000_000 }
    for (let offset = 0; ; ) {
      const [info] = yield* client.metadata([topic])
      const [fetched] = yield* client.fetch(
        info!.partitions[0]!.leader,
        [{ tp: { topic, partition: 0 }, offset }],
        wide
      )
      if (fetched!.error !== undefined) throw new Error(`${topic} cannot be read: ${fetched!.error}`)
      records.push(...fetched!.records)
      if (fetched!.next === offset) return records
      offset = fetched!.next
    }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      KafkaTransport.layer({
        brokers: cluster.bootstrap,
        clientId: "judge",
        connectionTimeout: 5_000,
        requestTimeout: 30_000
      })
    ),
    Effect.runPromise
  )

interface Agent {
  readonly topic: string
  readonly setting: Setting
  readonly running: Running
  readonly file: string
  /** Bytes that the log does not have, as the agent says. */
  readonly behind: () => Promise<number>
}

const stage = await openStage()

const startAgent = async (cluster: KafkaCluster, topic: string, setting: Setting): Promise<Agent> => {
  const dir = join(stage.dir, topic)
  await mkdir(dir)
  const running = stage.program(topic, [
    ...["agent", "--brokers", cluster.bootstrap.join(","), "--log", join(dir, "*.log"), "--log-topic", topic],
    ...["--acks", setting.acks, "--log-linger", "20ms", "--state-dir", join(dir, "state"), "--host", "h"],
    ...["--listen", "127.0.0.1:0", "--request-timeout", "5s"]
  ])
  const [, url] = await running.says(/listening on (http:\S+?)\/self/)
  await running.says(/is reached/)
  const behind = async () => {
    const { logs } = (await (await fetch(`${url}/api/v1/status`)).json()) as { logs?: { behindBytes: number } }
    return logs?.behindBytes ?? Number.POSITIVE_INFINITY
  }
  return { topic, setting, running, file: join(dir, "a.log"), behind }
}

/** Numbered lines, 200 to each file every 100 ms. */
const write = async (agents: ReadonlyArray<Agent>, isOver: () => boolean): Promise<number> => {
  let next = 0
  while (!isOver()) {
    const lines = Array.from(
      { length: 200 },
      () => `${next++} INFO a line of a log file, as a service writes it\n`
    ).join("")
    for (const { file } of agents) await appendFile(file, lines)
    await delay(100)
  }
  return next
}

interface Outcome {
  readonly lost: number
  /** Lines that are in the topic already. */
  readonly repeated: number
  /** Seconds, by the brokers' clock. */
  readonly pause: number
}

const judge = async (cluster: KafkaCluster, { topic }: Agent, written: number): Promise<Outcome> => {
  const records = await readAll(cluster, topic)
  const { all, merged } = linesOfSpans(records)
  const distinct = new Set(all.map((line) => Number.parseInt(line, 10)))
  if (merged.length !== distinct.size)
    throw new Error(`${topic}: ${merged.length} lines are left of ${distinct.size} when spans are merged`)
  let pause = 0
  for (const [i, { timestamp }] of records.entries())
    if (i > 0) pause = Math.max(pause, timestamp - records[i - 1]!.timestamp)
  return { lost: written - distinct.size, repeated: all.length - distinct.size, pause: pause / 1_000 }
}

const meet = async (cluster: KafkaCluster, failure: Failure, number: number): Promise<ReadonlyArray<string>> => {
  process.stderr.write(`--- ${failure.name}, ${failure.times} times\n`)
  const agents: Array<Agent> = []
  for (const [i, setting] of settings.entries()) {
    const topic = `f${number}-${i}`
    await createTopic(cluster, topic, setting, failure)
    await leaderOf(cluster, [topic], failure.replicas.length)
    agents.push(await startAgent(cluster, topic, setting))
  }
  let isOver = false
  const writing = write(agents, () => isOver)
  for (let i = 0; i < failure.times; i++) {
    await delay(3_000)
    const leader = await leaderOf(
      cluster,
      agents.map(({ topic }) => topic),
      failure.replicas.length
    )
    await failure.happens(cluster, leader)
  }
  await leaderOf(
    cluster,
    agents.map(({ topic }) => topic),
    failure.replicas.length
  )
  await delay(3_000)
  isOver = true
  const written = await writing
  const rows: Array<string> = []
  for (const agent of agents) {
    const isSent = async () => (await agent.behind()) === 0
    await until(isSent, { what: `${agent.topic} to have everything`, every: 200, within: 60_000 })
    agent.running.signal("SIGTERM")
    await agent.running.ended
    const { lost, repeated, pause } = await judge(cluster, agent, written)
    const { acks, minInsync } = agent.setting
    const name = failure.times === 1 ? failure.name : `${failure.name}, ${failure.times} times`
    const row = `| ${name} | ${acks}${acks === "all" ? `, min.insync.replicas ${minInsync}` : ""} | ${written} | ${lost} | ${repeated} | ${pause.toFixed(1)} |`
    process.stderr.write(`${row}\n`)
    rows.push(row)
  }
  return rows
}

let kafka: KafkaCluster | undefined
try {
  const cluster = await startKafka({ version: "3.9.1", nodes: 3 })
  kafka = cluster
  const rows: Array<string> = []
  for (const [number, failure] of failures.entries()) rows.push(...(await meet(cluster, failure, number)))
  const head = ["what happens", "acks", "lines written", "lost", "in the topic again", "longest pause, s"]
  process.stdout.write(`| ${head.join(" | ")} |\n|${" --- |".repeat(head.length)}\n${rows.join("\n")}\n`)
} catch (error) {
  process.stderr.write(stage.logs())
  throw error
} finally {
  await stage.close()
  await kafka?.stop()
}
