/**
 * The package as a team installs it: packed, unpacked beside nothing but the dependencies that it names, and run as compiled
 * JavaScript. What it imports by accident from the checkout or from the dev dependencies fails here.
 */
import { execFile, spawn } from "node:child_process"
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import pkg from "../../package.json" with { type: "json" }
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

const run = promisify(execFile)
const root = fileURLToPath(new URL("../..", import.meta.url))

describeWith(["npm", "tar"], "the packed package", () => {
  let dir = ""
  let tarball = ""
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "k2p-package-"))
    await run("npm", ["pack", "--pack-destination", dir], { cwd: root, maxBuffer: 2 ** 24 })
    tarball = join(dir, `kafka2prom-${pkg.version}.tgz`)
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  /** A project with the package and these of its dependencies. */
  const project = async (name: string, dependencies: ReadonlyArray<string>): Promise<string> => {
    const home = join(dir, name)
    const installed = join(home, "node_modules", "kafka2prom")
    await mkdir(installed, { recursive: true })
    await run("tar", ["xzf", tarball, "--strip-components=1", "-C", installed])
    for (const dependency of dependencies) {
      const link = join(home, "node_modules", dependency)
      await mkdir(dirname(link), { recursive: true })
      await symlink(join(root, "node_modules", dependency), link)
    }
    return home
  }

  const script = async (home: string, text: string): Promise<string> => {
    await writeFile(join(home, "service.mjs"), text)
    return (await run(process.execPath, ["service.mjs"], { cwd: home })).stdout
  }

  it("runs as the program that it names", async () => {
    const home = await project("program", Object.keys(pkg.dependencies))
    const main = join(home, "node_modules", "kafka2prom", pkg.bin.kafka2prom)
    // As npm does where it installs it; its first line finds this node.
    await chmod(main, 0o755)
    const PATH = `${dirname(process.execPath)}:${process.env.PATH}`
    const { stdout } = await run(main, ["check", "--help"], { cwd: home, env: { ...process.env, PATH } })
    assert.match(stdout, /^kafka2prom check: /)
    const demo = await run(process.execPath, [main, "demo", "--for", "6s", "--port", "0"], { cwd: home })
    assert.include(demo.stdout, "check: no value was ever older than one shown before, and every service is there")
  })

  it("gives a service what the README says", async () => {
    const home = await project("service", Object.keys(pkg.dependencies))
    const out = await script(
      home,
      `import { Counter } from "prom-client"
       import { dumpRegistry, RegistryDump, EngineLayer, KafkaTransport, EmbeddedLog } from "kafka2prom"
       new Counter({ name: "orders_total", help: "Orders." }).inc(3)
       await dumpRegistry({ path: "dumps/app.prom" })()
       console.log([RegistryDump.layer, EngineLayer.layer, KafkaTransport.layer, EmbeddedLog.layer].map((l) => typeof l).join())`
    )
    assert.strictEqual(out, "function,function,function,function\n")
    assert.include(await readFile(join(home, "dumps", "app.prom"), "utf8"), "orders_total 3\n")
  })

  it("has an entry for services that needs prom-client and nothing else", async () => {
    const home = await project("light", ["prom-client"])
    await script(
      home,
      `import { Counter } from "prom-client"
       import { dumpRegistry } from "kafka2prom/registry-dump"
       new Counter({ name: "orders_total", help: "Orders." }).inc(4)
       await dumpRegistry({ path: "app.prom" })()`
    )
    assert.include(await readFile(join(home, "app.prom"), "utf8"), "orders_total 4\n")
  })

  it("runs an application of a team's own, with the options that it brings, as a command of the package and of the team", async () => {
    const home = await project("team", Object.keys(pkg.dependencies))
    await writeFile(
      join(home, "app.mjs"),
      `import { Effect, Layer } from "effect"
       import { durable, Kind, PartitionProcessor, settings, ShardService } from "kafka2prom"
       const service = Layer.succeed(ShardService, {
         open: () => { throw new Error("nobody asks") },
         ask: (question) => Effect.succeed([question, "answered"]),
         details: (partitions) => partitions.map(() => ({}))
       })
       const processor = Layer.succeed(PartitionProcessor, { name: "ours", needs: durable, open: () => Effect.never })
       export default {
         name: "ours", about: "answers.", module: import.meta.url,
         settings: settings({ oursWord: { kind: Kind.text("word"), about: "What it asks.", fallback: "well" } }),
         configure: ({ values }) => ({ value: { settings: values.oursWord, agreed: {} } }),
         load: async () => ({
           layer: () => Layer.merge(processor, service),
           surface: (pod) => ({
             status: () => ({}),
             routes: [{
               method: "GET", path: "/asked", about: "asks",
               handle: ({ response }) => Effect.map(
                 Effect.forEach(pod.shards, (shard) => shard.ask(shard.number)),
                 (answers) => response.end(JSON.stringify(answers))
               )
             }]
           })
         })
       }`
    )
    await writeFile(
      join(home, "main.mjs"),
      `import { main } from "kafka2prom"
       import ours from "./app.mjs"
       await main({ name: "team", version: "7.0.0", apps: [ours] })`
    )
    const kafka2prom = join(home, "node_modules", "kafka2prom", pkg.bin.kafka2prom)
    const help = await run(process.execPath, [kafka2prom, "run", "./app.mjs", "--help"], { cwd: home })
    assert.match(help.stdout, /--ours-word word\n {6}What it asks/)
    assert.strictEqual((await run(process.execPath, ["main.mjs", "--version"], { cwd: home })).stdout, "team 7.0.0\n")
    const args = ["--brokers", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--workers", "2"]
    for (const command of [
      [kafka2prom, "run", "./app.mjs"],
      ["main.mjs", "ours"]
    ]) {
      const pod = spawn(process.execPath, [...command, ...args], { cwd: home })
      try {
        let told = ""
        for await (const text of pod.stderr) {
          told += String(text)
          if (/listening on/.test(told)) break
        }
        // Nobody reads its log any more.
        const base = /http:\/\/[^/]+/.exec(told)![0]
        const asked = async () => (await fetch(`${base}/asked`)).text()
        await until(async () => (await asked()) === '[[0,"answered"],[1,"answered"]]', { what: "both workers" })
      } finally {
        pod.kill("SIGKILL")
      }
    }
  })
})
