/**
 * Committer: sends the commits of one member, one request at a time, so that no partition ever has two in flight. All
 * partitions of a round go in one request, every `commitInterval` or sooner when an actor waits for its reservation.
 *
 * It repeats an unchanged commit often enough for the lease. A commit of unknown outcome leaves its R binding (see
 * Reservation) and asks for a new generation. What a refusal means is told in rule 5 of the handoff.
 */
import { Effect, Semaphore } from "effect"
import type { TransportError } from "../../transport/Transport.ts"
import { timed } from "../Counters.ts"
import type { Member } from "../Member.ts"
import { markInterval } from "../Options.ts"
import type { Partition, PartitionCommit } from "./Partition.ts"
import { type CommitOutcome, commitAnswered, commitSent, inDoubt } from "./Reservation.ts"

export interface Committer {
  /** Runs until interrupted. */
  readonly loop: Effect.Effect<never>
  /** The last commit of a partition that is being evicted; bounded, never fails. */
  readonly final: (p: Partition, commit: PartitionCommit) => Effect.Effect<void>
}

type Prepared = readonly [p: Partition, commit: PartitionCommit]

export const makeCommitter = (member: Member): Effect.Effect<Committer> =>
  Effect.gen(function* () {
    const { client, options, metrics } = member
    const one = yield* Semaphore.make(1)
    let lastSuccess = -Infinity
    const finals: Array<Prepared> = []

    /** Actors and waiters look again. */
    const reservationsMoved = (): void => {
      for (const p of member.partitions.values()) {
        p.signal.notify()
        member.handoffs.noteShown(p, member.now())
      }
      member.signal.notify()
    }

    const judge = (error: TransportError, memberId: string, generation: number): void => {
      const s = member.state
      // Said of a membership that is lost already: the present one has nothing to do with it.
      if (s.memberId !== memberId) return
      const current = s.phase === "member" && s.synced === generation && s.generation === generation
      if (error.code === "UNKNOWN_MEMBER_ID" || error.code === "FENCED_INSTANCE_ID")
        member.report({ type: "lost", reason: `a commit was refused: ${error.code}` })
      else if (error.code === "ILLEGAL_GENERATION" && current)
        member.report({ type: "lost", reason: "a commit of the current generation was refused: ILLEGAL_GENERATION" })
    }

    /** Sends what is given, and answers whether there was anything; all bookkeeping on the reservations is done here and nowhere else. */
    const send = (prepare: () => ReadonlyArray<Prepared>) =>
      one.withPermits(1)(
        Effect.gen(function* () {
          const { memberId, generation, phase } = member.state
          if (memberId === "" || phase === "out" || phase === "left") {
            finals.length = 0
            return false
          }
          const batch = prepare()
          if (batch.length === 0) return false
          const sentAt = member.now()
          for (const [p, c] of batch) {
            p.reservation = commitSent(p.reservation, c.r, c.l, generation)
            p.sentAt = sentAt
          }
          const settle = (outcome: CommitOutcome) => {
            for (const [p, c] of batch) {
              p.reservation = commitAnswered(p.reservation, outcome)
              if (outcome === "confirmed") p.confirm(c)
            }
            metrics.commits.inc({ outcome })
            reservationsMoved()
          }
          yield* client
            .offsetCommit(
              { memberId, generation },
              batch.map(([, c]) => c)
            )
            .pipe(
              Effect.timeoutOrElse({
                duration: options.sessionTimeout / 2,
                orElse: () => Effect.succeed("timeout" as const)
              }),
              timed(member, "commitSeconds"),
              Effect.matchEffect({
                onSuccess: (answer) =>
                  Effect.sync(() => {
                    if (answer === "timeout") {
                      member.doubt.commit = "no answer in time"
                      return settle("unknown")
                    }
                    lastSuccess = sentAt
                    member.doubt.commit = null
                    settle("confirmed")
                    if (member.state.memberId === memberId) member.report({ type: "committed", sentAt })
                  }),
                onFailure: (error) =>
                  Effect.gen(function* () {
                    member.doubt.commit = error.message
                    settle(error.unknownOutcome ? "unknown" : "refused")
                    judge(error, memberId, generation)
                    yield* Effect.logDebug(`commit not accepted, will be repeated: ${error.message}`)
                  })
              }),
              // The outcome of an interrupted request is unknown, too.
              Effect.onInterrupt(() => Effect.sync(() => settle("unknown"))),
              Effect.withSpan("commit", { attributes: { generation, partitions: batch.length } })
            )
          // A commit of a later generation settles the doubt; one request for it is enough. Not of a coordinator that does not
          // answer: a join that arrives, and whose answer does not, would keep the whole group waiting.
          const s = member.state
          const reachable = lastSuccess === sentAt || s.lease.heard > sentAt
          if (
            reachable &&
            s.phase === "member" &&
            s.generation === generation &&
            batch.some(([p]) => inDoubt(p.reservation))
          )
            member.report({ type: "rejoin" })
          return true
        })
      )

    const due = (): ReadonlyArray<Prepared> => {
      const exposable = member.leaseValid
      const repeat = member.now() - lastSuccess > options.sessionTimeout / 4
      const batch: Array<Prepared> = []
      for (const p of member.partitions.values()) {
        if (p.phase === "evicting") continue
        const c = p.commit(exposable, member.now())
        if (c === undefined) continue
        const untimely = member.now() - p.sentAt > markInterval(options)
        // One in doubt is repeated, too: only a confirmation in a later generation ends the doubt.
        const again = repeat || untimely || p.reservation.confirmed === null || inDoubt(p.reservation)
        if (again || c.text !== p.confirmedCommit) batch.push([p, c])
      }
      return batch
    }

    const loop = Effect.gen(function* () {
      yield* Effect.raceFirst(
        member.committing.until(() => member.commitWanted),
        Effect.sleep(options.commitInterval)
      )
      member.commitWanted = false
      // Refusals come back at once (a rebalance): without this pause a waiting actor would make us spin.
      if (yield* send(due)) yield* Effect.sleep(Math.min(20, options.commitInterval))
    }).pipe(Effect.forever)

    return {
      loop,
      final: (p, commit) =>
        Effect.suspend(() => {
          finals.push([p, commit])
          // Whoever gets the permit first sends all that wait: evictions come in groups.
          return Effect.asVoid(send(() => finals.splice(0).filter(([each]) => each.mayCommit)))
        }).pipe(
          Effect.timeoutOrElse({
            duration: options.sessionTimeout / 4,
            orElse: () =>
              Effect.logWarning(
                `the last commit of ${p.key} (offset ${commit.offset}) was not answered in time: ` +
                  "its next owner replays from the commit before and stays hidden a little longer"
              )
          })
        )
    }
  })
