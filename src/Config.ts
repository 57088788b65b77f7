/**
 * Config: what each command is started with, from its settings together. Values that depend on one another meet here
 * (the lookback follows the expiry, the preset of Event Hubs fills what was not given); single values are config/Kind's.
 * A Config exists whole or not at all: every mistake is found before anything starts. No Effect, no network.
 */
import { createHash } from "node:crypto"
import { availableParallelism } from "node:os"
import { type AgentOptions, defaultAgentOptions, optionProblem } from "./agent/AgentOptions.ts"
import { type RelabelRule, type RelabelSettings, relabelRule } from "./agent/relabel/RelabelRule.ts"
import { address, defaultName, type ScrapeTarget, shownUrl } from "./agent/scrape/ScrapeTarget.ts"
import { type Connection, readConnection } from "./config/Connection.ts"
import { eventHubsCompressions, eventHubsTimeouts } from "./config/EventHubs.ts"
import type { Address } from "./config/Kind.ts"
import type { Outcome, Resolved, SettingStatus } from "./config/Resolve.ts"
import type * as Settings from "./config/Settings.ts"
import type { StrategyName } from "./engine/Backpressure.ts"
import { defaultEngineOptions, type EngineOptions } from "./engine/Options.ts"
import type { LogConfig } from "./Logging.ts"
import type { MetricsOptions } from "./metrics/cache/MetricsProcessor.ts"
import { type Acks, defaultMaxRequestBytes } from "./transport/Transport.ts"

export interface DemoConfig {
  /** Ms after which it ends by itself; undefined: until it is interrupted. */
  readonly duration: number | undefined
  readonly services: number
  /** The second pod listens on the next one; 0: any free ones. */
  readonly port: number
  readonly dumpEvery: number
}

export interface ServeConfig {
  readonly connection: Connection
  readonly engine: EngineOptions
  readonly backpressure: { readonly strategy: StrategyName; readonly adaptiveLag: number }
  readonly metrics: MetricsOptions
  /** Shards of the pod; the pod's limits are divided among them. */
  readonly workers: number
  readonly listen: Address
  readonly adminToken: string | undefined
  /** For the status page; secrets are not in it. */
  readonly settings: ReadonlyArray<SettingStatus>
  readonly log: LogConfig
}

export interface CheckConfig {
  readonly connection: Connection
  readonly topics: ReadonlyArray<string>
  readonly group: string
  readonly sessionTimeout: number
  readonly lookback: number
  /** Null: for pods. */
  readonly agent: CheckedAgent | null
  readonly log: LogConfig
}

export interface CheckedAgent {
  /** Null: what the state directory kept, else the topic's partitions. */
  readonly base: number | null
  readonly stateDir: string
  readonly acks: Acks
  readonly requestBytes: number
}

export interface AgentConfig {
  readonly connection: Connection
  readonly agent: AgentOptions
  readonly dryRun: boolean
  readonly listen: Address | undefined
  readonly log: LogConfig
}

const readLog = (values: Resolved<typeof Settings.program>["values"]): LogConfig => ({
  level: values.logLevel,
  format: values.logFormat
})

/** The hub of the connection string is the topic where no other is named. */
const readTopics = (
  resolved: { readonly values: { readonly topic: ReadonlyArray<string> }; readonly origin: (key: "topic") => string },
  connection: Connection
): ReadonlyArray<string> =>
  resolved.origin("topic") === "default" && connection.eventHubs?.topic !== undefined
    ? [connection.eventHubs.topic]
    : resolved.values.topic

const readSessionTimeout = (
  resolved: {
    readonly values: { readonly sessionTimeout: number }
    readonly origin: (key: "sessionTimeout") => string
  },
  connection: Connection
): number =>
  resolved.origin("sessionTimeout") === "default" && connection.eventHubs !== undefined
    ? eventHubsTimeouts.sessionTimeout
    : resolved.values.sessionTimeout

/** Counts up when the rules change by which a batch or record can be read: owners of different rules may skip different ones. */
const reading = 2

