/**
 * Group: one consumer group's membership, as Kafka's classic coordinator keeps it (3.9, GroupCoordinator): who is a
 * member, which generation, who waits for what, and when a silent or slow member is put out. Commits are in
 * Coordinator.ts; this only judges whether their sender may write them.
 *
 * A new member's first join brings nothing but its id (KIP-394): from then on the group waits for it in every rebalance, until
 * it joins, leaves or its session is over.
 *
 * Deviations, all in what kafka2prom does not use: no static members, no size limit.
 * Calls happen within a turn of the broker; replies may be called before a method returns.
 */
import type { Joined, JoinRequest, Member } from "../Transport.ts"
import { type Answer, answered, done, type Refused, type Reply, refused } from "./Answer.ts"
import { compatible, electProtocol, type GroupMember, metadataFor, sameProtocols } from "./GroupMember.ts"
import { Session } from "./Session.ts"
import type { Cancel, Timers } from "./Timers.ts"

/** As Kafka calls them. @experimental */
export type GroupState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable"

export interface GroupLimits {
  readonly minSessionTimeout: number
  readonly maxSessionTimeout: number
  /** How long the first join of an empty group waits for others. */
  readonly initialRebalanceDelay: number
}

/** To a join: what the member joined, or the id with which it has to ask again (Kafka's MEMBER_ID_REQUIRED). */
export type JoinAnswer = Joined | { readonly required: string }

/** A new member whose join hangs is put out after this long: it has no id to heartbeat with. */
const NEW_MEMBER_JOIN_TIMEOUT = 5 * 60_000
const NOTHING = new Uint8Array()

/** What a coordinator writes to its own log when a generation is complete, and reads back when it moves. */
interface Stored {
  readonly state: "Empty" | "Stable"
  readonly generation: number
  readonly leader: string | null
  readonly protocol: string
  readonly members: ReadonlyArray<GroupMember>
}

export class Group {
  readonly id: string
  readonly members = new Map<string, GroupMember>()
  state: GroupState = "Empty"
  generation = 0
  leader: string | null = null
  protocol = ""
  readonly #timers: Timers
  readonly #limits: GroupLimits
  readonly #pendingSync = new Set<string>()
  /** Ids that were given and have not joined yet, with the end of their session. */
  readonly #given = new Map<string, Cancel>()
  #joinAlarm: Cancel | null = null
  #syncAlarm: Cancel | null = null
  /** In the delay of an empty group's first join: it ends by time alone. */
  #gathering: { newMember: boolean; remaining: number } | null = null
  #stored: Stored = { state: "Empty", generation: 0, leader: null, protocol: "", members: [] }

  constructor(id: string, timers: Timers, limits: GroupLimits) {
    this.id = id
    this.#timers = timers
    this.#limits = limits
  }

