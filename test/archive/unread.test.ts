/** A batch that nobody can read costs its own records: its bytes are in the archive before anything behind it is, and `verify` names it. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Layer } from "effect"
import * as ArchiveProcessor from "../../src/archive/ArchiveProcessor.ts"
import { Archives } from "../../src/archive/Archives.ts"
import { zstdAtOnce } from "../../src/archive/rows/Packing.ts"
import { PartitionProcessor } from "../../src/engine/PartitionProcessor.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { PodClock } from "../../src/testing/pods/PodClock.ts"
import { EmbeddedLog } from "../../src/transport/embedded/EmbeddedLog.ts"
import { passingBy } from "../support/passing.ts"
import { startShardPod } from "../support/shardPod.ts"
import { produceNumbers, withLog } from "../support/withLog.ts"
import { limits } from "./sim/ArchivePod.ts"
import { SharedStore } from "./sim/SharedStore.ts"

const topic = "metrics"
const tp = { topic, partition: 0 }
const { passing } = passingBy(50)

describe("a batch that nobody can read", () => {
  it.effect("is stored as it came before what is behind it is archived, and once", () =>
    withLog(
      1,
      Effect.gen(function* () {
        const log = yield* EmbeddedLog
        const clock = yield* Clock.Clock
        const shared = new SharedStore(clock)
        const created: Array<string> = []
        const store = shared.through("a", new PodClock(clock), (op, name) => {
          if (op === "create") created.push(name)
          return { there: 1, back: 1, how: "answered" }
        })
        const context = yield* Layer.build(
          ArchiveProcessor.layer(store, limits, zstdAtOnce).pipe(
            Layer.provide(Archives.layer),
            Layer.provide(SelfMetrics.layerBare)
          )
        )
        const processor = Context.get(context, PartitionProcessor)
        yield* passing(produceNumbers(0, 5))
        yield* log.breakNext(tp, "checksum")
        yield* passing(produceNumbers(0, 3))
        yield* passing(produceNumbers(0, 4))
        for (const name of ["a", "b"]) {
          const pod = yield* startShardPod(name, { processor })
          yield* passing(pod.engine.caughtUp(tp, 12))
          yield* passing(pod.stop)
        }
        const unread = "_k2p/metrics/0/unread-1-00000000000000000005"
        assert.strictEqual(shared.objects.get(unread)?.toString(), "012")
        const objects = created.filter((name) => name.endsWith(".zst"))
        assert.isBelow(created.indexOf(unread), created.indexOf(objects[0]!))
        assert.strictEqual(created.filter((name) => name === unread).length, 1)
      })
    )
  )
})
