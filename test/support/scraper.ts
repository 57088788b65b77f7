/**
 * A scraper that asks one pod after the other, again and again, never two at once: the order of its scrapes is the order
 * of their cuts. Every body goes to the judge; what each showed is kept, to be looked at when a phase of a test is over.
 * A scrape that fails counts as none, as it does in Prometheus, and is noted.
 */
import { setTimeout as delay } from "node:timers/promises"
import { type Body, Judge, readBody } from "./exposed.ts"
import type { Pod } from "./pods.ts"
import { until } from "./until.ts"

export interface Scrape {
  readonly pod: string
  /** `performance.now()` when it was answered. */
  readonly at: number
  readonly sources: ReadonlySet<string>
}

export class Scraper {
  readonly judge = new Judge()
  readonly scrapes: Array<Scrape> = []
  readonly failures: Array<string> = []
  private readonly pods = new Map<string, Pod>()
  private running: Promise<void> | undefined
  private stopping = false
  private rounds = 0

  constructor(pods: ReadonlyArray<Pod>) {
    for (const pod of pods) this.pods.set(pod.name, pod)
  }

  /** From now on, in the place of the pod of the same name if there was one. */
  include(pod: Pod): void {
    this.pods.set(pod.name, pod)
  }

  /** From now on no more; a scrape under way is waited for. */
  async exclude(pod: Pod): Promise<void> {
    this.pods.delete(pod.name)
    await this.round()
  }

  /** One scrape of this pod, judged. Only for use while the scraper does not run. */
  async scrape(pod: Pod, timeout = 5_000): Promise<Body> {
    const body = readBody(await pod.get("/metrics", { timeout }))
    this.take(pod, body)
    return body
  }

  take(pod: Pod, body: Body): void {
    this.judge.judge(pod.name, body)
    this.scrapes.push({ pod: pod.name, at: performance.now(), sources: new Set(body.rounds.keys()) })
  }

  start(): void {
    this.stopping = false
    this.running = this.loop()
  }

  async stop(): Promise<void> {
    this.stopping = true
    await this.running
    this.running = undefined
  }

  /** Until every pod was asked once more, from the beginning of a round on. */
  async round(): Promise<void> {
    if (this.running === undefined) return
    const after = this.rounds + 2
    await until(() => this.rounds >= after, { what: "two rounds of the scraper", every: 5 })
  }

  private async loop(): Promise<void> {
    while (!this.stopping) {
      for (const pod of [...this.pods.values()]) {
        // It may have been taken out while another one was asked.
        if (this.pods.get(pod.name) !== pod) continue
        try {
          await this.scrape(pod)
        } catch (error) {
          this.failures.push(`${pod.name}: ${error}`)
        }
      }
      this.rounds += 1
      await delay(5)
    }
  }
}
