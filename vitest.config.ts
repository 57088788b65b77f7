import { defineConfig } from "vitest/config"
import { InTurn } from "./test/support/InTurn.ts"

const src = new URL("src/", import.meta.url).pathname

export default defineConfig({
  resolve: {
    // As `paths` in tsconfig.json: examples name the package.
    alias: [
      { find: /^kafka2prom$/, replacement: `${src}index.ts` },
      { find: /^kafka2prom\/extension$/, replacement: `${src}extension.ts` },
      { find: /^kafka2prom\/kafka$/, replacement: `${src}transport/kafka/index.ts` },
      { find: /^kafka2prom\/([a-z]+)$/, replacement: `${src}$1/index.ts` }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: "test/support/compileCache.ts",
    // System tests wait most of their time; two cores carry two of them beside one file that computes.
    maxWorkers: 3,
    sequence: { sequencer: InTurn }
  }
})
