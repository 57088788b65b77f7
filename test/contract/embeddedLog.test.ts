/** The embedded log keeps the transport's contract, with one broker and with three. */
import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { transportContract } from "../../src/testing/contract/transport/TransportContract.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { eachCase, whileTested } from "./cases.ts"

for (const nodes of [1, 3])
  describe(`embedded log, ${nodes} broker(s)`, () => {
    const log = whileTested(EmbeddedLog.make({ nodes, minSessionTimeout: 400 }))
    eachCase(
      transportContract({
        layer: Layer.sync(Transport, () => log().transport),
        createTopic: (topic, partitions) => Effect.suspend(() => log().createTopic(topic, partitions)),
        addPartitions: (topic, partitions) => log().addPartitions(topic, partitions),
        deleteRecords: (tp, offset) => log().deleteRecords(tp, offset),
        spoilLastBatch: (tp, reason) => log().spoilLastBatch(tp, reason),
        sessionTimeout: 400,
        maxRecordBytes: 900_000,
        openConnections: Effect.sync(() => log().stats().openConnections)
      })
    )
  })
