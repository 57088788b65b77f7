export { dumpRegistry, type RegistryDumpOptions } from "./dist/RegistryDump.js"
