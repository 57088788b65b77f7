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
    let dumps = 0
    const counting = {
      metrics: () => {
        dumps++
        return registry.metrics()
      }
    }
    const stop = dumpRegistry({ path, registry: counting, log, intervalMs: 5 })
    await vi.waitFor(() => assert.isAbove(dumps, 3), { interval: 2 })
    const failures = told.filter((message) => message.includes("not dumped"))
    assert.lengthOf(failures, 1)
    assert.include(failures[0], path)
    await rmdir(path)
    await stop()
    assert.lengthOf(
      told.filter((message) => message.includes("not dumped")),
      1
    )
    assert.lengthOf(
      told.filter((message) => /again, after \d+ dumps that failed/.test(message)),
      1
    )
    assert.deepStrictEqual(await readdir(join(dir, "sub")), ["app.prom"])
  })

  it("a metric that throws does not reach the service", async () => {
    const told: Array<string> = []
    const registry = { metrics: () => Promise.reject(new Error("collect failed")) }
    await dumpRegistry({ path, registry, log: (message) => void told.push(message) })()
    assert.lengthOf(told, 1)
    assert.include(told[0], "collect failed")
  })

  it("a metric that is slow, dump after dump, is told when it begins and when it ends, and no dumps pile up behind it", async () => {
    const told: Array<string> = []
    const waiting: Array<(text: string) => void> = []
    let asked = 0
    let slow = true
    const registry = {
      metrics: () => {
        asked++
        return slow ? new Promise<string>((resolve) => waiting.push(resolve)) : Promise.resolve("a 9\n")
      }
    }
    const intervalMs = 20
    const stop = dumpRegistry({ path, registry, log: (message) => void told.push(message), intervalMs })
    for (let dump = 1; dump <= 3; dump++) {
      await vi.waitFor(() => assert.lengthOf(waiting, dump), { interval: 2 })
      // An interval passes at least: this dump is late, too.
      await new Promise((resolve) => setTimeout(resolve, 2 * intervalMs))
      assert.strictEqual(asked, dump)
      assert.lengthOf(told, 1)
      assert.include(told[0], "less often than every 20 ms")
      if (dump === 3) slow = false
      waiting[dump - 1]?.(`a ${dump}\n`)
    }
    await vi.waitFor(() => assert.isAbove(told.length, 1), { interval: 2 })
    await stop()
    assert.match(told[1]!, /every 20 ms again, after \d+ dumps that were left out/)
    assert.strictEqual(await readFile(path, "utf8"), "a 9\n")
  })

  it.each([Number.NaN, 0, -5, 0.5, Number.POSITIVE_INFINITY, 2 ** 31, 30 * 86_400_000, "5" as unknown as number])(
    "an interval of %s is refused in words, and the default is used",
    async (intervalMs) => {
      const told: Array<string> = []
      const registry = { metrics: () => Promise.resolve(`a ${++asked}\n`) }
      let asked = 0
      const stop = dumpRegistry({ path, registry, intervalMs, log: (message) => void told.push(message) })
      await vi.waitFor(() => stat(path), { interval: 2 })
      await new Promise((resolve) => setTimeout(resolve, 30))
      assert.strictEqual(asked, 1)
      await stop()
      assert.lengthOf(told, 1)
      assert.include(told[0], `not ${intervalMs}: 30000 is used`)
    }
  )

  it("without a path nothing is dumped, which is told and not thrown", async () => {
    const told: Array<string> = []
    for (const none of ["", undefined as unknown as string])
      await dumpRegistry({ path: none, log: (message) => void told.push(message) })()
    assert.lengthOf(told, 2)
    assert.include(told[1], "needs the path of a file, it got undefined")
  })

  it("a log that throws, or promises and fails, does no harm", async () => {
    const unhandled: Array<unknown> = []
    const note = (why: unknown) => void unhandled.push(why)
    process.on("unhandledRejection", note)
    const registry = { metrics: () => Promise.reject(new Error("collect failed")) }
    let logged = 0
    const logs = [
      () => {
        logged++
        throw new Error("no log")
      },
      () => {
        logged++
        return Promise.reject(new Error("no log"))
      }
    ]
    for (const log of logs) await dumpRegistry({ path, registry, log, intervalMs: Number.NaN })()
    await new Promise((resolve) => setTimeout(resolve, 10))
    process.off("unhandledRejection", note)
    assert.strictEqual(logged, 4)
    assert.deepStrictEqual(unhandled, [])
  })

  it("who starts last has a path to itself: told where the registry is another, and the first one's stop writes it, too", async () => {
    const told: Array<string> = []
    const log = (message: string) => void told.push(message)
    let asked = 0
    let late = (_: string): void => undefined
    const first = {
      metrics: () => {
        asked++
        return new Promise<string>((resolve) => (late = resolve))
      }
    }
    const stopFirst = dumpRegistry({ path, registry: first, log, intervalMs: 2 })
    const { registry, counter } = counted()
    const stop = dumpRegistry({ path: join(dir, ".", "sub", "..", "sub", "app.prom"), registry, log })
    assert.lengthOf(told, 1)
    assert.include(told[0], "took over")
    await vi.waitFor(() => stat(path), { interval: 2 })
    // The first one's answer comes after the second one's dump: it is older, and not written.
    late("first 1\n")
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.include(await readFile(path, "utf8"), "orders_total 0\n")
    counter.inc(5)
    await stopFirst()
    assert.include(await readFile(path, "utf8"), "orders_total 5\n")
    assert.strictEqual(asked, 1)
    const again = dumpRegistry({ path, registry, log })
    counter.inc(2)
    await stop()
    await again()
    assert.include(await readFile(path, "utf8"), "orders_total 7\n")
    assert.lengthOf(told, 1)
  })

  it("a module that is loaded again and again has whole dumps, no leftovers and nothing to tell", async () => {
    const told: Array<string> = []
    let n = 0
    const registry = { metrics: () => Promise.resolve(`n ${++n}\n${"x 1\n".repeat(20_000)}end 1\n`) }
    const stops = []
    for (let load = 0; load < 20; load++) {
      vi.resetModules()
      const { dumpRegistry: loaded } = await import("../../../src/agent/service/RegistryDump.ts")
      assert.notStrictEqual(loaded, dumpRegistry)
      stops.push(loaded({ path, registry, intervalMs: 2, log: (message) => told.push(message) }))
      const before = n
      await vi.waitFor(() => assert.isAbove(n, before + 2), { interval: 2 })
      const text = await readFile(path, "utf8").catch(() => "none yet, end 1\n")
      assert.isTrue(text.endsWith("end 1\n"))
    }
    await Promise.all(stops.map((stop) => stop()))
    assert.match(await readFile(path, "utf8"), /^n \d+\n(x 1\n){20000}end 1\n$/)
    assert.deepStrictEqual(await readdir(join(dir, "sub")), ["app.prom"])
    // A dump that takes longer than so short an interval is told, too.
    assert.deepStrictEqual(
      told.filter((message) => !/every 2 ms/.test(message)),
      []
    )
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
