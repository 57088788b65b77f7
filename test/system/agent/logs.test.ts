/**
 * The agent tails log files to a real broker: rotated every moment in each way, the agent killed at any instant, the broker stopped and
 * cut off meanwhile; thousands of files; processes that stand still; disks and rights that are not as they should be. The judge reads
 * the topic alone: every line is there, and once after the spans are merged.
 */
import { spawnSync } from "node:child_process"
import { appendFile, chmod, mkdir, readdir, rm, utimes, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { random as seeded } from "../../../src/testing/Random.ts"
import { linesOf, type Received } from "../../agent/log/tailing.ts"
import { knownBy, LogWriter, verdict } from "../../agent/log/writer.ts"
import { tailersOf } from "../../support/lookers.ts"
import type { Running } from "../../support/processes.ts"
import { describeKafka } from "../../support/tools.ts"
import { until } from "../../support/until.ts"
import { openTailed, type Tailed } from "./tailed.ts"

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

/** Of a file that begins with less than a kilobyte nothing is sent that the state directory does not know. */
const known = `known ${"x".repeat(1_200)}`
const isRoot = process.getuid?.() === 0

describeKafka("the agent's log files", () => {
  let tailed: Tailed

  beforeAll(async () => {
    tailed = await openTailed()
  })
  afterAll(() => tailed?.close())

  /** Until all lines are there; of a failure it tells what is missing, and what the agent says of its files. */
  const arrive = async (
    writers: ReadonlyArray<LogWriter>,
    read: () => Promise<ReadonlyArray<Received>>,
    agent: Running
  ): Promise<void> => {
    let missing: ReadonlyArray<string> = []
    let status = ""
    const [, url] = await agent.says(/listening on (http:\S+?)\/self/)
    await until(
      async () => {
        missing = verdict(writers, linesOf(await read())).missing
        status = await (await fetch(`${url}/api/v1/status`)).text()
        return missing.length === 0
      },
      {
        what: () => `all lines; missing are ${missing.slice(0, 40).join(", ")}\n${status}\n${tailed.stage.logs()}`,
        every: 200
      }
    )
  }

  it("rotations in each way, the agent killed at any instant, the broker stopped and cut off: each line once", async () => {
    const random = seeded(Number(process.env.K2P_SEED ?? 20)).next
    const { dir, stateDir, start, read } = await tailed.setUp("logs")
    const writers = (["rename", "copytruncate"] as const).flatMap((rotation) =>
      [0, 2].map((packFrom) => {
        const path = join(dir, `${rotation}${packFrom}.log`)
        return new LogWriter({ path, rotation, packFrom, keep: 60, random, isKnown: knownBy(stateDir) })
      })
    )
    let isUp = false
    const again = () => {
      isUp = false
      const running = start()
      void running.says(/topic logs is reached/).then(
        () => {
          isUp = true
        },
        () => {}
      )
      return running
    }
    let agent = again()
    for (let step = 0; step < 160; step++) {
      for (const writer of writers) {
        writer.write(Math.floor(random() * 60))
        if (random() < 0.12) writer.rotate()
      }
      if (isUp && random() < 0.2) {
        await agent.kill()
        agent = again()
      }
      if (step === 50) tailed.kafka.nodes[0]!.signal("SIGSTOP")
      if (step === 75) tailed.kafka.nodes[0]!.signal("SIGCONT")
      if (step === 100) tailed.way.cut()
      if (step === 115) tailed.way.heal()
      await delay(random() * 120)
    }
    for (const writer of writers) writer.finish()
    await arrive(writers, read, agent)
    assert.deepStrictEqual(verdict(writers, linesOf(await read())), { missing: [], wrong: [] })
    agent.signal("SIGTERM")
    assert.deepStrictEqual(await agent.ended, { code: 0, signal: null })
  })

  /** Each source's lines once, in order. */
  const texts = (records: ReadonlyArray<Received>): ReadonlyArray<string> =>
    [...linesOf(records).values()].map((lines) => lines.join("\n")).sort()

  const comes = (read: () => Promise<ReadonlyArray<Received>>, expected: ReadonlyArray<string>) => {
    let there: ReadonlyArray<string> = []
    return until(
      async () => {
        there = texts(await read())
        return JSON.stringify(there) === JSON.stringify([...expected].sort())
      },
      {
        what: () => `${JSON.stringify(expected)}; there are ${JSON.stringify(there)}\n${tailed.stage.logs()}`,
        every: 200
      }
    )
  }

  it("of thousands of files none stays open for good, nor more than the bound meanwhile", async () => {
    const { dir, start, read } = await tailed.setUp("many", ["--log-open-files", "50"])
    const files = 2_000
    const hourAgo = Date.now() / 1_000 - 3_600
    const expected: Array<string> = []
    for (let i = 0; i < files; i++) {
      const name = join(dir, `${i}.log`)
      await writeFile(name, `line of file ${i}\n`)
      await utimes(name, hourAgo, hourAgo)
      expected.push(`line of file ${i}`)
    }
    const agent = start()
    await agent.says(/topic many is reached/)
    const [tailer] = await tailersOf(agent.pid)
    const openLogs = async () => (await readdir(`/proc/${tailer}/fd`)).length
    let most = 0
    const counting = setInterval(() => void openLogs().then((n) => (most = Math.max(most, n))), 20)
    await comes(read, expected)
    clearInterval(counting)
    // Newcomers, those that are read, sockets and the process' own.
    assert.isBelow(most, 50 + 50 + 100)
    const own = 40
    await until(async () => (await openLogs()) < own, { what: "all of them to be closed" })
    await agent.kill()
  })

  it("the tailer and the agent stand still for longer than requests may take: nothing is lost, and repeats say so", async () => {
    const { dir, start, read } = await tailed.setUp("still")
    const path = join(dir, "a.log")
    await writeFile(path, "line 0\n")
    const agent = start()
    await comes(read, ["line 0"])
    const [tailer] = await tailersOf(agent.pid)
    let lines = 1
    const writeFor = async (ms: number) => {
      for (const end = performance.now() + ms; performance.now() < end; await delay(20))
        await appendFile(path, `line ${lines++}\n`)
    }
    for (const stopped of [tailer!, agent.pid]) {
      process.kill(stopped, "SIGSTOP")
      await writeFor(4_000)
      process.kill(stopped, "SIGCONT")
      await writeFor(500)
    }
    await comes(read, [Array.from({ length: lines }, (_, i) => `line ${i}`).join("\n")])
    assert.deepStrictEqual(await tailersOf(agent.pid), [tailer!], "the tailer was well")
    agent.signal("SIGTERM")
    assert.deepStrictEqual(await agent.ended, { code: 0, signal: null })
  })

  it("what may not be read, or kept, is told with its name, and comes when it may", async () => {
    const { dir, stateDir, args, read } = await tailed.setUp("rights")
    await mkdir(stateDir, { recursive: true })
    for (const [name, text] of [["known", known] as const, ["refused", "refused 1"] as const])
      await writeFile(join(dir, `${name}.log`), `${text}\n`)
    await chmod(join(dir, "refused.log"), 0)
    const main = new URL("../../../src/main.ts", import.meta.url).pathname
    // Another user may have no way to this checkout: root without the right to pass over rights is refused as anybody is.
    const without = "-dac_override,-dac_read_search"
    const as = isRoot ? ["setpriv", `--bounding-set=${without}`, `--inh-caps=${without}`] : []
    const [command, ...rest] = [...as, process.execPath, main, ...args]
    const agent = tailed.stage.run("rights", command!, rest)
    await agent.says(/refused\.log cannot be read: EACCES.*\(let user \d+ read it\)/)
    await comes(read, [known])
    await chmod(stateDir, 0o555)
    await writeFile(join(dir, "new.log"), "new 1\n")
    await appendFile(join(dir, "known.log"), "known 2\n")
    await agent.says(/cannot write .*positions\.json: EACCES.*let this user write to --state-dir/)
    // Known files go on, new ones wait.
    await comes(read, [`${known}\nknown 2`])
    await chmod(join(dir, "refused.log"), 0o644)
    await chmod(stateDir, 0o755)
    await agent.says(/takes positions again/)
    await comes(read, [`${known}\nknown 2`, "new 1", "refused 1"])
    agent.signal("SIGTERM")
    assert.deepStrictEqual(await agent.ended, { code: 0, signal: null })
  })

  it.runIf(isRoot)(
    "a full disk of the state directory holds new files until there is room, and known ones go on",
    async () => {
      const { dir, stateDir, start, read } = await tailed.setUp("full")
      await mkdir(stateDir, { recursive: true })
      const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "k2p-test", stateDir])
      assert.strictEqual(mounted.status, 0, String(mounted.stderr))
      try {
        await writeFile(join(dir, "known.log"), `${known}\n`)
        const agent = start()
        await comes(read, [known])
        const filled = spawnSync("dd", ["if=/dev/zero", `of=${join(stateDir, "fill")}`, "bs=4096", "count=100"])
        assert.include(String(filled.stderr), "No space left")
        await writeFile(join(dir, "new.log"), "new 1\n")
        await appendFile(join(dir, "known.log"), "known 2\n")
        await agent.says(
          /cannot write .*positions\.json: ENOSPC.*New log files wait until it can be written; make room/
        )
        await comes(read, [`${known}\nknown 2`])
        await rm(join(stateDir, "fill"))
        await agent.says(/takes positions again/)
        await comes(read, [`${known}\nknown 2`, "new 1"])
        await agent.kill()
      } finally {
        spawnSync("umount", ["-l", stateDir])
      }
    }
  )
})
