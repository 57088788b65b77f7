/**
 * Membership: sends one member's group requests: the join loop, the heartbeats that go on while a join is pending, and
 * the proof that a scrape asks for. What the answers mean is Handoff's to decide; this file only reports them as events.
 *
 * One join at a time. A join or sync without an answer may still be carried out: its connection is closed, everything
 * is evicted and a new member id joins (rule 5). A late answer is never acted on; an id that it brings is made to leave.
 */
import { Clock, Effect } from "effect"
import { Backoff, worthALine } from "../../Backoff.ts"
import type { SelfMetricsShape } from "../../SelfMetrics.ts"
import { type GroupClient, TransportError, type TransportErrorCode } from "../../transport/Transport.ts"
import { EngineFailed, NotProven } from "../Engine.ts"
import type { Growth } from "../growth/Growth.ts"
import type { EngineOptions } from "../Options.ts"
import type { Signal } from "../Signal.ts"
import type { Admission } from "./Admission.ts"
import type { Assigning } from "./Assigning.ts"
import {
  assignedCounts,
  claimedCounts,
  decodeAssignment,
  decodeClaims,
  encodeAssignment,
  encodeClaims
} from "./Claims.ts"
import { claims, type HandoffEvent, type HandoffState, mayJoin } from "./Handoff.ts"
import type { Heard, Heartbeats } from "./Heartbeats.ts"
import type { Loads } from "./Loads.ts"
import type { Topology } from "./Topology.ts"

export interface MembershipHost {
  readonly client: GroupClient
  readonly options: EngineOptions
  readonly metrics: SelfMetricsShape
  readonly assigning: Assigning
  readonly topology: Topology
  readonly growth: Growth
  readonly now: () => number
  readonly state: () => HandoffState
  readonly dispatch: (event: HandoffEvent) => void
  /** Notified after every event. */
  readonly signal: Signal
  readonly leads: () => boolean
  readonly leading: (leader: boolean, settings: ReadonlyArray<string>) => void
  readonly loads: Loads
  readonly heartbeats: Heartbeats
  readonly admission: Admission
}

/** How long after a sync another generation is likely, and how often it is asked for, ms. */
const settling = 2_000
const settlingInterval = 100

export const timedOut = (op: string) => () =>
  Effect.fail(new TransportError({ op, code: "TIMEOUT", retriable: true, detail: "no answer in time" }))

