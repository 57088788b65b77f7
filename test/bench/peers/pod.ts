/**
 * Our pod: `kafka2prom serve` with its default settings. The backlog is older than it would look back in production, so it is told
 * to look back a day and to let nothing expire meanwhile. Done when its status shows every partition's position at the log's end;
 * being asked for it five times a second is on its bill.
 */

import { version } from "../../../src/version.ts"
import { type Pod, startPod } from "../../support/pods.ts"
import { until } from "../../support/until.ts"
import type { Backlog } from "../backlog.ts"
import { attachedByPod } from "../dumps/shapes.ts"
import { faultsOf } from "../shown.ts"
import { usageOf } from "../usage.ts"
import { freshGroup, type Reader, type ReaderEnv } from "./Reader.ts"

export const patience = 240_000

export const startBenchPod = (
  { stage, cluster }: ReaderEnv,
  topic: string,
  args: ReadonlyArray<string> = [],
  group = freshGroup("k2p")
): Promise<Pod> =>
  startPod(stage, group, [
    ...["--brokers", cluster.bootstrap.join(), "--topic", topic, "--group-id", group],
    ...["--lookback", "1d", "--expiry", "1h", ...args]
  ])

/** Every partition visible and read to its end. */
export const untilRead = async (pod: Pod, { ends, topic }: Pick<Backlog, "ends" | "topic">, every = 200) => {
  let last = ""
  await until(
    async () => {
      const { shards } = await pod.status()
      const owned = shards.flatMap(({ partitions }) => partitions)
      const read = new Map(owned.filter((p) => p.visible).map((p) => [p.partition, p.position]))
      last = [...ends].map(([p, end]) => `${read.get(p) ?? "-"}/${end}`).join(" ")
      return [...ends].every(([partition, end]) => (read.get(partition) ?? -1) >= end)
    },
    { within: patience, every, what: () => `${topic} read to its end; last seen: ${last}` }
  )
}

export const podReader = (args: ReadonlyArray<string> = []): Reader => ({
  name: ["kafka2prom serve", ...args].join(" "),
  version,
  drain: async (env, backlog) => {
    const started = performance.now()
    const pod = await startBenchPod(env, backlog.topic, args)
    await untilRead(pod, backlog)
    const wall = (performance.now() - started) / 1000
    const usage = await usageOf(pod.process.pid)
    const body = await pod.get("/metrics", { timeout: 120_000 })
    const faults = [...faultsOf(body, { newest: backlog.newest, attached: attachedByPod(backlog.shape) })]
    const refused = (await pod.status()).shards.flatMap(({ partitions }) =>
      partitions.flatMap(({ refusals }) => refusals)
    )
    if (refused.length > 0) faults.push(`${refused.length} records were refused: ${refused[0]!.reason}`)
    await pod.process.kill()
    return { usage, wall, faults }
  }
})
