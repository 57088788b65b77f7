/**
 * Holders: which partition of this pod shows a source that comes in several: two partitioners, two agents with different bases, a
 * topic read beside the one it follows, somebody who writes with another's id. Two contents of one source are two lines of one series,
 * which no scrape may have. Asked when a source comes and told when it goes, never for a record of one that is held.
 *
 * The partition that showed it first keeps it for as long as it has content of it; one where the source is at home by
 * its producer's placement takes it from one where it is not. What comes elsewhere meanwhile is ignored and counted, so that when
 * the first one falls silent, ends or moves to another pod, the source goes on with the other one's *next* record, never with
 * one that came before. Of other workers' partitions it is known that they have a source (PodSources), and no more: there the first
 * keeps it. Of other pods' nothing is known.
 */
import type { Now } from "../rounds/Ages.ts"
import type { PodSources } from "./PodSources.ts"

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
  private readonly pod: PodSources | undefined

  /** `pod`: what other workers have, where there are some. */
  constructor(pod?: PodSources) {
    this.pod = pod
  }

  /** Undefined: the source may be shown there; else who has it, for people. */
  enter(source: string, there: Holding, now: Now): string | undefined {
    const holder = this.held.get(source)
    if (holder !== undefined && holder !== there) {
      const stays = holder.isLive(source, now) && (holder.isHome(source) || !there.isHome(source))
      if (stays) return holder.name
      holder.yields(source)
    }
    if (this.pod !== undefined && !this.pod.enter(source, there.name)) return "a partition of another worker"
    this.held.set(source, there)
    return undefined
  }

  leave(source: string, there: Holding): void {
    if (this.held.get(source) !== there) return
    this.held.delete(source)
    this.pod?.leave(source, there.name)
  }
}
