/**
 * GroupMember: one member of a group as its coordinator knows it, and what members together agree on: which protocol
 * names all of them support, and which one wins. Plain data and arithmetic; the state machine is in Group.ts.
 */
import type { Joined, JoinRequest } from "../Transport.ts"
import type { Reply } from "./Answer.ts"
import type { Session } from "./Session.ts"

export type Protocols = JoinRequest["protocols"]

export interface GroupMember {
  readonly id: string
  readonly clientId: string
  sessionTimeout: number
  rebalanceTimeout: number
  protocols: Protocols
  assignment: Uint8Array
  /** Has not completed a join yet: its session timeout does not count, it cannot heartbeat without its id. */
  isNew: boolean
  /** The pending JoinGroup or SyncGroup, if any. While one is pending an old member cannot expire. */
  join: Reply<Joined> | null
  sync: Reply<Uint8Array> | null
  readonly session: Session
}

export const metadataFor = (member: GroupMember, protocol: string): Uint8Array =>
  member.protocols.find((p) => p.name === protocol)?.metadata ?? new Uint8Array()

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((x, i) => x === b[i])

export const sameProtocols = (a: Protocols, b: Protocols): boolean =>
  a.length === b.length && a.every((p, i) => p.name === b[i]!.name && sameBytes(p.metadata, b[i]!.metadata))

const supportedByAll = (members: Iterable<GroupMember>, name: string): boolean => {
  for (const member of members) if (!member.protocols.some((p) => p.name === name)) return false
  return true
}

/** Whether somebody offering these could be in the group: at least one of them is supported by every member. */
export const compatible = (members: ReadonlyMap<string, GroupMember>, offered: Protocols): boolean =>
  offered.some((p) => supportedByAll(members.values(), p.name))

/** Each member votes for the first of its own that all support; most votes win, at a tie the first voted for. */
export const electProtocol = (members: ReadonlyMap<string, GroupMember>): string => {
  const votes = new Map<string, number>()
  for (const member of members.values()) {
    const vote = member.protocols.find((p) => supportedByAll(members.values(), p.name))
    if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1)
  }
  let winner = ""
  for (const [name, count] of votes) if (count > (votes.get(winner) ?? 0)) winner = name
  return winner
}
