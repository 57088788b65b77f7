/**
 * Settings: every option of every command, each described once. `--help`, errors, variables and the file's keys are
 * made of these tables. Limits of the values are the widest that make sense; what a value does is told in docs.
 */
import { strategies } from "../engine/Backpressure.ts"
import * as Kind from "./Kind.ts"
import { relabelRules } from "./RelabelSettings.ts"
import { scrapeInterval, scrapeTargets, scrapeTimeout } from "./ScrapeSettings.ts"
import { settings } from "./Setting.ts"

export const program = settings({
  config: {
    kind: Kind.text("file", "the path of a YAML file"),
    about: "YAML file with options by name (group-id: metrics-eu); flags and variables go before it."
  },
  logLevel: {
    kind: Kind.choice("debug", "info", "warning", "error"),
    about: "What is logged, on stderr.",
    fallback: "info"
  },
  logFormat: { kind: Kind.choice("text", "json"), about: "Log lines for people or for programs.", fallback: "text" }
})

export const connection = settings({
  brokers: {
    kind: Kind.brokerList,
    about: "Bootstrap brokers.",
    otherwise: "none; required without --event-hubs-connection-string",
    requiredWithout: "eventHubsConnectionString"
  },
  clientId: {
    kind: Kind.text("name"),
    about: "The name by which the brokers' logs and quotas know this process.",
    fallback: "kafka2prom"
  },
  saslMechanism: {
    kind: Kind.choice("plain", "scram-sha-256", "scram-sha-512"),
    about: "How to log in to the brokers.",
    otherwise: "no login"
  },
  saslUsername: { kind: Kind.text("name"), about: "The user of the login." },
  saslPassword: {
    kind: Kind.text("secret"),
    about: "Its password; better given as the variable, a command line is seen by others.",
    secret: true
  },
  tls: { kind: Kind.flag, about: "Speak TLS to the brokers.", otherwise: "on where a --tls-* file is given" },
  tlsCa: {
    kind: Kind.text("file", "the path of a PEM file"),
    about: "Certificates of the authorities to trust, PEM.",
    otherwise: "the system's"
  },
  tlsCert: { kind: Kind.text("file", "the path of a PEM file"), about: "Client certificate, PEM; needs --tls-key." },
  tlsKey: { kind: Kind.text("file", "the path of a PEM file"), about: "Its private key, PEM." },
  eventHubsConnectionString: {
    kind: Kind.text("secret", "Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…"),
    about: "Azure Event Hubs: sets brokers, TLS, login, compression and timeouts as it needs them.",
    secret: true
  }
})

const expiry = {
  kind: Kind.duration("1s", "1d"),
  about: "Least time without a round after which a source leaves the endpoint.",
  fallback: "90s"
} as const

const group = settings({
  topic: { kind: Kind.topicList, about: "Topics to read.", fallback: "metrics" },
  groupId: {
    kind: Kind.text("name"),
    about: "The consumer group; it belongs to kafka2prom alone.",
    fallback: "kafka2prom"
  },
  sessionTimeout: {
    kind: Kind.duration("3s", "30m"),
    about: "After this long without a sign of life another pod takes over.",
    fallback: "20s"
  },
  expiry,
  lookback: {
    kind: Kind.duration("1s", "7d"),
    about: "How far back a new owner starts to read where the group left no note.",
    otherwise: "the expiry"
  }
})

