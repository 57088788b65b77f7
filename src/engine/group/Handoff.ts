/**
 * Handoff: the state machine of one group member, as one pure function: `step(state, event)` gives the next state and the
 * actions to carry out. Who is a member, which generation counts, which partitions are owned or on their way out, when
 * to join again. It sends nothing and waits for nothing; those who do report back by events (Member).
 *
 * | event     | rule | what follows                                                                                   |
 * |-----------|------|------------------------------------------------------------------------------------------------|
 * | joined    | 5    | the generation that heartbeats and proofs are for; ownership goes on under the same member id   |
 * | synced    | 5, 6 | acquire what is new, evict what is gone (then rejoin to give it up), leave the rest untouched   |
 * | heard     | 4    | the lease; REBALANCE_IN_PROGRESS asks for a join                                               |
 * | committed | 4    | the lease's other half                                                                         |
 * | evicted   | 1    | the claim ends; when the last eviction is done, rejoin without the claims                      |
 * | rejoin    | 2, 6 | somebody needs a new generation (an R in doubt, new partitions of a topic)                     |
 * | lost      | 5    | everything is evicted and nothing committed; afterwards a new member id joins                  |
 * | leave     | 1    | everything is evicted and committed; afterwards the member leaves                              |
 * | left      | 1    | nothing follows from anything any more                                                         |
 * | given     | 5    | the id of the join under way, or a ghost where that was given up                               |
 * | gone      | 5    | the coordinator has let go of a ghost                                                          |
 *
 * A **ghost** is a member id that the coordinator gave this process and for which nobody here speaks any more: until it leaves, the
 * group waits for it in every rebalance, and what it had, or is given, is dark for a session timeout. So every id is
 * remembered until it is known to have left, and leaves when nothing is owned under it any more (rule 1).
 */
import { partitionKey, type TopicPartition } from "../../transport/Transport.ts"
import type { Claims } from "./Claims.ts"
import { committedAt, heardAt, type LeaseTimes, noLease } from "./Lease.ts"

export interface Ownership {
  readonly tp: TopicPartition
  readonly phase: "live" | "evicting"
}

export interface HandoffState {
  readonly phase: "out" | "joining" | "member" | "left"
  /** "" before the first join and after everything was lost. */
  readonly memberId: string
  /** The generation of the last join that was answered: what heartbeats, proofs and commits are sent for. */
  readonly generation: number
  /** The generation of the last sync: what claims are made with. -1 for a new member. */
  readonly synced: number
  readonly owned: ReadonlyMap<string, Ownership>
  readonly lease: LeaseTimes
  readonly wantJoin: boolean
  readonly leaving: boolean
  readonly sequence: number
  /** What the coordinator gave a new member for the join that is under way; "" where there is none. */
  readonly given: string
  /** Lost ids under which something is still being evicted. */
  readonly held: ReadonlySet<string>
  /** Ids that may leave now, and must: the oldest first. At most `maxGhosts`. */
  readonly ghosts: ReadonlySet<string>
}

/** Each took an answer of the coordinator's: so many mean that it gives ids and refuses every farewell. */
export const maxGhosts = 32

export const initial: HandoffState = {
  phase: "out",
  memberId: "",
  generation: -1,
  synced: -1,
  owned: new Map(),
  lease: noLease,
  wantJoin: true,
  leaving: false,
  sequence: 0,
  given: "",
  held: new Set(),
  ghosts: new Set()
}

export type HandoffEvent =
  | { readonly type: "joinSent" }
  | { readonly type: "joined"; readonly memberId: string; readonly generation: number }
  | { readonly type: "synced"; readonly sentAt: number; readonly assigned: ReadonlyArray<TopicPartition> }
  | { readonly type: "joinFailed" }
  | { readonly type: "heard"; readonly sentAt: number; readonly generation: number; readonly rebalancing: boolean }
  | { readonly type: "committed"; readonly sentAt: number }
  | { readonly type: "evicted"; readonly key: string }
  | { readonly type: "rejoin" }
  | { readonly type: "lost"; readonly reason: string }
  | { readonly type: "leave" }
  | { readonly type: "left" }
  /** `sequence`: of the join that it was given for. */
  | { readonly type: "given"; readonly memberId: string; readonly sequence: number }
  | { readonly type: "gone"; readonly memberId: string }

