/**
 * SelfMetrics: every metric of a pod's (or agent's) own, named in this one file and created once. prom-client counters
 * in a registry of this instance, so that two pods can live in one process. Increments are plain calls, made per batch.
 *
 * Label values of a pod's are partitions, reasons and outcomes, never sources: it carries thousands of those (see status). An agent's
 * sources are files beside it: what it has to say of each travels with them.
 */
import { Context, Effect, Layer } from "effect"
import {
  type Aggregator,
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValue,
  Registry
} from "prom-client"
import { CountedHistogram } from "./CountedHistogram.ts"
import { loopTurns } from "./LoopTurns.ts"
import { logLinesLost } from "./Shield.ts"

/** A registry's metrics as plain data, to be sent from one thread to another. @experimental */
export type OwnMetrics = ReadonlyArray<MetricObjectWithValues<MetricValue<string>>>

/** For the timer of prom-client's own view of the event loop, ms: never. */
const never = 1_000_000_000

/** prom-client's metrics of the process. What it says of the event loop is said by LoopTurns, under the same names. */
const defaultMetrics = (register: Registry): void => {
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: never })
  new Counter({
    ...{ name: "k2p_log_lines_lost_total", help: "Log lines that stderr did not take.", registers: [register] },
    collect() {
      this.reset()
      this.inc(logLinesLost())
    }
  })
  const turns = loopTurns()
  const figures: ReadonlyArray<readonly [what: string, help: string, nanoseconds: () => number]> = [
    ["min", "The shortest turn of the event loop", () => turns.min],
    ["max", "The longest turn of the event loop", () => turns.max],
    ["mean", "The mean turn of the event loop", () => turns.mean],
    ["stddev", "The standard deviation of the event loop's turns", () => turns.stddev],
    ["p50", "The 50th percentile of the event loop's turns", () => turns.percentile(50)],
    ["p90", "The 90th percentile of the event loop's turns", () => turns.percentile(90)],
    ["p99", "The 99th percentile of the event loop's turns", () => turns.percentile(99)]
  ]
  for (const [i, [what, help, nanoseconds]] of figures.entries()) {
    const name = `nodejs_eventloop_lag_${what}_seconds`
    register.removeSingleMetric(name)
    new Gauge({
      ...{ name, help: `${help} since this was last asked for.`, registers: [register] },
      collect() {
        this.set(turns.count === 0 ? 0 : nanoseconds() / 1e9)
        // They are collected in their order, in one go.
        if (i === figures.length - 1) turns.reset()
      }
    })
  }
}

