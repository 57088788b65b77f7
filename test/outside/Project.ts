/**
 * Project: the packed package in somebody else's project, compiled there as strictly as TypeScript can. `fetched`: with npm from the registry, as a
 * team would; else beside the dependencies of this checkout, without what it does not have (express, fastify).
 */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import pkg from "../../package.json" with { type: "json" }

const run = promisify(execFile)
const root = fileURLToPath(new URL("../..", import.meta.url))
const servers = { express: "5.3.0", fastify: "5.12.8", "@types/express": "5.0.6" }

export interface Project {
  readonly home: string
  /** What was installed. */
  readonly tarball: string
  /** Compiled. */
  readonly module: (name: string) => string
  /** The program of the package. */
  readonly main: string
  readonly remove: () => Promise<void>
}

/** What a team's project has beside the package itself, in the versions that are tested here. */
const beside = ["effect", "@effect/platform-node", "@types/node"]
const versions: Readonly<Record<string, string>> = { ...pkg.devDependencies, ...pkg.dependencies }

/** In a folder of its own: tests that run at the same time do not build over each other. */
const pack = async (folder: string): Promise<string> => {
  await mkdir(folder)
  const parts = ["src", "build", "docs", "deploy", "package.json", "tsconfig.json", "README.md", "LICENSE"]
  for (const part of parts.filter((each) => existsSync(join(root, each))))
    await cp(join(root, part), join(folder, part), { recursive: true })
  await symlink(join(root, "node_modules"), join(folder, "node_modules"))
  await run("npm", ["pack"], { cwd: folder, maxBuffer: 2 ** 24 })
  return join(folder, `kafka2prom-${pkg.version}.tgz`)
}

const fetchAll = async (home: string, tarball: string): Promise<void> => {
  const own = Object.fromEntries(beside.map((name) => [name, versions[name]]))
  const dependencies = { kafka2prom: `file:${tarball}`, ...own, ...servers }
  await writeFile(
    join(home, "package.json"),
    JSON.stringify({ name: "theirs", type: "module", private: true, dependencies })
  )
  await run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: home, maxBuffer: 2 ** 24 })
}

const linkAll = async (home: string, tarball: string): Promise<void> => {
  await writeFile(join(home, "package.json"), JSON.stringify({ name: "theirs", type: "module", private: true }))
  const installed = join(home, "node_modules", "kafka2prom")
  await mkdir(installed, { recursive: true })
  await run("tar", ["xzf", tarball, "--strip-components=1", "-C", installed])
  for (const name of new Set([...Object.keys(pkg.dependencies), ...beside])) {
    const link = join(home, "node_modules", name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(root, "node_modules", name), link)
  }
}

export const openProject = async ({ fetched }: { readonly fetched: boolean }): Promise<Project> => {
  const home = await mkdtemp(join(tmpdir(), "k2p-outside-"))
  const tarball = await pack(join(home, "packed"))
  await (fetched ? fetchAll : linkAll)(home, tarball)
  const files = fileURLToPath(new URL("project", import.meta.url))
  for (const file of await readdir(files))
    if (fetched || !/^on(Express|Fastify)/.test(file)) await cp(join(files, file), join(home, file))
  const compiled = run(join(root, "node_modules/.bin/tsc"), ["-p", home], { cwd: home })
  await compiled.catch(({ stdout }: { readonly stdout: string }) => {
    throw new Error(`the project does not compile:\n${stdout}`)
  })
  return {
    home,
    tarball,
    module: (name) => join(home, "out", `${name}.js`),
    main: join(home, "node_modules/kafka2prom", pkg.bin.kafka2prom),
    remove: () => rm(home, { recursive: true, force: true })
  }
}
