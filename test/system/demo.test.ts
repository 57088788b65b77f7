/** The first thing that anyone runs: the demo, as `npm start` and as Ctrl-C ends it. It must leave nothing behind. */
import { mkdir, readdir, readFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { zstdDecompressSync } from "node:zlib"
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { objectsBelow } from "../support/archivePods.ts"
import { openStage, type Running, type Stage } from "../support/processes.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

const root = new URL("../..", import.meta.url).pathname
const held = /check: no value was ever older than one shown before, and every service is there/

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

describeWith(["npm"], "the demo", () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  })
  afterAll(() => stage?.close())

  /** Its temporary files in a folder that can be looked at afterwards, in a process group as a shell would start it. */
  const start = async (name: string, command: string, args: ReadonlyArray<string>) => {
    const temporary = join(stage.dir, name)
    await mkdir(temporary)
    return { temporary, demo: stage.run(name, command, args, { cwd: root, group: true, env: { TMPDIR: temporary } }) }
  }
  const servicePids = async (demo: Running): Promise<ReadonlyArray<number>> => {
    const [, pids] = await demo.says(/services \(pids ([\d, ]+)\)/, "stdout")
    return pids!.split(", ").map(Number)
  }
  const alive = (pid: number): boolean => {
    try {
      process.kill(pid, 0)
      return true
    } catch {
      return false
    }
  }
  const nothingLeft = async (pids: ReadonlyArray<number>, temporary: string) => {
    assert.deepStrictEqual(pids.filter(alive), [])
    // npm's own, which it keeps.
    assert.deepStrictEqual(
      (await readdir(temporary)).filter((name) => name !== "node-compile-cache"),
      []
    )
  }

  /** Each of the lines that the services' files still hold, by service, is in the archive's objects once. */
  const eachLineOnce = async (dir: string, archive: string): Promise<number> => {
    const archived = new Map<string, number>()
    for (const name of await objectsBelow(archive))
      for (const row of zstdDecompressSync(await readFile(join(archive, name)))
        .toString()
        .trimEnd()
        .split("\n")) {
        const { source, line } = JSON.parse(row) as { source: string; line: string }
        const key = `${basename(source)} ${line}`
        archived.set(key, (archived.get(key) ?? 0) + 1)
      }
    let lines = 0
    for (const file of (await readdir(dir)).filter((name) => /\.log(\.1)?$/.test(name)))
      for (const line of (await readFile(join(dir, file), "utf8")).trimEnd().split("\n")) {
        lines += 1
        assert.strictEqual(archived.get(`${file.replace(/\.1$/, "")} ${line}`), 1, `${file}: ${line}`)
      }
    return lines
  }

  it("started with npm ends by itself with exit code 0 and a summary that says that the promise held", async () => {
    const { demo, temporary } = await start("timed", "npm", ["start", "--", "--for", "12s", "--port", "0"])
    const pids = await servicePids(demo)
    assert.isAbove(pids.length, 1)
    assert.deepStrictEqual(pids.filter(alive), pids)
    const { code } = await demo.ended
    assert.strictEqual(code, 0, demo.out.stderr + demo.out.stdout)
    assert.match(demo.out.stdout, held)
    assert.match(demo.out.stdout, /^pods taken away or brought back: 2$/m)
    const [, written, archived] = /^archive: (\d+) log lines written, (\d+) archived/m.exec(demo.out.stdout)!
    assert.isAbove(Number(written), 100)
    assert.strictEqual(archived, written)
    await nothingLeft(pids, temporary)
  })

  it("ends with a summary and exit code 0 on Ctrl-C, which its services get too; what it keeps can be read", async () => {
    const args = ["src/main.ts", "demo", "--port", "0", "--services", "3", "--keep"]
    const { demo, temporary } = await start("stopped", process.execPath, args)
    const pids = await servicePids(demo)
    const [, first] = await demo.says(/pod-a {2}(http:\S+)\/metrics/, "stdout")
    await until(
      async () => {
        const body = await (await fetch(`${first}/metrics`)).text()
        return body.includes("demo_jobs_total{")
      },
      { what: "metrics of the demo's services" }
    )
    await demo.says(/3 sources .* older values .* [1-9]\d* log lines archived/, "stdout")
    demo.signal("SIGINT")
    const { code } = await demo.ended
    assert.strictEqual(code, 0, demo.out.stderr + demo.out.stdout)
    assert.match(demo.out.stdout, held)
    assert.strictEqual(demo.out.stderr, "")
    assert.match(demo.out.stdout, /^No hole, no overlap, nothing damaged\.$/m)
    assert.deepStrictEqual(pids.filter(alive), [])
    const [, kept] = /^dumps, log files and the archive stay in (.*)$/m.exec(demo.out.stdout)!
    assert.deepStrictEqual(await readdir(temporary), [basename(kept!)])
    assert.isAbove(await eachLineOnce(kept!, join(kept!, "archive")), 20)
  })

  it("that is killed takes its services with it", async () => {
    // No group: nobody but the demo itself is killed.
    const demo = stage.run("killed", process.execPath, ["src/main.ts", "demo", "--port", "0", "--services", "2"], {
      cwd: root,
      env: { TMPDIR: stage.dir }
    })
    const pids = await servicePids(demo)
    assert.deepStrictEqual(pids.filter(alive), pids)
    await demo.kill()
    await until(() => !pids.some(alive), { what: () => `the end of ${pids.filter(alive)}` })
  })
})
