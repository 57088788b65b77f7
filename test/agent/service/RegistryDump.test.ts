import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Counter, Registry } from "prom-client"
import { vi } from "vitest"
import { dumpRegistry } from "../../../src/agent/service/RegistryDump.ts"
import { RegistryDump } from "../../../src/agent/service/RegistryDumpLayer.ts"

describe("RegistryDump", () => {
  let dir = ""
  let path = ""
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "k2p-registry-"))
    path = join(dir, "sub", "app.prom")
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  const counted = () => {
    const registry = new Registry()
    return { registry, counter: new Counter({ name: "orders_total", help: "Orders.", registers: [registry] }) }
  }

  it("the file holds what a scrape would return, at the start and at the stop", async () => {
    const { registry, counter } = counted()
    const stop = dumpRegistry({ path, registry })
    await vi.waitFor(async () => assert.strictEqual(await readFile(path, "utf8"), await registry.metrics()), {
      interval: 2
    })
    counter.inc(3)
    await stop()
    assert.include(await readFile(path, "utf8"), "orders_total 3\n")
    assert.deepStrictEqual(await readdir(join(dir, "sub")), ["app.prom"])
  })

  it("a registry set to OpenMetrics is dumped as OpenMetrics", async () => {
    const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    await dumpRegistry({ path, registry })()
    assert.isTrue((await readFile(path, "utf8")).endsWith("# EOF\n"))
  })

  it("each dump replaces the file, it never writes into it", async () => {
    const { registry } = counted()
    const stop = dumpRegistry({ path, registry })
    const first = await vi.waitFor(() => stat(path), { interval: 2 })
    await stop()
    assert.notStrictEqual((await stat(path)).ino, first.ino)
  })

  it("a dump that fails is told once, leaves nothing behind, and is told again when it works", async () => {
    const told: Array<string> = []
    const log = (message: string) => void told.push(message)
    const { registry } = counted()
    // A directory in the file's place: the rename fails.
    await mkdir(path, { recursive: true })
    const stop = dumpRegistry({ path, registry, log, intervalMs: 5 })
    await vi.waitFor(() => assert.lengthOf(told, 1), { interval: 2 })
    let looks = 0
    const counting = {
      metrics: () => {
        looks++
        return registry.metrics()
      }
    }
    const other = dumpRegistry({ path, registry: counting, log: () => undefined, intervalMs: 5 })
    await vi.waitFor(() => assert.isAbove(looks, 3), { interval: 2 })
    await other()
    assert.lengthOf(told, 1)
    assert.include(told[0], path)
    await rmdir(path)
    await stop()
    assert.lengthOf(told, 2)
    assert.match(told[1] ?? "", /again, after \d+ dumps that failed/)
    assert.deepStrictEqual(await readdir(join(dir, "sub")), ["app.prom"])
  })

  it("a metric that throws does not reach the service", async () => {
    const told: Array<string> = []
    const registry = { metrics: () => Promise.reject(new Error("collect failed")) }
    await dumpRegistry({ path, registry, log: (message) => void told.push(message) })()
    assert.lengthOf(told, 1)
    assert.include(told[0], "collect failed")
  })

  it("a metric that hangs is told, and no dumps pile up behind it", async () => {
    const told: Array<string> = []
    let asked = 0
    let hangs = true
    let answer = (_: string): void => undefined
    const registry = {
      metrics: () => {
        asked++
        return hangs ? new Promise<string>((resolve) => (answer = resolve)) : Promise.resolve("a 2\n")
      }
    }
    const stop = dumpRegistry({ path, registry, log: (message) => void told.push(message), intervalMs: 2 })
    await vi.waitFor(() => assert.lengthOf(told, 1), { interval: 2 })
    assert.strictEqual(asked, 1)
    hangs = false
    answer("a 1\n")
    await vi.waitFor(() => assert.lengthOf(told, 2), { interval: 2 })
    await stop()
    assert.strictEqual(await readFile(path, "utf8"), "a 2\n")
  })

  it("a stop does not wait for ever for a metric that hangs, and says that the last dump is missing", async () => {
    const told: Array<string> = []
    const registry = { metrics: () => new Promise<string>(() => undefined) }
    await dumpRegistry({ path, registry, log: (message) => void told.push(message), stopTimeoutMs: 10 })()
    assert.lengthOf(told, 1)
    assert.match(told[0]!, /the last dump to .*app\.prom was given up/)
  })

  it("a registry that stays without metrics is told once: it may be another copy of prom-client's", async () => {
    const told: Array<string> = []
    const registry = new Registry()
    let dumps = 0
    const counting = {
      metrics: () => {
        dumps++
        return registry.metrics()
      }
    }
    const stop = dumpRegistry({ path, registry: counting, log: (message) => void told.push(message), intervalMs: 2 })
    await vi.waitFor(() => assert.isAbove(dumps, 4), { interval: 2 })
    await stop()
    // A dump that takes longer than so short an interval is told, too.
    const empty = told.filter((message) => message.includes("holds no metrics"))
    assert.lengthOf(empty, 1)
    assert.match(empty[0]!, /app\.prom holds no metrics.*another copy of prom-client/)
  })

  it("a service that makes its metrics after its first dump is told nothing", async () => {
    const told: Array<string> = []
    const registry = new Registry()
    const stop = dumpRegistry({ path, registry, log: (message) => void told.push(message) })
    new Counter({ name: "late_total", help: "Late.", registers: [registry] }).inc()
    await stop()
    assert.include(await readFile(path, "utf8"), "late_total 1\n")
    assert.deepStrictEqual(told, [])
  })

  it.live("the Layer dumps once more when it is released", () =>
    Effect.gen(function* () {
      const { registry, counter } = counted()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Layer.build(RegistryDump.layer({ path, registry }))
          counter.inc(9)
        })
      )
      assert.include(yield* Effect.promise(() => readFile(path, "utf8")), "orders_total 9\n")
    })
  )
})
