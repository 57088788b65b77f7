/**
 * The agent between two real brokers of which one is frozen, swallows what is sent, refuses, or is late: the other one's partitions get
 * every round, the troubled one is told by address, once, and its partitions go on when it does. And a thousand sources over a way
 * with a round trip of 100 ms.
 */
import { mkdir, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { Effect, Exit, Scope } from "effect"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { partitionOf } from "../../../src/agent/Partitioner.ts"
import { KafkaTransport } from "../../../src/transport/kafka/KafkaTransport.ts"
import { type GroupClient, Transport } from "../../../src/transport/Transport.ts"
import { type KafkaCluster, startKafka } from "../../support/kafka.ts"
import { openStage, type Running, type Stage } from "../../support/processes.ts"
import { openProxy, type TcpProxy } from "../../support/tcpProxy.ts"
import { describeKafka } from "../../support/tools.ts"
import { until } from "../../support/until.ts"

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const partitions = 4

/** What stands on the log: of each source the numbers of its rounds, in the log's order. */
class Reader {
  readonly rounds = new Map<string, Array<number>>()
  readonly #client: GroupClient
  readonly #topic: string
  readonly #leaders: ReadonlyArray<number>
  readonly #positions = new Map<number, number>()

  constructor(client: GroupClient, topic: string, leaders: ReadonlyArray<number>) {
    this.#client = client
    this.#topic = topic
    this.#leaders = leaders
  }

  /** Everything that this node's partitions have by now. */
  async read(node: number): Promise<void> {
    for (let partition = 0; partition < partitions; partition++) {
      if (this.#leaders[partition] !== node) continue
      for (;;) {
        const tp = { topic: this.#topic, partition }
        const offset = this.#positions.get(partition) ?? 0
        const wide = { maxWait: 0, maxBytes: 16_000_000, maxBytesPerPartition: 16_000_000 }
        const [fetched] = await Effect.runPromise(this.#client.fetch(node, [{ tp, offset }], wide))
        assert.strictEqual(fetched!.error, undefined)
        for (const { headers, key } of fetched!.records) {
          const source = Buffer.from(key!).toString()
          const number = Number(Buffer.from(headers["k2p-round"]!).toString().split(".")[1])
          this.rounds.set(source, [...(this.rounds.get(source) ?? []), number])
        }
        this.#positions.set(partition, fetched!.next)
        if (fetched!.next === offset) break
      }
    }
  }

  last(source: string): number {
    return this.rounds.get(source)?.at(-1) ?? 0
  }
}

/** Of the rounds that these sources' files were read as, the share that is on the log. */
const arrived = (reader: Reader, sources: ReadonlyArray<string>): number => {
  let there = 0
  let read = 0
  for (const source of sources) {
    const numbers = reader.rounds.get(source)!
    there += new Set(numbers).size
    read += numbers.at(-1)! - numbers[0]! + 1
  }
  return there / read
}
/** On a machine that stands still for a second a newer dump takes a round's place. */
const nearlyAll = 0.9

describeKafka("the agent and brokers in trouble", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let ways: ReadonlyArray<TcpProxy>
  let client: GroupClient
  const scope = Effect.runSync(Scope.make())
  const started: Array<Running> = []

  beforeAll(async () => {
    ways = [await openProxy(), await openProxy()]
    kafka = await startKafka({ version: "3.9.1", nodes: 2, doors: { AGENT: ways.map(({ port }) => port) } })
    ways.forEach((way, i) => way.aim(kafka.doors.AGENT![i]!))
    stage = await openStage()
    const layer = KafkaTransport.layer({
      ...{ brokers: kafka.bootstrap, clientId: "reader", connectionTimeout: 5_000, requestTimeout: 30_000 }
    })
    client = await Effect.runPromise(
      Transport.use((transport) => transport.groupClient({ group: "reader", clientId: "reader" })).pipe(
        Scope.provide(scope),
        Effect.provide(layer)
      )
    )
  })
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
    for (const way of ways) way.heal()
    for (const agent of started.splice(0)) await agent.kill()
  })
  afterAll(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await stage?.close()
    await kafka?.stop()
    for (const way of ways) await way.close()
  })

  /** An agent with so many dump files, and what there is to see of it. */
  const site = async (name: string, files: number, args: ReadonlyArray<string>) => {
    await kafka.createTopic(name, partitions, { replicas: 1 })
    const folder = join(stage.dir, name)
    await mkdir(folder)
    const sources = Array.from({ length: files }, (_, i) => `site/s${i}`)
    let wave = 0
    const dump = async () => {
      wave++
      for (const source of sources) {
        const path = join(folder, source.slice("site/".length))
        await writeFile(`${path}.tmp`, `wave ${wave}\n`)
        await rename(`${path}.tmp`, `${path}.prom`)
      }
    }
    const [info] = await Effect.runPromise(client.metadata([name]))
    const leaders = info!.partitions.map(({ leader }) => leader)
    const reader = new Reader(client, name, leaders)
    const led = (node: number) =>
      sources.filter((source) => leaders[partitionOf(Buffer.from(source), partitions)] === node)
    const agent = stage.program(`agent-${name}`, [
      ...["agent", "--brokers", `127.0.0.1:${ways[0]!.port}`, "--topic", name, "--dump", join(folder, "*.prom")],
      ...["--host", "site", "--state-dir", join(folder, "state"), ...args]
    ])
    started.push(agent)
    /** Each source of these nodes gets so many rounds beyond what it had; files are written on meanwhile. */
    const more = async (nodes: ReadonlyArray<number>, count: number, what: string) => {
      const read = async () => {
        for (const node of nodes) await reader.read(node)
      }
      await read()
      const due = new Map(nodes.flatMap(led).map((source) => [source, reader.last(source) + count]))
      await until(
        async () => {
          await dump()
          await read()
          return [...due].every(([source, number]) => reader.last(source) >= number)
        },
        {
          what: () => `${count} rounds each while ${what}, have ${JSON.stringify([...reader.rounds])}`,
          within: 100_000,
          every: 1_000
        }
      )
    }
    return { agent, dump, led, leaders, more, reader, sources }
  }

  const times = (agent: Running, pattern: RegExp): number => [...agent.out.stderr.matchAll(pattern)].length

  const troubles = [
    {
      name: "frozen",
      begin: () => kafka.nodes[1]!.signal("SIGSTOP"),
      end: () => kafka.nodes[1]!.signal("SIGCONT")
    },
    {
      name: "swallowing",
      begin: () => ways[1]!.stall({ toServer: true, toClient: true }),
      end: () => ways[1]!.heal()
    },
    { name: "refusing", begin: () => ways[1]!.cut(), end: () => ways[1]!.heal() }
  ]
  for (const { begin, end, name } of troubles)
    it(`while one broker is ${name}, the other one's partitions get every round; it is told once, and its own go on afterwards`, async () => {
      const { agent, led, leaders, more, reader } = await site(name, 16, ["--expiry", "30s", "--request-timeout", "8s"])
      assert.isAbove(led(1).length, 0)
      assert.isAbove(led(2).length, 0)
      await more([1, 2], 1, "all is well")
      begin()
      const address = `127\\.0\\.0\\.1:${ways[1]!.port}`
      try {
        await more([1], 12, name)
        const theirs = leaders.flatMap((leader, partition) => (leader === 2 ? [partition] : [])).join(", ")
        await agent.says(new RegExp(`broker ${address} does not take records of partitions ${theirs} of topic ${name}`))
        await more([1], 12, `${name} still`)
      } finally {
        end()
      }
      await more([2], 2, "all is well again")
      for (const source of led(1)) {
        const numbers = reader.rounds.get(source)!
        assert.deepStrictEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
          source
        )
      }
      assert.isAtLeast(arrived(reader, led(1)), nearlyAll)
      assert.strictEqual(times(agent, /does not take records|do not take records/g), 1)
      await agent.says(/take records again/)
    })

  it("a broker that is late holds nobody, not even its own", async () => {
    const { led, more, reader, sources } = await site("late", 50, [])
    ways[1]!.delay(200)
    await more([1, 2], 10, "one is late")
    assert.isAtLeast(arrived(reader, sources), nearlyAll)
    assert.isAbove(led(2).length, 0)
  })

  it("connections that a firewall forgot without a word are noticed by a sign of life, long before a request is given up", async () => {
    const { agent, more, reader, sources } = await site("forgotten", 4, ["--expiry", "10m", "--request-timeout", "4m"])
    await more([1, 2], 1, "all is well")
    // Unused for so long a connection is not trusted any more.
    await delay(6_000)
    for (const way of ways) way.forget()
    await more([1, 2], 1, "the connections are forgotten")
    await agent.says(/no sign of life within 10 s/)
    for (const source of sources) assert.isAtLeast(reader.last(source), 2)
  })

  it("a thousand sources at a round trip of 100 ms: every round of each arrives, in few requests", async () => {
    for (const way of ways) way.delay(50)
    const { dump, reader, sources } = await site("far", 1_000, [])
    for (let wave = 1; wave <= 4; wave++) {
      await dump()
      await until(
        async () => {
          for (const node of [1, 2]) await reader.read(node)
          return sources.every((source) => reader.last(source) >= wave)
        },
        {
          what: () =>
            `wave ${wave}: ${sources.filter((source) => reader.last(source) < wave).length} sources are missing`,
          within: 60_000
        }
      )
    }
    for (const source of sources) assert.deepStrictEqual(reader.rounds.get(source), [1, 2, 3, 4])
  })
})
