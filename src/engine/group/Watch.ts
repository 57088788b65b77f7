/** Watch: what asks for a generation although nobody came or went: topics that changed, and loads that drifted. */
import { Effect } from "effect"
import type { Membership } from "./Membership.ts"

/** How often the topics' partitions are looked at, ms. */
const topologyInterval = 30_000

/** The leader's watch over the topics: added partitions need a generation of their own, after the one that is on its way. */
export const topologyLoop = (membership: Membership): Effect.Effect<never> => {
  const { member } = membership
  const { signal, topology } = member
  return Effect.gen(function* () {
    yield* Effect.raceFirst(
      signal.until(() => topology.isStale),
      Effect.sleep(topologyInterval)
    )
    yield* membership.refreshed.pipe(
      Effect.catch((error) => Effect.logDebug(`reading the topics' partitions failed: ${error.message}; retrying`))
    )
    if (membership.leads && topology.isNews) member.report({ type: "rejoin" })
    signal.notify()
    yield* Effect.sleep(100)
  }).pipe(Effect.forever)
}

/**
 * Asks for a generation when loads may have got out of balance: every member says its loads in its join, so the leader looks at
 * all of them then. Only in a group that stood still for a whole interval, so at most once in it, whoever asks.
 */
export const loadLoop = ({ loads, member }: Membership): Effect.Effect<never> =>
  Effect.gen(function* () {
    const { synced } = member.state
    yield* Effect.sleep(member.options.rebalanceForLoadEvery)
    const s = member.state
    const still = s.phase === "member" && s.synced === synced && !s.wantJoin && !s.leaving
    if (!still || synced < 0 || !loads.worthALook) return
    yield* Effect.logInfo(`loads changed since generation ${synced}: the group looks at its balance again`)
    member.report({ type: "rejoin" })
  }).pipe(Effect.forever)
