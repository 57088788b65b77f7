// For `import`: the one implementation, so that a service that loads it both ways has one writer for a path.
export { dumpRegistry } from "./dist/RegistryDump.js"
