/**
 * Overload: whether a partition's actor is behind, so that what waits for it may be dropped (design.md P5). Pure, and judged by what
 * arrived and what was processed: neither the size of an answer nor how long something took says anything. A clock only decides how
 * often it is looked (Relief).
 *
 * While a partition does not hold all that the log has its actor is in a race with the log. It loses when its lag became greater by as much as the pod held when
 * the race began; the second race in a row is over twice that. Who loses two in a row is behind: more arrived than it
 * processed, although there was work all the time. The lag that it began with counts for nothing, so one large answer, one
 * burst, or the replay of a long log is no overload; a single leap of the log's end (a pod that was frozen) loses one
 * race at most. What it lost is forgotten when the lag is back where the first of the races began. So a partition is behind when its
 * lag has grown by three times what the pod holds, in more than one leap.
 *
 * An actor that has nothing left to do keeps up, and one of a partition where all that the log has fits into the queue; while it waits
 * to be allowed to expose more (rule 2) it is not judged.
 */

/** Such a partition at one instant. Next offsets. */
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

/** In records of lag. */
interface Race {
  /** Where the first of those that were lost in a row began. */
  readonly floor: number
  readonly from: number
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

const begin = (lost: number, l: Look, floor?: number): Overload => {
  const from = l.end - l.position
  const held = Math.max(leastStake, l.fetched - l.position)
  return { lost, race: { floor: floor ?? from, from, stake: lost === 0 ? held : 2 * held } }
}

export const look = (o: Overload, l: Look): Overload => {
  if (l.barred) return { lost: o.lost, race: null }
  const { lost, race } = o
  if (race === null) return begin(lost, l)
  const lag = l.end - l.reaching
  if (lag >= race.from + race.stake) return begin(Math.min(enough, lost + 1), l, race.floor)
  const won = lost === 0 ? lag <= race.from - race.stake : lag <= race.floor
  return won ? begin(0, l) : o
}
