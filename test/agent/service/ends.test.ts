/** How a process with a dump ends, in processes of its own: by itself, by a signal, with a metric that hangs, as a thread. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"

const entry = new URL("../../../src/agent/service/RegistryDump.ts", import.meta.url)

describe("a process that dumps its registry", () => {
  let dir = ""
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "k2p-ends-"))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  /** Runs a service to its end; where it says "ready" it gets a SIGTERM. */
  const run = async (body: string): Promise<{ readonly code: number | null; readonly stderr: string }> => {
    const text = `
      import { dumpRegistry } from ${JSON.stringify(entry.href)}
      let value = 0
      const registry = { metrics: () => Promise.resolve("a " + value + "\\n") }
      const path = "app.prom"
      ${body}`
    await writeFile(join(dir, "service.mjs"), text)
    const child = spawn(process.execPath, ["service.mjs"], { cwd: dir, stdio: ["ignore", "pipe", "pipe"] })
    let stderr = ""
    child.stderr.setEncoding("utf8").on("data", (data: string) => (stderr += data))
    child.stdout.once("data", () => child.kill("SIGTERM"))
    const [code] = (await once(child, "close")) as [number | null]
    return { code, stderr }
  }
  const dumped = () => readFile(join(dir, "app.prom"), "utf8")

  it("writes its last values when it has nothing left to do, and ends", async () => {
    const ended = await run("dumpRegistry({ path, registry }); setTimeout(() => (value = 42), 50)")
    assert.deepStrictEqual(ended, { code: 0, stderr: "" })
    assert.strictEqual(await dumped(), "a 42\n")
    assert.deepStrictEqual((await readdir(dir)).sort(), ["app.prom", "service.mjs"])
  })

  it("writes its last values at a SIGTERM, with the two lines that are documented", async () => {
    const ended = await run(`
      const stop = dumpRegistry({ path, registry })
      process.once("SIGTERM", () => stop().finally(() => process.exit()))
      setTimeout(() => {
        value = 42
        console.log("ready")
      }, 50)
      setInterval(() => undefined, 1_000)`)
    assert.deepStrictEqual(ended, { code: 0, stderr: "" })
    assert.strictEqual(await dumped(), "a 42\n")
  })

  it("is not kept alive by a metric that hangs, nor asks it again", async () => {
    const ended = await run(`
      let asked = 0
      const hangs = { metrics: () => { asked++; return new Promise(() => undefined) } }
      dumpRegistry({ path, registry: hangs })
      process.once("exit", () => (process.exitCode = asked))`)
    assert.deepStrictEqual(ended, { code: 1, stderr: "" })
  })

  it("dumps once at its end, also where others then go on for a while", async () => {
    const ended = await run(`
      let asked = 0
      dumpRegistry({ path, registry: { metrics: () => { asked++; return registry.metrics() } } })
      let more = 3
      process.on("beforeExit", () => { if (more-- > 0) setTimeout(() => undefined, 1) })
      process.once("exit", () => (process.exitCode = asked))`)
    assert.deepStrictEqual(ended, { code: 2, stderr: "" })
  })

  it("shares a path with its threads: whole dumps, in turn", async () => {
    const ended = await run(`
      import { readFileSync } from "node:fs"
      import { isMainThread, Worker } from "node:worker_threads"
      const large = { metrics: () => Promise.resolve("a " + (isMainThread ? 1 : 2) + "\\n" + "x 1\\n".repeat(50_000) + "end 1\\n") }
      const log = (message) => { if (!message.includes("every 2 ms")) console.error(message) }
      const stop = dumpRegistry({ path, registry: large, intervalMs: 2, log })
      if (isMainThread) {
        const seen = new Set()
        const workers = [new Worker(new URL(import.meta.url)), new Worker(new URL(import.meta.url))]
        const look = () => {
          let text = ""
          try { text = readFileSync(path, "utf8") } catch {}
          if (text !== "" && !text.endsWith("end 1\\n")) console.error("torn")
          seen.add(text.slice(0, 3))
          if (!seen.has("a 1") || !seen.has("a 2")) return setTimeout(look, 1)
          for (const worker of workers) worker.postMessage("stop")
        }
        look()
        for (const worker of workers) worker.once("exit", () => { if (--left === 0) void stop() })
        let left = workers.length
      } else {
        const { parentPort } = await import("node:worker_threads")
        parentPort.once("message", () => void stop())
      }`)
    assert.deepStrictEqual(ended, { code: 0, stderr: "" })
    assert.isTrue((await dumped()).endsWith("end 1\n"))
    assert.deepStrictEqual((await readdir(dir)).sort(), ["app.prom", "service.mjs"])
  })

  it("a thread writes its last values when it ends by itself", async () => {
    const ended = await run(`
      import { isMainThread, Worker } from "node:worker_threads"
      if (isMainThread) new Worker(new URL(import.meta.url))
      else {
        dumpRegistry({ path, registry })
        setTimeout(() => (value = 42), 50)
      }`)
    assert.deepStrictEqual(ended, { code: 0, stderr: "" })
    assert.strictEqual(await dumped(), "a 42\n")
  })
})
