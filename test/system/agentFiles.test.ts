/** The agent as a user starts it, beside mounts that hang and disks that are slow. No broker is needed: it reads without one. */
import { spawnSync } from "node:child_process"
import { mkdir, rename, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, it, type TestContext } from "vitest"
import { cannotMount, mountHanging } from "../support/hangingMount.ts"
import { lookersOf } from "../support/lookers.ts"
import { openStage, type Running, type Stage } from "../support/processes.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

const replace = async (path: string, text: string): Promise<void> => {
  await writeFile(`${path}.tmp`, text)
  await rename(`${path}.tmp`, path)
}

/** Runs a command as a user who gets no watches. */
const unwatched = (command: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...["--user", "--map-root-user", "sh", "-c", 'echo 0 > /proc/sys/user/max_inotify_watches && exec "$@"', "sh"],
  ...command
]
const canUnshare = spawnSync("unshare", [...unwatched(["true"])]).status === 0
const main = new URL("../../src/main.ts", import.meta.url).pathname

const problem = cannotMount()
if (problem !== undefined && process.env.K2P_REQUIRE_ALL === "1") throw new Error(problem)

describeWith(problem === undefined ? ["go"] : [], "the agent's files", () => {
  const setUp = async ({ onTestFinished }: TestContext, bytesPerSecond = 0) => {
    const stage = await openStage()
    onTestFinished(() => stage.close())
    const { dir } = stage
    for (const name of ["local", "behind", "mnt"]) await mkdir(join(dir, name))
    const mount = await mountHanging(join(dir, "behind"), join(dir, "mnt"), bytesPerSecond)
    // Before the stage is closed: the last one is the first.
    onTestFinished(() => mount.close())
    return { stage, dir, mount }
  }

  const startAgent = async (
    on: Stage,
    dir: string,
    globs: ReadonlyArray<string> = ["local/*.prom", "mnt/*.prom"],
    run: (args: ReadonlyArray<string>) => Running = (args) => on.program("agent", args)
  ) => {
    const dumps = globs.flatMap((glob) => ["--dump", join(dir, glob)])
    const args = ["agent", "--brokers", "127.0.0.1:1", "--host", "h", "--state-dir", join(dir, "state"), ...dumps]
    const agent = run([...args, "--listen", "127.0.0.1:0"])
    const [, url] = await agent.says(/listening on (http:\S+?)\/self/)
    const metrics = async () => await (await fetch(`${url}/self/metrics`)).text()
    const value = async (series: string): Promise<number | undefined> => {
      const line = (await metrics()).split("\n").find((text) => text.startsWith(`${series} `))
      return line === undefined ? undefined : Number(line.slice(series.length + 1))
    }
    const superseded = async () => (await value('k2p_agent_rounds_total{outcome="superseded"}')) ?? 0
    /** Replaces the file as often, each time when the round before was seen. */
    const isSeen = async (path: string, times: number) => {
      for (let i = 0; i < times; i++) {
        const before = await superseded()
        await replace(path, `a ${i}\n`)
        await until(async () => (await superseded()) > before, { what: `a change of ${path}` })
      }
    }
    return { agent, url: url!, value, isSeen }
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
    { concurrent: true },
    async (test) => {
      const { stage, dir, mount } = await setUp(test)
      await replace(join(dir, "local/a.prom"), "a 1\n")
      await replace(join(dir, "behind/b.prom"), "b 1\n")
      const { agent, url, value, isSeen } = await startAgent(stage, dir)
      await until(async () => (await value('k2p_agent_files{state="taken"}')) === 2, { what: "both files" })
      mount.hang()
      await agent.says(/mnt.* has not answered for/)
      assert.strictEqual(await value('k2p_agent_files{state="hung"}'), 1)
      // Each of these is seen while the other hangs.
      await isSeen(join(dir, "local/a.prom"), 5)
      assert.strictEqual((await fetch(`${url}/healthz`)).status, 200)
      await ends(agent)
    }
  )

  it.skipIf(problem !== undefined)("a mount that answers again is read again", { concurrent: true }, async (test) => {
    const { stage, dir, mount } = await setUp(test)
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

  it.skipIf(problem !== undefined)(
    "/healthz says 503 and why where no look can end, and 200 when looks end again",
    { concurrent: true, timeout: 150_000 },
    async (test) => {
      const { stage, dir, mount } = await setUp(test)
      await replace(join(dir, "behind/b.prom"), "b 1\n")
      const { agent, url, value } = await startAgent(stage, dir, ["mnt/*.prom"])
      await until(() => isTaken(value, "b", 60), { what: "the file" })
      const health = async () => {
        const answer = await fetch(`${url}/healthz`)
        return `${answer.status} ${await answer.text()}`
      }
      assert.match(await health(), /^200 ok/)
      mount.hang()
      await until(async () => (await health()).startsWith("503"), { what: "the agent to be of no use", within: 90_000 })
      assert.match(await health(), /no look at any dump file could end for \d+ s: .*mnt.* does not answer\. Restarting/)
      mount.goOn()
      await until(async () => (await health()).startsWith("200"), { what: "the agent to be of use" })
      await ends(agent)
    }
  )

  it.skipIf(problem !== undefined)(
    "where too many operations hang another looker takes over, tries those a few at a time, and goes on when they answer",
    { concurrent: true, timeout: 120_000 },
    async (test) => {
      const { stage, dir, mount } = await setUp(test)
      const links = 40
      await replace(join(dir, "local/a.prom"), "a 1\n")
      for (let i = 0; i < links; i++) {
        await replace(join(dir, `behind/b${i}.prom`), "b 1\n")
        await symlink(join(dir, `mnt/b${i}.prom`), join(dir, `local/b${i}.prom`))
      }
      const { agent, value, isSeen } = await startAgent(stage, dir, ["local/*.prom"])
      const taken = () => value('k2p_agent_files{state="taken"}')
      await until(async () => (await taken()) === links + 1, { what: "all files" })
      const [first] = await lookersOf(agent.pid)
      mount.hang()
      await agent.says(
        /too many file operations hang at once: .* and \d+ more; those are tried a few at a time; another process/
      )
      await until(async () => (await lookersOf(agent.pid)).some((pid) => pid !== first), { what: "another looker" })
      await until(async () => ((await value('k2p_agent_files{state="hung"}')) ?? 0) > 0, { what: "what hangs" })
      await isSeen(join(dir, "local/a.prom"), 5)
      assert.strictEqual(agent.out.stderr.split("too many file operations").length, 2)
      // What the new one could not look at yet is not gone.
      assert.notInclude(agent.out.stderr, " gone")
      mount.goOn()
      await until(async () => (await taken()) === links + 1, { what: "all files again" })
      await ends(agent)
    }
  )

  it.skipIf(problem !== undefined)("a slow disk is read to its end", { concurrent: true }, async (test) => {
    const { stage, dir } = await setUp(test, 1_000_000)
    let text = ""
    for (let i = 0; text.length < 8_000_000; i++) text += `a{i="${i}",x="${"x".repeat(1_000)}"} 1\n`
    await replace(join(dir, "behind/b.prom"), text)
    const { agent, value } = await startAgent(stage, dir)
    await until(() => isTaken(value, "b", 60), { what: "a dump of 8 MB at 1 MB a second" })
    await ends(agent)
  })

  it.skipIf(!canUnshare)(
    "where nothing can be watched it is told, and files are polled",
    async ({ onTestFinished }) => {
      const on = await openStage()
      onTestFinished(() => on.close())
      const { dir } = on
      await mkdir(join(dir, "local"))
      await replace(join(dir, "local/a.prom"), "a 1\n")
      const { agent, isSeen } = await startAgent(on, dir, ["local/*.prom"], (args) =>
        on.run("agent", "unshare", unwatched([process.execPath, main, ...args]))
      )
      await agent.says(
        /local and other directories cannot be watched \(ENOSPC.*\): their files are polled, which costs more; raise/
      )
      await isSeen(join(dir, "local/a.prom"), 5)
      await replace(join(dir, "local/b.prom"), "b 1\n")
      await ends(agent)
    }
  )
})
