/**
 * Doubt: why a member cannot prove, join or commit at present, for people: /readyz, the status and one line in the log when the pod goes
 * dark and when it is lit again. Pure. It decides nothing: what may be shown is Lease's and Proof's.
 */
import type { TransportErrorCode } from "../../transport/Transport.ts"

/** What stands in the way now, in the brokers' words; null where nothing does. Plain data. @experimental */
export interface DoubtStatus {
  /** Topics that the brokers do not have. */
  readonly missingTopics: ReadonlyArray<string>
  /** Why the last join failed. */
  readonly join: string | null
  /** The code of the last heartbeat's answer, where it confirmed nothing. */
  readonly heartbeat: string | null
  /** Why the last commit was not taken. */
  readonly commit: string | null
  /** Ms since the coordinator last confirmed this member, where its last answer did not; else null. */
  readonly darkMs: number | null
}

/** A line for the log, with how long it is about. */
export interface DoubtLine {
  readonly dark: boolean
  readonly text: string
  readonly durationMs: number
}

/** Ms: a single answer that is missing is nothing to talk about. */
const worthTelling = 2_000

const confirms = (code: TransportErrorCode | "OK"): boolean => code === "OK" || code === "REBALANCE_IN_PROGRESS"

export class Doubt {
  join: string | null = null
  commit: string | null = null
  private heartbeat: string | null = null
  private since: number | undefined
  /** When the coordinator confirmed it last. */
  private confirmed: number | undefined
  private told = false

  /** What became of a heartbeat that was sent at `sentAt`; monotonic ms. `held`: partitions of this member. Answers a line where it is time for one. */
  heard(
    code: TransportErrorCode | "OK",
    sentAt: number,
    now: number,
    held: number,
    group: string
  ): DoubtLine | undefined {
    if (confirms(code)) {
      const { since, told } = this
      this.heartbeat = null
      this.since = undefined
      this.told = false
      this.confirmed = now
      if (since === undefined || !told) return undefined
      const durationMs = Math.round(now - since)
      const text = `the coordinator of group ${group} confirms this member again, after ${seconds(durationMs)}: what it owns is shown`
      return { dark: false, text, durationMs }
    }
    this.heartbeat = code
    this.since ??= Math.min(this.confirmed ?? sentAt, sentAt)
    const durationMs = Math.round(now - this.since)
    if (this.told || durationMs < worthTelling || this.confirmed === undefined) return undefined
    this.told = true
    const text = `the coordinator of group ${group} has not confirmed this member for ${seconds(durationMs)} (${code}): scrapes show nothing of its ${held} partitions until it does`
    return { dark: true, text, durationMs }
  }

  status(now: number, missingTopics: ReadonlyArray<string>): DoubtStatus {
    const { join, heartbeat, commit, since } = this
    return { missingTopics, join, heartbeat, commit, darkMs: since === undefined ? null : Math.round(now - since) }
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
