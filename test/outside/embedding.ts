/**
 * A pod within servers of somebody else's: Effect's own, express and fastify, in one group: the product's bodies, gzip and OpenMetrics under a path of
 * their own, the server's own answers elsewhere, and a proof before each body: one that was frozen beyond its session shows nothing when it wakes.
 */
import assert from "node:assert/strict"
import { readBody } from "../support/exposed.ts"
import { startRounds } from "../support/numberedRounds.ts"
import type { Running } from "../support/processes.ts"
import { until } from "../support/until.ts"
import type { Ground } from "./Ground.ts"

const partitions = 6

interface Embedded {
  readonly process: Running
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Response>
}

export const embedding = async (
  { kafka, stage, module, options }: Ground,
  servers: ReadonlyArray<string>
): Promise<string> => {
  await kafka.createTopic("embedded", partitions)
  const rounds = await startRounds({
    ...{ brokers: kafka.bootstrap, topic: "embedded", partitions, sources: 12 },
    ...{ every: 300, burst: 3, rare: 60, history: 500 }
  })
  try {
    const pods = new Map<string, Embedded>()
    for (const server of servers) {
      const running = stage.run(
        server,
        process.execPath,
        [module(server), kafka.bootstrap.join(), "embedded", server],
        options
      )
      const [, base] = await running.says(/listening on (http:\/\/\S+)/)
      const get: Embedded["get"] = (path, headers = {}) =>
        fetch(base + path, { headers, signal: AbortSignal.timeout(15_000) })
      pods.set(server, { process: running, get })
    }
    const shown = (name: string) =>
      pods
        .get(name)!
        .get("/k2p/metrics")
        .then(async (answer) => [...readBody(await answer.text()).rounds.keys()])
    const all = [...rounds.sources].sort().join()
    let seen = ""
    const whole = (names: ReadonlyArray<string>) =>
      until(
        async () => {
          const bodies = await Promise.all(names.map(shown))
          seen = names.map((name, i) => `${name}: ${bodies[i]!.join()}`).join("; ")
          return bodies.every((sources) => sources.length > 0) && bodies.flat().sort().join() === all
        },
        { what: () => `every source on exactly one pod, and some on each; last seen: ${seen}` }
      )
    await whole(servers)
    for (const { get } of pods.values()) {
      const text = await get("/k2p/metrics", { "accept-encoding": "identity" })
      assert.match(text.headers.get("content-type")!, /^text\/plain; version=/)
      assert.equal(text.headers.get("content-encoding"), null)
      const packed = await get("/k2p/metrics", {
        accept: "application/openmetrics-text;version=1.0.0",
        "accept-encoding": "gzip"
      })
      assert.equal(packed.headers.get("content-encoding"), "gzip")
      assert.match(packed.headers.get("content-type")!, /^application\/openmetrics-text/)
      assert.match(await packed.text(), /# EOF\n$/)
      assert.equal((await get("/k2p/readyz")).status, 200)
      const other = await get("/theirs")
      assert.deepEqual([other.status, await other.text()], [404, "ours"])
      await text.text()
    }
    const [frozen, ...rest] = servers
    if (rest.length > 0) {
      const { process: running, get } = pods.get(frozen!)!
      running.signal("SIGSTOP")
      await whole(rest)
      const waiting = get("/k2p/metrics")
      running.signal("SIGCONT")
      assert.deepEqual([...readBody(await (await waiting).text()).rounds], [], "it shows what it cannot prove")
      await whole(servers)
    }
    for (const { process: running } of pods.values()) {
      running.signal("SIGTERM")
      await running.ended
    }
    return `bodies, gzip, OpenMetrics and proof within ${servers.join(", ")}`
  } finally {
    await rounds.stop()
  }
}
