/**
 * Logs from files to an archive, by whole processes on a real broker: services log and rotate their files, an agent tails them and is killed at
 * any instant, archive pods are killed and replaced. What is judged is what a reader gets: the rows of the objects, and nothing else.
 */
import { mkdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { zstdDecompressSync } from "node:zlib"
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { random as seeded } from "../../src/testing/Random.ts"
import { knownBy, LogWriter, verdict } from "../agent/log/writer.ts"
import { type ArchivePod, objectsBelow, startArchivePod } from "../support/archivePods.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { describeKafka } from "../support/tools.ts"
import { until } from "../support/until.ts"

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

interface Row {
  readonly source: string
  readonly stream: string
  readonly position: number
  readonly line: string
}

/** Of each stream its lines, in the order of the archive: objects by their names, rows as they stand. */
const streamsBelow = async (folder: string): Promise<ReadonlyMap<string, ReadonlyArray<string>>> => {
  const names = [...(await objectsBelow(folder))].sort((a, b) => (a.slice(-40) < b.slice(-40) ? -1 : 1))
  const lines = new Map<string, Array<string>>()
  for (const name of names) {
    const text = zstdDecompressSync(await readFile(join(folder, name))).toString()
    for (const json of text.split("\n")) {
      if (json === "") continue
      const { stream, line } = JSON.parse(json) as Row
      lines.set(stream, [...(lines.get(stream) ?? []), line])
    }
  }
  return lines
}

describeKafka("logs from files to an archive", () => {
  let kafka: KafkaCluster
  let stage: Stage
  beforeAll(async () => {
    kafka = await startKafka({ version: "3.9.1" })
    stage = await openStage()
    await kafka.createTopic("logs", 2)
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  it("each line once, whoever is killed, and verify finds nothing wrong", async () => {
    const { next: random } = seeded(11)
    const brokers = ["--brokers", kafka.bootstrap.join(",")]
    const [logs, state, folder] = [join(stage.dir, "logs"), join(stage.dir, "state"), join(stage.dir, "archive")]
    await mkdir(logs)
    const startAgent = () =>
      stage.program("agent", [
        ...["agent", ...brokers, "--host", "h", "--state-dir", state, "--log", join(logs, "*.log*")],
        ...["--log-linger", "20ms"]
      ])
    const to = ["--to", `file://${folder}`]
    const startPod = (name: string): Promise<ArchivePod> =>
      startArchivePod(stage, name, [
        ...[...brokers, "--topic", "logs", ...to, "--roll-age", "1s", "--session-timeout", "6s", "--workers", "1"]
      ])
    const writers = (["rename", "copytruncate"] as const).map((rotation) => {
      const isKnown = knownBy(join(state, "logs"))
      return new LogWriter({ path: join(logs, `${rotation}.log`), rotation, packFrom: 2, keep: 60, random, isKnown })
    })
    let agent = startAgent()
    let pods = [await startPod("a"), await startPod("b")]
    for (let step = 0; step < 80; step++) {
      for (const writer of writers) {
        writer.write(Math.floor(random() * 40))
        if (random() < 0.1) writer.rotate()
      }
      if (step % 25 === 20) {
        await agent.kill()
        agent = startAgent()
      }
      if (step === 40) {
        await pods[0]!.process.kill()
        pods = [pods[1]!, await startPod("c")]
      }
      await delay(random() * 120)
    }
    for (const writer of writers) writer.finish()
    let found = verdict(writers, await streamsBelow(folder))
    await until(
      async () => {
        found = verdict(writers, await streamsBelow(folder))
        return found.missing.length === 0
      },
      { what: () => `all lines; missing are ${found.missing.slice(0, 40).join(", ")}\n${stage.logs()}`, every: 300 }
    )
    for (const { process } of [...pods, { process: agent }]) {
      process.signal("SIGTERM")
      assert.deepStrictEqual(await process.ended, { code: 0, signal: null })
    }
    assert.deepStrictEqual(verdict(writers, await streamsBelow(folder)), { missing: [], wrong: [] })
    const verify = stage.program("verify", ["archive", "verify", ...to])
    assert.strictEqual((await verify.ended).code, 0, verify.out.stdout)
  })
})
