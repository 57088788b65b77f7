/**
 * The package as it is published, built and packed in a folder of its own, so that tests which run at the same time do not build over each
 * other; and projects that have it installed, with these of its dependencies.
 */
import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import pkg from "../../package.json" with { type: "json" }

const run = promisify(execFile)
export const root = fileURLToPath(new URL("../..", import.meta.url))

/** What an installation of the package alone brings, npm installs peers by itself. */
export const dependencies: ReadonlyArray<string> = [
  ...Object.keys(pkg.dependencies),
  ...Object.keys(pkg.peerDependencies)
]

export interface Packed {
  readonly dir: string
  /** The folder that was packed, with `dist`. */
  readonly home: string
  readonly tarball: string
  /** A folder with the package in its node_modules, unpacked, beside these dependencies of the checkout's. */
  readonly project: (name: string, dependencies: ReadonlyArray<string>) => Promise<string>
  /** One package more, out of another folder of packages. */
  readonly link: (project: string, name: string, from: string) => Promise<void>
  readonly remove: () => Promise<void>
}

const link = async (project: string, name: string, from: string): Promise<void> => {
  const at = join(project, "node_modules", name)
  await mkdir(dirname(at), { recursive: true })
  await symlink(join(from, name), at)
}

export const pack = async (): Promise<Packed> => {
  const dir = await mkdtemp(join(tmpdir(), "k2p-package-"))
  const home = join(dir, "kafka2prom")
  await mkdir(home)
  for (const part of [
    "src",
    "build",
    "docs",
    "deploy",
    "package.json",
    "tsconfig.json",
    "tsdoc.json",
    "README.md",
    "LICENSE"
  ])
    await cp(join(root, part), join(home, part), { recursive: true })
  await symlink(join(root, "node_modules"), join(home, "node_modules"))
  await run("npm", ["pack", "--pack-destination", dir], { cwd: home, maxBuffer: 2 ** 24 })
  const tarball = join(dir, `kafka2prom-${pkg.version}.tgz`)
  return {
    dir,
    home,
    tarball,
    link,
    project: async (name, needs) => {
      const project = join(dir, name)
      const installed = join(project, "node_modules", "kafka2prom")
      await mkdir(installed, { recursive: true })
      await run("tar", ["xzf", tarball, "--strip-components=1", "-C", installed])
      for (const need of needs) await link(project, need, join(root, "node_modules"))
      return project
    },
    remove: () => rm(dir, { recursive: true, force: true })
  }
}
