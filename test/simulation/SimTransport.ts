/**
 * SimTransport: a pod's Transport through its PodClock: a frozen pod sends nothing, and the answers it gets wait for it.
 * `deposed`: the pod's heartbeats are answered by a coordinator that was replaced and does not know it.
 */
import { Effect } from "effect"
import type { GroupClient, Transport } from "../../src/transport/Transport.ts"
import type { PodClock } from "./PodClock.ts"

export const throughClock = (
  transport: Transport["Service"],
  clock: PodClock,
  deposed: () => boolean
): Transport["Service"] => {
  const gate = <A, E>(request: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    clock.open.pipe(
      Effect.andThen(Effect.exit(request)),
      Effect.tap(() => clock.open),
      Effect.flatten
    )
  return {
    ...transport,
    groupClient: (options) =>
      Effect.map(
        transport.groupClient(options),
        (c): GroupClient => ({
          joinGroup: (request) => gate(c.joinGroup(request)),
          syncGroup: (member, assignments) => gate(c.syncGroup(member, assignments)),
          heartbeat: (member) => gate(Effect.suspend(() => (deposed() ? Effect.void : c.heartbeat(member)))),
          leaveGroup: (memberId) => gate(c.leaveGroup(memberId)),
          offsetCommit: (member, commits) => gate(c.offsetCommit(member, commits)),
          offsetFetch: (tps) => gate(c.offsetFetch(tps)),
          abandon: c.abandon,
          fetch: (node, requests, fetchOptions) => gate(c.fetch(node, requests, fetchOptions)),
          listOffsets: (tps, at) => gate(c.listOffsets(tps, at)),
          metadata: (topics) => gate(c.metadata(topics))
        })
      )
  }
}
