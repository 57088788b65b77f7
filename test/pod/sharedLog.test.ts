/** A team's Transport on worker threads: each thread builds it, all of them read one log, which is no Kafka. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { asPackage } from "../support/asPackage.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { until } from "../support/until.ts"

const counts = new URL("../../docs/examples/own/counts.ts", import.meta.url).pathname
const sharedLog = new URL("apps/sharedLog.ts", import.meta.url).pathname

describe("a pod on a log of a team's own", () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  })
  afterAll(() => stage.close())

  for (const workers of [1, 2])
    it(`reads it on ${workers} worker(s), without any option of brokers`, async () => {
      const args = ["run", counts, "--extension", sharedLog, "--topic", "orders"]
      const where = ["--workers", String(workers), "--listen", "127.0.0.1:0"]
      const pod = stage.program("counts", [...args, ...where], asPackage)
      const [, base] = await pod.says(/listening on (http:\/\/[^/]+)\/counts/)
      const sums = async () => Object.values((await (await fetch(`${base}/counts`)).json()) as Record<string, number>)
      // Of two shards the second one begins with 2.
      const all = workers === 1 ? "10,10,10,10" : "10,10,12,12"
      await until(async () => (await sums()).sort((a, b) => a - b).join() === all, { what: "all records, shown" })
      pod.signal("SIGTERM")
      assert.strictEqual((await pod.ended).code, 0)
      assert.match(pod.out.stderr, /topics orders, a log of its own/)
      assert.strictEqual(pod.out.stderr.match(/left group kafka2prom/g)?.length, workers)
    })
})
