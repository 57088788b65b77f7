/**
 * Joining: sends a member's joins and syncs, one at a time, whenever the handoff's state asks for one. What the answers mean is Handoff's to
 * decide; this file only reports them.
 *
 * A join or sync without an answer may still be carried out: its connection is closed, everything is evicted and a new member id
 * joins (rule 5). A late answer is never acted on; an id that it brings is made to leave.
 */
import { Effect } from "effect"
import { Backoff, worthALine } from "../../Backoff.ts"
import { TransportError } from "../../transport/Transport.ts"
import { EngineFailed } from "../Engine.ts"
import {
  assignedCounts,
  claimedCounts,
  decodeAssignment,
  decodeClaims,
  encodeAssignment,
  encodeClaims
} from "./Claims.ts"
import { claims, mayJoin } from "./Handoff.ts"
import { type Membership, timedOut } from "./Membership.ts"

const joinAndSync = Effect.fn("rebalance")(function* (membership: Membership): Effect.fn.Return<void, TransportError> {
  const { admission, assigning, growth, loads, member } = membership
  const { client, metrics, options, topology } = member
  const s = member.state
  const claimed = claims(s, options.settingsHash, loads.claim())
  const joined = yield* client
    .joinGroup(
      {
        memberId: s.memberId,
        sessionTimeout: options.sessionTimeout,
        rebalanceTimeout: options.rebalanceTimeout,
        protocols: [{ name: assigning.protocol, metadata: encodeClaims(options.topics, claimed, growth.claim()) }]
      },
      (memberId) => member.report({ type: "given", memberId, sequence: s.sequence })
    )
    .pipe(
      Effect.timeoutOrElse({
        duration: options.rebalanceTimeout + options.sessionTimeout,
        orElse: timedOut("joinGroup")
      })
    )
  yield* admission.letIn
  member.doubt.join = null
  member.report({ type: "joined", memberId: joined.memberId, generation: joined.generation })
  let assignments: ReadonlyArray<{ memberId: string; assignment: Uint8Array }> = []
  const leader = joined.leaderId === joined.memberId
  if (leader) {
    // An older view of the topics will do: a partition that it lacks comes with the next generation.
    yield* membership.refreshed.pipe(
      Effect.catch((error) =>
        topology.partitions.length > 0
          ? Effect.void
          : Effect.fail(
              new TransportError({
                op: "metadata",
                code: "COORDINATOR_NOT_AVAILABLE",
                retriable: true,
                detail: error.message
              })
            )
      )
    )
    const members = joined.members.map((m) => ({ memberId: m.memberId, claims: decodeClaims(m.metadata) }))
    const partitions = topology.assign()
    const given = assigning.assign(members, partitions, loads.hear(members, partitions))
    loads.assigned(members, partitions, given)
    const counts = growth.collect(joined.members.map((m) => claimedCounts(m.metadata)))
    assignments = members.map((m) => ({
      memberId: m.memberId,
      assignment: encodeAssignment(given.get(m.memberId) ?? [], counts)
    }))
    yield* membership.led(
      true,
      members.map((m) => m.claims.settings)
    )
  } else {
    yield* membership.led(false, [])
    loads.follow()
  }
  const sentAt = member.now()
  const bytes = yield* client
    .syncGroup({ memberId: joined.memberId, generation: joined.generation, protocol: joined.protocol }, assignments)
    .pipe(
      Effect.timeoutOrElse({
        duration: options.rebalanceTimeout + options.sessionTimeout,
        orElse: timedOut("syncGroup")
      })
    )
  const assigned = decodeAssignment(bytes)
  // Before anything of it is taken up.
  growth.assigned(assignedCounts(bytes))
  member.report({ type: "synced", sentAt, assigned })
  metrics.rebalances.inc()
  yield* Effect.logInfo(
    `generation ${joined.generation}: ${assigned.length} partitions are ours${leader ? ", we lead" : ""}`
  )
})

const afterRefusal = new Backoff(100, 5_000)
/** The group waits for each of its members: one that slept for long would hold up all when the coordinator is back. */
const afterFailure = new Backoff(100, 1_000)

/** What a failed join or sync means: again as the same member, all lost, or the end. */
const joinFailed = (
  { admission, member }: Membership,
  error: TransportError,
  tries: number
): Effect.Effect<void, EngineFailed> =>
  Effect.gen(function* () {
    member.doubt.join = error.message
    if (error.refused) {
      if (!admission.hasBeenIn)
        return yield* new EngineFailed({ message: `the brokers refused this pod: ${error.message}` })
      member.report({ type: "joinFailed" })
      yield* admission.refused(error)
      return yield* afterRefusal.sleep(tries)
    }
    switch (error.code) {
      case "UNKNOWN_MEMBER_ID":
      case "ILLEGAL_GENERATION":
      case "FENCED_INSTANCE_ID":
        member.report({ type: "lost", reason: error.code })
        break
      case "REBALANCE_IN_PROGRESS":
        member.report({ type: "joinFailed" })
        return
      default:
        if (error.unknownOutcome) {
          yield* member.client.abandon
          member.report({ type: "lost", reason: `a join has no answer: ${error.message}` })
        } else member.report({ type: "joinFailed" })
    }
    if (worthALine(tries))
      yield* Effect.logWarning(`joining group ${member.options.group}: ${error.message}, try ${tries}; retrying`)
    yield* afterFailure.sleep(tries)
  })

/** Joins whenever the state says so. Runs until interrupted or refused for good. */
export const joinLoop = (membership: Membership): Effect.Effect<never, EngineFailed> => {
  const { member } = membership
  let tries = 0
  // A predecessor goes first, so that what it had moves once and not twice; where it cannot, it goes as soon as it can.
  const buried = member.signal
    .until(() => member.state.ghosts.size === 0)
    .pipe(Effect.timeoutOption(member.options.sessionTimeout / 4))
  const join = Effect.gen(function* () {
    yield* member.signal.until(() => mayJoin(member.state))
    member.report({ type: "joinSent" })
    const failure = yield* joinAndSync(membership).pipe(
      Effect.match({ onFailure: (error) => error, onSuccess: () => undefined }),
      // Lost meanwhile (a heartbeat said so): the pending answer is not waited for.
      Effect.raceFirst(
        Effect.as(
          member.signal.until(() => member.state.phase === "out"),
          undefined
        )
      )
    )
    if (failure === undefined) tries = 0
    else yield* joinFailed(membership, failure, ++tries)
  })
  return Effect.andThen(buried, Effect.forever(join))
}