  join(request: JoinRequest, newMemberId: () => string, clientId: string, reply: Reply<JoinAnswer>): void {
    const { memberId, protocols, sessionTimeout, rebalanceTimeout } = request
    const { minSessionTimeout, maxSessionTimeout } = this.#limits
    const known = this.members.get(memberId)
    if (sessionTimeout < minSessionTimeout || sessionTimeout > maxSessionTimeout) {
      reply(
        refused("OTHER", `INVALID_SESSION_TIMEOUT: ${sessionTimeout} not in ${minSessionTimeout}..${maxSessionTimeout}`)
      )
    } else if (protocols.length === 0 || !compatible(this.members, protocols)) {
      const names = protocols.map((p) => p.name).join(", ")
      reply(refused("INCONSISTENT_GROUP_PROTOCOL", `no member-wide common protocol among: ${names}`))
    } else if (memberId === "") {
      const id = newMemberId()
      const over = () => this.#forget(id)
      this.#given.set(id, this.#timers.after(sessionTimeout, over))
      reply(answered({ required: id }))
    } else if (this.#given.has(memberId)) {
      this.#given.get(memberId)!()
      this.#given.delete(memberId)
      const member: GroupMember = {
        id: memberId,
        clientId,
        sessionTimeout,
        rebalanceTimeout,
        protocols,
        assignment: NOTHING,
        isNew: true,
        join: reply,
        sync: null,
        session: this.#newSession(memberId)
      }
      if (this.#gathering !== null && this.generation === 0) this.#gathering.newMember = true
      this.leader ??= member.id
      this.members.set(member.id, member)
      member.session.expect(NEW_MEMBER_JOIN_TIMEOUT)
      this.#rebalance()
    } else if (known === undefined) {
      reply(unknownMember(memberId))
    } else if (
      sameProtocols(known.protocols, protocols) &&
      (this.state === "CompletingRebalance" || (this.state === "Stable" && this.leader !== memberId))
    ) {
      // Nothing changed: it may have missed the answer. A stable group's leader is believed to have a reason.
      reply(this.#joined(known))
    } else {
      known.protocols = protocols
      known.sessionTimeout = sessionTimeout
      known.rebalanceTimeout = rebalanceTimeout
      known.join = reply
      this.#rebalance()
    }
  }

  sync(
    member: Member & { readonly protocol: string },
    assignments: ReadonlyArray<{ readonly memberId: string; readonly assignment: Uint8Array }>,
    reply: Reply<Uint8Array>
  ): void {
    const refusal = this.#refusal(member) ?? this.#syncRefusal(member.protocol)
    if (refusal !== null) {
      reply(refusal)
      return
    }
    const known = this.members.get(member.memberId)!
    this.#synced(known)
    if (this.state === "Stable") {
      reply(answered(known.assignment))
      this.#heardOf(known)
      return
    }
    known.sync = reply
    if (this.leader !== known.id) return
    for (const m of this.members.values()) {
      m.assignment = assignments.find((a) => a.memberId === m.id)?.assignment ?? NOTHING
    }
    this.state = "Stable"
    this.#store("Stable")
    for (const m of this.members.values()) this.#replySync(m, answered(m.assignment))
  }

  heartbeat(member: Member): Answer<void> {
    const refusal = this.#refusal(member)
    if (refusal !== null) return refusal
    this.#heardOf(this.members.get(member.memberId)!)
    return this.state === "PreparingRebalance" ? rebalancing : done
  }

  leave(memberId: string): Answer<void> {
    if (this.#given.has(memberId)) {
      this.#forget(memberId)
      return done
    }
    const member = this.members.get(memberId)
    if (member === undefined) return unknownMember(memberId)
    this.#expel(member)
    return done
  }

  /** Whether this sender may commit now. Which partitions it owns is not asked, as no broker asks it. */
  maySendCommit(member: Member): Answer<void> {
    if (member.generation < 0 && member.memberId === "") {
      return this.state === "Empty" ? done : unknownMember(member.memberId)
    }
    const refusal = this.#refusal(member)
    if (refusal !== null) return refusal
    if (this.state === "CompletingRebalance") return rebalancing
    this.#heardOf(this.members.get(member.memberId)!)
    return done
  }

  /**
   * The coordinator moves: the new one knows what the old one had stored, the last completed generation with its
   * members, and nothing of a rebalance under way or of ids that were only given. Sessions start anew.
   */
  reload(): void {
    this.#joinAlarm?.()
    this.#syncAlarm?.()
    this.#joinAlarm = this.#syncAlarm = this.#gathering = null
    this.#pendingSync.clear()
    for (const cancel of this.#given.values()) cancel()
    this.#given.clear()
    for (const member of this.members.values()) {
      member.session.stop()
      member.join?.(movedAway)
      member.sync?.(movedAway)
    }
    const { generation, leader, members, protocol, state } = this.#stored
    Object.assign(this, { generation, leader, protocol, state })
    this.members.clear()
    for (const stored of members) {
      const member = { ...stored, session: this.#newSession(stored.id) }
      this.members.set(member.id, member)
      this.#heardOf(member)
    }
  }

  /** Ids that were given and have not joined yet. */
  get given(): ReadonlyArray<string> {
    return [...this.#given.keys()]
  }

  #refusal({ generation, memberId }: Member): Refused | null {
    if (!this.members.has(memberId)) return unknownMember(memberId)
    if (generation !== this.generation) {
      return refused("ILLEGAL_GENERATION", `generation ${generation}, the group is at ${this.generation}`)
    }
    return null
  }

  #syncRefusal(protocol: string): Refused | null {
    if (protocol !== this.protocol) {
      return refused("INCONSISTENT_GROUP_PROTOCOL", `the group's protocol is ${this.protocol}`)
    }
    return this.state === "PreparingRebalance" ? rebalancing : null
  }

  #joined(member: GroupMember): Answer<Joined> {
    const members =
      member.id === this.leader
        ? [...this.members.values()].map((m) => ({ memberId: m.id, metadata: metadataFor(m, this.protocol) }))
        : []
    const { generation, protocol } = this
    return answered({ generation, memberId: member.id, leaderId: this.leader ?? "", protocol, members })
  }

  /** Starts a rebalance unless one is gathering already, and ends it where all are there. */
  #rebalance(): void {
    if (this.state !== "PreparingRebalance") {
      if (this.state === "CompletingRebalance") {
        for (const m of this.members.values()) {
          m.assignment = NOTHING
          this.#replySync(m, rebalancing)
        }
      }
      this.#pendingSync.clear()
      this.#syncAlarm?.()
      this.#syncAlarm = null
      const { initialRebalanceDelay } = this.#limits
      const first = this.state === "Empty" && initialRebalanceDelay > 0
      const timeout = this.#rebalanceTimeout()
      this.state = "PreparingRebalance"
      if (first) this.#gather(initialRebalanceDelay, Math.max(timeout - initialRebalanceDelay, 0))
      else this.#joinAlarm = this.#timers.after(timeout, () => this.#completeJoin())
    }
    this.#maybeCompleteJoin()
  }

  #gather(delay: number, remaining: number): void {
    this.#gathering = { newMember: false, remaining }
    this.#joinAlarm = this.#timers.after(delay, () => {
      if (this.#gathering?.newMember && remaining > 0) {
        const next = Math.min(this.#limits.initialRebalanceDelay, remaining)
        this.#gather(next, remaining - next)
      } else {
        this.#completeJoin()
      }
    })
  }

  #maybeCompleteJoin(): void {
    if (this.#gathering !== null || this.#given.size > 0) return
    for (const member of this.members.values()) if (member.join === null) return
    this.#completeJoin()
  }

  #completeJoin(): void {
    this.#joinAlarm?.()
    this.#joinAlarm = this.#gathering = null
    for (const member of [...this.members.values()]) if (member.join === null) this.#remove(member)
    this.generation++
    if (this.members.size === 0) {
      this.protocol = ""
      this.state = "Empty"
      this.#store("Empty")
      return
    }
    this.protocol = electProtocol(this.members)
    this.state = "CompletingRebalance"
    for (const member of this.members.values()) {
      const reply = member.join!
      member.join = null
      member.isNew = false
      this.#heardOf(member)
      this.#pendingSync.add(member.id)
      reply(this.#joined(member))
    }
    this.#syncAlarm = this.#timers.after(this.#rebalanceTimeout(), () => {
      this.#syncAlarm = null
      for (const id of [...this.#pendingSync]) this.#remove(this.members.get(id)!)
      this.#rebalance()
    })
  }

  #heardOf(member: GroupMember): void {
    member.session.expect(member.sessionTimeout)
  }

  #synced(member: GroupMember): void {
    this.#pendingSync.delete(member.id)
    if (this.#pendingSync.size > 0) return
    this.#syncAlarm?.()
    this.#syncAlarm = null
  }

  #replySync(member: GroupMember, answer: Answer<Uint8Array>): void {
    const reply = member.sync
    if (reply === null) return
    member.sync = null
    this.#heardOf(member)
    reply(answer)
  }

  #rebalanceTimeout(): number {
    let timeout = 0
    for (const member of this.members.values()) timeout = Math.max(timeout, member.rebalanceTimeout)
    return timeout
  }

  /** A member that waits for a rebalance or an assignment cannot expire; what ends the wait starts its session anew. */
  #newSession(memberId: string): Session {
    return new Session(this.#timers, () => {
      const member = this.members.get(memberId)
      if (member !== undefined && (member.isNew || (member.join === null && member.sync === null))) this.#expel(member)
    })
  }

  /** An id that was given joins no more. */
  #forget(id: string): void {
    this.#given.get(id)?.()
    this.#given.delete(id)
    if (this.state === "PreparingRebalance") this.#maybeCompleteJoin()
  }

  #expel(member: GroupMember): void {
    member.join?.(unknownMember(member.id))
    this.#remove(member)
    if (this.state === "PreparingRebalance") this.#maybeCompleteJoin()
    else if (this.state !== "Empty") this.#rebalance()
  }

  #remove(member: GroupMember): void {
    member.session.stop()
    member.join = member.sync = null
    this.members.delete(member.id)
    this.#pendingSync.delete(member.id)
    if (this.leader === member.id) this.leader = this.members.keys().next().value ?? null
  }

  #store(state: Stored["state"]): void {
    const idle = { isNew: false, join: null, sync: null }
    const members = [...this.members.values()].map((m) => ({ ...m, ...idle }))
    this.#stored = { state, generation: this.generation, leader: this.leader, protocol: this.protocol, members }
  }
}

const rebalancing = refused("REBALANCE_IN_PROGRESS", "the group is rebalancing")
const movedAway = refused("NOT_COORDINATOR", "the group's coordinator moved")
const unknownMember = (memberId: string): Refused =>
  refused("UNKNOWN_MEMBER_ID", `${memberId === "" ? "no member" : memberId} is not in the group`)
