/** The contract of Transport on a DirectoryLog: all that its author has to bring. What files in a directory cannot do is left out. */
import { Effect, Layer } from "effect"
import { type Case, transportContract } from "kafka2prom/testing"
import { Transport } from "kafka2prom/transport"
import type { DirectoryLog } from "./DirectoryLog.ts"

/** `log`: asked when a case runs, so that it may be opened after the cases are named. */
export const directoryContract = (log: () => DirectoryLog): ReadonlyArray<Case> =>
  transportContract({
    layer: Layer.sync(Transport, () => log().transport),
    createTopic: (topic, partitions) => Effect.suspend(() => log().createTopic(topic, partitions)),
    addPartitions: (topic, partitions) => Effect.suspend(() => log().createTopic(topic, partitions)),
    sessionTimeout: 400,
    maxRecordBytes: 900_000
  })
