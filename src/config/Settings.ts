/**
 * Settings: the options that commands share, and those of the agent and the demo, each described once. `--help`, errors, variables and the
 * file's keys are made of such tables; a pod's is in pod/PodSettings, an application's beside it. Limits of the values are the widest that
 * make sense; what a value does is told in docs.
 */
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

/** Of whoever has an HTTP server. */
export const web = settings({
  // Under the name that it has with all of Prometheus' exporters.
  "web.config.file": {
    kind: Kind.text("file", "the path of a YAML file"),
    about:
      "TLS, client certificates, users, headers and a rate limit for the HTTP server, in the format of Prometheus' exporters (docs/security.md); read again when it changes.",
    otherwise: "plain HTTP, open to everybody"
  },
  browserHosts: {
    kind: Kind.list("name", "a host name", (t) => (/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/.test(t) ? t : undefined)),
    about:
      "Names under which browsers may open its pages where neither TLS nor a login guards them, beside addresses and names without a dot; programs such as Prometheus ask by any name.",
    otherwise: "none"
  }
})

export const connection = settings({
  brokers: {
    kind: Kind.brokerList,
    about: "Bootstrap brokers.",
    otherwise: "none; required without --event-hubs-connection-string",
    requiredWithout: ["eventHubsConnectionString"]
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
    about: "Its password; better given in a file, a command line is seen by others.",
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

export const group = settings({
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
  }
})

/** Of the pods of metrics and of their agents. */
export const expiry = {
  kind: Kind.duration("1s", "1d"),
  about: "Least time without a round after which a source leaves the endpoint.",
  fallback: "90s"
} as const

export const agent = settings({
  ...connection,
  clientId: { ...connection.clientId, fallback: "kafka2prom-agent" },
  topic: { kind: Kind.topic, about: "Topic to write to.", fallback: "metrics" },
  dump: {
    kind: Kind.repeated("glob", "the path or glob of dump files"),
    about: "Registry dumps to send: each file is one source, read whole whenever it changes. Repeatable.",
    otherwise: "none; required without --static-dump, --scrape and --log",
    requiredWithout: ["staticDump", "scrape", "log"]
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
  staticDump: {
    kind: Kind.repeated("glob", "the path or glob of dump files"),
    about:
      "Dumps that are written once: sent again while their file is there, also when its service is dead. Repeatable.",
    otherwise: "none"
  },
  log: {
    kind: Kind.repeated("glob", "the path or glob of log files"),
    about: "Log files to tail: their lines go to --log-topic, each file is one source. Repeatable.",
    otherwise: "none"
  },
  logTopic: {
    kind: Kind.topic,
    about: "Topic that log lines are written to; never the one of metrics.",
    fallback: "logs"
  },
  logPartitionBase: {
    kind: Kind.integer(1, 1_000_000),
    about: "As --partition-base, of --log-topic.",
    otherwise: "the topic's partitions at the first start, kept in --state-dir"
  },
  logMaxLine: {
    kind: Kind.size("1KiB", "512KiB"),
    about: "Bytes of a log line; a longer one is cut, marked and counted.",
    fallback: "256KiB"
  },
  logLinger: {
    kind: Kind.duration("0s", "1m"),
    about: "How long log lines wait for others to go with them.",
    fallback: "250ms"
  },
  logBufferBytes: {
    kind: Kind.size("1MiB", "4GiB"),
    about: "Bytes of log lines that are read and not acknowledged.",
    fallback: "32MiB"
  },
  logOpenFiles: {
    kind: Kind.integer(1, 100_000),
    about: "Log files that are held open; one that changed within the last minute is.",
    fallback: "256"
  },
  exclude: {
    kind: Kind.repeated("glob", "the path or glob of files"),
    about:
      "Files that are no dumps or log files though a glob names them; without a slash, by their name alone. Repeatable.",
    otherwise: "none"
  },
  poll: {
    kind: Kind.duration("10ms", "1m"),
    about: "Between two looks at a file on a file system that cannot be watched.",
    fallback: "250ms"
  },
  settle: {
    kind: Kind.duration("10ms", "1m"),
    about: "How long a file that is written in place must rest before it is read.",
    otherwise: "as --poll"
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
    about: "Which brokers must have a chunk, or log lines, before they count as sent.",
    otherwise: "1 for metrics, all for logs"
  },
  compression: {
    kind: Kind.choice("none", "gzip", "zstd"),
    about: "Of the batches sent.",
    otherwise: "none for metrics, zstd for logs; on Event Hubs gzip"
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
    about: "Where the agent keeps its epoch, partition bases and positions in log files; it must outlive a restart.",
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
  ...web,
  ...program
})

export const demo = settings({
  for: {
    kind: Kind.duration("1s", "7d"),
    about: "How long it runs; then a summary, and exit code 1 where the check failed.",
    otherwise: "until it is stopped (Ctrl-C)"
  },
  services: { kind: Kind.integer(1, 64), about: "Services that dump their metrics and log.", fallback: "6" },
  port: {
    kind: Kind.integer(0, 65_533),
    about: "Where the first pod listens on this machine; the others take the next ones; 0: any free ones.",
    fallback: "9464"
  },
  dumpEvery: { kind: Kind.duration("100ms", "1m"), about: "How often each service writes its dump.", fallback: "1s" },
  keep: {
    kind: Kind.flag,
    about: "Leave the folder with dumps, log files and their archive where it is.",
    fallback: "false"
  },
  ...program,
  logLevel: { ...program.logLevel, fallback: "warning" }
})
