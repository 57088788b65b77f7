/** ArchiveShard: what a shard of an archive answers on its own thread: for the status, what each partition has open and what it created last. */
import { Clock, Effect, Layer } from "effect"
import { ShardService } from "../pod/ShardService.ts"
import type { Channel } from "../pod/shards/Channel.ts"
import { partitionKey } from "../transport/Transport.ts"
import { Archives } from "./Archives.ts"

/** Nothing is shown. */
const silent: Channel = {
  send: () => {},
  pull: async () => undefined,
  giveBack: () => {},
  isLost: () => false,
  end: () => {}
}

export const layer: Layer.Layer<ShardService, never, Archives> = Layer.effect(
  ShardService,
  Effect.gen(function* () {
    const archives = yield* Archives
    const clock = yield* Clock.Clock
    return ShardService.of({
      open: () => silent,
      ask: () => Effect.succeed(undefined),
      details: (partitions) =>
        partitions.map((tp) => ({
          archive: archives.status(partitionKey(tp), clock.currentTimeMillisUnsafe()) ?? null
        }))
    })
  })
)
