/**
 * `kafka2prom`: a program of a team's own (`main`), the service's side (`dumpRegistry`), and everything of the entries below, so that one
 * import is enough to begin with. Who wants to load less imports from the entry that has it.
 */
export * from "./agent/index.ts"
export { dumpRegistry, type RegistryDumpOptions } from "./agent/service/RegistryDump.ts"
export { RegistryDump } from "./agent/service/RegistryDumpLayer.ts"
export * from "./engine/index.ts"
export * from "./extension.ts"
export * from "./metrics/index.ts"
export * from "./pod/index.ts"
export { type MainOptions, main } from "./run.ts"
export * from "./transport/index.ts"
export * from "./transport/kafka/index.ts"
