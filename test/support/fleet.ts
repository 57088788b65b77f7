/**
 * Fleet: pods that serve numbered rounds from one topic, watched by a witness; the common ground of the tests that hurt them
 * and of the script that measures them. Starting and stopping pods is done here, faults are the caller's. A pod that comes back
 * listens where it did before, as a target must.
 */

import type { NumberedRounds } from "./numberedRounds.ts"
import { type Pod, startPod } from "./pods.ts"
import type { Stage } from "./processes.ts"
import { interruptions, latest, olderValues } from "./sightings.ts"
import { until } from "./until.ts"
import type { Witness } from "./witness.ts"

export interface FleetOptions {
  readonly stage: Stage
  readonly topic: string
  readonly group: string
  readonly sessionTimeout: number
  /** Where the pod of this name finds the brokers. */
  readonly brokers: (name: string) => ReadonlyArray<string>
  readonly rounds: NumberedRounds
  readonly witness: Witness
  /** Further options of the pods. */
  readonly args?: ReadonlyArray<string>
  /** Of the pods' environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Of the pod of this name; one where nothing is said. */
  readonly workers?: (name: string) => number
  /** The build that the pod of this name runs, when it is started; undefined for this one. */
  readonly main?: (name: string) => string | undefined
}

export class Fleet {
  readonly pods = new Map<string, Pod>()
  /** Pods that were not stopped by the test. */
  private readonly up = new Set<string>()
  private readonly options: FleetOptions

  constructor(options: FleetOptions) {
    this.options = options
  }

  pod(name: string): Pod {
    return this.pods.get(name)!
  }

  running(): ReadonlyArray<Pod> {
    return [...this.pods.values()].filter((pod) => this.up.has(pod.name))
  }

  others(...names: ReadonlyArray<string>): ReadonlyArray<Pod> {
    return this.running().filter((pod) => !names.includes(pod.name))
  }

  async serve(name: string): Promise<Pod> {
    const { stage, topic, group, sessionTimeout, brokers, witness, args: more = [], workers = () => 1 } = this.options
    const main = this.options.main?.(name)
    const args = [
      "--brokers",
      brokers(name).join(),
      "--topic",
      topic,
      "--group-id",
      group,
      "--client-id",
      name,
      "--workers",
      String(workers(name)),
      ...more
    ]
    const pod = await startPod(
      stage,
      name,
      [...args, "--session-timeout", `${sessionTimeout}ms`],
      this.pods.get(name)?.port,
      { env: this.options.env ?? {}, ...(main === undefined ? {} : { main }) }
    )
    this.pods.set(name, pod)
    this.up.add(name)
    witness.watch(pod)
    return pod
  }

  /** SIGTERM, awaited: it must leave cleanly. */
  async leave(name: string): Promise<void> {
    const { process: leaver } = this.pod(name)
    leaver.signal("SIGTERM")
    this.up.delete(name)
    const { code, signal } = await leaver.ended
    if (code !== 0) throw new Error(`${name} ended with ${signal ?? code} after SIGTERM:\n${leaver.out.stderr}`)
  }

  /** kill -9, awaited. */
  async kill(name: string): Promise<void> {
    this.up.delete(name)
    await this.pod(name).process.kill()
  }

  /**
   * Until the last scrapes of exactly these pods show every source, each on one pod and none older than what the log has
   * confirmed by now; and, by their own word, all partitions are shown in one generation, by each of their shards some: then
   * no move is under way.
   */
  async whole(pods = this.running(), within = 60_000): Promise<void> {
    const { rounds, witness } = this.options
    const wanted = new Map(rounds.sources.map((source) => [source, rounds.confirmed(source)]))
    const partitions = new Set(rounds.sources.map(rounds.partitionOf)).size
    const since = performance.now()
    let missing: ReadonlyArray<string> = []
    let moving = ""
    const shown = (): boolean => {
      const last = latest(witness.sightings)
      const newest = new Map<string, number>()
      for (const { name } of pods) {
        const scrape = last.get(name)
        if (scrape === undefined || scrape.sentAt < since) return false
        for (const [source, round] of scrape.rounds) {
          if (newest.has(source)) return false
          newest.set(source, round)
        }
      }
      missing = [...wanted].filter(([source, round]) => (newest.get(source) ?? -1) < round).map(([source]) => source)
      return missing.length === 0
    }
    const still = async (): Promise<boolean> => {
      const states = (await Promise.all(pods.map(async (pod) => (await pod.status()).shards))).flat()
      const visible = states.map((each) => each.partitions.filter((p) => p.visible).length)
      moving = states.map((each, i) => `generation ${each.generation}: ${visible[i]} partitions`).join(", ")
      return (
        new Set(states.map((each) => each.generation)).size === 1 &&
        visible.every((count) => count > 0) &&
        visible.reduce((sum, count) => sum + count, 0) === partitions
      )
    }
    await until(async () => shown() && (await still()), {
      within,
      what: () =>
        `every source on exactly one of ${pods.map((pod) => pod.name)} and none moving; missing: ${missing.join(", ")}; last seen: ${moving}`
    })
  }

  /** Runs a phase; answers every fault that is seen in it, or on these pods, which have no part in it. */
  async phase(bystanders: ReadonlyArray<Pod>, work: () => Promise<void>): Promise<ReadonlyArray<string>> {
    const { witness } = this.options
    const since = performance.now()
    await witness.more(bystanders, 1)
    await work()
    await witness.more(bystanders, 1)
    const within = witness.sightings.filter((s) => s.sentAt >= since)
    return [
      ...this.faults(),
      ...bystanders.flatMap(({ name }) => interruptions(within, name)),
      ...witness.failures
        .filter(({ pod, at }) => at >= since && bystanders.some(({ name }) => name === pod))
        .map(({ pod, why }) => `a scrape of ${pod}, which had no part in it, failed: ${why}`)
    ]
  }

  /** Values that are older than others seen before, and bodies that cannot be, in all that was seen so far. */
  faults(): ReadonlyArray<string> {
    const { witness } = this.options
    return [...olderValues(witness.sightings), ...witness.wrong]
  }
}
