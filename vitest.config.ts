import { defineConfig } from "vitest/config"

export default defineConfig({
  // Examples are written as from outside.
  resolve: {
    alias: [
      { find: /^kafka2prom$/, replacement: `${import.meta.dirname}/src/index.ts` },
      { find: /^kafka2prom\/(.+)$/, replacement: `${import.meta.dirname}/src/$1/index.ts` }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // System tests start brokers and pods of their own; two cores carry two files at a time.
    maxWorkers: 2
  }
})
