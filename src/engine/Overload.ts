/**
 * Overload: whether a partition's actor is behind, so that what waits for it may be dropped (design.md P5). Pure, and judged by what
 * arrived and what was processed: neither the size of an answer nor how long something took says anything. A clock only decides how
 * often it is looked (Relief).
 *
 * While a partition is full its actor is in a race with the log. It wins when what lies before it became less by as much as the pod
 * held when the race began, and loses when it became more by as much; the second race in a row is over twice that. Who loses two in
 * a row is behind: more arrived than it processed, although it had work all the time. What lay there from the beginning counts
 * for nothing, so one large answer, one burst, or the replay of a long log is no overload; a single leap of the log's end (a
 * pod that was frozen) loses one race at most. So a partition is behind when its lag has grown by three times what the pod holds.
 *
 * An actor that has nothing left to do keeps up; while it waits to be allowed to expose more (rule 2) it is not judged.
 */

/** A partition that is full, at one instant. Next offsets. */
export interface Look {
  readonly position: number
  /** Where the batch that is being processed ends: what the actor has in hand counts for it. */
  readonly reaching: number
  readonly fetched: number
  /** The log's end, asked for just now. */
  readonly end: number
  /** The actor waits for its reservation, not for its own work. */
  readonly barred: boolean
}

interface Race {
  readonly position: number
  readonly end: number
  readonly stake: number
}

export interface Overload {
  /** Races lost in a row. */
  readonly lost: number
  readonly race: Race | null
}

const enough = 2
/** Records: a race over fewer would be won and lost by chance, where queues and answers are tiny. */
const leastStake = 10

export const keepsUp: Overload = { lost: 0, race: null }
/** By an operator's word: who switches the strategy by hand has looked. */
export const declared: Overload = { lost: enough, race: null }

export const isBehind = (o: Overload): boolean => o.lost >= enough

const begin = (lost: number, l: Look): Overload => ({
  lost,
  race: { position: l.position, end: l.end, stake: Math.max(leastStake, l.fetched - l.position) * (lost === 0 ? 1 : 2) }
})

export const look = (o: Overload, l: Look): Overload => {
  if (l.barred) return { lost: o.lost, race: null }
  const { race } = o
  if (race === null) return begin(o.lost, l)
  const grown = l.end - race.end - (l.reaching - race.position)
  if (grown >= race.stake) return begin(Math.min(enough, o.lost + 1), l)
  return grown <= -race.stake ? begin(0, l) : o
}
