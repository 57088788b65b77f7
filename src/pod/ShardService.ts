/**
 * ShardService: what an application answers on a shard's own thread. The pod carries the questions and never looks into them; it
 * takes the cuts (rule 7), keeps them in the order of the requests, and bounds what is on its way.
 *
 * A throw costs the request that met it, is logged, and ends nothing else.
 */
import { Context, type Effect } from "effect"
import type { Cut } from "../engine/Engine.ts"
import type { TopicPartition } from "../transport/Transport.ts"
import type { Channel } from "./shards/Channel.ts"

/** What an application answers on a shard's own thread. A throw costs the request that met it and is logged. @stable */
export class ShardService extends Context.Service<
  ShardService,
  {
    /**
     * Answers a request about the cut, which was taken in the same step: what is fixed before this returns is the content at the cut.
     * Nothing of it may be told before `cut.prove` has succeeded (rule 4). Synchronous.
     */
    readonly open: (request: unknown, cut: Cut) => Channel
    /** A question that needs no cut. Question and answer are plain data. */
    readonly ask: (question: unknown) => Effect.Effect<unknown>
    /**
     * What `/api/v1/status` says of each of these partitions besides what the engine does, in their order; plain data, with at most so many
     * entries in all its lists together.
     */
    readonly details: (partitions: ReadonlyArray<TopicPartition>, entries: number) => ReadonlyArray<object>
  }
>()("k2p/pod/ShardService") {}
