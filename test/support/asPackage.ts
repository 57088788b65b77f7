/** For processes that run examples: `kafka2prom` and its entries are this checkout's sources, in their worker threads, too. */
import type { RunOptions } from "./processes.ts"

export const asPackage: RunOptions = {
  env: { NODE_OPTIONS: `--import=${new URL("asPackage.mjs", import.meta.url).href}` }
}
