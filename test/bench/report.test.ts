import { assert, describe, it } from "@effect/vitest"
import type { Table } from "./Bench.ts"
import { comparison, markdown } from "./report.ts"

const table = (speed: number, cpu: number, title = "Ingest"): Table => ({
  title,
  columns: [
    { name: "MB/s", better: "more" },
    { name: "CPU s", better: "less", digits: 2 },
    { name: "shows", better: "neither" }
  ],
  rows: [{ name: "pod", cells: [speed, cpu, "all"] }],
  notes: ["A note."]
})

describe("the benchmarks' report", () => {
  it("writes a row with fewer cells than columns as a whole row", () => {
    const short = { ...table(1, 1), rows: [{ name: "refused", cells: ["refused"] }] }
    assert.include(markdown(short), "| refused | refused |  |  |\n")
  })
  it("tells better from worse by the column's sense", () => {
    const text = comparison([table(100, 1)], [table(200, 2)])
    assert.include(text, "| pod | MB/s | 100.0 | 200.0 | 2.00x better |")
    assert.include(text, "| pod | CPU s | 1.00 | 2.00 | 2.00x WORSE |")
  })
  it("calls a change within three percent none", () => {
    assert.include(comparison([table(100, 1)], [table(102, 1)]), "| pod | MB/s | 100.0 | 102.0 | same |")
  })
  it("says what the earlier run lacks", () => {
    assert.include(comparison([table(1, 1)], [table(1, 1, "Scrape")]), "Scrape: not in the earlier run")
  })
})
