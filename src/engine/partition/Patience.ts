/**
 * Patience: how long a node's long poll waits, and which of a node's two requests reads a partition. As long as something comes, or a partition
 * is left out, a poll waits a quarter of a second, so that nobody who comes meanwhile waits for longer. Where all of the node's partitions
 * are quiet it waits twice as long each time, up to four seconds; who comes while such a patient poll is under way, and is not in
 * it, is read by the request that does not wait. Pure.
 */
import type { EngineOptions } from "../Options.ts"
import type { Partition } from "./Partition.ts"

/** By the node's long poll, or by the request that does not wait. */
export type Haste = "waiting" | "hasty"

/** What a request asks of a partition. */
export interface Asked {
  readonly p: Partition
  readonly incarnation: number
  readonly offset: number
}

export const askedOf = (p: Partition): Asked => ({ p, incarnation: p.incarnation, offset: p.fetchPosition })

/** Whether what was asked for is still what is wanted. */
export const isWanted = ({ p, incarnation, offset }: Asked): boolean =>
  p.incarnation === incarnation && p.processing !== undefined && p.fetchPosition === offset

type Waits = Pick<EngineOptions, "fetchMaxWait" | "fetchQuietWait">

export class Patience {
  private readonly waits: Waits
  /** Long polls in a row, of all the node's partitions, that brought nothing. */
  private quiet = 0
  /** By partition key, while a patient poll is under way. */
  private patient: ReadonlyMap<string, Asked> | undefined

  constructor(waits: Waits) {
    this.waits = waits
  }

  hasteOf(p: Partition): Haste {
    if (p.fetchPosition < p.fence) return "hasty"
    if (this.patient === undefined) return "waiting"
    const asked = this.patient.get(p.key)
    return asked !== undefined && isWanted(asked) ? "waiting" : "hasty"
  }

  /** A long poll is sent. `whole`: it asks for all that the node leads. Answers the ms that it may wait. */
  begin(asked: ReadonlyMap<string, Asked>, whole: boolean): number {
    const { fetchMaxWait, fetchQuietWait } = this.waits
    if (!whole) this.quiet = 0
    const wait = Math.max(fetchMaxWait, Math.min(fetchQuietWait, fetchMaxWait * 2 ** this.quiet))
    if (wait > fetchMaxWait) this.patient = asked
    return wait
  }

  /** The long poll is over, however. `nothing`: it was answered, and brought nothing. */
  end(nothing: boolean): void {
    this.patient = undefined
    this.quiet = nothing ? Math.min(this.quiet + 1, 16) : 0
  }
}
