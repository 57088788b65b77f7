/**
 * The package of the service's side as services install it: packed, put into fresh projects beside prom-client, and used by the
 * Nodes, package managers, compilers and test runners that services have.
 */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import main from "../../package.json" with { type: "json" }
import pkg from "../../packages/registry-dump/package.json" with { type: "json" }
import { serviceTools } from "../support/serviceTools.ts"
import { describeWith } from "../support/tools.ts"

const run = promisify(execFile)
const root = fileURLToPath(new URL("../..", import.meta.url))
const name = pkg.name

/** The same service, as a module of either kind. */
const body = `new Counter({ name: "orders_total", help: "Orders." }).inc(42)
const stop = dumpRegistry({ path: process.argv[2] })
process.once("SIGTERM", () => stop().finally(() => process.exit()))`
const imported = `import { Counter } from "prom-client"\nimport { dumpRegistry } from "${name}"\n`
const required = `const { Counter } = require("prom-client")\nconst { dumpRegistry } = require("${name}")\n`

const typed = `import { type Registry, Counter, register } from "prom-client"
import { dumpRegistry, type RegistryDumpOptions } from "${name}"
const options: RegistryDumpOptions = { path: "app.prom", registry: register, intervalMs: 1000, log: (text: string) => text }
const stop: () => Promise<void> = dumpRegistry(options)
export const counter: Counter = new Counter({ name: "orders_total", help: "Orders." })
export const others = (registry: Registry): Promise<void> => dumpRegistry({ path: "b.prom", registry })()
// @ts-expect-error: a path is needed
dumpRegistry({ registry: register })
void stop()
`

