import { assert, describe, it } from "@effect/vitest"
import type { Table } from "../Bench.ts"
import { coefficientsFrom, defaults, straight } from "./Figures.ts"

const table = (title: string, columns: ReadonlyArray<string>, rows: Table["rows"]): Table => ({
  title,
  columns: columns.map((name) => ({ name, better: "less" })),
  rows,
  notes: []
})

const tables: ReadonlyArray<Table> = [
  table(
    "Ingest of whole dumps, uncompressed: 492 MB in 4000 records of 123076 bytes, 400 sources, 10 rounds, 8 partitions",
    ["MB per CPU second", "CPU ms per MB"],
    [
      { name: "kafka2prom serve --workers 1", cells: [500, 2] },
      { name: "Telegraf", cells: [30, 33] }
    ]
  ),
  table("Parser alone", ["first time: CPU ns per byte"], [{ name: "prom-client (a real process)", cells: [6] }]),
  table(
    "Scrape of 400000 series while 8 MB/s arrive",
    ["ms, median", "CPU s a scrape", "MB sent"],
    [
      { name: "kafka2prom, text", cells: [100, 0.05, 60] },
      { name: "kafka2prom, as Prometheus asks", cells: [300, 0.24, 4] }
    ]
  ),
  table(
    "Memory by live text",
    ["live text, MB", "body, MB", "peak in steady life, MB"],
    [
      { name: "kafka2prom, no sources", cells: [0, undefined, undefined] },
      { name: "kafka2prom, 400 sources", cells: [50, 70, 300] },
      { name: "Telegraf, 400 sources", cells: [50, 49, 800] },
      { name: "kafka2prom, 800 sources", cells: [100, 140, 400] },
      { name: "kafka2prom, 1600 sources", cells: [200, 280, 600] }
    ]
  ),
  table(
    "Workers on 492 MB of whole dumps that come at once, 400 sources, 20 rounds, 8 partitions",
    ["broker's CPU s"],
    [
      { name: "none, --workers 1", cells: [0.492] },
      { name: "none, --workers 2", cells: [0.6] },
      { name: "zstd, --workers 1", cells: [0.1] }
    ]
  ),
  table(
    "Idle workers",
    ["a worker, % of a core"],
    [
      { name: "--workers 1, 4 partitions", cells: [0.5] },
      { name: "--workers 1, 256 partitions", cells: [1] }
    ]
  )
]

describe("the scaling model's figures", () => {
  it("are read from the benchmarks' tables in bytes and seconds", () => {
    const { coefficients: c } = coefficientsFrom(tables)
    const near = (actual: number, expected: number): void => assert.approximately(actual, expected, expected * 1e-9)
    // A tenth of what was read were first rounds, at 6 ns a byte on top.
    near(c.ingest.none, 1.4e-9)
    near(c.firstRound, 6e-9)
    near(c.scrapeCpu, 4e-9)
    near(c.scrapeWall, 5e-9)
    near(c.scrapeRatio, 15)
    near(c.bodyPerLive, 1.4)
    near(c.memoryBase, 200e6)
    near(c.memoryPerLive, 2)
    near(c.idleWorker, 0.005)
    near(c.brokerFetch, 1e-9)
  })
  it("name what a file lacks, and keep its default", () => {
    const { coefficients, kept } = coefficientsFrom(tables)
    assert.deepStrictEqual(kept, ["ingest, gzip", "ingest, zstd", "ingest, lines"])
    assert.strictEqual(coefficients.ingest.gzip, defaults.ingest.gzip)
    assert.deepStrictEqual(coefficientsFrom([]).coefficients, defaults)
  })
  it("do not take a text for a number", () => {
    const refused = table(
      "Workers on 492 MB of whole dumps that come at once, 400 sources, 20 rounds, 8 partitions",
      ["broker's CPU s"],
      [{ name: "none, --workers 1", cells: ["refused by this version"] }]
    )
    assert.include(coefficientsFrom([refused]).kept, "broker")
  })
  it("put the line through the points", () => {
    assert.deepStrictEqual(
      straight([
        [0, 1],
        [1, 3],
        [2, 5]
      ]),
      { slope: 2, base: 1 }
    )
  })
})
