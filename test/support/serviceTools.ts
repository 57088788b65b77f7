/**
 * What services are built and run with where they are not of this Node: older Nodes, their npm, yarn 1, Jest, the TypeScript before
 * the native one. Installed once into the user's cache; the folder appears whole or not at all.
 */
import { execFile } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { cached } from "./cached.ts"

const dependencies = {
  node18: "npm:node@18.20.8",
  node20: "npm:node@20.20.2",
  node22: "npm:node@22.23.3",
  npm: "10.9.4",
  yarn: "1.22.22",
  jest29: "npm:jest@29.7.0",
  jest30: "npm:jest@30.5.2",
  typescript: "5.9.3"
} as const

/** The lowest Node that `engines` allows, and the newest of its line. */
const nodes = { lowest22: "npm:node@22.19.0", newest22: "npm:node@22.23.3" } as const

/** The lowest Effect that the package names as its peers'. */
const oldestPeers = { effect: "4.0.0", "@effect/platform-node": "4.0.0" } as const

/** A folder of these packages, fetched if need be. A change of them needs another `name`. */
const installed = async (
  name: string,
  dependencies: Readonly<Record<string, string>>,
  scripts: ReadonlyArray<string>
): Promise<string> => {
  const home = await cached(name, async (folder) => {
    const allowScripts = Object.fromEntries(scripts.map((script) => [script, true]))
    await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, dependencies, allowScripts }))
    await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund"], { cwd: folder })
  })
  return join(home, "node_modules")
}

/** Their folder of packages. */
export const serviceTools = (): Promise<string> =>
  installed("service-tools-1", dependencies, ["node18", "node20", "node22"])

export const peers = (): Promise<string> => installed("oldest-peers-1", oldestPeers, [])

/** What the whole suite may be run with. */
export const suiteNodes = (): Promise<string> => installed("suite-nodes-1", nodes, Object.keys(nodes))
