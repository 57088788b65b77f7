/**
 * Lease: how long a member may believe in its ownership without hearing from the coordinator again (rule 4 of the
 * handoff). Pure arithmetic on the monotonic clock, in milliseconds, from the times at which requests were *sent*:
 * an answer proves that the coordinator knew us when it handled the request, which was after the send.
 *
 * The lease is the cheap, early check. It is not the proof (a suspended machine's monotonic clock may not have moved):
 * that is one heartbeat per scrape between the cut and the body.
 */
export interface LeaseTimes {
  /** Send time of the last heartbeat or sync that succeeded. */
  readonly succeeded: number
  /** Send time of the last heartbeat answered with success or REBALANCE_IN_PROGRESS: both refresh the session. */
  readonly heard: number
  /** Send time of the last successful commit: a commit is replicated, a heartbeat is one broker's memory. */
  readonly committed: number
}

export interface LeaseBounds {
  readonly sessionTimeout: number
  readonly rebalanceTimeout: number
  readonly margin: number
}

export const noLease: LeaseTimes = { succeeded: -Infinity, heard: -Infinity, committed: -Infinity }

/** When membership alone would lapse: enough to keep joining, not enough to expose. */
const membershipEnds = (t: LeaseTimes, b: LeaseBounds): number =>
  Math.min(t.succeeded + b.rebalanceTimeout, t.heard + b.sessionTimeout) - b.margin

/** The instant at which nothing may be exposed any more. */
export const leaseEnds = (t: LeaseTimes, b: LeaseBounds): number =>
  Math.min(membershipEnds(t, b), t.committed + b.sessionTimeout - b.margin)

export const leaseValid = (t: LeaseTimes, b: LeaseBounds, now: number): boolean => now < leaseEnds(t, b)

/** What /readyz asks: a member without partitions has nothing to commit. */
export const membershipValid = (t: LeaseTimes, b: LeaseBounds, now: number): boolean => now < membershipEnds(t, b)

/** Answers may arrive out of order; a lease never shrinks by an older one. */
export const heardAt = (t: LeaseTimes, sentAt: number, success: boolean): LeaseTimes => ({
  succeeded: success ? Math.max(t.succeeded, sentAt) : t.succeeded,
  heard: Math.max(t.heard, sentAt),
  committed: t.committed
})

export const committedAt = (t: LeaseTimes, sentAt: number): LeaseTimes => ({
  ...t,
  committed: Math.max(t.committed, sentAt)
})
