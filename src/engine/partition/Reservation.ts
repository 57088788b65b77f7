/**
 * Reservation: what the commits of an owner bind it to: how far it may expose its partition (R, rule 2 of the handoff), and
 * from where on it must know all that was seen (L, rule 8). Pure. Both travel in each commit's metadata. The next owner takes
 * the smaller of R and the log end as its fence, so nothing at or beyond an R that it might read may ever be shown; and it reads
 * from L, so nothing may be forgotten that lies at or beyond an L that it might read.
 *
 * The limits are therefore the smallest of what was last confirmed and of every commit in flight or of unknown outcome. An unknown
 * one binds until a commit of a later generation is confirmed: the broker may still carry it out after a newer one.
 */
interface Sent {
  readonly r: number
  readonly l: number
  readonly generation: number
}

export interface Reservation {
  /** R of the last commit that was answered with success; null before the first one: nothing is exposed. */
  readonly confirmed: number | null
  /** L of the same one, before it that of the owner before. */
  readonly kept: number
  readonly inFlight: Sent | null
  readonly unknown: ReadonlyArray<Sent>
  /** The largest R sent: a later commit of this owner never carries less. */
  readonly sent: number
}

export const unreserved: Reservation = { confirmed: null, kept: 0, inFlight: null, unknown: [], sent: 0 }

/** An owner exposes only offsets before this one. -1: nothing. */
export const exposeLimit = (s: Reservation): number => {
  if (s.confirmed === null) return -1
  let limit = s.confirmed
  if (s.inFlight !== null) limit = Math.min(limit, s.inFlight.r)
  for (const u of s.unknown) limit = Math.min(limit, u.r)
  return limit
}

/** Whatever lies before may be forgotten: no next owner begins there any more. */
export const keptFrom = (s: Reservation): number => {
  let kept = s.inFlight === null ? s.kept : Math.min(s.kept, s.inFlight.l)
  for (const u of s.unknown) kept = Math.min(kept, u.l)
  return kept
}

/** The R that the next commit carries: at least the owner's own fence, what it exposed, and everything it ever sent. */
export const nextReservation = (s: Reservation, fence: number, exposed: number, wanted: number): number =>
  Math.max(s.sent, fence, exposed, wanted)

export const commitSent = (s: Reservation, r: number, l: number, generation: number): Reservation => {
  if (s.inFlight !== null) throw new Error("a second commit of one partition in flight")
  return { ...s, inFlight: { r, l, generation }, sent: Math.max(s.sent, r) }
}

export type CommitOutcome = "confirmed" | "refused" | "unknown"

export const commitAnswered = (s: Reservation, outcome: CommitOutcome): Reservation => {
  const flight = s.inFlight
  if (flight === null) return s
  switch (outcome) {
    case "confirmed":
      return {
        ...s,
        inFlight: null,
        confirmed: flight.r,
        kept: flight.l,
        unknown: s.unknown.filter((u) => u.generation >= flight.generation)
      }
    case "refused":
      return { ...s, inFlight: null }
    case "unknown": {
      // Only the smallest of a generation can bind: keeping that one bounds the list by the generations in doubt.
      const same = s.unknown.filter((u) => u.generation === flight.generation)
      const least: Sent = {
        r: Math.min(flight.r, ...same.map((u) => u.r)),
        l: Math.min(flight.l, ...same.map((u) => u.l)),
        generation: flight.generation
      }
      return {
        ...s,
        inFlight: null,
        unknown: [...s.unknown.filter((u) => u.generation !== flight.generation), least]
      }
    }
  }
}

/** Whether the owner should ask for a new generation so that an unknown R stops binding. */
export const inDoubt = (s: Reservation): boolean => s.unknown.length > 0
