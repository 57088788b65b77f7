/**
 * Agent over a long way: rounds a second that one agent brings to a broker with a round trip of 100 ms in between, of a thousand sources
 * that dump at the same moment, wave after wave.
 *
 * Measured: from when the last file of a wave is in its place until all rounds of the wave stand on the log, the agent's looks at the files
 * included (it takes a file at its second look, 250 ms apart). The way is a proxy that holds every byte for 50 ms; opening a connection takes no
 * time on it. Why it does not favour us: the agent, broker, proxy and the writer of the files share the machine.
 */
import { mkdir, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { startKafka } from "../support/kafka.ts"
import { openProxy } from "../support/tcpProxy.ts"
import { until } from "../support/until.ts"
import { type Bench, median, type Rig } from "./Bench.ts"
import { usageOf } from "./usage.ts"

const partitions = 4
const roundTrip = 100

const waves = async (rig: Rig, sources: number, count: number) => {
  const way = await openProxy()
  const cluster = await startKafka({ version: "3.9.1", doors: { AGENT: [way.port] } })
  try {
    rig.met("Kafka", "3.9.1")
    way.aim(cluster.doors.AGENT![0]!)
    way.delay(roundTrip / 2)
    await cluster.createTopic("far", partitions)
    const dumps = join(rig.stage.dir, "far")
    await mkdir(dumps)
    const agent = rig.stage.program("agent", [
      ...["agent", "--brokers", `127.0.0.1:${way.port}`, "--topic", "far", "--dump", join(dumps, "*.prom")],
      ...["--state-dir", join(rig.stage.dir, "far-state")]
    ])
    await agent.says(/is reached/)
    const onLog = async () =>
      (await cluster.admin.fetchTopicOffsets("far")).reduce((sum, { high }) => sum + Number(high), 0)
    const seconds: Array<number> = []
    const before = await usageOf(agent.pid)
    for (let wave = 1; wave <= count; wave++) {
      for (let i = 0; i < sources; i++) {
        const path = join(dumps, `s${i}`)
        await writeFile(`${path}.tmp`, `# TYPE wave counter\nwave ${wave}\n`)
        await rename(`${path}.tmp`, `${path}.prom`)
      }
      const written = performance.now()
      await until(async () => (await onLog()) >= wave * sources, { what: `wave ${wave} on the log`, every: 20 })
      seconds.push((performance.now() - written) / 1000)
      rig.say(`wave ${wave}: ${seconds.at(-1)!.toFixed(2)} s`)
    }
    const { cpu } = await usageOf(agent.pid)
    await agent.kill()
    return { seconds, cpu: cpu - before.cpu }
  } finally {
    await cluster.stop()
    await way.close()
  }
}

export const agentRoundTrip: Bench = {
  name: "agent-far",
  about: `rounds a second of one agent at ${roundTrip} ms of round trip`,
  run: async (rig) => {
    const sources = rig.quick ? 100 : 1_000
    const count = rig.quick ? 2 : 8
    const { cpu, seconds } = await waves(rig, sources, count)
    // Of the first one the connections are opened and the files found.
    const later = seconds.slice(1)
    return [
      {
        title: `Agent at ${roundTrip} ms of round trip: ${sources} sources that dump at once`,
        columns: [
          { name: "rounds/s", better: "more", digits: 0 },
          { name: "a wave, s, median", better: "less", digits: 2 },
          { name: "longest, s", better: "less", digits: 2 },
          { name: "CPU s a 1,000 rounds", better: "less", digits: 2 }
        ],
        rows: [
          {
            name: `${sources} sources`,
            cells: [
              (sources * later.length) / later.reduce((sum, each) => sum + each, 0),
              median(later),
              Math.max(...later),
              (1000 * cpu) / (sources * count)
            ]
          }
        ],
        notes: [`${count} waves, the first one is not counted; no round was lost.`]
      }
    ]
  }
}
