/**
 * Committer: sends the commits of one member, one request at a time, so that no partition ever has two in flight. All
 * partitions of a round go in one request, every `commitInterval` or sooner when an actor waits for its reservation.
 *
 * It repeats an unchanged commit often enough for the lease. A commit of unknown outcome leaves its R binding (see
 * Reservation) and asks for a new generation. What a refusal means is told in rule 5 of the handoff.
 */
import { Effect, Semaphore } from "effect"
import type { SelfMetricsShape } from "../../SelfMetrics.ts"
import type { GroupClient, TransportError } from "../../transport/Transport.ts"
import type { HandoffEvent, HandoffState } from "../group/Handoff.ts"
import { type EngineOptions, markInterval } from "../Options.ts"
import { Signal } from "../Signal.ts"
import type { Partition, PartitionCommit } from "./Partition.ts"
import { type CommitOutcome, commitAnswered, commitSent, inDoubt } from "./Reservation.ts"

export interface CommitterHost {
  readonly client: GroupClient
  readonly options: EngineOptions
  readonly metrics: SelfMetricsShape
  readonly now: () => number
  readonly state: () => HandoffState
  readonly dispatch: (event: HandoffEvent) => void
  readonly partitions: () => Iterable<Partition>
  readonly leaseValid: () => boolean
  /** Reservations or commits moved: actors and waiters look again. */
  readonly changed: () => void
}

export interface Committer {
  /** A commit is wanted now. */
  readonly wake: () => void
  /** Runs until interrupted. */
  readonly loop: Effect.Effect<never>
  /** The last commit of a partition that is being evicted; bounded, never fails. */
  readonly final: (p: Partition, commit: PartitionCommit) => Effect.Effect<void>
}

type Prepared = readonly [p: Partition, commit: PartitionCommit]

export const makeCommitter = (host: CommitterHost): Effect.Effect<Committer> =>
  Effect.gen(function* () {
    const { client, options, metrics } = host
    const one = yield* Semaphore.make(1)
    const signal = new Signal()
    let wanted = false
    let lastSuccess = -Infinity
    const finals: Array<Prepared> = []

    const judge = (error: TransportError, memberId: string, generation: number): void => {
      const s = host.state()
      // Said of a membership that is lost already: the present one has nothing to do with it.
      if (s.memberId !== memberId) return
      const current = s.phase === "member" && s.synced === generation && s.generation === generation
      if (error.code === "UNKNOWN_MEMBER_ID" || error.code === "FENCED_INSTANCE_ID")
        host.dispatch({ type: "lost", reason: `a commit was refused: ${error.code}` })
      else if (error.code === "ILLEGAL_GENERATION" && current)
        host.dispatch({ type: "lost", reason: "a commit of the current generation was refused: ILLEGAL_GENERATION" })
    }

    /** Sends what is given, and answers whether there was anything; all bookkeeping on the reservations is done here and nowhere else. */
    const send = (prepare: () => ReadonlyArray<Prepared>) =>
      one.withPermits(1)(
        Effect.gen(function* () {
          const { memberId, generation, phase } = host.state()
          if (memberId === "" || phase === "out" || phase === "left") {
            finals.length = 0
            return false
          }
          const batch = prepare()
          if (batch.length === 0) return false
          const sentAt = host.now()
          for (const [p, c] of batch) {
            p.reservation = commitSent(p.reservation, c.r, c.l, generation)
            p.sentAt = sentAt
          }
          const settle = (outcome: CommitOutcome) => {
            for (const [p, c] of batch) {
              p.reservation = commitAnswered(p.reservation, outcome)
              if (outcome === "confirmed") p.confirmedCommit = c.text
            }
            metrics.commits.inc({ outcome })
            host.changed()
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
              Effect.matchEffect({
                onSuccess: (answer) =>
                  Effect.sync(() => {
                    if (answer === "timeout") return settle("unknown")
                    lastSuccess = sentAt
                    settle("confirmed")
                    if (host.state().memberId === memberId) host.dispatch({ type: "committed", sentAt })
                  }),
                onFailure: (error) =>
                  Effect.gen(function* () {
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
          const s = host.state()
          const reachable = lastSuccess === sentAt || s.lease.heard > sentAt
          if (
            reachable &&
            s.phase === "member" &&
            s.generation === generation &&
            batch.some(([p]) => inDoubt(p.reservation))
          )
            host.dispatch({ type: "rejoin" })
          return true
        })
      )

    const due = (): ReadonlyArray<Prepared> => {
      const exposable = host.leaseValid()
      const repeat = host.now() - lastSuccess > options.sessionTimeout / 4
      const batch: Array<Prepared> = []
      for (const p of host.partitions()) {
        if (p.phase === "evicting") continue
        const c = p.commit(exposable, host.now())
        if (c === undefined) continue
        const untimely = host.now() - p.sentAt > markInterval(options)
        // One in doubt is repeated, too: only a confirmation in a later generation ends the doubt.
        const again = repeat || untimely || p.reservation.confirmed === null || inDoubt(p.reservation)
        if (again || c.text !== p.confirmedCommit) batch.push([p, c])
      }
      return batch
    }

    const loop = Effect.gen(function* () {
      yield* Effect.raceFirst(
        signal.until(() => wanted),
        Effect.sleep(options.commitInterval)
      )
      wanted = false
      // Refusals come back at once (a rebalance): without this pause a waiting actor would make us spin.
      if (yield* send(due)) yield* Effect.sleep(Math.min(20, options.commitInterval))
    }).pipe(Effect.forever)

    return {
      wake: () => {
        wanted = true
        signal.notify()
      },
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
