/** The transport contract on real brokers, of the oldest and the newest line that is tested. */
import type { Socket } from "node:net"
import { Effect } from "effect"
import { transportContract } from "../../src/testing/contract/transport/TransportContract.ts"
import { KafkaTransport } from "../../src/transport/kafka/KafkaTransport.ts"
import type { TopicPartition, UnreadableReason } from "../../src/transport/Transport.ts"
import { startKafka } from "../support/kafka.ts"
import type { KafkaVersion } from "../support/kafkaJars.ts"
import { changeLastBatch, spoilBatch } from "../support/segment.ts"
import { describeKafka } from "../support/tools.ts"

/** Node's list of what keeps it alive; it has no public form that tells the sockets' ports. */
const handles = (): ReadonlyArray<unknown> =>
  (process as unknown as { _getActiveHandles(): ReadonlyArray<unknown> })._getActiveHandles()

const harness = (version: KafkaVersion) =>
  Effect.gen(function* () {
    const kafka = yield* Effect.acquireRelease(
      Effect.promise(() => startKafka({ version })),
      (cluster) => Effect.promise(() => cluster.stop())
    )
    const ports = new Set(kafka.nodes.map(({ address }) => Number(address.split(":")[1])))
    return {
      layer: KafkaTransport.layer({
        brokers: kafka.bootstrap,
        clientId: "contract",
        connectionTimeout: 5_000,
        requestTimeout: 15_000
      }),
      createTopic: (topic: string, partitions: number) => Effect.promise(() => kafka.createTopic(topic, partitions)),
      addPartitions: (topic: string, partitions: number) =>
        Effect.promise(() => kafka.addPartitions(topic, partitions)),
      deleteRecords: ({ topic, partition }: { topic: string; partition: number }, offset: number) =>
        Effect.promise(() =>
          kafka.admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] })
        ),
      spoilLastBatch: (tp: TopicPartition, reason: UnreadableReason) =>
        Effect.promise(() => changeLastBatch(kafka.dataOf(1), tp, spoilBatch[reason])),
      sessionTimeout: 1_000,
      maxRecordBytes: 900_000,
      openConnections: Effect.sync(
        () => handles().filter((handle) => ports.has((handle as Partial<Socket>).remotePort ?? -1)).length
      )
    }
  })

for (const version of ["3.9.1", "4.1.1"] as const)
  describeKafka(`Kafka ${version}`, () => {
    transportContract(`the transport over Kafka ${version}`, harness(version))
  })
