/**
 * What is published, as strangers take it: its manifest and declarations before the linters of the trade, its API as it was last agreed on, what
 * each entry loads, how compilers and the range of peers get on with it.
 */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { glob, readFile, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type Report, reported, reportOf } from "../../build/api.ts"
import pkg from "../../package.json" with { type: "json" }
import { dependencies, type Packed, pack, root } from "../support/packed.ts"
import { linksOf } from "../support/pages.ts"
import { peers, serviceTools } from "../support/serviceTools.ts"
import { describeWith } from "../support/tools.ts"
import { examples } from "./examples.ts"

const run = promisify(execFile)
const entries = Object.keys(pkg.exports).filter((entry) => entry !== "./package.json")
const nameOf = (entry: string): string => entry.replace(/^\./, "kafka2prom")
/** What the program prints where it fails as well as where it does not. */
const printed = (program: string, args: ReadonlyArray<string>, cwd: string): Promise<string> =>
  run(program, [...args], { cwd, maxBuffer: 2 ** 26 }).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) => `failed:\n${stdout}${stderr}`
  )

describeWith(["npm", "tar"], "the published package", () => {
  let packed: Packed
  let home = ""
  beforeAll(async () => {
    packed = await pack()
    home = await packed.project("consumer", [...dependencies, "@types/node"])
  })
  afterAll(() => packed?.remove())

  it("is good for publint and for attw, older resolutions of TypeScript included", async () => {
    const bin = (name: string) => join(root, "node_modules", ".bin", name)
    assert.include(await printed(bin("publint"), [packed.tarball, "--strict"], packed.dir), "All good!")
    // An ES module for `require`, too: every Node that the package runs on loads it.
    const ignored = ["--ignore-rules", "cjs-resolves-to-esm"]
    const problems = JSON.parse(
      await printed(bin("attw"), [packed.tarball, "--format", "json", ...ignored], packed.dir)
    ).analysis.problems.filter(({ kind }: { readonly kind: string }) => kind !== "CJSResolvesToESM")
    assert.deepStrictEqual(problems, [])
  })

  it("holds maps that lead to the sources that it holds, and names its one file with a side effect", async () => {
    const installed = join(home, "node_modules", "kafka2prom")
    const map = JSON.parse(await readFile(join(installed, "dist", "engine", "EngineLayer.js.map"), "utf8"))
    assert.deepStrictEqual(map.sources, ["../../src/engine/EngineLayer.ts"])
    assert.include(await readFile(join(installed, "src", "engine", "EngineLayer.ts"), "utf8"), "export const layer")
    const bare = await printed("grep", ["-rhoE", '^import "[^"]+"', "src", "--include=*.ts"], installed)
    assert.deepStrictEqual(bare.trim().split("\n"), ['import "./RequestQueuePatch.ts"'])
    assert.deepStrictEqual(pkg.sideEffects, ["./dist/transport/kafka/connection/RequestQueuePatch.js"])
    assert.notMatch(
      await printed("grep", ["-rlE", 'from "\\.{1,2}/[^"]+\\.ts"', "dist", "--include=*.d.ts"], installed),
      /\.d\.ts/
    )
  })

  describe("has the API", () => {
    for (const name of Object.keys(reported) as ReadonlyArray<keyof typeof reported>) {
      let report: Report
      beforeAll(async () => {
        report = await reportOf(packed.home, name)
      })

      it(`that docs/api/${name}.api.md says; npm run api writes a change down`, async () => {
        const agreed = await readFile(join(root, "docs", "api", `${name}.api.md`), "utf8")
        assert.strictEqual(report.text, agreed, "the public API changed: npm run api writes docs/api anew")
      })

      it(`${name} names nothing that cannot be imported, and its comments read well`, async () => {
        const all = await readFile(join(root, "docs", "api", "kafka2prom.api.md"), "utf8")
        const hidden = report.problems.filter((problem) => {
          const symbol = /symbol "(\w+)" needs to be exported/.exec(problem)?.[1]
          if (symbol === undefined) return true
          // What the base of a service's class is, and of SelfMetrics' own shape, stands where it is used.
          if (/^(\w+_base|make)$/.test(symbol)) return false
          // What the kit says of the engine and of the log is imported from their entries.
          return !new RegExp(`^export .*\\b${symbol}\\b`, "m").test(all)
        })
        assert.deepStrictEqual(hidden, [])
      })

      it(`${name} says of every name what it is and how stable, and of every member what it is`, () => {
        // What the base of a service's or an error's class is stands where it is used; its members are looked at below.
        const isBase = (line: string): boolean => /^const \w+_base: /.test(line)
        const names = report.text.matchAll(
          /^\/\/ @public(.*)\n((?:export )?(?:const|class|interface|type|function|enum) .*)$/gm
        )
        const untold = Array.from(names, ([, tags, line]) => [tags!, line!] as const).filter(
          ([tags, line]) => !isBase(line) && !/@(stable|experimental)/.test(tags)
        )
        const undocumented = Array.from(
          report.text.matchAll(/\(undocumented\)\n *(.*)$/gm),
          ([, line]) => line!
        ).filter((line) => !isBase(line))
        assert.deepStrictEqual(
          { untold: untold.map(([, line]) => line), undocumented },
          { untold: [], undocumented: [] }
        )
      })
    }
  })

  it("says of every member of a service and of an error what it is", async () => {
    const found = { members: 0, undocumented: [] as Array<string> }
    const reports = Object.keys(reported).map((name) => readFile(join(root, "docs", "api", `${name}.api.md`), "utf8"))
    const all = (await Promise.all(reports)).join()
    const isExported = (name: string): boolean => new RegExp(`^export class ${name} `, "m").test(all)
    for await (const file of glob("**/*.d.ts", { cwd: join(packed.home, "dist") }))
      for (const [, name, body] of (await readFile(join(packed.home, "dist", file), "utf8")).matchAll(
        /^declare const (\w+)_base: .*\{\n([\s\S]*?)^\}/gm
      )) {
        if (!isExported(name!)) continue
        const lines = body!.split("\n")
        for (const [i, line] of lines.entries()) {
          const member = /^ {4}(?:readonly )?(\w+)\??:/.exec(line)?.[1]
          if (member === undefined) continue
          found.members += 1
          if (!lines[i - 1]?.endsWith("*/")) found.undocumented.push(`${name}.${member}`)
        }
      }
    assert.deepStrictEqual(found.undocumented, [])
    assert.isAbove(found.members, 40)
  })

  it("has pages whose links lead somewhere", async () => {
    const installed = join(home, "node_modules", "kafka2prom")
    const dead: Array<string> = []
    for await (const page of glob("{README.md,docs/**/*.md}", { cwd: installed }))
      for (const link of linksOf(await readFile(join(installed, page), "utf8")))
        if (!existsSync(join(installed, dirname(page), link))) dead.push(`${page}: ${link}`)
    assert.deepStrictEqual(dead, [])
  })

  describe("loads, of other packages,", () => {
    const everywhere = ["effect"]
    const wanted: Readonly<Record<string, ReadonlyArray<string>>> = {
      "./registry-dump": ["prom-client"],
      "./transport": everywhere,
      "./kafka": ["effect", "kafkajs"],
      "./engine": ["effect", "prom-client"],
      "./extension": everywhere,
      "./metrics": ["effect", "prom-client", "re2js"]
    }
    for (const entry of entries.filter((entry) => entry !== ".")) {
      const among = wanted[entry]
      it(`${among === undefined ? "no client of Kafka" : among.join(", ")} by ${nameOf(entry)}`, async () => {
        const file = `import ${JSON.stringify(nameOf(entry))}`
        const preload = pathToFileURL(join(root, "test/package/loaded.mjs")).href
        const args = ["--import", preload, "--input-type=module", "-e", file]
        const loaded = JSON.parse(await printed(process.execPath, args, home)) as ReadonlyArray<string>
        const packages = new Set(
          loaded.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? [])
        )
        packages.delete("kafka2prom")
        if (entry !== "./kafka") assert.isFalse(packages.has("kafkajs"), entry)
        // What those need in turn is theirs.
        for (const name of among ?? []) assert.isTrue(packages.has(name), `${entry} and ${name}`)
        if (entry === "./registry-dump") assert.isFalse(packages.has("effect"))
      })
    }
  })

  const team = `import { Effect, Layer } from "effect"
import { metricsApp, metricsParts, openPod, inThisThread, SelfMetrics, EmbeddedLog, Tap, PartitionProcessor } from "kafka2prom"
import { publishRegistry } from "kafka2prom/agent"
import { Backpressure, defaultEngineOptions, EngineLayer, type Processing, type Strategy } from "kafka2prom/engine"
import { type Extension, settings } from "kafka2prom/extension"
import { KafkaTransport } from "kafka2prom/kafka"
import { defaultMetrics } from "./defaults.js"
import { dumpRegistry } from "kafka2prom/registry-dump"
import { type LogRecord, Transport } from "kafka2prom/transport"
const mine: Strategy = { name: "mine", about: "a.", drops: true, decide: (q) => (q.records > 1 ? "drop" : "fetch") }
export const extension: Extension<null> = {
  name: "mine", module: import.meta.url, settings: settings({}), strategies: [mine],
  configure: () => ({ value: { settings: null, agreed: {} } }),
  layer: () => Tap.layer({ name: "mine", round: ({ source }) => Effect.log(source) })
}
const log: Layer.Layer<Transport> = KafkaTransport.layer({ brokers: [], clientId: "x", connectionTimeout: 1, requestTimeout: 1 })
export const pressure: Layer.Layer<Backpressure> = Backpressure.layer("mine", 1, [mine])
export const shard = EngineLayer.layer(defaultEngineOptions)
export const pod = openPod({ version: "1", adminToken: undefined, settings: [] }, metricsParts, inThisThread(metricsApp, metricsParts, {
  engine: defaultEngineOptions, backpressure: { strategy: "mine", adaptiveLag: 0 }, application: defaultMetrics
})).pipe(Effect.scoped, Effect.provide(Layer.merge(SelfMetrics.layer, EmbeddedLog.transport.pipe(Layer.provide(EmbeddedLog.layer())))))
export const all: Layer.Layer<never, unknown> = publishRegistry({ registry: { metrics: async () => "a 1" }, topic: "t", source: "s", job: "j" }).pipe(Layer.provide([log, SelfMetrics.layer]))
export const keep = (record: LogRecord): number => record.offset
export type P = PartitionProcessor["Service"]; export type Q = Processing
void dumpRegistry
`
  const defaults = `import { MetricsProcessor } from "kafka2prom/metrics"\nexport const defaultMetrics = MetricsProcessor.defaultMetricsOptions\n`
  const strict = [
    "--strict",
    "--exactOptionalPropertyTypes",
    "--target",
    "es2022",
    "--lib",
    "es2024,dom",
    "--types",
    "node"
  ]

  describe("is compiled by", () => {
    const consumers = [
      ["5.9", "nodenext", "nodenext"],
      ["5.9", "node16", "node16"],
      ["5.9", "esnext", "bundler"],
      ["7.0", "nodenext", "nodenext"],
      ["7.0", "esnext", "bundler"]
    ] as const
    it.each(consumers)(
      "TypeScript %s with module %s and resolution %s, strict",
      async (version, module, resolution) => {
        const packages = version === "7.0" ? join(root, "node_modules") : await serviceTools()
        await writeFile(join(home, "team.mts"), team.replace("./defaults.js", "./defaults.mjs"))
        await writeFile(join(home, "defaults.mts"), defaults)
        const how = ["--noEmit", "--skipLibCheck", ...strict, "--module", module, "--moduleResolution", resolution]
        const tsc = join(packages, "typescript", "bin", "tsc")
        assert.strictEqual(await printed(process.execPath, [tsc, ...how, "team.mts"], home), "")
      }
    )

    it("TypeScript 5.9 with resolution node10, where Effect itself cannot be found", async () => {
      await writeFile(
        join(home, "old.ts"),
        `import type { LogRecord } from "kafka2prom/transport"
         import { dumpRegistry } from "kafka2prom/registry-dump"
         export const stop: () => Promise<void> = dumpRegistry({ path: "a.prom" })
         export const offset = ({ offset }: LogRecord): number => offset
         // @ts-expect-error: a path is needed
         dumpRegistry({})\n`
      )
      const how = ["--noEmit", "--skipLibCheck", ...strict, "--module", "commonjs", "--moduleResolution", "node10"]
      const tsc = join(await serviceTools(), "typescript", "bin", "tsc")
      assert.strictEqual(await printed(process.execPath, [tsc, ...how, "old.ts"], home), "")
    })
  })

  describe("with the oldest Effect of its peers' range", () => {
    let old = ""
    beforeAll(async () => {
      const theirs = await peers()
      old = await packed.project("oldest", [...Object.keys(pkg.dependencies), "@types/node"])
      for (const peer of Object.keys(pkg.peerDependencies)) await packed.link(old, peer, theirs)
    })

    it("is compiled", async () => {
      await writeFile(join(old, "team.mts"), team.replace("./defaults.js", "./defaults.mjs"))
      await writeFile(join(old, "defaults.mts"), defaults)
      const how = ["--noEmit", "--skipLibCheck", ...strict, "--module", "nodenext", "--moduleResolution", "nodenext"]
      const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
      assert.strictEqual(await printed(process.execPath, [tsc, ...how, "team.mts"], old), "")
    })

    it("carries the demo to its end, with no value older than one before", async () => {
      const main = join(old, "node_modules", "kafka2prom", pkg.bin.kafka2prom)
      const shown = await printed(process.execPath, [main, "demo", "--for", "6s", "--port", "0"], old)
      assert.include(shown, "check: no value was ever older than one shown before, and every service is there")
    })
  })

  describe("the examples", () => examples(() => packed))

  it("puts a registry on the log in five lines", async () => {
    await writeFile(
      join(home, "five.mjs"),
      `import { Effect, Layer } from "effect"
       import { EmbeddedLog, publishRegistry, SelfMetrics } from "kafka2prom"
       import { Counter, register } from "prom-client"
       new Counter({ name: "orders_total", help: "Orders." }).inc(5)
       const published = publishRegistry({ registry: register, topic: "metrics", source: "eu/orders-1", job: "orders", partitionBase: 1 })
       await Effect.gen(function* () {
         const log = yield* EmbeddedLog
         yield* log.createTopic("metrics", 1)
         yield* Layer.build(published)
         while (log.end({ topic: "metrics", partition: 0 }) === 0) yield* Effect.sleep(20)
         while (!/k2p_agent_rounds_total\\{outcome="sent"\\} 1/.test(yield* Effect.flatMap(SelfMetrics, ({ text }) => Effect.promise(() => text())))) yield* Effect.sleep(20)
         console.log("published")
       }).pipe(Effect.scoped, Effect.provide(Layer.merge(SelfMetrics.layerAgent, EmbeddedLog.transport.pipe(Layer.provideMerge(EmbeddedLog.layer())))), Effect.runPromise)`
    )
    assert.include(await printed(process.execPath, ["five.mjs"], home), "published\n")
  })
})