export const serve = settings({
  ...connection,
  ...group,
  listen: { kind: Kind.listenAddress, about: "Where the HTTP server listens.", fallback: "0.0.0.0:9464" },
  adminToken: {
    kind: Kind.text("secret"),
    about: "Bearer token that lets a request switch things; without it nothing can be switched.",
    secret: true
  },
  workers: {
    kind: Kind.integer(1, 1024),
    about: "Threads that share the work, each a member of the group with its own partitions.",
    otherwise: "as many as the machine has CPUs"
  },
  backpressure: {
    kind: Kind.choice(...strategies),
    about:
      "When a partition's queue is full: wait; lose the oldest once more arrives than is processed; or wait until far behind and then lose.",
    fallback: "pause"
  },
  adaptiveLag: {
    kind: Kind.integer(1, 1e12),
    about: "Records of lag beyond which the adaptive strategy loses the oldest where more arrives than is processed.",
    fallback: "100000"
  },
  queueRecords: {
    kind: Kind.integer(1, 10_000_000),
    about: "Records that may wait for one partition, and what one fetch brings on top.",
    fallback: "1000"
  },
  queueBytes: {
    kind: Kind.size("64KiB", "16GiB"),
    about: "Bytes that may wait for one partition, and one fetch.",
    fallback: "16MiB"
  },
  maxRecordBytes: {
    kind: Kind.size("1KiB", "512MiB"),
    about: "Bytes of one record, as it is unpacked, beyond which it is refused by itself; the same in all pods.",
    fallback: "64MiB"
  },
  timestamps: {
    kind: Kind.choice("scrape", "event"),
    about: "Samples with the time of their dump, or without one: then Prometheus gives them the scrape's.",
    fallback: "event"
  },
  commit: {
    kind: Kind.choice("visible", "scraped"),
    about: "Commit what a scrape could have shown, or only what Prometheus fetched whole.",
    fallback: "visible"
  },
  partitioner: {
    kind: Kind.choice("auto", "murmur2", "crc32", "none"),
    about: "How producers without round numbers place keys, for the day the topic grows (docs/growth.md).",
    fallback: "auto"
  },
  growthWindow: {
    kind: Kind.duration("0s", "1d"),
    about: "Where that cannot be told: how long what is new in a partition waits after its topic grew.",
    fallback: "10m"
  },
  sourceLabel: { kind: Kind.label, about: "The label that carries the source id.", fallback: "instance" },
  allowReservedNames: {
    kind: Kind.flag,
    about:
      "Show series of the names that Prometheus itself writes (up, scrape_duration_seconds, ALERTS and their like).",
    fallback: "false"
  },
  maxSourceSeries: {
    kind: Kind.integer(1, 100_000_000),
    about: "Series of one source beyond which its round is refused.",
    fallback: "200000"
  },
  maxSourceBytes: {
    kind: Kind.size("1KiB", "4GiB"),
    about: "Bytes of one source's round beyond which it is refused.",
    fallback: "64MiB"
  },
  maxLabels: {
    kind: Kind.integer(2, 10_000),
    about: "Labels of one series, with the attached ones, beyond which it is left out.",
    fallback: "256"
  },
  maxLabelValue: {
    kind: Kind.size("64B", "1MiB"),
    about: "Bytes of one label value, or of a name, beyond which its series is left out.",
    fallback: "64KiB"
  },
  maxHelp: {
    kind: Kind.size("0B", "1MiB"),
    about: "Bytes of one HELP beyond which it is left out.",
    fallback: "64KiB"
  },
  maxSources: {
    kind: Kind.integer(1, 10_000_000),
    about: "Sources of one partition beyond which a new one is refused, or takes the place of one that came once.",
    fallback: "10000"
  },
  maxRememberedSources: {
    kind: Kind.integer(1, 100_000_000),
    about: "Sources of one partition whose round numbers are remembered, beyond which a new one is refused.",
    otherwise: "four times --max-sources"
  },
  maxPartitionSeries: {
    kind: Kind.integer(1, 1_000_000_000),
    about: "Series of one partition beyond which new sources are refused; known ones may grow by a quarter.",
    fallback: "2000000"
  },
  maxPartitionBytes: {
    kind: Kind.size("1MiB", "256GiB"),
    about: "Bytes of one partition beyond which new sources are refused; known ones may grow by a quarter.",
    fallback: "512MiB"
  },
  maxPodSeries: {
    kind: Kind.integer(1, 1_000_000_000),
    about: "The same for series of the whole pod; each worker gets its share.",
    fallback: "5000000"
  },
  maxPodBytes: {
    kind: Kind.size("1MiB", "256GiB"),
    about: "The same for bytes of the whole pod; each worker gets its share.",
    fallback: "1GiB"
  },
  maxGatherBytes: {
    kind: Kind.size("1KiB", "64GiB"),
    about:
      "Bytes of chunks in one partition, half of it of one source, after which a round that is still unfinished is given up.",
    otherwise: "four times --max-source-bytes"
  },
  maxPodGatherBytes: {
    kind: Kind.size("1KiB", "256GiB"),
    about:
      "Bytes that unfinished rounds may hold in the whole pod, beyond which those of the largest source are refused; each worker gets its share, and room for one round.",
    fallback: "256MiB"
  },
  ...program
})

