/** Sim: the state of one simulated world, shared by World (time's course), Deeds (faults), Scraping (what is seen) and Ending. */
import type { EmbeddedLog } from "../../transport/embedded/EmbeddedLog.ts"
import type { Plan, Request } from "../../transport/embedded/Faults.ts"
import type { Producer } from "../../transport/Transport.ts"
import type { VirtualTime } from "../VirtualTime.ts"
import type { Happening } from "./Happening.ts"
import type { ActorJudge } from "./judges/ActorJudge.ts"
import type { DurableJudge } from "./judges/DurableJudge.ts"
import type { Oracle } from "./judges/Oracle.ts"
import type { PresenceJudge } from "./judges/PresenceJudge.ts"
import type { TapJudge } from "./judges/TapJudge.ts"
import type { Schedule } from "./Schedule.ts"
import type { SimSource } from "./SimAgent.ts"
import type { SimOutside } from "./SimOutside.ts"
import type { Parts, SimPod } from "./SimPod.ts"

/** What becomes of requests for a while. */
export interface Rule {
  readonly until: number
  readonly plan: (request: Request) => Plan | undefined
  times: number
}

export interface Sim {
  readonly schedule: Schedule
  readonly parts: Parts
  readonly time: VirtualTime
  readonly log: EmbeddedLog["Service"]
  readonly producer: Producer
  readonly oracle: Oracle
  readonly actors: ActorJudge
  /** In tapped histories: who is told of each round. */
  readonly taps: TapJudge | undefined
  /** In durable histories: what all pods write to, and how they reach it. */
  readonly durable: { readonly judge: DurableJudge; readonly outside: SimOutside } | undefined
  /** In calm histories. */
  readonly presence: Pick<PresenceJudge, "answered" | "disturbed" | "paused" | "end" | "longestGap"> | undefined
  /** No pod is hampered: there P1 holds even where a log goes back. */
  readonly healthy: boolean
  readonly pods: Array<SimPod>
  readonly sources: ReadonlyArray<SimSource>
  readonly rules: Array<Rule>
  readonly tell: (text: () => string) => void
  /** For a judge of the caller's. */
  readonly happened: (happening: Happening) => void
  partitions: number
  /** Scrapes so far: the order of their cuts. */
  cuts: number
  scraping: boolean
  /** Until then a good part of the scrapes is aborted. */
  abortsUntil: number
  slowScrapes: { readonly until: number; readonly by: number }
  faults: number
  /** Ms that a group request takes on its way, at most. */
  latency: number
}

export const running = (sim: Sim): ReadonlyArray<SimPod> => sim.pods.filter((p) => p.state === "running")
export const wallNow = (sim: Sim): number => sim.time.currentTimeMillisUnsafe()

/** Of the rules that are in force the first with an opinion decides. */
export const rule = (sim: Sim, ms: number, plan: Rule["plan"], times = Number.POSITIVE_INFINITY): void => {
  sim.rules.push({ until: sim.time.now + ms, plan, times })
}
