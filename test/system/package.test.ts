/**
 * The package as a team installs it: packed, unpacked beside nothing but the dependencies that it names, and run as compiled
 * JavaScript. What it imports by accident from the checkout or from the dev dependencies fails here.
 */
import { execFile } from "node:child_process"
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import pkg from "../../package.json" with { type: "json" }
import { describeWith } from "../support/tools.ts"

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
       import { dumpRegistry, RegistryDump, Shard, KafkaTransport, EmbeddedLog } from "kafka2prom"
       new Counter({ name: "orders_total", help: "Orders." }).inc(3)
       await dumpRegistry({ path: "dumps/app.prom" })()
       console.log([RegistryDump.layer, Shard.layer, KafkaTransport.layer, EmbeddedLog.layer].map((l) => typeof l).join())`
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
})