export const agent = settings({
  ...connection,
  clientId: { ...connection.clientId, fallback: "kafka2prom-agent" },
  topic: { kind: Kind.topic, about: "Topic to write to.", fallback: "metrics" },
  dump: {
    kind: Kind.repeated("glob", "the path or glob of dump files"),
    about: "Registry dumps to send: each file is one source, read whole whenever it changes. Repeatable.",
    otherwise: "none; required without --scrape",
    requiredWithout: "scrape"
  },
  scrape: {
    kind: scrapeTargets,
    about:
      "An endpoint to scrape: each body is a round, as a dump is. Repeatable; what it needs besides (login, TLS) is told in the file.",
    otherwise: "none"
  },
  scrapeInterval: { kind: scrapeInterval, about: "Between two scrapes of a target.", fallback: "30s" },
  scrapeTimeout: {
    kind: scrapeTimeout,
    about: "What a scrape may take, from connecting to the last byte.",
    otherwise: "10s, or the interval where that is less"
  },
  metricRelabelConfigs: {
    kind: relabelRules,
    about:
      "Rules on the series of all dumps before they are sent, as Prometheus has them under that name; best in the file, as metric_relabel_configs.",
    otherwise: "none"
  },
  host: {
    kind: Kind.text("name"),
    about: "First part of every source id; it must be the same after a restart.",
    otherwise: "the machine's host name"
  },
  job: {
    kind: Kind.text("name"),
    about: "The job label of series that have none.",
    otherwise: "the dump file's name without its extension, a scraped target's host:port"
  },
  label: {
    kind: Kind.labels,
    about: "Label added to every series that lacks it (name=value). Repeatable.",
    otherwise: "none"
  },
  partitionBase: {
    kind: Kind.integer(1, 1_000_000),
    about: "Sources are spread over this many partitions, also when the topic grows: never change it.",
    otherwise: "the topic's partitions at the first start, kept in --state-dir"
  },
  acks: {
    kind: Kind.choice("0", "1", "all"),
    about: "Which brokers must have a chunk before it counts as sent.",
    fallback: "1"
  },
  compression: {
    kind: Kind.choice("none", "gzip", "zstd"),
    about: "Of the batches sent; on Event Hubs gzip where nothing is given.",
    fallback: "none"
  },
  maxRequestBytes: {
    kind: Kind.size("64KiB", "16MiB"),
    about:
      "Bytes of one request before compression; dumps are cut below it. The topic's max.message.bytes must be above.",
    fallback: "1MB"
  },
  requestTimeout: {
    kind: Kind.duration("1s", "5m"),
    about: "How long an answer of a broker is waited for; then its connection counts as dead.",
    otherwise: "a third of --expiry, at most 30s"
  },
  stateDir: {
    kind: Kind.text("dir", "the path of a directory"),
    about: "Where the agent keeps its epoch and partition base; it must outlive a restart.",
    fallback: ".kafka2prom"
  },
  selfEvery: {
    kind: Kind.duration("0s", "1h"),
    about: "How often the agent's own metrics are sent, as source <host>/kafka2prom-agent; 0s: never.",
    fallback: "30s"
  },
  expiry: { ...expiry, about: "The pods' --expiry: a round is given up when it is half as old." },
  maxDumpBytes: { kind: Kind.size("1KiB", "4GiB"), about: "Bytes of one dump that are read.", fallback: "64MiB" },
  bufferBytes: {
    kind: Kind.size("1KiB", "64GiB"),
    about: "Bytes of all rounds that wait while the brokers are away.",
    fallback: "256MiB"
  },
  dryRun: {
    kind: Kind.flag,
    about: "Say which files match, what would be sent of them and what pods would not show; send nothing, and end.",
    fallback: "false"
  },
  listen: {
    kind: Kind.listenAddress,
    about: "Where to serve /api/v1/status, /self/metrics and /healthz.",
    otherwise: "no HTTP server"
  },
  ...program
})

export const check = settings({
  ...connection,
  ...group,
  agent: {
    kind: Kind.flag,
    about: "Look at what an agent needs instead: the topic, the right to write, sizes, the options below.",
    fallback: "false"
  },
  stateDir: agent.stateDir,
  partitionBase: agent.partitionBase,
  acks: agent.acks,
  maxRequestBytes: agent.maxRequestBytes,
  ...program
})

export const demo = settings({
  for: {
    kind: Kind.duration("1s", "7d"),
    about: "How long it runs; then a summary, and exit code 1 where the check failed.",
    otherwise: "until it is stopped (Ctrl-C)"
  },
  services: { kind: Kind.integer(1, 64), about: "Services that dump their metrics.", fallback: "6" },
  port: {
    kind: Kind.integer(0, 65_534),
    about: "Where the first pod listens on this machine; the second takes the next one; 0: any free ones.",
    fallback: "9464"
  },
  dumpEvery: { kind: Kind.duration("100ms", "1m"), about: "How often each service writes its dump.", fallback: "1s" },
  ...program,
  logLevel: { ...program.logLevel, fallback: "warning" }
})
