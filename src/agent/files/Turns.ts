/**
 * Turns: when each file is looked at though nothing was heard of it: seldom where its directory is watched, else every poll. Where that finds a
 * change of which a watch said nothing, the watch is given up: it is the net under the watches. Thousands of files have their
 * first looks a few hundred at a time: V8 keeps the memory that all at once would take.
 */
import type { Groups } from "./Groups.ts"
import type { Tail } from "./Tail.ts"

/** Under way together, of groups that are not late. */
const firstLooks = 200
/** What a watch may need to tell, ms. */
const grace = 2_000

export interface TurnsOptions {
  readonly groups: Groups
  readonly tails: Iterable<Tail>
  readonly poll: number
  /** Of a file that is not there, ms. */
  readonly globEvery: number
  /** Of a file that is watched, ms. */
  readonly seldom: number
  /** It was not there for so long that it left; it may be left in the call. */
  readonly isGone: (tail: Tail) => void
  readonly trouble: (key: string, text: string) => void
}

export class Turns {
  private readonly options: TurnsOptions

  constructor(options: TurnsOptions) {
    this.options = options
  }

  /** Has those looked at that are due; answers whether some wait for others' first looks. `now`: ms, monotonic. */
  take(now: number): boolean {
    const { groups, tails } = this.options
    let hasMore = false
    let firsts = 0
    for (const tail of tails) if (tail.isFirstLook && !groups.isLate(tail.group)) firsts++
    for (const tail of tails) {
      if (now < tail.dueAt) continue
      if (firsts >= firstLooks && tail.lookedAt < 0) hasMore = true
      else {
        this.look(tail, now)
        if (tail.isFirstLook) firsts++
      }
    }
    return hasMore
  }

  private look(tail: Tail, now: number): void {
    const { poll, globEvery, seldom, isGone } = this.options
    const { directory } = tail
    if (tail.goneSince !== undefined && now - tail.goneSince >= globEvery) isGone(tail)
    const isWatched = directory.isWatched && !tail.isLink && tail.goneSince === undefined
    const every = isWatched ? seldom : tail.standing.isPresent ? poll : globEvery
    tail.dueAt = now + (isWatched ? every * (0.5 + Math.random()) : every)
    if (!tail.rests) return
    const [heard, changes] = [tail.heardOf, tail.changes]
    const wasWatched = isWatched && tail.lookedAt > directory.watchedAt
    void tail.look().then(() => {
      if (wasWatched && tail.changes > changes && tail.heardOf === heard) this.missed(tail)
    })
  }

  /** The watch said nothing of a change, so far. */
  private missed(tail: Tail): void {
    const { directory, heardOf } = tail
    setTimeout(() => {
      if (tail.heardOf !== heardOf || directory.isUnreliable || !directory.isWatched) return
      directory.isUnreliable = true
      directory.unwatch()
      for (const other of directory.files.values()) other.dueAt = 0
      const text = `the watch on ${directory.path} missed a change of ${tail.candidate.name}: its files are polled`
      this.options.trouble(`missed ${directory.path}`, text)
    }, grace)
  }
}
