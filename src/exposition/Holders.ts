/**
 * Holders: which partition of this shard shows a source that comes in several: two partitioners, two agents with different bases, a
 * topic read beside the one it follows, somebody who writes with another's id. Two contents of one source are two lines of one series,
 * which no scrape may have. Asked when a source comes and told when it goes, never for a record of one that is held.
 *
 * The partition that showed it first keeps it for as long as it has content of it; one where the source is at home by
 * its producer's placement takes it from one where it is not. What comes elsewhere meanwhile is ignored and counted, so that when
 * the first one falls silent, ends or moves to another pod, the source goes on with the other one's *next* record, never with
 * one that came before. Of partitions that other shards and pods own nothing is known here.
 */
import type { Now } from "./Ages.ts"

/** A partition's content, as the other ones' see it. */
export interface Holding {
  /** `topic/partition`, for people. */
  readonly name: string
  readonly isHome: (source: string) => boolean
  readonly isLive: (source: string, now: Now) => boolean
  /** Its content of the source is out of what can be seen when this returns. */
  readonly yields: (source: string) => void
}

export class Holders {
  private readonly held = new Map<string, Holding>()

  /** The source may be shown there; else who has it. */
  enter(source: string, there: Holding, now: Now): Holding | undefined {
    const holder = this.held.get(source)
    if (holder !== undefined && holder !== there) {
      const stays = holder.isLive(source, now) && (holder.isHome(source) || !there.isHome(source))
      if (stays) return holder
      holder.yields(source)
    }
    this.held.set(source, there)
    return undefined
  }

  leave(source: string, there: Holding): void {
    if (this.held.get(source) === there) this.held.delete(source)
  }
}
