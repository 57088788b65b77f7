/**
 * Model: from a load and what one pod was measured to need, to how many of everything. Plain functions, no I/O: seconds, bytes
 * and cores in, counts out. What is measured is in `Coefficients`, what is believed without a measurement of ours in `Assumptions`, what
 * kafka2prom does by its settings in `Settings`; everything else here is arithmetic.
 *
 * Volumes, memory and CPU are linear in the bytes; cells, Prometheus servers and brokers by writes are rounded up and never fall as the load
 * grows (pods may, by a few, where one cell more makes each smaller). It says nothing about sources of very unequal size, nor about
 * queries: what Prometheus answers costs it besides.
 */

export const MB = 1e6

/** Of one pod, from the benchmarks. */
export interface Coefficients {
  /** CPU seconds for a byte of dumps, fetched, checked and kept, in any round of a source but its first. */
  readonly ingest: { readonly none: number; readonly gzip: number; readonly zstd: number }
  /** The same for single lines. */
  readonly ingestLines: number
  /** What a byte of a source's first round costs more: it is parsed, not compared. */
  readonly firstRound: number
  /** For a byte of the body before gzip, as Prometheus asks. */
  readonly scrapeCpu: number
  readonly scrapeWall: number
  /** Bytes of a body before gzip for one after it. */
  readonly scrapeRatio: number
  /** Bytes of the body for a byte of live text: `instance` and `job` on each series. */
  readonly bodyPerLive: number
  /** Resident bytes of a pod with one worker: what is there without any text, and for each byte of live text. */
  readonly memoryBase: number
  readonly memoryPerLive: number
  /** Resident bytes for each further worker, without text. */
  readonly memoryPerWorker: number
  /** Cores of a worker that only keeps its membership. */
  readonly idleWorker: number
  /** CPU seconds of a broker for a byte that is fetched from it. */
  readonly brokerFetch: number
  /** Bytes of dumps for one in the topic. */
  readonly ratio: { readonly none: number; readonly gzip: number; readonly zstd: number }
  /** In the group's metadata, which one record of __consumer_offsets must hold: bytes a member, and a partition. */
  readonly groupPerMember: number
  readonly groupPerPartition: number
  /** Bytes that one commit of one partition is in __consumer_offsets. */
  readonly commitPerPartition: number
  /** Seconds of silence of a partition that moves from one healthy pod to another. */
  readonly move: number
}

export interface Settings {
  readonly heartbeatsPerSecond: number
  readonly commitsPerSecond: number
  /** Connections of a member: to its coordinator, and to each broker that leads one of its partitions. */
  readonly connectionsToCoordinator: number
  readonly connectionsPerBroker: number
  /** Defaults beyond which a pod refuses rounds. */
  readonly maxPodSeries: number
  readonly maxPodBytes: number
}

export interface Assumptions {
  readonly seriesPerPrometheus: number
  readonly bytesPerPrometheusSeries: number
  /** Beyond which one target is split. */
  readonly seriesPerTarget: number
  readonly workersPerPod: number
  /** So that balance moves small pieces. */
  readonly partitionsPerWorker: number
  /** Of its cores that a pod uses when one of its cell's pods is gone. */
  readonly utilisation: number
  /** Of what a pod may use that the model says it uses. */
  readonly memoryHeadroom: number
  readonly replication: number
  /** Written to one broker a second, as leader or follower. */
  readonly brokerWrites: number
  readonly partitionsPerBroker: number
  /** Into one partition a second, as it is in the topic. */
  readonly partitionWrites: number
  /** Requests of groups that one coordinator answers a second. */
  readonly coordinatorRequests: number
  /** message.max.bytes, which bounds the group's record as well. */
  readonly groupRecord: number
}

export interface Load {
  /** Of dumps before compression, a second. */
  readonly bytesPerSecond: number
  readonly compression: "none" | "gzip" | "zstd"
  readonly dumpBytes: number
  readonly seriesPerDump: number
  /** Seconds from dump to dump of one source. */
  readonly dumpInterval: number
  readonly scrapeInterval: number
  /** How many Prometheus servers scrape each target: two where one may be lost. */
  readonly scrapers: number
}

