/**
 * Figures: the numbers that the scaling model starts from, each with where it comes from, and how those that the benchmarks measure are read
 * from their results (`npm run bench -- --out`). A figure that a file lacks keeps its default and is named; a file whose tables look
 * different than expected is said so, not guessed at.
 */
import type { Table } from "../Bench.ts"
import { type Assumptions, type Coefficients, type Load, MB, type Settings } from "./Model.ts"

/** From one run of the benchmarks on two cores of an AMD EPYC (Zen 5), Node 24.21, Kafka 3.9.1, and the commands named here. */
export const defaults: Coefficients = {
  // All but the idle pods from one run of all benchmarks at 44777d1; docs/benchmarks.md has its tables.
  // ingest-dumps: 1.56, 2.73 and 2.69 ms/MB; a twentieth of what was read is first rounds, here without them.
  ingest: { none: 1.26e-9, gzip: 2.42e-9, zstd: 2.38e-9 },
  // ingest-lines-none.
  ingestLines: 9.56e-9,
  // parser, prom-client, first time.
  firstRound: 6.12e-9,
  // scrape, as Prometheus asks: 0.185 CPU s and 122 ms for 67.5 MB; 3.9 MB with gzip.
  scrapeCpu: 0.185 / (67.5 * MB),
  scrapeWall: 0.122 / (67.5 * MB),
  scrapeRatio: 67.5 / 3.9,
  bodyPerLive: 67.5 / 49.2,
  // memory, steady life, least squares through 49, 98 and 197 MB.
  memoryBase: 146 * MB,
  memoryPerLive: 1.69,
  // `npm run scaling -- --check`: idle pods of 116, 227 and 333 MB with 1, 2 and 4 workers; the second brings a main thread with it.
  memoryPerWorker: 72 * MB,
  // docs/handoff.md: an idle pod with 256 partitions uses 1.44 CPU seconds a minute.
  idleWorker: 1.44 / 60,
  // workers: 0.29 CPU s of the broker while 986 MB were read.
  brokerFetch: 0.29 / (986 * MB),
  // `npm run scaling -- --check` prints them: node's zlib at its default levels, one dump of 123 KB a batch.
  ratio: { none: 1, gzip: 13.9, zstd: 12.8 },
  // What Claims and Assignor encode, and 150 bytes of ids, host and timeouts a member; Model.test.ts compares.
  groupPerMember: 290,
  groupPerPartition: 29,
  // Key, offset, epoch, time, and some 230 bytes of our metadata, ten marks in it; Model.test.ts compares.
  commitPerPartition: 300,
  // docs/handoff.md: longest silence of a partition in planned moves, 24 and 240 partitions.
  move: 0.61
}

/** Of this version: engine/Options.ts, config/Settings.ts, docs/decisions.md. */
export const settings: Settings = {
  heartbeatsPerSecond: 2,
  commitsPerSecond: 1,
  connectionsToCoordinator: 2,
  connectionsPerBroker: 2,
  maxPodSeries: 5_000_000,
  maxPodBytes: 1024 ** 3
}

/** Believed, not measured by us; docs/scaling.md says why. */
export const assumptions: Assumptions = {
  seriesPerPrometheus: 10_000_000,
  bytesPerPrometheusSeries: 4_000,
  seriesPerTarget: 1_000_000,
  workersPerPod: 4,
  partitionsPerWorker: 4,
  utilisation: 0.6,
  memoryHeadroom: 0.75,
  replication: 3,
  brokerWrites: 100 * MB,
  partitionsPerBroker: 4_000,
  partitionWrites: 5 * MB,
  coordinatorRequests: 10_000,
  groupRecord: 1_048_588
}

/**
 * Azure Event Hubs, by its documentation: a throughput unit takes 1 MB/s, a processing unit 5 to 10 (the lower counts here); the most
 * units of a namespace and its partitions. A dedicated cluster has no published figure.
 */
export const eventHubs = [
  { tier: "Standard, 40 units", ingress: 40 * MB, partitionsOfAHub: 32, partitions: 320 },
  { tier: "Premium, 16 units", ingress: 80 * MB, partitionsOfAHub: 100, partitions: 3_200 }
] as const

/** Dumps as the benchmarks' web service writes them. */
export const dumps = { dumpBytes: 123_076, seriesPerDump: 1_000 } as const

export const loadOf = (gigabytesPerMinute: number, rest: Partial<Load> = {}): Load => ({
  bytesPerSecond: (gigabytesPerMinute * 1e9) / 60,
  ...dumps,
  ...{ compression: "none", dumpInterval: 30, scrapeInterval: 30, scrapers: 2 },
  ...rest
})

export interface Read {
  readonly coefficients: Coefficients
  /** What the file did not have. */
  readonly kept: ReadonlyArray<string>
}

/** Straight through points, by least squares. */
export const straight = (points: ReadonlyArray<readonly [x: number, y: number]>) => {
  const mean = (pick: 0 | 1): number => points.reduce((sum, point) => sum + point[pick], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const slope =
    points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) /
    points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
  return { slope, base: y - slope * x }
}

