/**
 * Reservation: how far an owner may expose its partition (rule 2 of the handoff). Pure. R travels in each commit's
 * metadata; the next owner takes the smaller of R and the log end as its fence, so nothing at or beyond an R that the
 * next owner might read may ever be shown.
 *
 * The limit is therefore the smallest of the last confirmed R and every R in flight or of unknown outcome. An unknown one
 * binds until a commit of a later generation is confirmed: the broker may still carry it out after a newer one.
 */
export interface Reservation {
  /** R of the last commit that was answered with success; null before the first one: nothing is exposed. */
  readonly confirmed: number | null
  readonly inFlight: { readonly r: number; readonly generation: number } | null
  readonly unknown: ReadonlyArray<{ readonly r: number; readonly generation: number }>
  /** The largest R sent: a later commit of this owner never carries less. */
  readonly sent: number
}

export const unreserved: Reservation = { confirmed: null, inFlight: null, unknown: [], sent: 0 }

/** An owner exposes only offsets before this one. -1: nothing. */
export const exposeLimit = (s: Reservation): number => {
  if (s.confirmed === null) return -1
  let limit = s.confirmed
  if (s.inFlight !== null) limit = Math.min(limit, s.inFlight.r)
  for (const u of s.unknown) limit = Math.min(limit, u.r)
  return limit
}

/** The R that the next commit carries: at least the owner's own fence, what it exposed, and everything it ever sent. */
export const nextReservation = (s: Reservation, fence: number, exposed: number, wanted: number): number =>
  Math.max(s.sent, fence, exposed, wanted)

export const commitSent = (s: Reservation, r: number, generation: number): Reservation => {
  if (s.inFlight !== null) throw new Error("a second commit of one partition in flight")
  return { ...s, inFlight: { r, generation }, sent: Math.max(s.sent, r) }
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
        unknown: s.unknown.filter((u) => u.generation >= flight.generation)
      }
    case "refused":
      return { ...s, inFlight: null }
    case "unknown":
      // Only the smallest of a generation can bind: keeping that one bounds the list by the generations in doubt.
      return {
        ...s,
        inFlight: null,
        unknown: [
          ...s.unknown.filter((u) => u.generation !== flight.generation),
          {
            r: Math.min(flight.r, ...s.unknown.filter((u) => u.generation === flight.generation).map((u) => u.r)),
            generation: flight.generation
          }
        ]
      }
  }
}

/** Whether the owner should ask for a new generation so that an unknown R stops binding. */
export const inDoubt = (s: Reservation): boolean => s.unknown.length > 0
