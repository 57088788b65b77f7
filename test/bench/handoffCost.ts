/**
 * What the lease, the proof and the reservation cost while no partition moves: requests, bytes and CPU, read from the pods' own
 * metrics over a span of time, and from the commits as the brokers keep them.
 */
import { setTimeout as delay } from "node:timers/promises"
import type { Fleet } from "../support/fleet.ts"
import type { KafkaCluster } from "../support/kafka.ts"
import { type Pod, startPod, visiblePartitions } from "../support/pods.ts"
import type { Stage } from "../support/processes.ts"
import { until } from "../support/until.ts"
import type { Witness } from "../support/witness.ts"
import { percentiles, type Row } from "./table.ts"

/** The sum of a metric's series on /self/metrics. */
const total = (text: string, name: string): number =>
  [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))].reduce(
    (sum, [, value]) => sum + Number(value),
    0
  )

const names = ["k2p_heartbeats_total", "k2p_commits_total", "k2p_scrapes_total", "process_cpu_seconds_total"] as const

/** How much each grew while the time passed, per second. */
const rates = async (pod: Pod, span: number): Promise<Readonly<Record<(typeof names)[number], number>>> => {
  const look = async () => ({ at: performance.now(), text: await pod.get("/self/metrics") })
  const before = await look()
  await delay(span)
  const after = await look()
  const seconds = (after.at - before.at) / 1000
  return Object.fromEntries(
    names.map((name) => [name, (total(after.text, name) - total(before.text, name)) / seconds])
  ) as Record<(typeof names)[number], number>
}

const beatsUnasked = 2

export const steadyState = async (fleet: Fleet, witness: Witness): Promise<ReadonlyArray<Row>> => {
  await fleet.whole()
  const since = performance.now()
  const all = await Promise.all(fleet.running().map((pod) => rates(pod, 20_000)))
  const mean = (name: (typeof names)[number]) => all.reduce((sum, each) => sum + each[name], 0) / all.length
  const perScrape = (mean("k2p_heartbeats_total") - beatsUnasked) / mean("k2p_scrapes_total")
  const took = witness.sightings.filter((s) => s.sentAt > since).map((s) => s.answeredAt - s.sentAt)
  return [
    [
      "heartbeats",
      `${perScrape.toFixed(2)} a scrape, and ${beatsUnasked} a second (measured ${mean("k2p_heartbeats_total").toFixed(1)} a second at ${mean("k2p_scrapes_total").toFixed(1)} scrapes a second)`,
      "1 a scrape"
    ],
    ["commit requests of a pod, rounds arriving", `${mean("k2p_commits_total").toFixed(2)} a second`, ""],
    ["scrape, request to first byte, the proof in it", percentiles(took), ""],
    ["CPU of a pod at that pace", `${(mean("process_cpu_seconds_total") * 100).toFixed(1)} % of one`, ""]
  ]
}

/** Of the commits that a new owner would read. */
export const metadataBytes = async (kafka: KafkaCluster, group: string, topic: string): Promise<Row> => {
  const [found] = await kafka.admin.fetchOffsets({ groupId: group, topics: [topic] })
  const sizes = found!.partitions.map(({ metadata }) => Buffer.byteLength(metadata ?? ""))
  return ["metadata of a commit, per partition", percentiles(sizes, "bytes"), "≤ 4,000"]
}

/** One pod with all the default settings, many partitions and nothing to read. */
export const idlePod = async (stage: Stage, kafka: KafkaCluster): Promise<ReadonlyArray<Row>> => {
  const partitions = 256
  await kafka.createTopic("idle", partitions)
  const pod = await startPod(stage, "idle", [
    "--brokers",
    kafka.bootstrap.join(),
    "--topic",
    "idle",
    "--group-id",
    "idle"
  ])
  await until(async () => (await visiblePartitions(pod)).length === partitions, {
    what: `${partitions} partitions visible`,
    every: 500
  })
  // Past its start, whose compiling would be counted otherwise.
  await delay(10_000)
  const idle = await rates(pod, 60_000)
  return [
    [
      `idle pod with ${partitions} partitions`,
      `${(idle.process_cpu_seconds_total * 60).toFixed(2)} CPU seconds a minute, ${idle.k2p_heartbeats_total.toFixed(1)} heartbeats and ${idle.k2p_commits_total.toFixed(2)} commit requests a second`,
      ""
    ]
  ]
}
