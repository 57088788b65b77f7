/** The scaling model's tables, for people and for docs/scaling.md. Pure. */
import { eventHubs, loadOf } from "./Figures.ts"
import { limitsOf } from "./Limits.ts"
import { type Given, type Load, MB, type Plan, planOf, residentOf, volumeOf } from "./Model.ts"

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 })

/** Whole numbers in full, the others with three digits: the model knows no more. */
export const number = (value: number): string =>
  value >= 1_000 || Number.isInteger(value) ? grouped.format(value) : short.format(value)

const bytes = (value: number): string => {
  for (const [unit, size] of [
    ["TB", 1e12],
    ["GB", 1e9],
    ["MB", 1e6],
    ["KB", 1e3]
  ] as const)
    if (value >= size) return `${short.format(value / size)} ${unit}`
  return `${short.format(value)} B`
}

const millions = (value: number): string => `${short.format(value / 1e6)} M`

export const grid = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map((_, i) => (i === 0 ? "---" : "--:")), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("")

const inputs = ({ coefficients: c, assumptions: a }: Given): string => {
  const perMB = (value: number): string => `${short.format(value * MB * 1_000)} ms a MB`
  return `${grid(
    ["measured", ""],
    [
      ["CPU of a pod: later rounds, uncompressed / gzip / zstd", Object.values(c.ingest).map(perMB).join(" / ")],
      ["CPU of a pod: a source's first round, besides", perMB(c.firstRound)],
      ["CPU of a pod: single lines", perMB(c.ingestLines)],
      ["CPU and wall of a scrape, of a body before gzip", `${perMB(c.scrapeCpu)}, ${perMB(c.scrapeWall)}`],
      ["body before gzip / after", short.format(c.scrapeRatio)],
      ["body / live text", short.format(c.bodyPerLive)],
      [
        "resident memory: pod, further worker, MB of live text",
        [c.memoryBase, c.memoryPerWorker, c.memoryPerLive * MB].map(bytes).join(", ")
      ],
      ["CPU of a broker, a MB fetched", perMB(c.brokerFetch)],
      ["dumps / topic: gzip, zstd", `${short.format(c.ratio.gzip)}, ${short.format(c.ratio.zstd)}`],
      ["silence of a partition that moves", `${short.format(c.move)} s`]
    ]
  )}\n${grid(
    ["assumed", ""],
    [
      [
        "series of one Prometheus, memory a series",
        `${millions(a.seriesPerPrometheus)}, ${bytes(a.bytesPerPrometheusSeries)}`
      ],
      ["series of one target", millions(a.seriesPerTarget)],
      ["workers of a pod, partitions of a worker", `${a.workersPerPod}, ${a.partitionsPerWorker}`],
      ["use of cores, of memory, with one pod of a cell gone", `${a.utilisation * 100} %, ${a.memoryHeadroom * 100} %`],
      ["a broker: written, partitions (replicas)", `${bytes(a.brokerWrites)}/s, ${number(a.partitionsPerBroker)}`],
      ["replication; most into a partition", `${a.replication}; ${bytes(a.partitionWrites)}/s`],
      ["a coordinator; a group's record", `${number(a.coordinatorRequests)} requests/s; ${bytes(a.groupRecord)}`]
    ]
  )}`
}

type Line = readonly [what: string, of: (plan: Plan) => string]

const columns = (lines: ReadonlyArray<Line>, plans: ReadonlyArray<Plan>, heads: ReadonlyArray<string>): string =>
  grid(
    ["", ...heads],
    lines.map(([what, of]) => [what, ...plans.map(of)])
  )

const cores = ({ ingest, scrapes, membership }: Plan["cores"]): string =>
  [ingest, scrapes, membership].map((each) => short.format(each)).join(" + ")

