/**
 * What the path from a record's bytes to a scrape's body costs, without a log: the first round of each source, the rounds after
 * it, single lines, and the body of 400 sources. `node test/bench/exposition.ts`; CPU time of this process, medians.
 */
import { Budget } from "../../src/exposition/Budget.ts"
import { defaultParseLimits } from "../../src/exposition/Dump.ts"
import { defaultCacheLimits } from "../../src/exposition/MetricsProcessor.ts"
import { PartitionCache } from "../../src/exposition/PartitionCache.ts"
import { render } from "../../src/exposition/Renderer.ts"
import type { LogRecord } from "../../src/transport/Transport.ts"
import { type Row, report } from "./table.ts"

const limits = { ...defaultParseLimits, ...defaultCacheLimits }
const newCache = (timestamps: "scrape" | "event" = "scrape"): PartitionCache =>
  new PartitionCache(
    { topic: "t", partition: 0 },
    { expiry: 90_000, timestamps, sourceLabel: "instance", limits },
    new Budget("pod", { series: 1e9, bytes: 1e12 })
  )

/** Nanoseconds of CPU. */
const costOf = (work: () => void): number => {
  const since = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(since)
  return (user + system) * 1000
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** Families of `perFamily` lines each, 1,000 in all, of which every value changes from round to round. */
const dump = (source: number, round: number, perFamily: number): string => {
  const lines: Array<string> = []
  for (let n = 0; n < 1000; n++) {
    const name = `service_component_${Math.floor(n / perFamily)}_operations_total`
    if (n % perFamily === 0) lines.push(`# HELP ${name} Operations of a component.`, `# TYPE ${name} counter`)
    const value = (n % 3 === 0 ? 0.123 : 1) * (n * 37 + source + round * (1 + (n % 13)))
    lines.push(`${name}{method="GET",route="/api/v1/orders/${n}",code="200",zone="eu-central-1a"} ${value}`)
  }
  return `${lines.join("\n")}\n`
}

const dumpRecord = (source: number, round: number, perFamily: number): LogRecord => ({
  offset: round * 1000 + source,
  timestamp: round * 1000,
  key: Buffer.from(`host-${source}/checkout`),
  value: Buffer.from(dump(source, round, perFamily)),
  headers: { "k2p-round": Buffer.from(`1.${round + 1}`), "k2p-labels": Buffer.from('{"job":"checkout"}') }
})

const sum = (records: ReadonlyArray<LogRecord>): number => records.reduce((all, { value }) => all + value!.length, 0)
const now = { wall: 0, mono: 0 }
const shown = (ns: number, bytes: number): string =>
  `${(ns / bytes).toFixed(2)} ns/byte, ${Math.round((bytes / ns) * 1000)} MB per CPU second`

const rounds = (what: string, perFamily: number, timestamps: "scrape" | "event"): ReadonlyArray<Row> => {
  const all = Array.from({ length: 30 }, (_, round) =>
    Array.from({ length: 40 }, (_, source) => dumpRecord(source, round, perFamily))
  )
  const cache = newCache(timestamps)
  const costs = all.map((records) => costOf(() => records.forEach((record) => cache.take(record, 0, now))))
  const bytes = sum(all[0]!)
  return [
    [`${what}, first round`, shown(costs[0]!, bytes), ""],
    [`${what}, next rounds`, shown(median(costs.slice(10)), bytes), "at most 1.2 ns/byte"]
  ]
}

/** The first round of lines, of which each is the first of its series, and those after it. */
const singleLines = (): ReadonlyArray<Row> => {
  const cache = newCache()
  const costs: Array<number> = []
  let bytes = 0
  for (let round = 0; round < 12; round++) {
    const records = Array.from({ length: 100_000 }, (_, n): LogRecord => {
      const labels = `route="/api/v1/orders/:id",code="200",zone="eu-central-1a",tenant="customer-${n % 1000}"`
      const value = Buffer.from(`http_requests_total{method="GET",${labels},pod="checkout-7d9f8b6c5d"} ${n + round}`)
      const key = Buffer.from(`host-${Math.floor(n / 1000)}`)
      return { offset: round * 100_000 + n, timestamp: 0, key, value, headers: {} }
    })
    bytes = sum(records)
    costs.push(costOf(() => records.forEach((record) => cache.take(record, 0, now))))
  }
  const row = (what: string, ns: number, goal: string): Row => [
    `single lines, ${what}`,
    `${shown(ns, bytes)}, ${(ns / 100_000_000).toFixed(2)} µs a record`,
    goal
  ]
  return [
    row("each the first of its series", costs[0]!, "3 µs a record"),
    row("of known series", median(costs.slice(4)), "0.5 µs a record")
  ]
}

const scrape = (format: "text" | "openmetrics"): Row => {
  const cache = newCache()
  for (let source = 0; source < 400; source++) cache.take(dumpRecord(source, 1, 10), 0, now)
  const content = cache.content(() => now)
  const costs: Array<number> = []
  let bytes = 0
  for (let k = 0; k < 5; k++)
    costs.push(
      costOf(() => {
        bytes = 0
        for (const chunk of render(content.dumps(), format)) bytes += chunk.length
      })
    )
  return [
    `${format} body of 400,000 series`,
    `${Math.round(median(costs) / 1e6)} ms, ${Math.round(bytes / 1e6)} MB`,
    "300 ms"
  ]
}

report("From record to body, one thread", [
  ...rounds("dumps of 10 lines a family", 10, "scrape"),
  ...rounds("the same with --timestamps event", 10, "event"),
  ...rounds("dumps of 2 lines a family", 2, "scrape"),
  ...singleLines(),
  scrape("text"),
  scrape("openmetrics")
])