export interface Given {
  readonly coefficients: Coefficients
  readonly settings: Settings
  readonly assumptions: Assumptions
}

export interface Volume {
  readonly sources: number
  readonly series: number
  readonly liveText: number
  readonly body: number
  readonly wire: number
}

/** What the load is, whoever carries it. Linear in the bytes a second. */
export const volumeOf = (load: Load, { coefficients }: Given): Volume => {
  const liveText = load.bytesPerSecond * load.dumpInterval
  const sources = liveText / load.dumpBytes
  return {
    sources,
    series: sources * load.seriesPerDump,
    liveText,
    body: liveText * coefficients.bodyPerLive,
    wire: load.bytesPerSecond / coefficients.ratio[load.compression]
  }
}

/** Cores busy with a load, all pods together; linear in the bytes a second. `members` adds what membership costs. */
export const coresOf = (load: Load, given: Given, members: number) => {
  const { coefficients: c } = given
  const ingest = load.bytesPerSecond * c.ingest[load.compression]
  const scrapes = (volumeOf(load, given).body * c.scrapeCpu * load.scrapers) / load.scrapeInterval
  const membership = members * c.idleWorker
  return { ingest, scrapes, membership, all: ingest + scrapes + membership }
}

/** Resident bytes of one pod with so many workers and so much live text in all of them. */
export const residentOf = (liveText: number, workers: number, { coefficients: c }: Given): number =>
  c.memoryBase + (workers - 1) * c.memoryPerWorker + liveText * c.memoryPerLive

/** CPU seconds of one pod to read so many bytes of which `first` are sources' first rounds. */
export const readingCpu = (
  bytes: number,
  first: number,
  { coefficients: c }: Given,
  compression: Load["compression"] = "none"
): number => bytes * c.ingest[compression] + first * c.firstRound

/** What a group costs its coordinator. */
export const groupOf = (members: number, partitions: number, load: Load, { coefficients: c, settings: s }: Given) => ({
  /** Heartbeats, one of them for each shard that a scrape asks, and commits. */
  requests: members * (s.heartbeatsPerSecond + s.commitsPerSecond + load.scrapers / load.scrapeInterval),
  commitBytes: partitions * s.commitsPerSecond * c.commitPerPartition,
  record: members * c.groupPerMember + partitions * c.groupPerPartition
})

const up = Math.ceil

/**
 * One cell: a topic, a consumer group and a Prometheus that scrapes it (or a pair). A source's cell never changes, so a partition moves between
 * pods and its series stay in one database.
 */
export interface Cell {
  readonly load: Load
  readonly volume: Volume
  readonly pods: number
  readonly workers: number
  readonly partitions: number
  readonly cores: ReturnType<typeof coresOf>
  /** What each pod is given, so that one of the cell's pods may be gone. */
  readonly podCores: number
  readonly podMemory: number
  readonly podSeries: number
  readonly podKeptBytes: number
  /** While all pods are there, and with one gone. */
  readonly target: {
    readonly series: number
    readonly seriesOneGone: number
    readonly body: number
    readonly seconds: number
  }
  /** Seconds if all targets of a pod are scraped by all at the same moment, on its cores rounded up, with one pod gone. */
  readonly crowded: number
  readonly group: ReturnType<typeof groupOf>
  /** Seconds until a killed pod's sources are back, after the session timeout: two rounds of each, read for the first time. */
  readonly replay: number
  readonly prometheusMemory: number
  readonly samplesPerSecond: number
}