const make = (defaults: boolean) => {
  const registry = new Registry()
  const process = new Registry()
  if (defaults) defaultMetrics(process)
  const registers = [registry]
  const counter = <L extends string = never>(name: string, help: string, labelNames: ReadonlyArray<L> = []) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers })
  /** `aggregator`: what several threads' values become. */
  const gauge = <L extends string = never>(
    name: string,
    help: string,
    labelNames: ReadonlyArray<L> = [],
    aggregator: Aggregator = "sum"
  ) => new Gauge<L>({ name, help, labelNames: [...labelNames], registers, aggregator })
  const histogram = <L extends string = never>(
    name: string,
    help: string,
    buckets: Array<number>,
    labelNames: ReadonlyArray<L> = []
  ) => new Histogram<L>({ name, help, buckets, labelNames: [...labelNames], registers })
  const seconds = (name: string, help: string) =>
    new CountedHistogram(name, help, [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30], registry)
  /** A gauge that is there once it was set: a zero would stand for nothing. */
  const whereSet = (name: string, help: string) => {
    const made = gauge(name, help)
    made.remove()
    return made
  }
  const partition = ["topic", "partition"] as const
  /** What an agent has to say of its files is gathered when somebody asks. */
  const asked = { agent: (): void => {} }

  return {
    whenAgentIsAsked: (gather: () => void): void => {
      asked.agent = gather
    },
    registry,
    /** All as text, together with what other threads have of the same metrics. */
    text: async (others: ReadonlyArray<OwnMetrics> = []): Promise<string> => {
      const all = [await registry.getMetricsAsJSON(), ...others.map((own) => [...own])]
      const own = others.length === 0 ? registry : AggregatorRegistry.aggregate(all)
      return `${await process.metrics()}${await own.metrics()}`
    },
    clear: () => {
      registry.clear()
      process.clear()
    },
    // engine
    recordsConsumed: counter("k2p_records_consumed_total", "Records processed by partition actors.", partition),
    bytesConsumed: counter(
      "k2p_bytes_consumed_total",
      "Bytes of record values processed by partition actors.",
      partition
    ),
    recordsDropped: counter(
      "k2p_records_dropped_total",
      "Records dropped by backpressure, never seen by the processor.",
      partition
    ),
    strategyDrops: counter(
      "k2p_strategy_drops_total",
      "Records dropped by backpressure, by the strategy that did it.",
      ["strategy"]
    ),
    recordsLost: counter(
      "k2p_records_lost_total",
      "Offsets that the log no longer had when this pod came to read them.",
      partition
    ),
    logsRestarted: counter(
      "k2p_logs_restarted_total",
      "Partitions whose log went back (truncated or recreated).",
      partition
    ),
    batchesSkipped: counter(
      "k2p_batches_skipped_total",
      "Batches that nobody can read, by reason; their records are lost.",
      ["topic", "partition", "reason"]
    ),
    actorRestarts: counter("k2p_actor_restarts_total", "Restarts of a partition's actor after a failure.", partition),
    moduleFailures: counter(
      "k2p_module_failures_total",
      "Functions of a processor or a strategy that failed, by the module's name and the function's; each cost its partition's actor a restart, or what it drained.",
      ["module", "function"]
    ),
    wishesRefused: counter(
      "k2p_assignor_wishes_refused_total",
      "Wishes of the assignor that were refused while this member led, by the assignor's name and reason; another assignment was made instead.",
      ["module", "reason"]
    ),
    rebalances: counter("k2p_rebalances_total", "Generations that this member synced."),
    membershipsLost: counter(
      "k2p_memberships_lost_total",
      "Times all partitions were evicted because membership was lost.",
      ["reason"]
    ),
    farewells: counter(
      "k2p_farewells_total",
      "Member ids of this pod that were made to leave the group, by the coordinator's answer; forgotten: left to their session, there were too many.",
      ["outcome"]
    ),
    handoffs: counter("k2p_handoffs_total", "Partitions acquired, made visible, released or lost.", ["kind"]),
    handoffSeconds: histogram(
      "k2p_handoff_visible_seconds",
      "From acquiring a partition to exposing it.",
      [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
    ),
    commits: counter("k2p_commits_total", "Offset commits by outcome.", ["outcome"]),
    heartbeats: counter("k2p_heartbeats_total", "Heartbeats by outcome.", ["outcome"]),
    refused: counter(
      "k2p_refused_total",
      "Joins and heartbeats that failed because the brokers do not let this pod in (login, certificate, right to the group); they are tried again.",
      ["code"]
    ),
    commitSeconds: seconds("k2p_commit_seconds", "From an offset commit to its answer, or to its end without one."),
    heartbeatSeconds: seconds("k2p_heartbeat_seconds", "From a heartbeat to its answer, or to its end without one."),
    fetchSeconds: seconds(
      "k2p_fetch_seconds",
      "From a fetch to its answer, or to its end without one; the broker's wait for something to answer is in it."
    ),
    fetchErrors: counter("k2p_fetch_errors_total", "Failed fetches by code.", ["code"]),
    lag: gauge(
      "k2p_partition_lag_records",
      "Records between the processed position and the log's end; absent while nobody tells it.",
      partition
    ),
    lagSeconds: gauge(
      "k2p_partition_lag_seconds",
      "Since all that the log was known to have was processed: it grows while something waits, and while nobody tells where the log ends.",
      partition
    ),
    lagAge: gauge(
      "k2p_partition_lag_age_seconds",
      "Since the log last told where it ends, which is as old as the figures of lag are.",
      partition
    ),
    behindFence: gauge(
      "k2p_partition_fence_records",
      "Records between the processed position and the fence, before which nothing of the partition is shown; 0: past it.",
      partition
    ),
    mayShow: gauge(
      "k2p_partition_reservation_records",
      "Records beyond the processed position that the confirmed reservation lets this pod show.",
      partition
    ),
    pauseSeconds: gauge(
      "k2p_partition_pause_seconds",
      "How long a partition is not read already, because its queue is full; 0 while it is read.",
      partition
    ),
    pausedSeconds: counter(
      "k2p_partition_paused_seconds_total",
      "Seconds that a partition was not read because its queue was full, of pauses that are over.",
      partition
    ),
    quarantined: gauge(
      "k2p_partition_quarantined",
      "1 while it is not known what earlier owners showed of the partition, and only what comes from now on is shown; else 0.",
      partition
    ),
    trouble: gauge(
      "k2p_partition_trouble_seconds",
      "How long a partition can not be read already; 0 while it can.",
      partition
    ),
    queueRecords: gauge("k2p_partition_queue_records", "Records waiting in a partition's queue.", partition),
    queueBytes: gauge("k2p_partition_queue_bytes", "Bytes waiting in a partition's queue.", partition),
    remainderRecords: gauge(
      "k2p_partition_remainder_records",
      "Records of the last fetch that wait beyond the bounds of a partition's queue.",
      partition
    ),
    remainderBytes: gauge(
      "k2p_partition_remainder_bytes",
      "Bytes of the last fetch that wait beyond the bounds of a partition's queue.",
      partition
    ),
    partitions: gauge("k2p_partitions", "Partitions owned, by phase.", ["phase"]),
    leaseSeconds: gauge("k2p_lease_seconds", "Seconds that the ownership lease is still good for.", [], "min"),
    settingsDiffer: gauge(
      "k2p_settings_differ",
      "Members whose settings that must agree differ from this one's.",
      [],
      "max"
    ),
    buildInfo: gauge(
      "k2p_build_info",
      "1, by the pod's version and that of the Node that it runs on.",
      ["version", "node"],
      "max"
    ),
    settingsInfo: gauge(
      "k2p_settings_info",
      "1, by the hash of the settings that all members of the group must agree on.",
      ["hash"],
      "max"
    ),
    // shards
    shardAnswerAge: gauge(
      "k2p_shard_answer_age_seconds",
      "Since the shard last told its figures: all that this page says of it is as old.",
      ["shard"]
    ),
    workerHeap: gauge("k2p_worker_heap_bytes", "Heap that a shard's thread uses.", ["shard"]),
    workerHeapLimit: gauge(
      "k2p_worker_heap_limit_bytes",
      "Heap with which a shard's thread would end, and the pod with it where it is the main one.",
      ["shard"]
    ),
    workerInFlight: gauge(
      "k2p_worker_in_flight_bytes",
      "Bytes of records that a shard has fetched and not processed.",
      ["shard"]
    ),
    workerRestarts: counter("k2p_worker_restarts_total", "Worker threads that died and were started again.", ["shard"]),
    workerLag: gauge(
      "k2p_worker_event_loop_lag_seconds",
      "99th percentile of the turns of a worker thread's event loop since this was last asked for.",
      ["shard"]
    ),
    // exposition
    roundsAccepted: counter("k2p_rounds_accepted_total", "Rounds (or sample records) accepted into the cache."),
    roundsIgnored: counter(
      "k2p_rounds_ignored_total",
      "Rounds ignored as not newer than the accepted one or as shown in another partition, and chunks of unfinished rounds given up, by reason.",
      ["reason"]
    ),
    recordsRefused: counter("k2p_records_refused_total", "Records refused, by reason.", ["reason"]),
    linesRefused: counter(
      "k2p_lines_refused_total",
      "Lines refused alone, by reason; the rest of their record is shown.",
      ["reason"]
    ),
    sourcesExpired: counter("k2p_sources_expired_total", "Sources that fell silent and left the endpoint."),
    sourcesDisplaced: counter(
      "k2p_sources_displaced_total",
      "Sources that were shown and gave way to others under a limit of the partition or the pod."
    ),
    sources: gauge("k2p_sources", "Sources with content in the cache."),
    series: gauge("k2p_series", "Series in the cache."),
    seriesLimit: gauge("k2p_series_limit", "Series that the pod may have in the cache."),
    cacheLimit: gauge("k2p_cache_limit_bytes", "What k2p_cache_bytes may come to."),
    keptLimit: gauge("k2p_kept_limit_bytes", "What the chunks of unfinished rounds in k2p_kept_bytes may come to."),
    partitionSourcesLimit: gauge(
      "k2p_partition_sources_limit",
      "Sources with content that one partition may have.",
      [],
      "max"
    ),
    partitionSeriesLimit: gauge(
      "k2p_partition_series_limit",
      "Series that one partition may have in the cache.",
      [],
      "max"
    ),
    cacheBytes: gauge("k2p_cache_bytes", "Bytes of exposition text in the cache, with what each source takes besides."),
    keptBytes: gauge(
      "k2p_kept_bytes",
      "Bytes of what is kept besides what is shown: chunks of unfinished rounds, and which rounds came."
    ),
    roundAge: new CountedHistogram(
      "k2p_round_age_seconds",
      "From a round's dump time to its acceptance here.",
      [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
      registry
    ),
    shownAge: new CountedHistogram(
      "k2p_shown_age_seconds",
      "From a source's dump, by its sender's clock, to the scrape that shows it: each source once in each scrape.",
      [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 90, 120, 300, 600],
      registry
    ),
    // archive
    archiveObjects: counter("k2p_archive_objects_total", "Objects created in the archive.", partition),
    archiveRows: counter("k2p_archive_rows_total", "Rows in the objects created.", partition),
    archiveBytes: counter(
      "k2p_archive_bytes_total",
      "Bytes of the objects created, by form: rows, before compression, and stored.",
      ["topic", "partition", "form"]
    ),
    archiveRecords: counter(
      "k2p_archive_records_total",
      "Records that were not simply written: late ones filled a gap of their stream; repeated ones were archived already; empty and too large ones left no row.",
      ["topic", "partition", "outcome"]
    ),
    archiveLost: counter(
      "k2p_archive_creates_lost_total",
      "Objects that another owner had created before; what was gathered is read again behind them.",
      partition
    ),
    archiveMemoriesMissing: counter(
      "k2p_archive_memories_missing_total",
      "Memories of repeats that were missing or damaged: what agents send again is archived twice.",
      partition
    ),
    archiveStoreErrors: counter(
      "k2p_archive_store_errors_total",
      "Questions to the store that failed, by its own code; they are asked again.",
      ["code"]
    ),
    archiveHeldBytes: gauge("k2p_archive_held_bytes", "Bytes of objects that are not created yet."),
    archiveLag: gauge(
      "k2p_archive_lag_seconds",
      "Since the oldest record of the log was written that is in no object yet, at least; 0 where there is none.",
      partition
    ),
    archiveLagRecords: gauge(
      "k2p_archive_lag_records",
      "Offsets of the log that are in no object yet, read or not; absent while it is not known where the log ends.",
      partition
    ),
    archiveLogEndAge: gauge(
      "k2p_archive_log_end_age_seconds",
      "Since it was heard where the log ends, by which the lag in records is counted.",
      partition
    ),
    archiveOpenAge: gauge(
      "k2p_archive_open_age_seconds",
      "Of the object that is not created yet; 0 where there is none.",
      partition
    ),
    archiveOpenBytes: gauge("k2p_archive_open_bytes", "Of the rows of the object that is not created yet.", partition),
    archiveStoreTrouble: gauge(
      "k2p_archive_store_trouble_seconds",
      "For how long the partition waits for its store; 0 where it does not.",
      partition
    ),
    // server
    scrapes: counter("k2p_scrapes_total", "Scrapes of /metrics by outcome.", ["outcome"]),
    connectionsClosed: counter(
      "k2p_http_connections_closed_total",
      "Connections that were closed: idle or busy ones that made room, new ones where there was none, those with too many requests in a row.",
      ["why"]
    ),
    scrapesRunning: gauge(
      "k2p_scrapes_running",
      "Scrapes that are running, each by the share of the pod's shards that it asks."
    ),
    scrapesLimit: gauge("k2p_scrapes_limit", "Scrapes of the whole pod that may run at once."),
    httpRefused: counter(
      "k2p_http_refused_total",
      "Requests, and connections before their first one, that were not let in, by reason (docs/security.md).",
      ["why"]
    ),
    webConfigGood: whereSet(
      "k2p_web_config_last_reload_successful",
      "1 where the web configuration in use is what its files hold; 0: they cannot be used, and the one before is in use."
    ),
    webConfigTime: whereSet(
      "k2p_web_config_last_reload_success_timestamp_seconds",
      "When the web configuration in use was read."
    ),
    webCertificateEnd: whereSet(
      "k2p_web_certificate_end_timestamp_seconds",
      "When the certificate that the server shows ends."
    ),
    scrapeSeconds: histogram(
      "k2p_scrape_seconds",
      "From request to the last byte of a scrape.",
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    ),
    scrapeBytes: counter("k2p_scrape_bytes_total", "Bytes of exposition text sent, before gzip."),
    typeConflicts: gauge(
      "k2p_family_type_conflicts",
      "Families about whose type sources disagree, in the last scrape; the status names them."
    ),
    bodyLinesLeftOut: counter(
      "k2p_body_lines_left_out_total",
      "Lines left out of a scrape because under escaped names two series would be one, or no parser would take them."
    ),
    // agent
    agentRounds: counter("k2p_agent_rounds_total", "Rounds read from dump files by outcome.", ["outcome"]),
    agentChunks: counter("k2p_agent_chunks_total", "Chunks acknowledged by the log."),
    agentBytes: counter("k2p_agent_bytes_total", "Bytes of dumps acknowledged by the log."),
    agentLinesLeftOut: counter(
      "k2p_agent_lines_left_out_total",
      "Lines of dumps that were sent without them: longer than a record."
    ),
    agentLogBytes: counter("k2p_agent_log_bytes_total", "Bytes of log files acknowledged by the log."),
    agentLogRecords: counter("k2p_agent_log_records_total", "Records of log lines acknowledged by the log."),
    agentLogLinesCut: counter("k2p_agent_log_lines_cut_total", "Log lines that were too long, and were cut."),
    agentLogErrors: counter(
      "k2p_agent_log_produce_errors_total",
      "Failed attempts to send log lines, each tried again, by code.",
      ["code"]
    ),
    agentLogUnreadFiles: counter(
      "k2p_agent_log_unread_files_total",
      "Log files that were gone before they were read to their ends; the status names them."
    ),
    agentLogUnreadBytes: counter(
      "k2p_agent_log_unread_bytes_total",
      "Bytes of log files that were gone before they were read."
    ),
    agentLogFiles: gauge("k2p_agent_log_files", "Log files that match."),
    agentLogOpenFiles: gauge("k2p_agent_log_open_files", "Log files that are held open."),
    agentLogBehindBytes: gauge("k2p_agent_log_behind_bytes", "Bytes of log files that the log does not have yet."),
    agentLogPackedFiles: gauge(
      "k2p_agent_log_packed_files",
      "Packed log files that are not read, since no file that was known is in them."
    ),
    agentFiles: new Gauge({
      ...{ name: "k2p_agent_files", help: "Dump files by what their last look found.", labelNames: ["state"] },
      ...{ registers, collect: () => asked.agent() }
    }),
    agentSources: gauge(
      "k2p_agent_sources",
      "Sources by how their newest round fared; trouble: it is not sent, and the status says why.",
      ["state"]
    ),
    agentSent: gauge(
      "k2p_agent_last_sent_timestamp_seconds",
      "When the newest round of the source that the log has was dumped.",
      ["source"]
    ),
    agentBuildInfo: gauge("k2p_agent_build_info", "1, by the version of the agent.", ["version"]),
    agentScrapes: counter("k2p_agent_scrapes_total", "Scrapes of --scrape targets by outcome; up: it gave a round.", [
      "outcome"
    ]),
    agentScrapeUp: gauge("k2p_agent_scrape_up", "1 where the last scrape of the target gave a round, else 0.", [
      "target"
    ]),
    agentScrapeSeconds: gauge("k2p_agent_scrape_duration_seconds", "How long the last scrape of the target took.", [
      "target"
    ]),
    agentScrapeSuccess: gauge(
      "k2p_agent_scrape_last_success_timestamp_seconds",
      "When the last scrape of the target that gave a round began.",
      ["target"]
    ),
    agentScrapeBytes: gauge("k2p_agent_scrape_bytes", "Bytes of the target's last round, unpacked.", ["target"]),
    agentSeriesDropped: counter(
      "k2p_agent_series_dropped_total",
      "Series that metric_relabel_configs left out, once a round; nameless: a rule took their name.",
      ["why"]
    ),
    agentErrors: counter(
      "k2p_agent_produce_errors_total",
      "Failed attempts to send a round, or a part of one, by code.",
      ["code"]
    ),
    agentBufferBytes: gauge("k2p_agent_buffer_bytes", "Bytes of rounds that wait for the log."),
    agentClockAhead: gauge(
      "k2p_agent_clock_ahead_seconds",
      "Seconds by which this machine's clock is ahead (negative: behind) of the brokers' that stamp the topic.",
      ["topic"]
    ),
    agentDumpAge: gauge(
      "k2p_agent_dump_age_seconds",
      "Since a dump file was seen to change, or at its first sight since it was written.",
      ["source"]
    ),
    agentDumpShown: gauge(
      "k2p_agent_dump_shown_samples",
      "Of a dump that pods do not show whole, as it was checked last: samples that they show; 0: they refuse it.",
      ["source"]
    ),
    agentDumpRefused: gauge(
      "k2p_agent_dump_refused_lines",
      "Of a dump that pods do not show whole, as it was checked last: lines that they leave out.",
      ["source"]
    ),
    agentLookAge: gauge("k2p_agent_look_age_seconds", "Since some look at a dump file ended.", [], "max")
  }
}

/** The metrics of a pod's or agent's own. Only the Layers of `SelfMetrics` make one: what counts goes on behind it. @experimental */
export interface SelfMetricsShape {
  /** prom-client's, of this instance. What an extension registers here stands on `/self/metrics`, that of several worker threads added up. */
  readonly registry: Registry
  /** All as text, together with what other threads have of the same metrics, and with those of the process where the Layer has them. */
  readonly text: (others?: ReadonlyArray<OwnMetrics>) => Promise<string>
}
/** Each metric by name. @internal */
export interface SelfMetricsShape extends ReturnType<typeof make> {}

/** Only those of its kind of process are served: zeros that stand for nothing would still meet somebody's alert rule. */
const only = (whose: "pod" | "agent", metrics: SelfMetricsShape): SelfMetricsShape => {
  for (const { name } of metrics.registry.getMetricsAsArray())
    if (name.startsWith("k2p_") && name.startsWith("k2p_agent_") !== (whose === "agent"))
      metrics.registry.removeSingleMetric(name)
  return metrics
}

/** The metrics of a pod's or agent's own. `layer` has those of the process beside them; each Layer has a registry of its own. @experimental */
export class SelfMetrics extends Context.Service<SelfMetrics, SelfMetricsShape>()("k2p/SelfMetrics") {
  /** A pod's, with the process defaults (CPU, memory, event loop, GC): one instance a process. */
  static readonly layer = Layer.effect(
    SelfMetrics,
    Effect.acquireRelease(
      Effect.sync(() => only("pod", make(true))),
      (m) => Effect.sync(m.clear)
    )
  )
  /** An agent's, likewise. */
  static readonly layerAgent = Layer.effect(
    SelfMetrics,
    Effect.acquireRelease(
      Effect.sync(() => only("agent", make(true))),
      (m) => Effect.sync(m.clear)
    )
  )
  /** A pod's without the defaults: for further pods of the process, and tests. Fresh for each use. */
  static readonly layerBare = Layer.effect(
    SelfMetrics,
    Effect.sync(() => only("pod", make(false)))
  )
}
