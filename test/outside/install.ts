/**
 * The packed package in an empty project, from the registry with an empty cache, as a team that has nothing yet: npm brings the peers, finds nothing to
 * complain about, and there is one copy of each; the program runs, the entries are compiled strictly in both ways of resolution. Answers what it weighs.
 */
import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { promisify } from "node:util"
import pkg from "../../package.json" with { type: "json" }

const run = promisify(execFile)
const loadedBy = pathToFileURL(fileURLToPath(new URL("../package/loaded.mjs", import.meta.url))).href
const entries = Object.keys(pkg.exports)
  .filter((entry) => entry !== "./package.json")
  .map((entry) => entry.replace(/^\./, "kafka2prom"))

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

/** What one entry loads: modules, and resident memory beyond a bare Node's. */
const weigh = async (entry: string, home: string): Promise<string> => {
  const node = async (code: string, ...args: ReadonlyArray<string>) =>
    (await run(process.execPath, [...args, "--input-type=module", "-e", code], { cwd: home, maxBuffer: 2 ** 26 }))
      .stdout
  const loaded = JSON.parse(await node(`import "${entry}"`, "--import", loadedBy)) as ReadonlyArray<string>
  const grown = await node(
    `const before = process.memoryUsage.rss(); await import("${entry}"); console.log(process.memoryUsage.rss() - before)`
  )
  return `${entry} ${loaded.length} modules and ${megabytes(Number(grown))}`
}

export const install = async (tarball: string): Promise<string> => {
  // Nothing above it has packages that could stand in for what is missing.
  const folder = await mkdtemp(join(tmpdir(), "k2p-empty-"))
  const home = join(folder, "project")
  const cache = join(folder, "npm-cache")
  await mkdir(home)
  try {
    const npm = (...args: ReadonlyArray<string>) =>
      run("npm", [...args, "--cache", cache, "--no-audit", "--no-fund"], { cwd: home, maxBuffer: 2 ** 26 })
    await writeFile(join(home, "package.json"), JSON.stringify({ name: "empty", type: "module", private: true }))
    await npm("install", tarball)
    const files = Number((await run("du", ["-sb", "node_modules"], { cwd: home })).stdout.split("\t")[0])
    const own = Number((await run("du", ["-sb", "node_modules/kafka2prom"], { cwd: home })).stdout.split("\t")[0])
    const packages = JSON.parse((await npm("ls", "--all", "--json")).stdout)
    assert.equal(packages.problems, undefined, "npm ls finds problems")
    for (const peer of Object.keys(pkg.peerDependencies)) {
      const { stdout } = await run("find", ["node_modules", "-path", `*node_modules/${peer}/package.json`], {
        cwd: home
      })
      assert.deepEqual(stdout.trim().split("\n"), [`node_modules/${peer}/package.json`], `copies of ${peer}`)
    }
    const { stdout: help } = await run("npx", ["--no-install", "kafka2prom", "--help"], { cwd: home })
    assert.match(help, /kafka2prom serve/)
    await npm(
      "install",
      "--save-dev",
      `typescript@${pkg.devDependencies.typescript}`,
      `@types/node@${pkg.devDependencies["@types/node"]}`
    )
    await writeFile(
      join(home, "all.ts"),
      entries.map((entry, i) => `import * as m${i} from "${entry}"\nexport const k${i}: object = m${i}\n`).join("")
    )
    const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2024", "--lib", "es2024,dom"]
    for (const [module, resolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"]
    ] as const)
      await run(
        "npx",
        [
          "--no-install",
          "tsc",
          ...strict,
          "--types",
          "node",
          "--module",
          module,
          "--moduleResolution",
          resolution,
          "all.ts"
        ],
        { cwd: home }
      ).catch(({ stdout }: { readonly stdout: string }) => assert.fail(`${resolution}:\n${stdout}`))
    const weights: Array<string> = []
    for (const entry of entries) weights.push(await weigh(entry, home))
    const { size } = await stat(tarball)
    return `tarball ${megabytes(size)}, unpacked ${megabytes(own)}, with all it needs ${megabytes(files)}; loads: ${weights.join(", ")}`
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
