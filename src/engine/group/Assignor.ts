/**
 * Assignor: who should have which partition. What it answers is a wish: the engine makes it safe (Grant), asks the built-in one where it
 * is no answer (Assigning), and carries it out in as many generations as that takes.
 *
 * The built-in one is sticky, and balanced by load: see Balance.
 */
import { Context, Layer } from "effect"
import { partitionKey, type TopicPartition } from "../../transport/Transport.ts"
import { balance, type Holder } from "./Balance.ts"
import { type Assignments, type Claimant, grant, standing, type Wish } from "./Grant.ts"

/** Who should have which partition. What it answers is a wish: the engine carries it out with one owner at a time, and takes the built-in one where it is no answer. @experimental */
export class Assignor extends Context.Service<
  Assignor,
  {
    /** For the log, the metrics and the status. */
    readonly name: string
    /** The group protocol's name, with the version of the handoff's rules in it: members of another version form no group with this one. */
    readonly protocol: string
    /**
     * Called by the group's leader in each generation: of each partition's key (`topic/number`) the member that it should come to. All of them,
     * and members of the group only. It should answer alike as long as nothing else changes, whoever leads.
     */
    readonly place: (
      /** What each member holds and is not about to let go. */
      members: ReadonlyArray<Holder>,
      keys: ReadonlyArray<string>,
      /** Bytes a second by partition key, where they are known. */
      loads: ReadonlyMap<string, number>
    ) => Wish
  }
>()("k2p/engine/group/Assignor") {
  /** The built-in one, `balanced`: sticky, and even by the bytes that partitions bring. */
  static readonly layer = Layer.succeed(Assignor, { name: "balanced", protocol: "k2p-sticky-v1", place: balance })
}

/** One generation of the built-in one. */
export const assignTwoStep = (
  members: ReadonlyArray<Claimant>,
  partitions: ReadonlyArray<TopicPartition>,
  loads: ReadonlyMap<string, number> = new Map()
): Assignments => {
  const claims = standing(members)
  return grant(balance(claims.kept, partitions.map(partitionKey), loads), claims, partitions).assignments
}