export const serveConfig = (resolved: Resolved<typeof Settings.serve>): Outcome<ServeConfig> => {
  const { values } = resolved
  const connection = readConnection(resolved)
  const problems = "problems" in connection ? [...connection.problems] : []
  // Two whole rounds of the largest kind may be under way, of one source and of others.
  const gatherBytes = values.maxGatherBytes ?? 4 * values.maxSourceBytes
  if (gatherBytes < 2 * values.maxSourceBytes)
    problems.push("--max-gather-bytes is less than two rounds of --max-source-bytes: half of it has to hold one")
  if (problems.length > 0 || "problems" in connection) return { problems }
  const agreed = {
    expiry: values.expiry,
    timestamps: values.timestamps,
    sourceLabel: values.sourceLabel,
    allowReservedNames: values.allowReservedNames,
    limits: {
      maxSeries: values.maxSourceSeries,
      maxBytes: values.maxSourceBytes,
      maxLabels: values.maxLabels,
      maxLabelValue: values.maxLabelValue,
      maxHelp: values.maxHelp,
      maxSources: values.maxSources,
      partitionSeries: values.maxPartitionSeries,
      partitionBytes: values.maxPartitionBytes,
      rememberedSources: values.maxRememberedSources ?? 4 * values.maxSources,
      gatherBytes
    }
  }
  // The pod's own limits may differ: machines do.
  const limits = {
    ...agreed.limits,
    podSeries: values.maxPodSeries,
    podBytes: values.maxPodBytes,
    podGatherBytes: values.maxPodGatherBytes
  }
  const lookback = values.lookback ?? values.expiry
  const sessionTimeout = readSessionTimeout(resolved, connection.value)
  return {
    value: {
      connection: connection.value,
      engine: {
        ...defaultEngineOptions,
        group: values.groupId,
        topics: readTopics(resolved, connection.value),
        clientId: values.clientId,
        sessionTimeout,
        rebalanceTimeout: Math.max(defaultEngineOptions.rebalanceTimeout, sessionTimeout),
        lookback,
        lateness: values.expiry / 2,
        queueRecords: values.queueRecords,
        queueBytes: values.queueBytes,
        maxRecordBytes: values.maxRecordBytes,
        partitioner: values.partitioner,
        growthWindow: values.growthWindow,
        settingsHash: createHash("sha256")
          .update(
            JSON.stringify({
              ...agreed,
              lookback,
              maxRecordBytes: values.maxRecordBytes,
              reading,
              partitioner: values.partitioner,
              growthWindow: values.growthWindow
            })
          )
          .digest("hex")
          .slice(0, 16)
      },
      backpressure: { strategy: values.backpressure, adaptiveLag: values.adaptiveLag },
      metrics: { ...agreed, commit: values.commit, limits },
      workers: values.workers ?? availableParallelism(),
      listen: values.listen,
      adminToken: values.adminToken,
      settings: resolved.status,
      log: readLog(values)
    }
  }
}

export const checkConfig = (resolved: Resolved<typeof Settings.check>): Outcome<CheckConfig> => {
  const { values } = resolved
  const connection = readConnection(resolved)
  if ("problems" in connection) return connection
  return {
    value: {
      connection: connection.value,
      topics: readTopics(resolved, connection.value),
      group: values.groupId,
      sessionTimeout: readSessionTimeout(resolved, connection.value),
      lookback: values.lookback ?? values.expiry,
      agent: values.agent
        ? {
            base: values.partitionBase ?? null,
            stateDir: values.stateDir,
            acks: readAcks(values.acks),
            requestBytes: values.maxRequestBytes
          }
        : null,
      log: readLog(values)
    }
  }
}

const readAcks = (acks: "0" | "1" | "all"): Acks => (acks === "all" ? "all" : acks === "1" ? 1 : 0)