const whole = (given: Given): ReadonlyArray<Line> => [
  ["sources", ({ volume }) => number(Math.round(volume.sources))],
  ["series", ({ volume }) => millions(volume.series)],
  ["live text; all bodies before gzip", ({ volume }) => `${bytes(volume.liveText)}; ${bytes(volume.body)}`],
  ["in the topics", ({ volume }) => `${bytes(volume.wire)}/s`],
  ["**cells** (topic, group, Prometheus)", ({ cells }) => `**${number(cells)}**`],
  ["**pods**, workers", ({ pods, workers }) => `**${number(pods)}**, ${number(workers)}`],
  [
    "**cores busy**: ingest + scrapes + membership",
    (plan) => `**${short.format(plan.cores.all)}**: ${cores(plan.cores)}`
  ],
  ["cores to ask for", ({ pods, cell }) => number(Math.ceil(pods * cell.podCores))],
  ["memory to ask for", ({ podMemory }) => bytes(podMemory)],
  ["**partitions**", ({ partitions }) => `**${number(partitions)}**`],
  [
    "**brokers** (by writes, by partitions, at least)",
    ({ brokers: b }) => `**${number(b.count)}** (${b.byWrites}, ${b.byPartitions}, ${given.assumptions.replication})`
  ],
  ["cores of all brokers for fetches", ({ brokers }) => short.format(brokers.cores)],
  ["connections of a broker", ({ connections }) => number(Math.round(connections.perBroker))],
  [
    "network: produced, replicated, fetched",
    ({ network: n }) => [n.produced, n.replicated, n.fetched].map((each) => `${bytes(each)}/s`).join(", ")
  ],
  ["network: scrapes (before gzip)", ({ network: n }) => `${bytes(n.scraped)}/s (${bytes(n.scrapedPlain)}/s)`],
  ["an hour of retention, all replicas", ({ retainedHour }) => bytes(retainedHour)],
  [
    "**Prometheus servers**, memory of all",
    (p) => `**${number(p.prometheus)}**, ${bytes(p.prometheus * p.cell.prometheusMemory)}`
  ],
  [
    "if it were one group: coordinator's requests, commits, record",
    ({ oneGroup: g }) => `${number(Math.round(g.requests))}/s, ${bytes(g.commitBytes)}/s, ${bytes(g.record)}`
  ]
]

const oneCell: ReadonlyArray<Line> = [
  ["dumps", ({ cell }) => `${short.format((cell.load.bytesPerSecond * 60) / 1e9)} GB/min`],
  ["sources, series", ({ cell: { volume } }) => `${number(Math.round(volume.sources))}, ${millions(volume.series)}`],
  ["pods × workers, partitions", ({ cell }) => `${cell.pods} × ${cell.workers / cell.pods}, ${cell.partitions}`],
  ["cores, memory of a pod to ask for", ({ cell }) => `${short.format(cell.podCores)}, ${bytes(cell.podMemory)}`],
  [
    "`--max-pod-series`, `--max-pod-bytes` at least",
    ({ cell }) => `${millions(cell.podSeries)}, ${bytes(cell.podKeptBytes)}`
  ],
  [
    "series of a target (one pod gone)",
    ({ cell: { target } }) => `${millions(target.series)} (${millions(target.seriesOneGone)})`
  ],
  [
    "body of a target before gzip, time",
    ({ cell: { target } }) => `${bytes(target.body)}, ${short.format(target.seconds)} s`
  ],
  ["all scrapes of a pod at once (one pod gone)", ({ cell }) => `${short.format(cell.crowded)} s`],
  ["replay after a killed pod", ({ cell }) => `${short.format(cell.replay)} s`],
  [
    "group: coordinator's requests, commits, record",
    ({ cell: { group: g } }) => `${short.format(g.requests)}/s, ${bytes(g.commitBytes)}/s, ${bytes(g.record)}`
  ],
  [
    "Prometheus: samples, memory",
    ({ cell }) => `${number(Math.round(cell.samplesPerSecond))}/s, ${bytes(cell.prometheusMemory)}`
  ]
]

const intervals = (load: Load, given: Given): string =>
  grid(
    ["dumps every", "sources", "series", "live text", "cells", "pods", "cores busy", "memory to ask for"],
    [60, 30, 10, 5].map((dumpInterval) => {
      const plan = planOf({ ...load, dumpInterval }, given)
      return [
        `${dumpInterval} s`,
        number(Math.round(plan.volume.sources)),
        millions(plan.volume.series),
        bytes(plan.volume.liveText),
        number(plan.cells),
        number(plan.pods),
        short.format(plan.cores.all),
        bytes(plan.podMemory)
      ]
    })
  )