export type HandoffAction =
  | { readonly type: "acquire"; readonly tp: TopicPartition }
  /** Hide now, stop, close, then report `evicted`. `commit`: false where ownership was lost. */
  | { readonly type: "evict"; readonly tp: TopicPartition; readonly commit: boolean; readonly why: string }
  /** Close the connection of a pending join or sync: its answer must never be acted on. */
  | { readonly type: "abandon" }
  /** There are too many ghosts: this one is left to its session. */
  | { readonly type: "forget"; readonly memberId: string }

type Step = readonly [HandoffState, ReadonlyArray<HandoffAction>]

const evictAll = (
  s: HandoffState,
  commit: boolean,
  why: string
): readonly [ReadonlyMap<string, Ownership>, Array<HandoffAction>] => {
  const owned = new Map<string, Ownership>()
  const actions: Array<HandoffAction> = []
  for (const [key, o] of s.owned) {
    owned.set(key, { ...o, phase: "evicting" })
    // One that is already on its way out hears of a loss too: it must not commit any more.
    if (o.phase === "live" || !commit) actions.push({ type: "evict", tp: o.tp, commit, why })
  }
  return [owned, actions]
}

/**
 * What comes back while it is still being evicted is not taken up in this generation but in one of its own: its last commit
 * is sent in this one, may have an unknown outcome, and is refused for certain only after the next join (rule 2).
 */
const synced = (s: HandoffState, sentAt: number, assigned: ReadonlyArray<TopicPartition>): Step => {
  const owned = new Map(s.owned)
  const actions: Array<HandoffAction> = []
  const given = new Set(assigned.map(partitionKey))
  for (const [key, o] of s.owned)
    if (o.phase === "live" && !given.has(key)) {
      owned.set(key, { ...o, phase: "evicting" })
      actions.push({ type: "evict", tp: o.tp, commit: true, why: "moves to another member" })
    }
  // A member that leaves takes nothing up any more: its join was under way when it was told to leave.
  for (const tp of s.leaving ? [] : assigned) {
    const key = partitionKey(tp)
    if (owned.has(key)) continue
    owned.set(key, { tp, phase: "live" })
    actions.push({ type: "acquire", tp })
  }
  const next: HandoffState = {
    ...s,
    phase: "member",
    synced: s.generation,
    owned,
    lease: heardAt(s.lease, sentAt, true)
  }
  return [next, actions]
}

const evicted = (s: HandoffState, key: string): Step => {
  const o = s.owned.get(key)
  if (o === undefined || o.phase !== "evicting") return [s, []]
  const owned = new Map(s.owned)
  owned.delete(key)
  const rest = [...owned.values()].some((x) => x.phase === "evicting")
  // What was lost has let go of everything: its id may leave.
  const free = owned.size === 0 && s.held.size > 0
  const next = { ...s, owned, wantJoin: s.wantJoin || !rest, held: free ? new Set<string>() : s.held }
  return [free ? haunted(next, ...s.held) : next, []]
}

/** With these ids as ghosts, where they are not somebody. */
const haunted = (s: HandoffState, ...ids: ReadonlyArray<string>): HandoffState => {
  const somebody = (id: string) => id === "" || id === s.memberId || id === s.given || s.held.has(id)
  const more = ids.filter((id) => !somebody(id) && !s.ghosts.has(id))
  return more.length === 0 ? s : { ...s, ghosts: new Set([...s.ghosts, ...more]) }
}

/** The id that the join under way was given is nobody's any more. */
const givenUp = (s: HandoffState): HandoffState => haunted({ ...s, given: "" }, s.given)

/** All that the coordinator may take for members of this process. */
export const identities = (s: HandoffState): ReadonlyArray<string> =>
  [...s.ghosts, ...s.held, s.given, s.memberId].filter((id) => id !== "")

