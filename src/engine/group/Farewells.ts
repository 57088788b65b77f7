/**
 * Farewells: the ids that this process was given leave the group when nobody speaks for them any more (see Handoff's ghosts): while the
 * member goes on, one after the other, and all of them when it ends. Which ids these are, and that nothing is owned under them any
 * more, is Handoff's to say.
 */
import { Effect } from "effect"
import { Backoff, worthALine } from "../../Backoff.ts"
import type { Member } from "../Member.ts"
import { timedOut } from "./Membership.ts"

/** Ms that a member which ends waits for the id of its first join. */
const idWithin = 1_000

const backoff = new Backoff(100, 1_000)

/** Makes a member id leave. Answers whether the coordinator has let go of it, or never will. */
const farewell = (member: Member, memberId: string): Effect.Effect<boolean> =>
  member.client.leaveGroup(memberId).pipe(
    Effect.timeoutOrElse({ duration: member.options.sessionTimeout / 4, orElse: timedOut("leaveGroup") }),
    Effect.match({ onSuccess: () => "OK" as const, onFailure: (error) => error.code }),
    Effect.map((code) => {
      member.metrics.farewells.inc({ outcome: code })
      if (code !== "OK" && code !== "UNKNOWN_MEMBER_ID") return false
      member.report({ type: "gone", memberId })
      return true
    })
  )

/**
 * Ghosts leave as soon as the coordinator answers, one after the other: what it would wait for, or has given them, is dark until
 * then. A farewell that is carried out late is as good; one that comes before a join of the same id makes that join an unknown member's.
 */
export const farewellLoop = (member: Member): Effect.Effect<never> => {
  let tries = 0
  return Effect.gen(function* () {
    yield* member.signal.until(() => member.state.ghosts.size > 0)
    const [memberId] = member.state.ghosts
    if (yield* farewell(member, memberId!)) {
      tries = 0
      return
    }
    tries += 1
    if (worthALine(tries))
      yield* Effect.logWarning(
        `member ${memberId}, which is gone, could not be made to leave group ${member.options.group} yet, try ${tries}; until it has, the group waits for it`
      )
    yield* backoff.sleep(tries)
  }).pipe(Effect.forever)
}

/** The last farewell: everything that the coordinator may take for a member of this process leaves, as far as it has let go of what it had. Bounded, never fails. */
export const leaveAll = (member: Member): Effect.Effect<void> =>
  Effect.gen(function* () {
    const s = () => member.state
    // The id of a first join that is under way comes at once from a coordinator that is well.
    yield* member.signal
      .until(() => s().phase !== "joining" || s().memberId !== "" || s().given !== "")
      .pipe(Effect.timeoutOption(idWithin))
    const mine = s().owned.size === 0 ? [s().memberId] : []
    const leaving = [...s().ghosts, s().given, ...mine].filter((id) => id !== "")
    const left = yield* Effect.forEach(leaving, (id) => farewell(member, id), { concurrency: "unbounded" })
    const rest = leaving.filter((_, i) => !left[i])
    if (rest.length > 0)
      yield* Effect.logWarning(
        `the coordinator of group ${member.options.group} did not let ${rest.join(", ")} leave: what they had moves when their session runs out`
      )
  }).pipe(
    Effect.timeoutOrElse({
      duration: member.options.sessionTimeout / 4,
      orElse: () => Effect.logWarning(`leaving group ${member.options.group} was not answered in time`)
    })
  )
