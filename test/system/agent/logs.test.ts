/**
 * The agent tails log files to a real broker: rotated every moment in each way, the agent killed at any instant, the broker stopped and
 * cut off meanwhile. The judge reads the topic alone: every line is there, and once after the spans are merged.
 */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { Effect, Exit, Scope } from "effect"
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { random as seeded } from "../../../src/testing/Random.ts"
import { KafkaTransport } from "../../../src/transport/kafka/KafkaTransport.ts"
import { type GroupClient, Transport } from "../../../src/transport/Transport.ts"
import { linesOf, type Received, received } from "../../agent/log/tailing.ts"
import { knownBy, LogWriter, verdict } from "../../agent/log/writer.ts"
import { type KafkaCluster, startKafka } from "../../support/kafka.ts"
import { openStage, type Running, type Stage } from "../../support/processes.ts"
import { openProxy, type TcpProxy } from "../../support/tcpProxy.ts"
import { describeKafka } from "../../support/tools.ts"
import { until } from "../../support/until.ts"

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const partitions = 2

describeKafka("the agent's log files", () => {
  let kafka: KafkaCluster
  let way: TcpProxy
  let client: GroupClient
  let stage: Stage
  const scope = Effect.runSync(Scope.make())

  beforeAll(async () => {
    way = await openProxy()
    kafka = await startKafka({ version: "3.9.1", doors: { AGENT: [way.port] } })
    way.aim(kafka.doors.AGENT![0]!)
    stage = await openStage()
    const options = { brokers: kafka.bootstrap, clientId: "judge", connectionTimeout: 5_000, requestTimeout: 10_000 }
    client = await Effect.runPromise(
      Transport.use((transport) => transport.groupClient({ group: "judge", clientId: "judge" })).pipe(
        Effect.provide(KafkaTransport.layer(options)),
        Scope.provide(scope)
      )
    )
  })

  afterAll(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await stage?.close()
    await kafka?.stop()
    await way?.close()
  })

  const judge = (topic: string) => {
    const records: Array<Received> = []
    const positions = Array.from({ length: partitions }, () => 0)
    return async (): Promise<ReadonlyArray<Received>> => {
      for (let partition = 0; partition < partitions; partition++)
        for (;;) {
          const tp = { topic, partition }
          const offset = positions[partition]!
          const wide = { maxWait: 0, maxBytes: 16_000_000, maxBytesPerPartition: 16_000_000 }
          const [fetched] = await Effect.runPromise(client.fetch(1, [{ tp, offset }], wide))
          assert.strictEqual(fetched!.error, undefined)
          for (const record of fetched!.records) records.push(received(record, partition))
          positions[partition] = fetched!.next
          if (fetched!.next === offset) break
        }
      return records
    }
  }

  const setUp = async (topic: string, name: string) => {
    await kafka.createTopic(topic, partitions)
    const dir = join(stage.dir, name)
    await mkdir(join(dir, "logs"), { recursive: true })
    const args = ["agent", "--brokers", `127.0.0.1:${way.port}`, "--host", "h", "--state-dir", join(dir, "state")]
    const start = (): Running =>
      stage.program(name, [
        ...args,
        ...["--log", join(dir, "logs/*.log*"), "--log-topic", topic, "--log-linger", "20ms", "--request-timeout", "3s"],
        ...["--listen", "127.0.0.1:0"]
      ])
    return { dir: join(dir, "logs"), stateDir: join(dir, "state/logs"), start, read: judge(topic) }
  }

  /** Until all lines are there; of a failure it tells what is missing, and what the agent says of its files. */
  const arrive = async (
    writers: ReadonlyArray<LogWriter>,
    read: () => Promise<ReadonlyArray<Received>>,
    agent: Running
  ): Promise<void> => {
    let missing: ReadonlyArray<string> = []
    let status = ""
    const [, url] = await agent.says(/listening on (http:\S+?)\/self/)
    await until(
      async () => {
        missing = verdict(writers, linesOf(await read())).missing
        status = await (await fetch(`${url}/api/v1/status`)).text()
        return missing.length === 0
      },
      {
        what: () => `all lines; missing are ${missing.slice(0, 40).join(", ")}\n${status}\n${stage.logs()}`,
        every: 200
      }
    )
  }

  it("rotations in each way, the agent killed at any instant, the broker stopped and cut off: each line once", async () => {
    const random = seeded(Number(process.env.K2P_SEED ?? 20)).next
    const { dir, stateDir, start, read } = await setUp("logs", "rotated")
    const writers = (["rename", "copytruncate"] as const).flatMap((rotation) =>
      [0, 2].map((packFrom) => {
        const path = join(dir, `${rotation}${packFrom}.log`)
        return new LogWriter({ path, rotation, packFrom, keep: 60, random, isKnown: knownBy(stateDir) })
      })
    )
    let isUp = false
    const again = () => {
      isUp = false
      const running = start()
      void running.says(/topic logs is reached/).then(
        () => {
          isUp = true
        },
        () => {}
      )
      return running
    }
    let agent = again()
    for (let step = 0; step < 160; step++) {
      for (const writer of writers) {
        writer.write(Math.floor(random() * 60))
        if (random() < 0.12) writer.rotate()
      }
      if (isUp && random() < 0.2) {
        await agent.kill()
        agent = again()
      }
      if (step === 50) kafka.nodes[0]!.signal("SIGSTOP")
      if (step === 75) kafka.nodes[0]!.signal("SIGCONT")
      if (step === 100) way.cut()
      if (step === 115) way.heal()
      await delay(random() * 120)
    }
    for (const writer of writers) writer.finish()
    await arrive(writers, read, agent)
    assert.deepStrictEqual(verdict(writers, linesOf(await read())), { missing: [], wrong: [] })
    agent.signal("SIGTERM")
    assert.deepStrictEqual(await agent.ended, { code: 0, signal: null })
  })
})
