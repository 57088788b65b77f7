/**
 * `npm run test:node22 [-- --newest] [-- <filter> …]`: the suite, or what of it the filters name, with the lowest Node that `engines` allows, or
 * with the newest of that line: each pod, agent and service of a test runs with the Node that runs the test. All of it takes two cores an hour.
 * Ends as vitest does.
 */
import { spawnSync } from "node:child_process"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { suiteNodes } from "../support/serviceTools.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const [first, ...others] = process.argv.slice(2)
const newest = first === "--newest"
const filters = first === undefined || newest ? others : [first, ...others]
const bin = join(await suiteNodes(), newest ? "newest22" : "lowest22", "bin")
const node = join(bin, "node")
console.log(`with Node ${spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim()}`)
const vitest = join(root, "node_modules/vitest/vitest.mjs")
// What is started by its name alone is of the same Node.
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` }
const { status } = spawnSync(node, [vitest, "run", ...filters], { cwd: root, env, stdio: "inherit" })
process.exitCode = status ?? 1
