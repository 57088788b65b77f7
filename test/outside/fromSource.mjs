/** Loaded into a process of a test's with `--import`, and so into its worker threads: "kafka2prom" is this checkout's source there. */
import { registerHooks } from "node:module"

const source = new URL("../../src/index.ts", import.meta.url).href
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "kafka2prom" ? { url: source, shortCircuit: true } : next(specifier, context)
})
