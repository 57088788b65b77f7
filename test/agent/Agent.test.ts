/** The whole agent: real files, the embedded log, the real clock. It waits for records and conditions, never for time. */
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { Agent } from "../../src/agent/Agent.ts"
import { AgentFailed } from "../../src/agent/AgentFailed.ts"
import { type AgentOptions, defaultAgentOptions } from "../../src/agent/AgentOptions.ts"
import { checkDump } from "../../src/agent/dump/DumpCheck.ts"
import { partitionOf } from "../../src/agent/Partitioner.ts"
import { isRefused, readEnvelope } from "../../src/metrics/rounds/Record.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import type { LogRecord, Transport } from "../../src/transport/Transport.ts"
import { rulesOf } from "../metrics/relabel/rules.ts"
import { serving, targetOf } from "./scrape/endpoints.ts"

const topic = "metrics"
const io = <A>(work: () => Promise<A>) => Effect.promise(work)
const text = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString()
const replace = (path: string, content: string) =>
  io(async () => {
    await writeFile(`${path}.tmp`, content)
    await rename(`${path}.tmp`, path)
  })

const setUp = Effect.fnUntraced(function* () {
  const dir = yield* Effect.acquireRelease(
    io(() => mkdtemp(join(tmpdir(), "k2p-agent-"))),
    (path) => io(() => rm(path, { recursive: true, force: true }))
  )
  yield* io(() => mkdir(join(dir, "dumps")))
  const options: AgentOptions = {
    ...defaultAgentOptions,
    topic,
    dumps: [join(dir, "dumps/*.prom")],
    host: "h",
    labels: { dc: "x" },
    stateDir: join(dir, "state"),
    selfEvery: 0,
    poll: 5,
    globEvery: 20
  }
  const log = yield* EmbeddedLog
  const client = yield* log.transport.groupClient({ group: "test", clientId: "test" })
  let position = 0
  return {
    dir,
    options,
    log,
    path: join(dir, "dumps/app.prom"),
    /** The next records of the source's partition, at least `count`. */
    next: Effect.fnUntraced(function* (count: number, partition: number) {
      const records: Array<LogRecord> = []
      while (records.length < count) {
        const [fetched] = yield* client.fetch(1, [{ tp: { topic, partition }, offset: position }], {
          maxWait: 1_000,
          maxBytes: 50_000_000,
          maxBytesPerPartition: 50_000_000
        })
        assert.isUndefined(fetched?.error)
        position = fetched?.next ?? position
        records.push(...(fetched?.records ?? []))
      }
      return records
    })
  }
})

/** An agent in a Scope of its own: closing it is its shutdown. */
const start = Effect.fnUntraced(function* (options: AgentOptions) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const context = yield* Layer.build(Agent.layer(options)).pipe(Scope.provide(scope))
  return { agent: Context.get(context, Agent), stop: Scope.close(scope, Exit.void) }
})

const version = (record: LogRecord) => text(record.headers["k2p-round"])

