/** Membership: mutants of rule 5: under which member id and in which generation ownership goes on. */
import { Deferred, Effect, Exit } from "effect"
import type { HandoffState } from "../../../src/engine/group/Handoff.ts"
import { type GroupClient, TransportError } from "../../../src/transport/Transport.ts"
import { type Mutant, overClient, replacing, type Step, stepping } from "./Mutant.ts"
import { answeredLate, backWhileEvicting, getsTheSameBack, telling } from "./Stories.ts"

/** A new member id joins while what the old one had is still there. */
const atOnce = (real: (s: HandoffState) => boolean) => (s: HandoffState) =>
  real(s.memberId === "" ? { ...s, owned: new Map() } : s)

/** Each sync is asked again after a while, and gets the answer to the one before where that came meanwhile. */
const actsOnLateSyncs = (c: GroupClient): GroupClient => {
  let late: Uint8Array | undefined
  const patience = 1_500
  const givenUp = new TransportError({
    op: "syncGroup",
    code: "COORDINATOR_NOT_AVAILABLE",
    retriable: true,
    detail: ""
  })
  return {
    ...c,
    syncGroup: (member, assignments) =>
      Effect.gen(function* () {
        const answer = yield* Deferred.make<Uint8Array, TransportError>()
        const before = late
        late = undefined
        let waiting = true
        const asked = Effect.flatMap(Effect.exit(c.syncGroup(member, assignments)), (exit) => {
          if (!waiting && Exit.isSuccess(exit)) late = exit.value
          return Deferred.done(answer, exit)
        })
        yield* Effect.forkDetach(asked)
        const bytes = yield* Effect.timeoutOrElse(Deferred.await(answer), {
          duration: patience,
          orElse: () => {
            waiting = false
            return Effect.fail(givenUp)
          }
        })
        return before ?? bytes
      })
  }
}

const exorcised = (s: HandoffState, id: string): HandoffState => {
  const left = (ids: ReadonlySet<string>) => new Set([...ids].filter((each) => each !== id))
  return { ...s, ghosts: left(s.ghosts), held: left(s.held) }
}

export const membershipMutants: ReadonlyArray<Mutant> = [
  {
    rule: "5 generations",
    breaks: "a lost member keeps what the next assignment gives it again",
    found: "older",
    histories: telling(getsTheSameBack, { pods: 2 }),
    modules: () => [
      replacing("engine/group/Handoff", {
        step:
          (real: Step): Step =>
          (s, e) => {
            const [next, actions] = real(s, e)
            return e.type === "lost"
              ? [{ ...next, owned: s.owned }, actions.filter((a) => a.type !== "evict")]
              : [next, actions]
          },
        mayJoin: atOnce
      })
    ]
  },
  {
    rule: "5 commits of a lost owner",
    breaks: "a lost member is back while it still evicts, and commits what it had",
    found: "older",
    histories: telling(backWhileEvicting),
    modules: () => [
      replacing("engine/group/Handoff", {
        step:
          (real: Step): Step =>
          (s, e) => {
            const [next, actions] = real(s, e)
            return [
              next,
              e.type === "lost" ? actions.map((a) => (a.type === "evict" ? { ...a, commit: true } : a)) : actions
            ]
          },
        mayJoin: atOnce
      })
    ]
  },
  {
    rule: "5 late answers",
    breaks: "a late answer to a sync that was given up is taken for the next one's",
    found: "older",
    histories: telling(answeredLate),
    parts: { transport: overClient(actsOnLateSyncs) }
  },
  {
    rule: "5 ghosts",
    breaks: "an id from a join that was given up is thrown away",
    found: "absent",
    profile: "paused",
    modules: () => [
      stepping((real) => (s, e) => {
        const [next, actions] = real(s, e)
        const given = e.type === "given" ? e.memberId : s.given
        return [next.given === given ? next : exorcised(next, given), actions]
      })
    ]
  },
  {
    rule: "5 ghosts",
    breaks: "the id of a member whose join has no answer is thrown away",
    found: "absent",
    profile: "paused",
    modules: () => [
      stepping((real) => (s, e) => {
        const [next, actions] = real(s, e)
        return [e.type === "lost" ? exorcised(next, s.memberId) : next, actions]
      })
    ]
  }
]
