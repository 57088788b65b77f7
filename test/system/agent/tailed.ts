/**
 * Agents that tail log files to a real broker, over a way that can be cut, and a judge who reads the topic alone. What it is given is opened by
 * `openTailed` and ends with `close`.
 */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { assert } from "vitest"
import { KafkaTransport } from "../../../src/transport/kafka/KafkaTransport.ts"
import { Transport } from "../../../src/transport/Transport.ts"
import { type Received, received } from "../../agent/log/tailing.ts"
import { type KafkaCluster, startKafka } from "../../support/kafka.ts"
import { openStage, type Running, type Stage } from "../../support/processes.ts"
import { openProxy, type TcpProxy } from "../../support/tcpProxy.ts"

const partitions = 2

export interface Tailed {
  readonly kafka: KafkaCluster
  readonly way: TcpProxy
  readonly stage: Stage
  readonly setUp: (topic: string, more?: ReadonlyArray<string>) => Promise<LogSite>
  readonly close: () => Promise<void>
}

/** A folder of log files, an agent that tails them, and what is in its topic. */
export interface LogSite {
  readonly dir: string
  /** Of the tailer. */
  readonly stateDir: string
  readonly args: ReadonlyArray<string>
  readonly start: () => Running
  /** All records so far. */
  readonly read: () => Promise<ReadonlyArray<Received>>
}

export const openTailed = async (): Promise<Tailed> => {
  const scope = Effect.runSync(Scope.make())
  const way = await openProxy()
  const kafka = await startKafka({ version: "3.9.1", doors: { AGENT: [way.port] } })
  way.aim(kafka.doors.AGENT![0]!)
  const stage = await openStage()
  const options = { brokers: kafka.bootstrap, clientId: "judge", connectionTimeout: 5_000, requestTimeout: 10_000 }
  const client = await Effect.runPromise(
    Transport.use((transport) => transport.groupClient({ group: "judge", clientId: "judge" })).pipe(
      Effect.provide(KafkaTransport.layer(options)),
      Scope.provide(scope)
    )
  )
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
  return {
    kafka,
    way,
    stage,
    setUp: async (topic, more = []) => {
      await kafka.createTopic(topic, partitions)
      const dir = join(stage.dir, topic)
      await mkdir(join(dir, "logs"), { recursive: true })
      const args = [
        ...["agent", "--brokers", `127.0.0.1:${way.port}`, "--host", "h", "--state-dir", join(dir, "state")],
        ...["--log", join(dir, "logs/*.log*"), "--log-topic", topic, "--log-linger", "20ms", "--request-timeout", "3s"],
        ...["--listen", "127.0.0.1:0", ...more]
      ]
      return {
        ...{ dir: join(dir, "logs"), stateDir: join(dir, "state/logs"), args },
        start: () => stage.program(topic, args),
        read: judge(topic)
      }
    },
    close: async () => {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      await stage.close()
      await kafka.stop()
      await way.close()
    }
  }
}
