/**
 * Lane: what the outbox knows of one source: the round that is being sent, the one that waits, and how it went. Plain state,
 * changed by the outbox alone.
 */
import type { NumberedRound } from "./dump/RoundRecord.ts"

export interface Held extends NumberedRound {
  /** Ms that it was old when it was offered; from then on both clocks are looked at: a wall clock may be set, a suspended machine's monotonic one stands still. */
  readonly age: number
  readonly offeredAt: { readonly monotonic: number; readonly wall: number }
}

export interface Lane {
  readonly source: string
  origin: string
  partition: number | null
  round: string
  sentRound: string | null
  sentTime: number | null
  waiting: Held | null
  sending: Held | null
  running: boolean
  gone: boolean
  problem: string
  /** A refusal was logged and nothing was sent since. */
  told: string
  /** Its last round was sent without some of its lines, which was logged. */
  leavesOut: boolean
}

/** What an agent has of one source: the round that waits, the one that the log took last, and why one was not sent. @stable */
export interface LaneStatus {
  /** Its id. */
  readonly source: string
  /** Where its rounds come from: the file's path, or the endpoint's URL. */
  readonly origin: string
  /** null until the log was reached. */
  readonly partition: number | null
  /** The newest round read, and the newest that the log has. */
  readonly round: string
  /** null: the log has none of this run. */
  readonly sentRound: string | null
  /** Dump time of the newest round that the log has, ms since the Unix epoch. */
  readonly sentTime: number | null
  /** Rounds that are sent or wait: two at most, a newer one takes the place of one that waits. */
  readonly pending: number
  /** Why the last round was not sent; "" where it was. */
  readonly problem: string
}

export const newLane = (source: string): Lane => ({
  source,
  origin: "",
  partition: null,
  round: "",
  sentRound: null,
  sentTime: null,
  waiting: null,
  sending: null,
  running: false,
  gone: false,
  problem: "",
  told: "",
  leavesOut: false
})

export const statusOf = (lane: Lane): LaneStatus => ({
  source: lane.source,
  origin: lane.origin,
  partition: lane.partition,
  round: lane.round,
  sentRound: lane.sentRound,
  sentTime: lane.sentTime,
  pending: (lane.waiting === null ? 0 : 1) + (lane.sending === null ? 0 : 1),
  problem: lane.problem
})