const wires = (load: Load, given: Given): string =>
  grid(
    ["compression", "in the topics", "brokers", "cores for ingest", "between and from brokers"],
    (["none", "gzip", "zstd"] as const).map((compression) => {
      const { brokers, cores, network, volume } = planOf({ ...load, compression }, given)
      return [
        compression,
        `${bytes(volume.wire)}/s`,
        number(brokers.count),
        short.format(cores.ingest),
        `${bytes(network.replicated + network.fetched)}/s`
      ]
    })
  )

const limits = (load: Load, given: Given): string =>
  grid(
    ["what is full", "at GB/min", "then"],
    limitsOf(load, given).map(({ what, bytesPerSecond, remedy }) => [
      what,
      short.format((bytesPerSecond * 60) / 1e9),
      remedy
    ])
  )

const onePod = (given: Given): string =>
  grid(
    [
      "series of a pod",
      "GB/min at 30 s",
      "body of one target",
      "its scrape",
      "memory, 1 worker",
      "targets through `/sd`"
    ],
    [100_000, 400_000, 1_000_000, 4_000_000, 10_000_000].map((series) => {
      const { sources } = volumeOf(loadOf(1), given)
      const load = loadOf(series / 1_000 / sources)
      const volume = volumeOf(load, given)
      return [
        millions(series),
        short.format((load.bytesPerSecond * 60) / 1e9),
        bytes(volume.body),
        `${short.format(volume.body * given.coefficients.scrapeWall)} s`,
        bytes(residentOf(volume.liveText, 1, given)),
        number(Math.ceil(series / given.assumptions.seriesPerTarget))
      ]
    })
  )

const namespaces = (loads: ReadonlyArray<Load>, given: Given): string =>
  grid(
    [
      "a namespace",
      "takes, GB/min uncompressed",
      "takes, GB/min gzip",
      ...loads.map((load) => `namespaces for ${gigabytes(load)}, gzip`)
    ],
    eventHubs.map(({ tier, ingress, partitions }) => {
      const perMinute = (ingress * 60) / 1e9
      const count = (load: Load): string => {
        const plan = planOf({ ...load, compression: "gzip" }, given)
        return number(Math.max(Math.ceil(plan.volume.wire / ingress), Math.ceil(plan.partitions / partitions)))
      }
      return [
        tier,
        short.format(perMinute),
        short.format(perMinute * given.coefficients.ratio.gzip),
        ...loads.map(count)
      ]
    })
  )

const gigabytes = (load: Load): string => `${number((load.bytesPerSecond * 60) / 1e9)} GB/min`

/** Everything that the command prints and the doc holds. */
export const report = (load: Load, given: Given): string => {
  const loads = [load, { ...load, bytesPerSecond: load.bytesPerSecond * 10 }]
  const plans = loads.map((each) => planOf(each, given))
  const heads = loads.map(gigabytes)
  const how = `${load.compression === "none" ? "uncompressed" : load.compression}, ${number(load.dumpBytes)} bytes and ${number(load.seriesPerDump)} series a dump, dumps every ${load.dumpInterval} s, each target scraped every ${load.scrapeInterval} s by ${load.scrapers}`
  return [
    "### What goes in",
    inputs(given),
    `### The whole: ${how}`,
    columns(whole(given), plans, heads),
    "### One cell of it",
    columns(oneCell, plans, heads),
    `### ${gigabytes(load)} by how often sources dump`,
    intervals(load, given),
    `### ${gigabytes(load)} by compression`,
    wires(load, given),
    "### What one of each carries, the narrowest first",
    limits(load, given),
    "### One pod, one target",
    onePod(given),
    "### Azure Event Hubs",
    namespaces(loads, given)
  ]
    .map((part) => part.trimEnd())
    .join("\n\n")
}