type Find = (table: string, row: string, column: string) => number | undefined

const finder =
  (tables: ReadonlyArray<Table>): Find =>
  (title, row, column) => {
    const table = tables.find((each) => each.title.startsWith(title))
    const at = table?.columns.findIndex(({ name }) => name === column) ?? -1
    const cell = table?.rows.find(({ name }) => name.startsWith(row))?.cells[at]
    return typeof cell === "number" && Number.isFinite(cell) ? cell : undefined
  }

/** `number` of all of them, or undefined where one is missing. */
const from = <A extends ReadonlyArray<number | undefined>>(
  values: readonly [...A],
  make: (...numbers: { readonly [K in keyof A]: number }) => number
): number | undefined =>
  values.every((value) => value !== undefined)
    ? make(...(values as unknown as { readonly [K in keyof A]: number }))
    : undefined

const numberIn = (tables: ReadonlyArray<Table>, start: string, what: RegExp): number | undefined => {
  const found = what.exec(tables.find(({ title }) => title.startsWith(start))?.title ?? "")
  return found === null ? undefined : Number(found[1])
}

export const coefficientsFrom = (tables: ReadonlyArray<Table>, before: Coefficients = defaults): Read => {
  const kept: Array<string> = []
  const find = finder(tables)
  const or = (what: string, found: number | undefined, fallback: number): number => {
    if (found === undefined) kept.push(what)
    return found ?? fallback
  }
  const firstRound = from(
    [find("Parser alone", "prom-client (a real process)", "first time: CPU ns per byte")],
    (ns) => ns * 1e-9
  )
  const perByte = (title: string): number | undefined =>
    from([find(title, "kafka2prom serve", "CPU ms per MB")], (ms) => ms / 1_000 / MB)
  /** What was measured has the first rounds of its sources in it. */
  const laterRounds = (title: string): number | undefined =>
    from([perByte(title), numberIn(tables, title, /(\d+) rounds/)], (all, rounds) =>
      Math.max(0, all - (firstRound ?? before.firstRound) / rounds)
    )
  const scrapeTable = "Scrape of"
  const [plain, asAsked] = ["kafka2prom, text", "kafka2prom, as Prometheus asks"]
  const body = find(scrapeTable, plain, "MB sent")
  const memory = "Memory by live text"
  const sizes = (tables.find(({ title }) => title.startsWith(memory))?.rows ?? [])
    .filter(({ name }) => /^kafka2prom, \d/.test(name))
    .map(({ name }) => [find(memory, name, "live text, MB"), find(memory, name, "peak in steady life, MB")] as const)
    .filter((point): point is readonly [number, number] => point[0] !== undefined && point[1] !== undefined)
  const line = sizes.length < 2 ? undefined : straight(sizes)
  const workers = "Workers on"
  return {
    coefficients: {
      ...before,
      ingest: {
        none: or("ingest, none", laterRounds("Ingest of whole dumps, uncompressed"), before.ingest.none),
        gzip: or("ingest, gzip", laterRounds("Ingest of whole dumps, gzip"), before.ingest.gzip),
        zstd: or("ingest, zstd", laterRounds("Ingest of whole dumps, zstd"), before.ingest.zstd)
      },
      ingestLines: or("ingest, lines", perByte("Ingest of single lines, uncompressed"), before.ingestLines),
      firstRound: or("first round", firstRound, before.firstRound),
      scrapeCpu: or(
        "scrape, CPU",
        from([find(scrapeTable, asAsked, "CPU s a scrape"), body], (cpu, size) => cpu / (size * MB)),
        before.scrapeCpu
      ),
      scrapeWall: or(
        "scrape, wall",
        from([find(scrapeTable, asAsked, "ms, median"), body], (ms, size) => ms / 1_000 / (size * MB)),
        before.scrapeWall
      ),
      scrapeRatio: or(
        "scrape, gzip ratio",
        from([body, find(scrapeTable, asAsked, "MB sent")], (size, packed) => size / packed),
        before.scrapeRatio
      ),
      bodyPerLive: or(
        "body by live text",
        from(
          [find(memory, "kafka2prom, 400 ", "body, MB"), find(memory, "kafka2prom, 400 ", "live text, MB")],
          (a, b) => a / b
        ),
        before.bodyPerLive
      ),
      memoryBase: or("memory, base", line && line.base * MB, before.memoryBase),
      memoryPerLive: or("memory by live text", line?.slope, before.memoryPerLive),
      idleWorker: or(
        "idle worker",
        from([find("Idle workers", "--workers 1, 4 ", "a worker, % of a core")], (share) => share / 100),
        before.idleWorker
      ),
      brokerFetch: or(
        "broker",
        from(
          [find(workers, "none, --workers 1", "broker's CPU s"), numberIn(tables, workers, /([\d.]+) MB/)],
          (cpu, size) => cpu / (size * MB)
        ),
        before.brokerFetch
      )
    },
    kept
  }
}
