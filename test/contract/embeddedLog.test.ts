/** The embedded log keeps the transport's contract, with one broker and with three. */
import { Effect, Layer } from "effect"
import { transportContract } from "../../src/testing/contract/transport/TransportContract.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { Transport } from "../../src/transport/Transport.ts"

for (const nodes of [1, 3]) {
  transportContract(
    `embedded log, ${nodes} broker(s)`,
    Effect.map(EmbeddedLog.make({ nodes, minSessionTimeout: 400 }), (log) => ({
      layer: Layer.succeed(Transport, log.transport),
      createTopic: (topic, partitions) => log.createTopic(topic, partitions),
      addPartitions: log.addPartitions,
      deleteRecords: log.deleteRecords,
      spoilLastBatch: log.spoilLastBatch,
      sessionTimeout: 400,
      maxRecordBytes: 900_000,
      openConnections: Effect.sync(() => log.stats().openConnections)
    }))
  )
}