describeWith(["npm"], "the package of dumpRegistry alone", () => {
  let dir = ""
  let tools = ""
  let tarball = ""
  /** Installed by Node 18's npm with --engine-strict. */
  let home = ""

  const node = (version: number): string =>
    version === 24 ? join(root, "node_modules/node/bin/node") : join(tools, `node${version}`, "bin", "node")

  /** A fresh project with the package and this prom-client, as yet without them. */
  const project = async (folder: string, promClient: string): Promise<string> => {
    const path = join(dir, folder)
    await mkdir(path)
    const dependencies = { [name]: `file:${tarball}`, "prom-client": promClient }
    await writeFile(join(path, "package.json"), JSON.stringify({ name: "service", version: "1.0.0", dependencies }))
    return path
  }

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "k2p-registry-dump-"))
    tools = await serviceTools()
    await run("npm", ["pack", "--pack-destination", dir], { cwd: join(root, "packages/registry-dump") })
    tarball = join(dir, `${name}-${pkg.version}.tgz`)
    home = await project("service", "^15.0.0")
    const npm = join(tools, "npm", "bin", "npm-cli.js")
    await run(node(18), [npm, "install", "--engine-strict", "--no-audit", "--no-fund"], { cwd: home })
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  it("has the main package's version, prom-client's range and licence, and no dependency", async () => {
    assert.strictEqual(pkg.version, main.version)
    assert.deepStrictEqual(pkg.peerDependencies, { "prom-client": main.dependencies["prom-client"] })
    assert.notProperty(pkg, "dependencies")
    const licence = await readFile(join(home, "node_modules", name, "LICENSE"), "utf8")
    assert.strictEqual(licence, await readFile(join(root, "LICENSE"), "utf8"))
  })

  it("brings prom-client and what that needs, nothing of Kafka or Effect", async () => {
    const lock = JSON.parse(await readFile(join(home, "package-lock.json"), "utf8"))
    const installed = Object.keys(lock.packages).filter((path) => path !== "")
    const foreign = installed.filter((path) => /kafkajs|effect|kafka2prom$/.test(path))
    assert.include(installed, `node_modules/${name}`)
    assert.deepStrictEqual(foreign, [])
    const size = async (path: string): Promise<string> =>
      (await run("du", ["-sk", path], { cwd: home })).stdout.split("\t")[0]!
    const own = await size(join("node_modules", name))
    console.log(`installed: ${installed.length} packages, ${await size("node_modules")} KiB, ${own} of them this one`)
  })

  for (const version of [18, 20, 22, 24])
    it(`Node ${version} loads it by import and by require, which are one, and dumps at its end`, async () => {
      const files = { "service.mjs": imported + body, "service.cjs": required + body }
      for (const [file, text] of Object.entries(files)) {
        await writeFile(join(home, file), text)
        const dump = join(home, `${file}-${version}.prom`)
        const { stderr } = await run(node(version), [file, dump], { cwd: home })
        assert.strictEqual(stderr, "")
        assert.include(await readFile(dump, "utf8"), "orders_total 42\n")
      }
      const same = `import("${name}").then((m) => console.log(process.version, m.dumpRegistry === require("${name}").dumpRegistry))`
      const { stdout } = await run(node(version), ["-e", same], { cwd: home })
      assert.match(stdout, new RegExp(`^v${version}\\..* true\n$`))
    })

  it("yarn 1 installs it on Node 20, where it works with the oldest prom-client", async () => {
    const path = await project("yarn", "14.2.0")
    const yarn = join(tools, "yarn", "bin", "yarn.js")
    const cache = join(dir, "yarn-cache")
    await run(node(20), [yarn, "install", "--non-interactive", "--cache-folder", cache], { cwd: path })
    await writeFile(join(path, "service.cjs"), required + body)
    await run(node(20), ["service.cjs", "app.prom"], { cwd: path })
    assert.include(await readFile(join(path, "app.prom"), "utf8"), "orders_total 42\n")
  })

  for (const jest of ["jest29", "jest30"])
    it(`a test of ${jest} can load and use it, with fake timers too`, async () => {
      await writeFile(
        join(home, "app.test.js"),
        `${required}
         const { readFileSync } = require("node:fs")
         test("dumps", async () => {
           jest.useFakeTimers()
           new Counter({ name: "orders_total", help: "Orders." }).inc(42)
           await dumpRegistry({ path: "${jest}.prom" })()
           expect(readFileSync("${jest}.prom", "utf8")).toContain("orders_total 42\\n")
         })`
      )
      const program = join(tools, jest, "bin", "jest.js")
      const { stderr } = await run(node(20), [program, "--rootDir", home, "--watchman=false"], { cwd: home })
      assert.include(stderr, "1 passed")
    })

  describe("TypeScript", () => {
    /** Compiler, module, moduleResolution, the file's extension: .mts is `import`, .cts `require`, .ts a service without "type". */
    const consumers = [
      ["5.9", "commonjs", "node10", "ts"],
      ["5.9", "node16", "node16", "cts"],
      ["5.9", "nodenext", "nodenext", "mts"],
      ["5.9", "esnext", "bundler", "ts"],
      ["7.0", "commonjs", "bundler", "ts"],
      ["7.0", "node16", "node16", "ts"],
      ["7.0", "node16", "node16", "mts"],
      ["7.0", "nodenext", "nodenext", "cts"],
      ["7.0", "nodenext", "nodenext", "mts"],
      ["7.0", "esnext", "bundler", "mts"]
    ] as const
    it.each(consumers)(
      "%s compiles a service with module %s and resolution %s (.%s)",
      async (version, module, resolution, ext) => {
        const file = `${version}-${module}-${resolution}.${ext}`
        const packages = version === "7.0" ? join(root, "node_modules") : tools
        const tsc = join(packages, "typescript", "bin", "tsc")
        await writeFile(join(home, file), typed)
        const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022"]
        const failed = await run(
          process.execPath,
          [tsc, ...options, "--module", module, "--moduleResolution", resolution, file],
          { cwd: home }
        ).catch((error: { readonly stdout: string }) => error)
        assert.strictEqual(failed.stdout, "")
      }
    )
  })

  it("holds what it names and nothing else", async () => {
    const files = await readdir(join(home, "node_modules", name), { recursive: true, withFileTypes: true })
    assert.deepStrictEqual(
      files
        .filter((file) => file.isFile())
        .map((file) => file.name)
        .sort(),
      ["LICENSE", "README.md", "RegistryDump.d.ts", "RegistryDump.js", "import.d.mts", "import.mjs", "package.json"]
    )
  })
})
