/** Membership: mutants of rule 5: under which member id and in which generation ownership goes on. */
import { Effect } from "effect"
import type { HandoffState } from "../../../src/engine/Handoff.ts"
import { TransportError } from "../../../src/transport/Transport.ts"
import { type Mutant, overClient, replacing, type Step } from "./Mutant.ts"

/** A new member id joins while what the old one had is still there. */
const atOnce = (real: (s: HandoffState) => boolean) => (s: HandoffState) =>
  real(s.memberId === "" ? { ...s, owned: new Map() } : s)

const takenForRefused = <A>(request: Effect.Effect<A, TransportError>) =>
  Effect.mapError(request, (error) =>
    error.unknownOutcome
      ? new TransportError({ op: error.op, code: "COORDINATOR_NOT_AVAILABLE", retriable: true, detail: error.detail })
      : error
  )

export const membershipMutants: ReadonlyArray<Mutant> = [
  {
    rule: "5 generations",
    breaks: "a lost member keeps what the next assignment gives it again",
    found: "older",
    often: ["zombie"],
    modules: () => [
      replacing("engine/Handoff", {
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
    often: ["zombie"],
    modules: () => [
      replacing("engine/Handoff", {
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
    rule: "5 a join without an answer",
    breaks: "a join or sync without an answer is taken for refused",
    found: "older",
    often: ["loseJoin", "failSync", "slowJoin"],
    parts: {
      transport: overClient((c) => ({
        ...c,
        joinGroup: (request) => takenForRefused(c.joinGroup(request)),
        syncGroup: (member, assignments) => takenForRefused(c.syncGroup(member, assignments))
      }))
    }
  }
]
