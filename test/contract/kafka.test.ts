/** The transport contract on real brokers, of the oldest and the newest line that is tested. */
import type { Socket } from "node:net"
import { Effect, Layer } from "effect"
import { transportContract } from "../../src/testing/contract/transport/TransportContract.ts"
import { KafkaTransport } from "../../src/transport/kafka/KafkaTransport.ts"
import { startKafka } from "../support/kafka.ts"
import { changeLastBatch, spoilBatch } from "../support/segment.ts"
import { describeKafka } from "../support/tools.ts"
import { eachCase, whileTested } from "./cases.ts"

/** Node's list of what keeps it alive; it has no public form that tells the sockets' ports. */
const handles = (): ReadonlyArray<unknown> =>
  (process as unknown as { _getActiveHandles(): ReadonlyArray<unknown> })._getActiveHandles()

for (const version of ["3.9.1", "4.1.1"] as const)
  describeKafka(`Kafka ${version}`, () => {
    const kafka = whileTested(
      Effect.acquireRelease(
        Effect.promise(() => startKafka({ version })),
        (cluster) => Effect.promise(() => cluster.stop())
      )
    )
    eachCase(
      transportContract({
        layer: Layer.unwrap(
          Effect.sync(() =>
            KafkaTransport.layer({
              brokers: kafka().bootstrap,
              clientId: "contract",
              connectionTimeout: 5_000,
              requestTimeout: 15_000
            })
          )
        ),
        createTopic: (topic, partitions) => Effect.promise(() => kafka().createTopic(topic, partitions)),
        addPartitions: (topic, partitions) => Effect.promise(() => kafka().addPartitions(topic, partitions)),
        deleteRecords: ({ topic, partition }, offset) =>
          Effect.promise(() =>
            kafka().admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] })
          ),
        spoilLastBatch: (tp, reason) =>
          Effect.promise(() => changeLastBatch(kafka().dataOf(1), tp, spoilBatch[reason])),
        sessionTimeout: 1_000,
        maxRecordBytes: 900_000,
        openConnections: Effect.sync(() => {
          const ports = new Set(kafka().nodes.map(({ address }) => Number(address.split(":")[1])))
          return handles().filter((handle) => ports.has((handle as Partial<Socket>).remotePort ?? -1)).length
        })
      })
    )
  })
