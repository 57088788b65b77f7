/**
 * OwnWord: what pods say of themselves while nobody scrapes them. A scrape carries a heartbeat, and a pod that is scraped often hears
 * of a rebalance by it; its status page costs none. So this tells how long a partition is shown by nobody at the pace of
 * the pods' own heartbeats, as between the scrapes of a real Prometheus.
 */
import { setTimeout as delay } from "node:timers/promises"
import { type Pod, visiblePartitions } from "../support/pods.ts"
import type { Sighting } from "../support/sightings.ts"

/** Between an answer and the next question, ms. */
const pause = 15

export class OwnWord {
  /** Partitions in the place of sources. */
  readonly sightings: Array<Sighting> = []
  private readonly loops: ReadonlyArray<Promise<void>>
  private stopping = false

  constructor(pods: () => ReadonlyArray<Pod>, names: ReadonlyArray<string>) {
    this.loops = names.map(async (name) => {
      while (!this.stopping) {
        const pod = pods().find((each) => each.name === name)
        if (pod !== undefined) await this.ask(pod)
        await delay(pause)
      }
    })
  }

  async stop(): Promise<void> {
    this.stopping = true
    await Promise.all(this.loops)
  }

  private async ask(pod: Pod): Promise<void> {
    const sentAt = performance.now()
    try {
      const visible = await visiblePartitions(pod)
      const rounds = new Map(visible.map((partition) => [String(partition), 0]))
      this.sightings.push({ pod: pod.name, sentAt, answeredAt: performance.now(), rounds })
    } catch {
      // It has just ended: it shows nothing.
    }
  }
}