export const cellOf = (load: Load, given: Given): Cell => {
  const { coefficients: c, assumptions: a } = given
  const volume = volumeOf(load, given)
  /** Without membership, which depends on the answer: it is added below and small. */
  const busy = coresOf(load, given, 0).all
  const needed = Math.max(up(volume.series / a.seriesPerTarget), up(busy / a.utilisation))
  const pods = Math.max(2, up(needed / a.workersPerPod) + 1)
  const workers = pods * a.workersPerPod
  const partitions = Math.max(workers * a.partitionsPerWorker, up(volume.wire / a.partitionWrites))
  const cores = coresOf(load, given, workers)
  const left = pods - 1
  const podCores = cores.all / left / a.utilisation
  const lost = volume.liveText / pods
  return {
    ...{ load, volume, pods, workers, partitions, cores },
    podCores,
    podMemory: residentOf(volume.liveText / left, a.workersPerPod, given) / a.memoryHeadroom,
    podSeries: volume.series / left,
    podKeptBytes: volume.body / left,
    target: {
      series: volume.series / workers,
      seriesOneGone: volume.series / (left * a.workersPerPod),
      body: volume.body / workers,
      seconds: (volume.body / workers) * c.scrapeWall
    },
    crowded: ((volume.body / left) * load.scrapers * c.scrapeCpu) / up(podCores),
    group: groupOf(workers, partitions, load, given),
    replay: readingCpu(2 * lost, lost, given, load.compression) / (left * a.workersPerPod),
    prometheusMemory: volume.series * a.bytesPerPrometheusSeries,
    samplesPerSecond: volume.series / load.scrapeInterval
  }
}

export interface Plan {
  readonly load: Load
  readonly volume: Volume
  readonly cells: number
  readonly cell: Cell
  readonly pods: number
  readonly workers: number
  readonly partitions: number
  /** Cores that are busy; what is asked for is `pods * cell.podCores`. */
  readonly cores: ReturnType<typeof coresOf>
  readonly podMemory: number
  readonly prometheus: number
  readonly brokers: {
    readonly count: number
    readonly byWrites: number
    readonly byPartitions: number
    readonly cores: number
  }
  readonly network: {
    /** Bytes a second: from the agents, between brokers, to the pods, to Prometheus. */
    readonly produced: number
    readonly replicated: number
    readonly fetched: number
    readonly scraped: number
    readonly scrapedPlain: number
  }
  /** Bytes that an hour of retention takes on all brokers. */
  readonly retainedHour: number
  readonly connections: { readonly perBroker: number }
  /** If all were one group instead. */
  readonly oneGroup: ReturnType<typeof groupOf>
}

export const planOf = (load: Load, given: Given): Plan => {
  const { coefficients: c, settings: s, assumptions: a } = given
  const volume = volumeOf(load, given)
  const cells = Math.max(1, up(volume.series / a.seriesPerPrometheus))
  const cell = cellOf({ ...load, bytesPerSecond: load.bytesPerSecond / cells }, given)
  const [pods, workers, partitions] = [cells * cell.pods, cells * cell.workers, cells * cell.partitions]
  const scrapedPlain = (volume.body * load.scrapers) / load.scrapeInterval
  const byWrites = up((volume.wire * a.replication) / a.brokerWrites)
  const byPartitions = up((partitions * a.replication) / a.partitionsPerBroker)
  const count = Math.max(a.replication, byWrites, byPartitions)
  return {
    ...{ load, volume, cells, cell, pods, workers, partitions },
    cores: coresOf(load, given, workers),
    podMemory: pods * cell.podMemory,
    prometheus: cells * load.scrapers,
    brokers: { count, byWrites, byPartitions, cores: volume.wire * c.brokerFetch },
    network: {
      produced: volume.wire,
      replicated: volume.wire * (a.replication - 1),
      fetched: volume.wire,
      scraped: scrapedPlain / c.scrapeRatio,
      scrapedPlain
    },
    retainedHour: volume.wire * a.replication * 3_600,
    // A member fetches from the brokers that lead its partitions; coordinators are spread over the brokers by group.
    connections: {
      perBroker:
        (workers * (s.connectionsPerBroker * Math.min(count, partitions / workers) + s.connectionsToCoordinator)) /
        count
    },
    oneGroup: groupOf(workers, partitions, load, given)
  }
}
