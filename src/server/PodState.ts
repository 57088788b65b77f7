/**
 * PodState: what the HTTP server knows of the pod behind it. The server listens before the engine joins and after it has
 * left, so the engine is something that comes and goes; whoever runs the pod (server/Pod) tells each change here.
 */
import type { Engine } from "../engine/Engine.ts"
import type { MetricsCache } from "../exposition/MetricsCache.ts"

export type PodPhase = "starting" | "running" | "leaving" | "left"

export interface Served {
  readonly engine: Engine["Service"]
  readonly cache: MetricsCache["Service"]
}

export class PodState {
  readonly startedAt: number
  #phase: PodPhase = "starting"
  #served: Served | undefined

  constructor(startedAt: number) {
    this.startedAt = startedAt
  }

  get phase(): PodPhase {
    return this.#phase
  }

  /** Absent before the engine exists and after it has left. */
  get served(): Served | undefined {
    return this.#served
  }

  running(served: Served): void {
    this.#phase = "running"
    this.#served = served
  }

  /** Unready from this instant on; what is still owned may still be scraped. */
  leaving(): void {
    this.#phase = "leaving"
  }

  left(): void {
    this.#phase = "left"
    this.#served = undefined
  }

  /** Why this pod is not ready; undefined where it is. */
  get unready(): string | undefined {
    if (this.#phase === "starting") return "starting: the engine is not running yet"
    if (this.#phase !== "running" || this.#served === undefined) return "leaving: this pod is shutting down"
    const status = this.#served.engine.status()
    if (status.ready) return undefined
    if (status.state === "failed") return "failed: the engine has stopped, see the log"
    if (status.state === "leaving") return `leaving: the engine is leaving group ${status.group}`
    if (status.state === "member" && status.leaseMs <= 0)
      return `silent: the ownership lease ran out ${Math.round(-status.leaseMs)} ms ago, the coordinator of group ${status.group} does not answer`
    return `joining: not a member of group ${status.group} yet; where this lasts, the log says what the brokers answer`
  }
}