const joinAndSync = Effect.fn("rebalance")(function* (host: MembershipHost): Effect.fn.Return<void, TransportError> {
  const { client, options, assigning, topology } = host
  const s = host.state()
  const claimed = claims(s, options.settingsHash, host.loads.claim())
  const joined = yield* client
    .joinGroup(
      {
        memberId: s.memberId,
        sessionTimeout: options.sessionTimeout,
        rebalanceTimeout: options.rebalanceTimeout,
        protocols: [{ name: assigning.protocol, metadata: encodeClaims(options.topics, claimed, host.growth.claim()) }]
      },
      (memberId) => host.dispatch({ type: "given", memberId, sequence: s.sequence })
    )
    .pipe(
      Effect.timeoutOrElse({
        duration: options.rebalanceTimeout + options.sessionTimeout,
        orElse: timedOut("joinGroup")
      })
    )
  yield* host.admission.letIn
  host.dispatch({ type: "joined", memberId: joined.memberId, generation: joined.generation })
  let assignments: ReadonlyArray<{ memberId: string; assignment: Uint8Array }> = []
  const leader = joined.leaderId === joined.memberId
  if (leader) {
    // An older view of the topics will do: a partition that it lacks comes with the next generation.
    yield* topology.refresh.pipe(
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
    const given = assigning.assign(members, partitions, host.loads.hear(members, partitions))
    host.loads.assigned(members, partitions, given)
    const counts = host.growth.collect(joined.members.map((m) => claimedCounts(m.metadata)))
    assignments = members.map((m) => ({
      memberId: m.memberId,
      assignment: encodeAssignment(given.get(m.memberId) ?? [], counts)
    }))
    host.leading(
      true,
      members.map((m) => m.claims.settings)
    )
  } else {
    host.leading(false, [])
    host.loads.follow()
  }
  const sentAt = host.now()
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
  host.growth.assigned(assignedCounts(bytes))
  host.dispatch({ type: "synced", sentAt, assigned })
  host.metrics.rebalances.inc()
  yield* Effect.logInfo(
    `generation ${joined.generation}: ${assigned.length} partitions are ours${leader ? ", we lead" : ""}`
  )
})

const afterRefusal = new Backoff(100, 5_000)
/** The group waits for each of its members: one that slept for long would hold up all when the coordinator is back. */
const afterFailure = new Backoff(100, 1_000)

/** What a failed join or sync means: again as the same member, all lost, or the end. */
const joinFailed = (host: MembershipHost, error: TransportError, tries: number): Effect.Effect<void, EngineFailed> =>
  Effect.gen(function* () {
    if (error.refused) {
      if (!host.admission.hasBeenIn)
        return yield* new EngineFailed({ message: `the brokers refused this pod: ${error.message}` })
      host.dispatch({ type: "joinFailed" })
      yield* host.admission.refused(error)
      return yield* afterRefusal.sleep(tries)
    }
    switch (error.code) {
      case "UNKNOWN_MEMBER_ID":
      case "ILLEGAL_GENERATION":
      case "FENCED_INSTANCE_ID":
        host.dispatch({ type: "lost", reason: error.code })
        break
      case "REBALANCE_IN_PROGRESS":
        host.dispatch({ type: "joinFailed" })
        return
      default:
        if (error.unknownOutcome) {
          yield* host.client.abandon
          host.dispatch({ type: "lost", reason: `a join has no answer: ${error.message}` })
        } else host.dispatch({ type: "joinFailed" })
    }
    if (worthALine(tries))
      yield* Effect.logWarning(`joining group ${host.options.group}: ${error.message}, try ${tries}; trying on`)
    yield* afterFailure.sleep(tries)
  })

/** Joins whenever the state says so. Runs until interrupted or refused for good. */
export const joinLoop = (host: MembershipHost): Effect.Effect<never, EngineFailed> => {
  let tries = 0
  // A predecessor goes first, so that what it had moves once and not twice; where it cannot, it goes as soon as it can.
  const buried = host.signal
    .until(() => host.state().ghosts.size === 0)
    .pipe(Effect.timeoutOption(host.options.sessionTimeout / 4))
  const join = Effect.gen(function* () {
    yield* host.signal.until(() => mayJoin(host.state()))
    host.dispatch({ type: "joinSent" })
    const failure = yield* joinAndSync(host).pipe(
      Effect.match({ onFailure: (error) => error, onSuccess: () => undefined }),
      // Lost meanwhile (a heartbeat said so): the pending answer is not waited for.
      Effect.raceFirst(
        Effect.as(
          host.signal.until(() => host.state().phase === "out"),
          undefined
        )
      )
    )
    if (failure === undefined) tries = 0
    else yield* joinFailed(host, failure, ++tries)
  })
  return Effect.andThen(buried, Effect.forever(join))
}

/** What only those are told who are let in. */
const members: ReadonlySet<TransportErrorCode> = new Set([
  "REBALANCE_IN_PROGRESS",
  "UNKNOWN_MEMBER_ID",
  "ILLEGAL_GENERATION"
])

/** One heartbeat, reported. */
const beat = (host: MembershipHost): Effect.Effect<Heard> =>
  Effect.suspend(() => {
    const { memberId, generation } = host.state()
    const sentAt = host.now()
    const heard = (code: Heard["code"]): Heard => ({ memberId, generation, code })
    return host.client.heartbeat({ memberId, generation }).pipe(
      Effect.timeoutOrElse({ duration: host.options.sessionTimeout / 3, orElse: timedOut("heartbeat") }),
      Effect.matchEffect({
        onSuccess: () => Effect.as(host.admission.letIn, "OK" as const),
        onFailure: (error) => {
          if (error.refused) return Effect.as(host.admission.refused(error), error.code)
          return Effect.as(members.has(error.code) ? host.admission.letIn : Effect.void, error.code)
        }
      }),
      Effect.map((code) => {
        host.metrics.heartbeats.inc({ outcome: code })
        const s = host.state()
        // Of a membership that was lost meanwhile: nobody acts on it, and it proves nothing.
        if (s.memberId !== memberId) return heard("UNKNOWN_MEMBER_ID")
        switch (code) {
          case "OK":
          case "REBALANCE_IN_PROGRESS":
            host.dispatch({ type: "heard", sentAt, generation, rebalancing: code !== "OK" })
            break
          case "UNKNOWN_MEMBER_ID":
          case "FENCED_INSTANCE_ID":
            host.dispatch({ type: "lost", reason: `a heartbeat was refused: ${code}` })
            break
          case "ILLEGAL_GENERATION":
            // While a join is pending the group may already be one generation ahead: its answer is on the way.
            if (s.phase === "member" && s.generation === generation)
              host.dispatch({ type: "lost", reason: "a heartbeat of the current generation was refused" })
            break
        }
        return heard(code)
      })
    )
  })

/**
 * All of a member's heartbeats, one at a time: in their interval, and whenever a cut waits for one. A move takes two generations, and
 * the second one follows the first closely: after each sync the member asks more often for a while whether there is another one,
 * for what moves is absent until all have heard of it.
 */
export const heartbeatLoop = (host: MembershipHost): Effect.Effect<never> => {
  const { heartbeatInterval } = host.options
  let synced = -1
  let settledAt = 0
  return Effect.gen(function* () {
    yield* host.signal.until(() => host.state().memberId !== "" && host.state().phase !== "left")
    yield* host.heartbeats.send(beat(host))
    if (host.state().synced !== synced) {
      synced = host.state().synced
      settledAt = host.now() + settling
    }
    yield* Effect.raceFirst(
      Effect.sleep(host.now() < settledAt ? Math.min(settlingInterval, heartbeatInterval) : heartbeatInterval),
      host.signal.until(() => host.state().synced !== synced || host.heartbeats.wanted)
    )
  }).pipe(Effect.forever)
}

/**
 * Rule 4: one heartbeat, sent after the cut, succeeds (or says REBALANCE_IN_PROGRESS) for the member that made the cut.
 * In a later generation it proves as much: that member joined it with its claims, so nothing was given away before.
 */
export const prove = (host: MembershipHost, memberId: string): Effect.Effect<void, NotProven> =>
  Effect.gen(function* () {
    const deadline = host.now() + host.options.sessionTimeout / 2
    const lost = host.signal.until(() => host.state().memberId !== memberId)
    /** Undefined where it does not come in time, or where there is nobody left to send it for. */
    const inTime = <A>(wait: Effect.Effect<A>): Effect.Effect<A | undefined> =>
      Effect.raceFirst(wait, Effect.as(lost, undefined)).pipe(
        Effect.timeoutOrElse({
          duration: Math.max(1, deadline - host.now()),
          orElse: () => Effect.succeed(undefined)
        })
      )
    while (host.now() < deadline && host.state().memberId === memberId) {
      const heard = yield* inTime(host.heartbeats.following())
      if (heard === undefined || heard.memberId !== memberId) break
      const { code, generation } = heard
      if (code === "OK" || code === "REBALANCE_IN_PROGRESS") return
      if (code !== "ILLEGAL_GENERATION")
        return yield* new NotProven({ message: `the coordinator did not confirm ownership: ${code}` })
      yield* inTime(host.signal.until(() => host.state().generation !== generation))
    }
    return yield* new NotProven({
      message:
        host.state().memberId === memberId
          ? "the coordinator did not confirm ownership in time"
          : "membership was lost after the cut"
    })
  })

/** The leader's watch over the topics: added partitions need a generation of their own, after the one that is on its way. */
export const topologyLoop = (host: MembershipHost, interval: number, stale: () => boolean): Effect.Effect<never> =>
  Effect.gen(function* () {
    yield* Effect.raceFirst(host.signal.until(stale), Effect.sleep(interval))
    yield* host.topology.refresh.pipe(
      Effect.catch((error) => Effect.logDebug(`reading the topics' partitions failed: ${error.message}; trying on`))
    )
    if (host.leads() && host.topology.isNews) host.dispatch({ type: "rejoin" })
    host.signal.notify()
    yield* Effect.sleep(100)
  }).pipe(Effect.forever)

/**
 * Asks for a generation when loads may have got out of balance: every member says its loads in its join, so the leader looks at
 * all of them then. Only in a group that stood still for a whole interval, so at most once in it, whoever asks.
 */
export const loadLoop = (host: MembershipHost): Effect.Effect<never> =>
  Effect.gen(function* () {
    const { synced } = host.state()
    yield* Effect.sleep(host.options.rebalanceForLoadEvery)
    const s = host.state()
    const still = s.phase === "member" && s.synced === synced && !s.wantJoin && !s.leaving
    if (!still || synced < 0 || !host.loads.worthALook) return
    yield* Effect.logInfo(`loads changed since generation ${synced}: the group looks at its balance again`)
    host.dispatch({ type: "rejoin" })
  }).pipe(Effect.forever)

/** Reads the monotonic clock of the running fiber, in milliseconds. */
export const monotonicMillis: Effect.Effect<() => number> = Clock.clockWith((clock) =>
  Effect.succeed(() => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
)