describe("Agent", () => {
  const test = (
    name: string,
    body: () => Effect.Effect<void, unknown, EmbeddedLog | Transport | SelfMetrics | Scope.Scope>
  ) =>
    it.live(name, () =>
      Effect.provide(
        body(),
        Layer.mergeAll(
          EmbeddedLog.transport.pipe(Layer.provideMerge(EmbeddedLog.layer())),
          SelfMetrics.layerBare,
          Logger.layer([])
        )
      )
    )

  test("what a service dumps is on the log, as the pods read it", () =>
    Effect.gen(function* () {
      const { log, next, options, path } = yield* setUp()
      yield* log.createTopic(topic, 4)
      const { agent } = yield* start(options)
      yield* replace(path, "# TYPE a counter\na 1\n")
      const partition = partitionOf(Buffer.from("h/app"), 4)
      const [record] = yield* next(1, partition)
      const envelope = readEnvelope(record!, { topic, partition }, "instance")
      if (isRefused(envelope)) throw new Error(envelope.detail)
      assert.deepInclude(envelope, {
        source: "h/app",
        index: 1,
        count: 1,
        mode: "snapshot",
        labels: [
          ["job", "app"],
          ["dc", "x"]
        ],
        format: "text",
        ended: false
      })
      assert.deepStrictEqual(envelope.number, { epoch: agent.status().epoch, round: 1 })
      assert.strictEqual(text(record?.value), "# TYPE a counter\na 1\n")
      assert.deepInclude(agent.status().files[0], { path, source: "h/app", state: "taken" })
    }))

  test("what an endpoint answers is on the log beside the dumps, with the labels of its target; a file of its id is not sent", () =>
    Effect.gen(function* () {
      const { log, next, options, path } = yield* setUp()
      yield* log.createTopic(topic, 1)
      const { url } = yield* serving((_, response) => {
        response.writeHead(200, { "Content-Type": "text/plain" }).end("b 2\n")
      })
      const targets = [targetOf(url, { name: "app", job: "jobs", labels: { dc: "y", team: "t" } })]
      yield* replace(path, "a 1\n")
      const { agent } = yield* start({ ...options, targets })
      const records = yield* next(2, 0)
      for (const record of records) {
        const envelope = readEnvelope(record, { topic, partition: 0 }, "instance")
        if (isRefused(envelope)) throw new Error(envelope.detail)
        assert.deepInclude(envelope, {
          source: "h/app",
          labels: [
            ["job", "jobs"],
            ["dc", "y"],
            ["team", "t"]
          ]
        })
        assert.strictEqual(text(record.value), "b 2\n")
      }
      yield* until(() => agent.status().files[0]?.state === "duplicate")
      assert.deepInclude(agent.status().files[0], { path, state: "duplicate", why: `its source id is that of ${url}/` })
      assert.deepInclude(agent.status().targets[0], { source: "h/app", state: "up" })
    }))

  test("what rules drop is not on the log, and is counted", () =>
    Effect.gen(function* () {
      const { log, next, options, path } = yield* setUp()
      yield* log.createTopic(topic, 1)
      const relabel = rulesOf({ source_labels: ["__name__"], regex: "go_.*", action: "drop" })
      yield* start({ ...options, relabel })
      yield* replace(path, "# TYPE go_x gauge\ngo_x 1\ngo_y 1\na 1\n")
      const [record] = yield* next(1, 0)
      assert.strictEqual(text(record?.value), "a 1\n")
      const { agentSeriesDropped } = yield* SelfMetrics
      const { values } = yield* io(() => agentSeriesDropped.get())
      assert.deepInclude(values, { labels: { why: "rule" }, value: 2 })
    }))

  test("a dump larger than a record arrives in chunks that together are the dump", () =>
    Effect.gen(function* () {
      const { log, next, options, path } = yield* setUp()
      yield* log.createTopic(topic, 1)
      yield* start(options)
      let content = ""
      for (let i = 0; content.length < 3_500_000; i++)
        content += `# TYPE f${i} gauge\nf${i}{l="${"x".repeat(500)}"} 1\n`
      yield* replace(path, content)
      const records = yield* next(4, 0)
      assert.deepStrictEqual(
        records.map((record) => text(record.headers["k2p-chunk"])),
        ["1/4", "2/4", "3/4", "4/4"]
      )
      assert.strictEqual(new Set(records.map(version)).size, 1)
      assert.strictEqual(records.map((record) => text(record.value)).join(""), content)
    }))

  test("a restart is a higher epoch, and its source stays in its partition although the topic grew", () =>
    Effect.gen(function* () {
      const { log, next, options, path } = yield* setUp()
      yield* log.createTopic(topic, 3)
      const key = Buffer.from("h/app")
      const partition = partitionOf(key, 3)
      let grown = 4
      while (partitionOf(key, grown) === partition) grown++
      const first = yield* start(options)
      yield* replace(path, "a 1\n")
      yield* next(1, partition)
      yield* first.stop
      yield* log.addPartitions(topic, grown)
      const second = yield* start(options)
      const [record] = yield* next(1, partition)
      assert.isAbove(second.agent.status().epoch, first.agent.status().epoch)
      assert.strictEqual(version(record!), `${second.agent.status().epoch}.1`)
      assert.strictEqual(second.agent.status().partitionBase, 3)
    }))

  test("an agent that starts without the log sends the newest round of each source when it comes", () =>
    Effect.gen(function* () {
      const { log, next, options, path } = yield* setUp()
      const metrics = yield* SelfMetrics
      let refused = 0
      const outage = yield* Scope.make()
      yield* log
        .intercept(({ clientId }) => {
          if (clientId === "test") return undefined
          refused++
          return { fail: "CONNECTION" }
        })
        .pipe(Scope.provide(outage))
      yield* log.createTopic(topic, 1)
      const { agent } = yield* start(options)
      for (const value of [1, 2, 3]) {
        yield* replace(path, `a ${value}\n`)
        yield* until(() => agent.status().sources[0]?.round.endsWith(`.${value}`) === true)
      }
      yield* until(() => refused > 1)
      assert.deepInclude(agent.status().sources[0], { pending: 1, partition: null, sentRound: null })
      yield* Scope.close(outage, Exit.void)
      const [record] = yield* next(1, 0)
      assert.strictEqual(text(record?.value), "a 3\n")
      const { values } = yield* io(() => metrics.agentRounds.get())
      assert.deepInclude(values, { labels: { outcome: "superseded" }, value: 2 })
    }))

  test("a topic that does not exist yet is waited for", () =>
    Effect.gen(function* () {
      const { log, next, options, path } = yield* setUp()
      const asked = { count: 0 }
      yield* log.intercept(({ clientId, op }) => {
        if (clientId !== "test" && op === "metadata") asked.count++
        return undefined
      })
      yield* start(options)
      yield* replace(path, "a 1\n")
      yield* until(() => asked.count > 1)
      yield* log.createTopic(topic, 1)
      assert.strictEqual((yield* next(1, 0)).length, 1)
    }))

  test("the dump that a service wrote last before the shutdown still gets through", () =>
    Effect.gen(function* () {
      const { log, next, options, path } = yield* setUp()
      yield* log.createTopic(topic, 1)
      const metrics = yield* SelfMetrics
      yield* log.intercept(({ op }) => (op === "produce" ? { delayRequest: 20, delayAnswer: 20 } : undefined))
      // So rare that only the looks of the shutdown see the file.
      const { agent, stop } = yield* start({ ...options, poll: 300, globEvery: 0 })
      yield* until(() => agent.status().partitionBase === 1)
      yield* replace(path, "a 7\n")
      yield* stop
      const { values } = yield* io(() => metrics.agentRounds.get())
      assert.deepStrictEqual(
        values.map(({ labels, value }) => [labels.outcome, value]),
        [["sent", 1]]
      )
      assert.strictEqual(text((yield* next(1, 0))[0]?.value), "a 7\n")
    }))

  test("a shutdown without the log is bounded, and counts what it leaves", () =>
    Effect.gen(function* () {
      const { log, options, path } = yield* setUp()
      const metrics = yield* SelfMetrics
      yield* log.createTopic(topic, 1)
      yield* log.intercept(({ op }) => (op === "produce" ? { lose: "request", timeout: 600_000 } : undefined))
      const { agent, stop } = yield* start({ ...options, shutdownTimeout: 50 })
      yield* replace(path, "a 1\n")
      yield* until(() => agent.status().sources[0]?.pending === 1)
      yield* stop
      const { values } = yield* io(() => metrics.agentRounds.get())
      assert.deepStrictEqual(
        values.map(({ labels, value }) => [labels.outcome, value]),
        [["unsent", 1]]
      )
    }))

  test("the files are counted by state", () =>
    Effect.gen(function* () {
      const { dir, log, next, options, path } = yield* setUp()
      const metrics = yield* SelfMetrics
      yield* log.createTopic(topic, 1)
      yield* io(() => mkdir(join(dir, "dumps/dir.prom")))
      const { agent } = yield* start(options)
      yield* replace(path, "a 1\n")
      yield* next(1, 0)
      yield* until(() => agent.status().files.length === 2)
      let values: ReadonlyArray<unknown> = []
      yield* untilEffect(
        Effect.map(
          io(() => metrics.agentFiles.get()),
          (files) => {
            values = files.values.map(({ labels, value }) => `${labels.state} ${value}`).sort()
            return values.includes("taken 1")
          }
        )
      )
      assert.deepStrictEqual(values, ["taken 1", "unreadable 1"])
    }))

  const failure = (options: (given: AgentOptions, dir: string) => Effect.Effect<AgentOptions, unknown, EmbeddedLog>) =>
    Effect.gen(function* () {
      const { dir, options: given } = yield* setUp()
      const chosen = yield* options(given, dir)
      const exit = yield* Effect.flip(Agent.run(chosen))
      assert.instanceOf(exit, AgentFailed)
      return exit.message
    })

  test("what only a person can help ends the agent with a message for one", () =>
    Effect.gen(function* () {
      const log = yield* EmbeddedLog
      yield* log.createTopic(topic, 2)
      const set = (change: Partial<AgentOptions>) => (given: AgentOptions) => Effect.succeed({ ...given, ...change })
      assert.match(yield* failure(set({ dumps: [] })), /neither --dump nor --static-dump nor --scrape/)
      assert.match(yield* failure(set({ labels: { "a-b": "x" } })), /--label a-b=…: not a label name/)
      assert.match(yield* failure(set({ labels: { instance: "x" } })), /--label instance/)
      assert.match(yield* failure(set({ host: "" })), /--host/)
      assert.match(
        yield* failure(set({ partitionBase: 3 })),
        /topic metrics has 2 partitions.*--partition-base 2 or less/
      )
      const occupied = (given: AgentOptions, dir: string) =>
        Effect.as(
          io(() => writeFile(join(dir, "file"), "")),
          { ...given, stateDir: join(dir, "file") }
        )
      assert.match(yield* failure(occupied), /--state-dir/)
      yield* log.intercept(({ clientId }) => (clientId === "test" ? undefined : { fail: "AUTHENTICATION" }))
      assert.match(yield* failure(set({})), /does not let the agent in: .*AUTHENTICATION/)
    }))

  test("a second agent of one state directory is told whose it is, and let in when that one leaves", () =>
    Effect.gen(function* () {
      const { log, options } = yield* setUp()
      yield* log.createTopic(topic, 1)
      const first = yield* start(options)
      const failure = yield* Effect.flip(start({ ...options, stateWait: 0 }))
      assert.instanceOf(failure, AgentFailed)
      assert.match(failure.message, new RegExp(`state is another agent's \\(process ${process.pid} on .*--state-dir`))
      const second = yield* Effect.forkScoped(start({ ...options, stateWait: 60_000 }))
      yield* first.stop
      const { agent } = yield* Fiber.join(second)
      assert.isAbove(agent.status().epoch, first.agent.status().epoch)
    }))

  test("on a full disk it starts, and keeps its epoch as soon as there is room", () =>
    Effect.gen(function* () {
      const { dir, log, options, next, path } = yield* setUp()
      yield* log.createTopic(topic, 1)
      const first = yield* start(options)
      yield* first.stop
      yield* io(() => symlink("/dev/full", join(dir, "state/.epoch.tmp")))
      const { agent } = yield* start({ ...options, keepEvery: 10 })
      const { epoch } = agent.status()
      yield* replace(path, "a 1\n")
      const [record] = yield* next(1, 0)
      assert.strictEqual(version(record!), `${epoch}.1`)
      const kept = () => io(() => readFile(join(dir, "state/epoch"), "utf8"))
      assert.strictEqual(yield* kept(), `${first.agent.status().epoch}\n`)
      yield* io(() => rm(join(dir, "state/.epoch.tmp")))
      while ((yield* kept()) !== `${epoch}\n`) yield* Effect.sleep(5)
    }))

  test("its own metrics are a source of their own, with what it has to say of each source", () =>
    Effect.gen(function* () {
      const { dir, log, options, next, path } = yield* setUp()
      yield* log.createTopic(topic, 1)
      yield* replace(join(dir, "dumps/empty.prom"), "")
      yield* replace(join(dir, "dumps/partly.prom"), "a 1\nb oops\n")
      yield* replace(path, "a 1\n")
      yield* start({ ...options, labels: { dc: "x", job: "shop" }, selfEvery: 1_000 })
      let own = ""
      while (!own.includes('k2p_agent_last_sent_timestamp_seconds{source="h/app"}') || !own.includes("h/partly")) {
        const [record] = yield* next(1, 0)
        if (text(record?.key) !== "h/kafka2prom-agent") continue
        const envelope = readEnvelope(record!, { topic, partition: 0 }, "instance")
        if (isRefused(envelope)) throw new Error(envelope.detail)
        assert.deepInclude(envelope, {
          format: "text",
          labels: [
            ["job", "kafka2prom-agent"],
            ["dc", "x"]
          ]
        })
        own = text(record?.value)
      }
      assert.match(own, /^k2p_agent_files\{state="taken"\} \d$/m)
      assert.match(own, /^k2p_agent_dump_refused_lines\{source="h\/partly"\} 1$/m)
      assert.match(own, /^k2p_agent_dump_shown_samples\{source="h\/partly"\} 1$/m)
      assert.match(own, /^k2p_agent_sources\{state="sent"\} \d$/m)
      assert.match(own, /^k2p_agent_build_info\{version="\d+\.\d+\.\d+"\} 1$/m)
      const sentAt = Number(/^k2p_agent_last_sent_timestamp_seconds\{source="h\/app"\} (.*)$/m.exec(own)?.[1])
      assert.closeTo(sentAt, Date.now() / 1000, 300)
      assert.deepInclude(checkDump(Buffer.from(own), "text"), { refusal: undefined, refused: [] })
    }).pipe(Effect.provide(SelfMetrics.layerAgent)))

  test("a dump that has the own metrics' id keeps it", () =>
    Effect.gen(function* () {
      const { dir, log, options, next } = yield* setUp()
      yield* log.createTopic(topic, 1)
      yield* replace(join(dir, "dumps/kafka2prom-agent.prom"), "a 1\n")
      yield* replace(join(dir, "dumps/b.prom"), "b 1\n")
      yield* start({ ...options, selfEvery: 1_000 })
      const records = yield* next(2, 0)
      assert.deepStrictEqual(records.map((record) => text(record.value)).sort(), ["a 1\n", "b 1\n"])
    }))

  test("the partition base that was kept is on disk", () =>
    Effect.gen(function* () {
      const { log, options } = yield* setUp()
      yield* log.createTopic(topic, 5)
      const { agent } = yield* start(options)
      yield* until(() => agent.status().partitionBase === 5)
      assert.strictEqual(yield* io(() => readFile(join(options.stateDir, `partition-base-${topic}`), "utf8")), "5\n")
    }))
})

const untilEffect = (condition: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.flatMap(condition, (holds) =>
    holds ? Effect.void : Effect.andThen(Effect.sleep(1), untilEffect(condition))
  ).pipe(Effect.timeoutOrElse({ duration: 20_000, orElse: () => Effect.die(new Error("the condition never held")) }))

const until = (condition: () => boolean): Effect.Effect<void> => untilEffect(Effect.sync(condition))