/** Each whole, with what it takes from the agent's settings. */
const readTargets = (
  { values }: Resolved<typeof Settings.agent>,
  problems: Array<string>
): ReadonlyArray<ScrapeTarget> =>
  (values.scrape ?? []).map((settings) => {
    const { url, name, job, labels, interval = values.scrapeInterval } = settings
    const timeout = settings.timeout ?? Math.min(values.scrapeTimeout ?? 10_000, interval)
    if (timeout > interval)
      problems.push(
        `--scrape ${shownUrl(url)}: its timeout of ${timeout} ms is longer than its interval of ${interval} ms`
      )
    return {
      ...settings,
      name: name ?? defaultName(url),
      job: job ?? address(url),
      labels: { ...labels, ...(job === undefined ? {} : { job }) },
      interval,
      timeout
    }
  })

const readRules = (settings: ReadonlyArray<RelabelSettings>, problems: Array<string>): ReadonlyArray<RelabelRule> =>
  settings.flatMap((one, i) => {
    const rule = relabelRule(one)
    if (typeof rule === "function") return [rule]
    const which = settings.length === 1 ? "" : `item ${i + 1} of it: `
    problems.push(`--metric-relabel-configs is not usable: ${which}${rule.wrong}`)
    return []
  })

/** Ms: also where the brokers' own advice is longer, as Event Hubs' is: a round is given up soon, and sent again it is taken once. */
const agentRequestTimeout = 30_000

export const agentConfig = (resolved: Resolved<typeof Settings.agent>): Outcome<AgentConfig> => {
  const { values, origin } = resolved
  const connection = readConnection(resolved)
  const problems = "problems" in connection ? [...connection.problems] : []
  const preset = "value" in connection && connection.value.eventHubs !== undefined
  const compression = preset && origin("compression") === "default" ? "gzip" : values.compression
  if (preset && !eventHubsCompressions.some((c) => c === compression))
    problems.push(`--compression is "${compression}": Event Hubs takes ${eventHubsCompressions.join(" or ")}`)
  const requestTimeout = values.requestTimeout ?? Math.min(agentRequestTimeout, values.expiry / 3)
  if (requestTimeout >= values.expiry / 2)
    problems.push("--request-timeout is half of --expiry or more: a round would be given up before its request is")
  if (preset && values.maxRequestBytes > defaultMaxRequestBytes)
    problems.push("--max-request-bytes is more than 1MB: Event Hubs closes the connection on larger requests")
  if (values.job !== undefined && values.label !== undefined && Object.hasOwn(values.label, "job"))
    problems.push("--job and --label job=… both name the job: give one of them")
  if (values.scrapeTimeout !== undefined && values.scrapeTimeout > values.scrapeInterval)
    problems.push("--scrape-timeout is longer than --scrape-interval: a scrape ends before the next one begins")
  const targets = readTargets(resolved, problems)
  const relabel = readRules(values.metricRelabelConfigs ?? [], problems)
  if (problems.length > 0 || "problems" in connection) return { problems }
  const hub = connection.value.eventHubs?.topic
  const agent: AgentOptions = {
    ...defaultAgentOptions,
    topic: origin("topic") === "default" && hub !== undefined ? hub : values.topic,
    dumps: values.dump ?? [],
    targets,
    relabel,
    labels: { ...values.label, ...(values.job === undefined ? {} : { job: values.job }) },
    host: values.host ?? defaultAgentOptions.host,
    clientId: values.clientId,
    stateDir: values.stateDir,
    partitionBase: values.partitionBase ?? 0,
    acks: readAcks(values.acks),
    compression,
    maxRequestBytes: values.maxRequestBytes,
    expiry: values.expiry,
    selfEvery: values.selfEvery,
    maxDumpBytes: values.maxDumpBytes,
    bufferBytes: values.bufferBytes
  }
  const problem = optionProblem(agent)
  if (problem !== null) return { problems: [problem] }
  const reached = { ...connection.value, kafka: { ...connection.value.kafka, requestTimeout } }
  return {
    value: { connection: reached, agent, dryRun: values.dryRun, listen: values.listen, log: readLog(values) }
  }
}

export const demoConfig = ({
  values
}: Resolved<typeof Settings.demo>): Outcome<{ readonly demo: DemoConfig; readonly log: LogConfig }> => {
  const { services, port, dumpEvery } = values
  return { value: { demo: { duration: values.for, services, port, dumpEvery }, log: readLog(values) } }
}
