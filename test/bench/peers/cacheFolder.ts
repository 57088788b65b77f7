/**
 * CacheFolder: peers that are built or installed once, in the user's cache and never in the checkout, in a folder whose name carries
 * the version. It appears whole or not at all (renamed into place).
 */
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "kafka2prom")

/** The folder of that name; `make` fills one that is not there yet. */
export const cacheFolder = async (name: string, make: (folder: string) => Promise<void>): Promise<string> => {
  const home = join(cache, name)
  if (existsSync(home)) return home
  await mkdir(cache, { recursive: true })
  const building = await mkdtemp(`${home}.part-`)
  try {
    process.stderr.write(`${name}: fetching and building it, once\n`)
    await make(building)
    await rename(building, home)
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return home
}
