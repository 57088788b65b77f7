/**
 * SimOutside: what lies outside of a durable history's pods, as they reach it: how long their requests take, and which fail, are lost, or are still
 * on their way when whoever sent them is gone. It holds no store: that is the subject's. Judged is who writes: see `Until`.
 */
import { Effect } from "effect"
import { type Fate, type Reach, sending, Unheard } from "../pods/Outside.ts"
import type { PodClock } from "../pods/PodClock.ts"
import { type Random, random } from "../Random.ts"
import type { VirtualTime } from "../VirtualTime.ts"

/** A pod, as far as it matters to its requests. Times in ms. */
interface Pod {
  readonly name: string
  readonly clock: PodClock
  readonly pace: number
  readonly recordDelay: number
}

/** An owner of a partition, in its own eyes. */
export interface Owner {
  readonly key: string
  /** Its lease holds, so that a proof could have been had. */
  readonly owns: () => boolean
  /** It was told that the partition is another's. */
  readonly hasHeard: () => boolean
}

/** Until when an owner may send a write: as long as it can prove its ownership, until it has heard of its loss, or whenever it likes. */
export type Until = "owns" | "hears" | "ever"

/** A write that is under way for so many ms when something becomes of its pod. */
interface Stranded {
  readonly ms: number
  readonly meanwhile: () => void
}

export class SimOutside {
  private readonly time: VirtualTime
  private readonly r: Random
  private readonly until: Until
  private readonly violations: Array<string>
  private readonly stranded = new Map<string, Stranded>()
  private trouble = { until: -1, share: 0 }

  constructor(time: VirtualTime, seed: number, until: Until, violations: Array<string>) {
    this.time = time
    this.r = random(seed * 41)
    this.until = until
    this.violations = violations
  }

  /** For so many ms this share of all requests fails, in one way or another. */
  fail(ms: number, share: number): void {
    this.trouble = { until: this.time.now + ms, share }
  }

  /** Of the pod's next write. */
  strand(pod: Pod, stranded: Stranded): void {
    this.stranded.set(pod.name, stranded)
  }

  heal(): void {
    this.trouble = { until: -1, share: 0 }
    this.stranded.clear()
  }

  /** `owner`: undefined where the pod itself asks, outside of its partitions. */
  reach(pod: Pod, owner: Owner | undefined): Reach {
    const request = <A>(carryOut: () => A, fate: () => Fate): Effect.Effect<A, Unheard> =>
      Effect.andThen(
        pod.clock.open,
        Effect.suspend(() =>
          sending({ clock: pod.clock, world: this.time }, fate(), carryOut, () => new Unheard({ message: "no answer" }))
        )
      )
    return {
      read: (look) => request(look, () => this.fateOf(pod, 20)),
      write: (carryOut) => request(carryOut, () => this.writes(pod, owner))
    }
  }

  private writes(pod: Pod, owner: Owner | undefined): Fate {
    const { time, until } = this
    const late = until === "owns" ? owner?.owns() === false : until === "hears" && owner?.hasHeard() === true
    if (owner !== undefined && late)
      this.violations.push(
        `${owner.key}: ${pod.name} sends at ${Math.round(time.now)} ms what is to be durable, although it has lost the partition as far as it can know`
      )
    const stranded = this.stranded.get(pod.name)
    if (stranded === undefined) return this.fateOf(pod, 20 + 5 * pod.pace)
    this.stranded.delete(pod.name)
    stranded.meanwhile()
    return { there: stranded.ms, back: 10, how: "answered" }
  }

  /** `way`: ms that it takes there and back, each, where nothing is wrong. */
  private fateOf({ recordDelay }: Pod, way: number): Fate {
    const { r, time, trouble } = this
    const quick = { there: way + recordDelay, back: way }
    if (time.now > trouble.until || !r.chance(trouble.share)) return { ...quick, how: "answered" }
    const how = r.pick(["answered", "refused", "lost", "lost", "late", "late"] as const)
    const slow = r.pick([200, 2_000, 12_000])
    return { there: r.int(1, slow), back: r.int(1, slow), how }
  }
}
