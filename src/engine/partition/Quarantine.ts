/**
 * Quarantine: a partition whose owner cannot know all versions that earlier owners showed. Until the late copies of what was
 * shown can have come, nothing older than the quarantine's end is shown; it is read and remembered. Pure.
 *
 * The end is M: where the log ended when it was asked `lateness` ms after the owner had reached its fence. It outlives its
 * owner: the next one goes on with the same M, or asks for its own where there was none yet.
 */
/** It is not known what earlier owners showed: only what comes from `until` on is shown. Offsets. @experimental */
export interface Quarantine {
  /** M; null until it was asked for. */
  readonly until: number | null
}

/** For the log. */
export const quarantined = ({ key }: { readonly key: string }, why: string): string =>
  `${key} is in quarantine, because it is not known what was shown of it (${why}): nothing is shown until whatever was late has come, half an expiry after its fence and the next round of each source`

/** What is shown must be from here on. 0: everything may be. */
export const shownFrom = (q: Quarantine | null): number => (q === null ? 0 : (q.until ?? Number.POSITIVE_INFINITY))

/** Whether the next owner must hear of it: it may read content from before M. */
export const outlives = (q: Quarantine | null, lowest: number): Quarantine | null =>
  q === null || (q.until !== null && lowest >= q.until) ? null : q
