/** One agent a state directory: also over what killed agents left behind, in deep folders, and among many at once. */
import { existsSync } from "node:fs"
import { mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, it } from "vitest"
import { type Held, holdState } from "../../src/agent/StateLock.ts"
import { openStage, type Stage } from "../support/processes.ts"

const module = JSON.stringify(new URL("../../src/agent/StateLock.ts", import.meta.url).href)

describe("the lock of a state directory", () => {
  let dir = ""
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  })
  afterAll(() => stage?.close())
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "k2p-lock-"))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  const held = async (where = dir): Promise<Extract<Held, { kind: "held" }>> => {
    const lock = await holdState(where)
    if (lock.kind !== "held") throw new Error(JSON.stringify(lock))
    return lock
  }

  /** A process that has the directory until it is killed. */
  const owner = async () => {
    const code = `import { holdState } from ${module}; const held = await holdState(${JSON.stringify(dir)})
      setInterval(() => {}, 1000); process.stdout.write(held.kind)`
    const running = stage.run("owner", process.execPath, ["--input-type=module", "-e", code])
    await running.says(/^held$/, "stdout")
    return running
  }

  it("names who has the directory, and lets the next one in when that one leaves", async () => {
    const first = await held()
    assert.deepStrictEqual(await holdState(dir), { kind: "taken", owner: `process ${process.pid} on ${hostname()}` })
    await first.release()
    assert.deepStrictEqual(await readdir(dir), [])
    await (await held()).release()
  })

  it("is not held by a process that was killed, and leaves nothing of it behind", async () => {
    const { kill, pid } = await owner()
    assert.deepStrictEqual(await holdState(dir), { kind: "taken", owner: `process ${pid} on ${hostname()}` })
    await kill()
    assert.isTrue(existsSync(join(dir, "agent.lock.1")))
    await (await held()).release()
    for (let killed = 0; killed < 3; killed++) await (await owner()).kill()
    await (await held()).release()
    assert.deepStrictEqual(await readdir(dir), ["agent.lock.4"])
  })

  it("is held by a process that is stopped", async () => {
    const { signal, kill } = await owner()
    signal("SIGSTOP")
    assert.deepStrictEqual(await holdState(dir), { kind: "taken", owner: "a process that does not answer" })
    await kill()
  })

  it("of many that come at once over a stale one, one has it", async () => {
    for (let round = 0; round < 20; round++) {
      await writeFile(join(dir, "agent.lock.7"), "")
      const locks = await Promise.all(Array.from({ length: 8 }, () => holdState(dir)))
      const owners = locks.filter(({ kind }) => kind === "held")
      assert.deepStrictEqual([owners.length, locks.filter(({ kind }) => kind === "taken").length], [1, 7])
      for (const lock of locks) if (lock.kind !== "taken") await lock.release()
      assert.deepStrictEqual(await readdir(dir), ["agent.lock.7"])
    }
  })

  it("works in a folder whose path is longer than a socket's address may be, and in one that is to be made", async () => {
    const deep = join(dir, "d".repeat(100), "e".repeat(100))
    const lock = await held(deep)
    assert.strictEqual((await holdState(deep)).kind, "taken")
    await symlink(deep, join(dir, "short"))
    assert.strictEqual((await holdState(join(dir, "short"))).kind, "taken")
    await lock.release()
    assert.deepStrictEqual(await readdir(deep), [])
  })

  it("says so where there can be no lock", async () => {
    await writeFile(join(dir, "file"), "")
    assert.strictEqual((await holdState(join(dir, "file"))).kind, "unknown")
  })
})
