/**
 * Coordinator: all consumer groups of the embedded log, by id, with what they committed. It answers group requests
 * as Kafka's classic coordinator does; membership is Group.ts's.
 *
 * Commits outlive members, as in Kafka; they go only with their topic. Bound: one commit for each group and partition.
 */
import {
  type Commit,
  type Committed,
  type JoinRequest,
  type Member,
  partitionKey,
  type TopicPartition
} from "../Transport.ts"
import { type Answer, done, type Reply, refused } from "./Answer.ts"
import { Group, type GroupLimits, type GroupState, type JoinAnswer } from "./Group.ts"
import type { Timers } from "./Timers.ts"

/** Kafka's offset.metadata.max.bytes, which it compares with the number of characters. */
const METADATA_LIMIT = 4096

/** A group as the log's coordinator sees it. @experimental */
export interface GroupDescription {
  /** Dead: there is no such group. */
  readonly state: GroupState | "Dead"
  /** Of its last rebalance; 0 where there was none. */
  readonly generation: number
  /** The member that assigns; null where there is none. */
  readonly leader: string | null
  /** The one that its members have in common; "" where there is none. */
  readonly protocol: string
  /** All that it counts, in the order in which they came. `waitsFor`: the answer that it has not got yet. */
  readonly members: ReadonlyArray<{
    readonly memberId: string
    readonly clientId: string
    readonly assignment: Uint8Array
    readonly waitsFor: "join" | "sync" | null
  }>
  /** Ids that were given to new members which have not joined yet. */
  readonly given: ReadonlyArray<string>
  /** By partition key. */
  readonly commits: ReadonlyMap<string, Committed>
}

export class Coordinator {
  readonly #groups = new Map<string, Group>()
  readonly #commits = new Map<string, Map<string, Committed>>()
  readonly #timers: Timers
  readonly #limits: GroupLimits
  #members = 0

  constructor(timers: Timers, limits: GroupLimits) {
    this.#timers = timers
    this.#limits = limits
  }

  join(groupId: string, clientId: string, request: JoinRequest, reply: Reply<JoinAnswer>): void {
    const group = this.#groups.get(groupId) ?? new Group(groupId, this.#timers, this.#limits)
    if (request.memberId === "") this.#groups.set(groupId, group)
    // Numbered instead of Kafka's random id, so that a run can be repeated exactly.
    group.join(request, () => `${clientId}-${++this.#members}`, clientId, reply)
  }

  sync(
    groupId: string,
    member: Member & { readonly protocol: string },
    assignments: ReadonlyArray<{ readonly memberId: string; readonly assignment: Uint8Array }>,
    reply: Reply<Uint8Array>
  ): void {
    const group = this.#groups.get(groupId)
    if (group === undefined) reply(refused("UNKNOWN_MEMBER_ID", `there is no group ${groupId}`))
    else group.sync(member, assignments, reply)
  }

  heartbeat(groupId: string, member: Member): Answer<void> {
    return this.#groups.get(groupId)?.heartbeat(member) ?? refused("UNKNOWN_MEMBER_ID", `there is no group ${groupId}`)
  }

  leave(groupId: string, memberId: string): Answer<void> {
    return this.#groups.get(groupId)?.leave(memberId) ?? refused("UNKNOWN_MEMBER_ID", `there is no group ${groupId}`)
  }

  /** A partition that cannot be committed fails the call, the others are stored none the less. */
  commit(
    groupId: string,
    member: Member,
    commits: ReadonlyArray<Commit>,
    exists: (tp: TopicPartition) => boolean
  ): Answer<void> {
    const group = this.#groups.get(groupId)
    const allowed =
      group?.maySendCommit(member) ??
      (member.generation < 0 ? done : refused("ILLEGAL_GENERATION", `there is no group ${groupId}`))
    if (!allowed.ok) return allowed
    const stored = this.#commits.get(groupId) ?? new Map<string, Committed>()
    this.#commits.set(groupId, stored)
    let answer: Answer<void> = done
    for (const { metadata, offset, tp } of commits) {
      const key = partitionKey(tp)
      if (!exists(tp)) answer = refused("UNKNOWN_TOPIC_OR_PARTITION", key)
      else if (metadata.length > METADATA_LIMIT) answer = refused("OTHER", `OFFSET_METADATA_TOO_LARGE for ${key}`)
      else stored.set(key, { offset, metadata })
    }
    return answer
  }

  committed(groupId: string, tps: ReadonlyArray<TopicPartition>): ReadonlyMap<string, Committed> {
    const stored = this.#commits.get(groupId)
    const found = new Map<string, Committed>()
    for (const key of tps.map(partitionKey)) {
      const committed = stored?.get(key)
      if (committed !== undefined) found.set(key, committed)
    }
    return found
  }

  forgetCommits(tps: ReadonlyArray<TopicPartition>): void {
    for (const stored of this.#commits.values()) for (const tp of tps) stored.delete(partitionKey(tp))
  }

  /** Offsets stay, what came with them is gone: as after a tool that sets offsets. */
  stripCommits(group: string): void {
    const stored = this.#commits.get(group)
    for (const [key, { offset }] of stored ?? []) stored!.set(key, { offset, metadata: "" })
  }

  /** See `Group.reload`. */
  move(groupId: string): void {
    this.#groups.get(groupId)?.reload()
  }

  describe(groupId: string): GroupDescription {
    const group = this.#groups.get(groupId)
    return {
      state: group?.state ?? "Dead",
      generation: group?.generation ?? 0,
      leader: group?.leader ?? null,
      protocol: group?.protocol ?? "",
      members: [...(group?.members.values() ?? [])].map((m) => ({
        memberId: m.id,
        clientId: m.clientId,
        assignment: m.assignment,
        waitsFor: m.join !== null ? "join" : m.sync !== null ? "sync" : null
      })),
      given: group?.given ?? [],
      commits: new Map(this.#commits.get(groupId))
    }
  }
}
