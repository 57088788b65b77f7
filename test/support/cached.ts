/**
 * Cached: what tests and benchmarks fetch or build on first use, in the user's cache and never in the checkout: it appears there whole or not at
 * all.
 */
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "kafka2prom")

/** Made in a folder of its own by `make`, and moved to its place whole. A change of what is made needs another `name`. */
export const cached = async (name: string, make: (folder: string) => Promise<unknown>): Promise<string> => {
  const home = join(cache, name)
  if (existsSync(home)) return home
  await mkdir(cache, { recursive: true })
  const building = await mkdtemp(`${home}.part-`)
  try {
    process.stderr.write(`${name}: fetching and building it, once\n`)
    await make(building)
    // Somebody else may have been first.
    await rename(building, home).catch((error: unknown) => {
      if (!existsSync(home)) throw error
    })
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return home
}
