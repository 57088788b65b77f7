/** The package's version and the Node that it needs, from their one place. */
import { readFileSync } from "node:fs"

const manifest: { readonly version: string; readonly engines: { readonly node: string } } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8")
)

export const { version } = manifest

const parts = (text: string): ReadonlyArray<number> => text.replace(/^\D*/, "").split(".").map(Number)

/** What is wrong with this Node, for people; undefined where nothing is. An older one lacks zstd and ends in the middle of a stack. */
export const nodeProblem = (running: string): string | undefined => {
  const [needed, has] = [parts(manifest.engines.node), parts(running)]
  const [major = 0, minor = 0] = has
  const [least = 0, leastMinor = 0] = needed
  return major > least || (major === least && minor >= leastMinor)
    ? undefined
    : `kafka2prom needs Node ${least}.${leastMinor} or later, this is ${running} (${process.execPath})`
}
