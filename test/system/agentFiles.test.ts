/** The agent as a user starts it, beside mounts that hang and disks that are slow. No broker is needed: it reads without one. */
import { mkdir, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, assert, it } from "vitest"
import { cannotMount, type HangingMount, mountHanging } from "../support/hangingMount.ts"
import { openStage, type Running, type Stage } from "../support/processes.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

const replace = async (path: string, text: string): Promise<void> => {
  await writeFile(`${path}.tmp`, text)
  await rename(`${path}.tmp`, path)
}

const problem = cannotMount()
if (problem !== undefined && process.env.K2P_REQUIRE_ALL === "1") throw new Error(problem)

describeWith(problem === undefined ? ["go"] : [], "the agent's files", () => {
  let stage: Stage | undefined
  let mount: HangingMount | undefined
  afterEach(async () => {
    await mount?.close()
    mount = undefined
    await stage?.close()
  })

  const setUp = async (bytesPerSecond = 0) => {
    stage = await openStage()
    const { dir } = stage
    for (const name of ["local", "behind", "mnt"]) await mkdir(join(dir, name))
    mount = await mountHanging(join(dir, "behind"), join(dir, "mnt"), bytesPerSecond)
    return { stage, dir, mount }
  }

  const startAgent = async (on: Stage, dir: string) => {
    const globs = ["local/*.prom", "mnt/*.prom"].flatMap((glob) => ["--dump", join(dir, glob)])
    const args = ["agent", "--brokers", "127.0.0.1:1", "--host", "h", "--state-dir", join(dir, "state"), ...globs]
    const agent = on.program("agent", [...args, "--listen", "127.0.0.1:0"])
    const [, url] = await agent.says(/listening on (http:\S+?)\/self/)
    const metrics = async () => await (await fetch(`${url}/self/metrics`)).text()
    const value = async (series: string): Promise<number | undefined> => {
      const line = (await metrics()).split("\n").find((text) => text.startsWith(`${series} `))
      return line === undefined ? undefined : Number(line.slice(series.length + 1))
    }
    return { agent, url: url!, value }
  }

  const isTaken = async (value: (series: string) => Promise<number | undefined>, source: string, within: number) => {
    const age = await value(`k2p_agent_dump_age_seconds{source="h/${source}"}`)
    return age !== undefined && age < within
  }

  const ends = async (agent: Running): Promise<void> => {
    agent.signal("SIGTERM")
    assert.deepStrictEqual(await agent.ended, { code: 0, signal: null })
  }

  it.skipIf(problem !== undefined)(
    "one mount that hangs holds its own files only, is told, and does not keep the agent from ending",
    async () => {
      const { stage, dir, mount } = await setUp()
      await replace(join(dir, "local/a.prom"), "a 1\n")
      await replace(join(dir, "behind/b.prom"), "b 1\n")
      const { agent, url, value } = await startAgent(stage, dir)
      await until(async () => (await value('k2p_agent_files{state="taken"}')) === 2, { what: "both files" })
      mount.hang()
      await agent.says(/mnt.* has not answered for/)
      assert.strictEqual(await value('k2p_agent_files{state="hung"}'), 1)
      // Each of these is seen while the other hangs.
      const rounds = async () => (await value('k2p_agent_rounds_total{outcome="superseded"}')) ?? 0
      for (let i = 0; i < 5; i++) {
        const before = await rounds()
        await replace(join(dir, "local/a.prom"), `a ${i}\n`)
        await until(async () => (await rounds()) > before, { what: "the healthy file" })
      }
      assert.strictEqual((await fetch(`${url}/healthz`)).status, 200)
      await ends(agent)
    }
  )

  it.skipIf(problem !== undefined)("a mount that answers again is read again", async () => {
    const { stage, dir, mount } = await setUp()
    await replace(join(dir, "behind/b.prom"), "b 1\n")
    const { agent, value } = await startAgent(stage, dir)
    await until(() => isTaken(value, "b", 60), { what: "the file" })
    mount.hang()
    await agent.says(/has not answered for/)
    await replace(join(dir, "behind/b.prom"), "b 2\n")
    const before = (await value('k2p_agent_dump_age_seconds{source="h/b"}'))!
    mount.goOn()
    await agent.says(/answers again/)
    await until(async () => (await value('k2p_agent_dump_age_seconds{source="h/b"}'))! < before, {
      what: "the new dump"
    })
    await ends(agent)
  })

  it.skipIf(problem !== undefined)("a slow disk is read to its end", async () => {
    const { stage, dir } = await setUp(1_000_000)
    let text = ""
    for (let i = 0; text.length < 8_000_000; i++) text += `a{i="${i}",x="${"x".repeat(1_000)}"} 1\n`
    await replace(join(dir, "behind/b.prom"), text)
    const { agent, value } = await startAgent(stage, dir)
    await until(() => isTaken(value, "b", 60), { what: "a dump of 8 MB at 1 MB a second" })
    await ends(agent)
  })
})
