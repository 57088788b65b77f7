/**
 * Witness: several scrapers that ask all pods all the time, each pod at its own pace and independent of the others, as
 * Prometheus servers do. It keeps what every answer showed and when; what may be concluded from it is told in sightings.ts. A
 * scrape that fails shows nothing and is noted.
 */
import { setTimeout as delay } from "node:timers/promises"
import { readBody } from "./exposed.ts"
import type { Pod } from "./pods.ts"
import type { Sighting } from "./sightings.ts"
import { until } from "./until.ts"

export interface WitnessOptions {
  readonly scrapers: number
  /** Milliseconds from an answer to the next scrape of the same pod by the same scraper. */
  readonly pause: number
  /** Milliseconds that a scrape may take. */
  readonly timeout: number
  /** The highest round of a source that exists. */
  readonly exists: (source: string) => number
}

export class Witness {
  readonly sightings: Array<Sighting> = []
  readonly failures: Array<{ readonly pod: string; readonly at: number; readonly why: string }> = []
  /** Bodies that contradict themselves, or show what was never written. */
  readonly wrong: Array<string> = []
  private readonly options: WitnessOptions
  private readonly pods = new Map<string, { pod: Pod; readonly loops: Promise<unknown> }>()
  private readonly stopping = new AbortController()
  /** While true nobody is asked; scrapes under way are finished. */
  resting = false

  constructor(options: WitnessOptions) {
    this.options = options
  }

  /** From now on, or in the place of the pod of the same name. */
  watch(pod: Pod): void {
    const watched = this.pods.get(pod.name)
    if (watched !== undefined) watched.pod = pod
    else {
      const loops = Array.from({ length: this.options.scrapers }, () => this.loop(pod.name))
      this.pods.set(pod.name, { pod, loops: Promise.all(loops) })
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await Promise.all([...this.pods.values()].map(({ loops }) => loops))
  }

  /** One scrape; what it shows, or undefined where it failed. */
  async scrape(pod: Pod): Promise<Sighting | undefined> {
    const sentAt = performance.now()
    try {
      const response = await fetch(pod.url("/metrics"), { signal: AbortSignal.timeout(this.options.timeout) })
      const answeredAt = performance.now()
      const text = await response.text()
      if (response.status !== 200) throw new Error(`status ${response.status}`)
      const { rounds, samples } = readBody(text)
      for (const [source, round] of rounds) {
        const exists = this.options.exists(source)
        if (round > exists) this.wrong.push(`${pod.name} shows round ${round} of ${source}, the newest is ${exists}`)
      }
      for (const [series, value] of samples) {
        const source = /instance="([^"]*)"/.exec(series)?.[1] ?? ""
        if (rounds.get(source) !== value) this.wrong.push(`${pod.name} shows two rounds of ${source} in one body`)
      }
      const sighting = { pod: pod.name, sentAt, answeredAt, rounds }
      this.sightings.push(sighting)
      return sighting
    } catch (error) {
      this.failures.push({ pod: pod.name, at: performance.now(), why: String(error) })
      return undefined
    }
  }

  /** Until so many further scrapes of each of these pods were sent and answered. */
  async more(pods: ReadonlyArray<Pod>, count: number, within = 20_000): Promise<void> {
    const since = performance.now()
    await until(
      () =>
        pods.every(({ name }) => {
          let seen = 0
          for (let i = this.sightings.length; i-- > 0 && seen < count && this.sightings[i]!.answeredAt > since; )
            if (this.sightings[i]!.pod === name && this.sightings[i]!.sentAt > since) seen += 1
          return seen >= count
        }),
      { within, what: `${count} scrapes of ${pods.map((pod) => pod.name).join(", ")}` }
    )
  }

  private async loop(name: string): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const watched = this.pods.get(name)
      if (watched !== undefined && !this.resting) await this.scrape(watched.pod)
      await delay(this.options.pause)
    }
  }
}