export const step = (s: HandoffState, e: HandoffEvent): Step => {
  const [next, actions] = follow(s, e)
  const over = [...next.ghosts].slice(0, Math.max(0, next.ghosts.size - maxGhosts))
  if (over.length === 0) return [next, actions]
  const ghosts = new Set([...next.ghosts].slice(over.length))
  return [{ ...next, ghosts }, [...actions, ...over.map((memberId) => ({ type: "forget" as const, memberId }))]]
}

const follow = (s: HandoffState, e: HandoffEvent): Step => {
  if (s.phase === "left") return [s, []]
  // An answer to a join that was given up (lost meanwhile) is never acted on (rule 5).
  const late = s.phase !== "joining"
  switch (e.type) {
    case "joinSent":
      return [{ ...s, phase: "joining", wantJoin: false, sequence: s.sequence + 1 }, []]
    case "joined":
      if (late) return [haunted(s, e.memberId), []]
      // Ownership goes on under the member id that claimed it and under no other.
      if (s.memberId !== "" && e.memberId !== s.memberId) {
        const [next, actions] = follow(s, { type: "lost", reason: "the coordinator gave a new member id" })
        return [haunted(next, e.memberId), actions]
      }
      return [givenUp({ ...s, memberId: e.memberId, generation: e.generation }), []]
    case "synced":
      if (late) return [s, []]
      return synced(s, e.sentAt, e.assigned)
    case "joinFailed":
      if (late) return [s, []]
      s = givenUp(s)
      // The broker refused without carrying it out: the same member tries again.
      return [{ ...s, phase: s.memberId === "" ? "out" : "member", wantJoin: true }, []]
    case "heard":
      return [
        {
          ...s,
          lease: heardAt(s.lease, e.sentAt, !e.rebalancing),
          wantJoin: s.wantJoin || (e.rebalancing && s.phase === "member" && e.generation === s.generation)
        },
        []
      ]
    case "committed":
      return [{ ...s, lease: committedAt(s.lease, e.sentAt) }, []]
    case "evicted":
      return evicted(s, e.key)
    case "rejoin":
      return [{ ...s, wantJoin: true }, []]
    case "lost": {
      const [owned, actions] = evictAll(s, false, e.reason)
      const next: HandoffState = {
        ...s,
        phase: "out",
        memberId: "",
        generation: -1,
        synced: -1,
        lease: noLease,
        owned,
        wantJoin: true,
        given: "",
        held: owned.size > 0 && s.memberId !== "" ? new Set([...s.held, s.memberId]) : s.held
      }
      return [haunted(next, s.given, s.memberId), s.phase === "joining" ? [{ type: "abandon" }, ...actions] : actions]
    }
    case "leave": {
      const [owned, actions] = evictAll(s, true, "leaving the group")
      return [{ ...s, leaving: true, wantJoin: false, owned }, actions]
    }
    case "left":
      return [{ ...s, phase: "left", lease: noLease }, []]
    case "given":
      // Given for a join that nobody waits for any more.
      if (late || s.memberId !== "" || e.sequence !== s.sequence) return [haunted(s, e.memberId), []]
      return [haunted({ ...s, given: e.memberId }, s.given), []]
    case "gone": {
      const ghosts = new Set(s.ghosts)
      ghosts.delete(e.memberId)
      return [{ ...s, ghosts }, []]
    }
  }
}

/** A join may be sent: one at a time, never while leaving, and by a new member only when everything old is evicted. */
export const mayJoin = (s: HandoffState): boolean =>
  s.wantJoin && !s.leaving && s.phase !== "joining" && s.phase !== "left" && (s.memberId !== "" || s.owned.size === 0)

/** What the member may truthfully claim in a join that is sent now. */
export const claims = (s: HandoffState, settings: string, loads: Claims["loads"] = new Map()): Claims => {
  const keys = (phase: Ownership["phase"]) => [...s.owned].filter(([, o]) => o.phase === phase).map(([key]) => key)
  return {
    generation: s.synced,
    live: keys("live"),
    evicting: keys("evicting"),
    sequence: s.sequence,
    settings,
    loads
  }
}
