/**
 * Proof: sends a member's heartbeats, which go on while a join is pending, and proves by them that a cut, or what is to be made durable, is
 * still owned (rule 4). What an answer means for the membership is Handoff's to decide; this file only reports it.
 */
import { Effect } from "effect"
import type { TransportErrorCode } from "../../transport/Transport.ts"
import { timed } from "../Counters.ts"
import { NotProven } from "../Engine.ts"
import type { Member } from "../Member.ts"
import type { Heard } from "./Heartbeats.ts"
import { type Membership, timedOut } from "./Membership.ts"

/** How long after a sync another generation is likely, and how often it is asked for, ms. */
const settling = 2_000
const settlingInterval = 100

/** What only those are told who are let in. */
const members: ReadonlySet<TransportErrorCode> = new Set([
  "REBALANCE_IN_PROGRESS",
  "UNKNOWN_MEMBER_ID",
  "ILLEGAL_GENERATION"
])

/** One heartbeat, reported. */
const beat = ({ admission, member }: Membership): Effect.Effect<Heard> =>
  Effect.suspend(() => {
    const { memberId, generation } = member.state
    const sentAt = member.now()
    const heard = (code: Heard["code"]): Heard => ({ memberId, generation, code })
    return member.client.heartbeat({ memberId, generation }).pipe(
      Effect.timeoutOrElse({ duration: member.options.sessionTimeout / 3, orElse: timedOut("heartbeat") }),
      timed(member, "heartbeatSeconds"),
      Effect.matchEffect({
        onSuccess: () => Effect.as(admission.letIn, "OK" as const),
        onFailure: (error) => {
          if (error.refused) return Effect.as(admission.refused(error), error.code)
          return Effect.as(members.has(error.code) ? admission.letIn : Effect.void, error.code)
        }
      }),
      Effect.map((code) => {
        member.metrics.heartbeats.inc({ outcome: code })
        const s = member.state
        // Of a membership that was lost meanwhile: nobody acts on it, and it proves nothing.
        if (s.memberId !== memberId) return heard("UNKNOWN_MEMBER_ID")
        switch (code) {
          case "OK":
          case "REBALANCE_IN_PROGRESS":
            member.report({ type: "heard", sentAt, generation, rebalancing: code !== "OK" })
            break
          case "UNKNOWN_MEMBER_ID":
          case "FENCED_INSTANCE_ID":
            member.report({ type: "lost", reason: `a heartbeat was refused: ${code}` })
            break
          case "ILLEGAL_GENERATION":
            // While a join is pending the group may already be one generation ahead: its answer is on the way.
            if (s.phase === "member" && s.generation === generation)
              member.report({
                type: "lost",
                reason: "a heartbeat of the current generation was refused: ILLEGAL_GENERATION"
              })
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
export const heartbeatLoop = (membership: Membership): Effect.Effect<never> => {
  const { member } = membership
  const { heartbeatInterval } = member.options
  let synced = -1
  let settledAt = 0
  return Effect.gen(function* () {
    yield* member.signal.until(() => member.state.memberId !== "" && member.state.phase !== "left")
    const sentAt = member.now()
    const { code } = yield* member.heartbeats.send(beat(membership))
    const line = member.doubt.heard(code, sentAt, member.now(), member.partitions.size, member.options.group)
    if (line !== undefined)
      yield* (line.dark ? Effect.logWarning(line.text) : Effect.logInfo(line.text)).pipe(
        Effect.annotateLogs({ group: member.options.group, durationMs: line.durationMs })
      )
    if (member.state.synced !== synced) {
      synced = member.state.synced
      settledAt = member.now() + settling
    }
    yield* Effect.raceFirst(
      Effect.sleep(member.now() < settledAt ? Math.min(settlingInterval, heartbeatInterval) : heartbeatInterval),
      member.signal.until(() => member.state.synced !== synced || member.heartbeats.wanted)
    )
  }).pipe(Effect.forever)
}

/**
 * Rule 4: one heartbeat, sent after the cut, succeeds (or says REBALANCE_IN_PROGRESS) for the member that made the cut.
 * In a later generation it proves as much: that member joined it with its claims, so nothing was given away before.
 */
export const prove = (member: Member, memberId: string): Effect.Effect<void, NotProven> =>
  Effect.gen(function* () {
    const deadline = member.now() + member.options.sessionTimeout / 2
    const lost = member.signal.until(() => member.state.memberId !== memberId)
    /** Undefined where it does not come in time, or where there is nobody left to send it for. */
    const inTime = <A>(wait: Effect.Effect<A>): Effect.Effect<A | undefined> =>
      Effect.raceFirst(wait, Effect.as(lost, undefined)).pipe(
        Effect.timeoutOrElse({
          duration: Math.max(1, deadline - member.now()),
          orElse: () => Effect.succeed(undefined)
        })
      )
    while (member.now() < deadline && member.state.memberId === memberId) {
      const heard = yield* inTime(member.heartbeats.following())
      if (heard === undefined || heard.memberId !== memberId) break
      const { code, generation } = heard
      if (code === "OK" || code === "REBALANCE_IN_PROGRESS") return
      if (code !== "ILLEGAL_GENERATION")
        return yield* new NotProven({ message: `the coordinator did not confirm ownership: ${code}` })
      yield* inTime(member.signal.until(() => member.state.generation !== generation))
    }
    return yield* new NotProven({
      message:
        member.state.memberId === memberId
          ? "the coordinator did not confirm ownership in time"
          : "membership was lost after the cut"
    })
  })
