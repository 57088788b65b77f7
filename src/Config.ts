/**
 * Config: what each command is started with, from its settings together. Values that depend on one another meet here
 * (the lookback follows the expiry, the preset of Event Hubs fills what was not given); single values are config/Kind's.
 * A Config exists whole or not at all: every mistake is found before anything starts. No Effect, no network.
 */
import { createHash } from "node:crypto"
import { availableParallelism } from "node:os"
import { type AgentOptions, defaultAgentOptions, optionProblem } from "./agent/AgentOptions.ts"
import { type Connection, readConnection } from "./config/Connection.ts"
import { eventHubsCompressions, eventHubsTimeouts } from "./config/EventHubs.ts"
import type { Address } from "./config/Kind.ts"
import type { Outcome, Resolved, SettingStatus } from "./config/Resolve.ts"
import type * as Settings from "./config/Settings.ts"
import type { Strategy } from "./engine/Backpressure.ts"
import { defaultEngineOptions, type EngineOptions } from "./engine/Options.ts"
import type { LogConfig } from "./Logging.ts"
import type { MetricsOptions } from "./metrics/cache/MetricsProcessor.ts"

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
  readonly backpressure: { readonly strategy: Strategy; readonly adaptiveLag: number }
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
  readonly log: LogConfig
}

export interface AgentConfig {
  readonly connection: Connection
  readonly agent: AgentOptions
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

const readSessionTimeout = (resolved: Resolved<typeof Settings.check>, connection: Connection): number =>
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
        commit: values.commit,
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
      metrics: { ...agreed, limits },
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
      log: readLog(values)
    }
  }
}

export const agentConfig = (resolved: Resolved<typeof Settings.agent>): Outcome<AgentConfig> => {
  const { values, origin } = resolved
  const connection = readConnection(resolved)
  const problems = "problems" in connection ? [...connection.problems] : []
  const preset = "value" in connection && connection.value.eventHubs !== undefined
  const compression = preset && origin("compression") === "default" ? "gzip" : values.compression
  if (preset && !eventHubsCompressions.some((c) => c === compression))
    problems.push(`--compression is "${compression}": Event Hubs takes ${eventHubsCompressions.join(" or ")}`)
  if (values.job !== undefined && values.label !== undefined && Object.hasOwn(values.label, "job"))
    problems.push("--job and --label job=… both name the job: give one of them")
  if (problems.length > 0 || "problems" in connection) return { problems }
  const hub = connection.value.eventHubs?.topic
  const agent: AgentOptions = {
    ...defaultAgentOptions,
    topic: origin("topic") === "default" && hub !== undefined ? hub : values.topic,
    dumps: values.dump ?? [],
    staticDumps: values.staticDump ?? [],
    excludes: values.exclude ?? [],
    poll: values.poll,
    settle: values.settle ?? values.poll,
    labels: { ...values.label, ...(values.job === undefined ? {} : { job: values.job }) },
    host: values.host ?? defaultAgentOptions.host,
    clientId: values.clientId,
    stateDir: values.stateDir,
    partitionBase: values.partitionBase ?? 0,
    acks: values.acks === "all" ? "all" : values.acks === "1" ? 1 : 0,
    compression,
    expiry: values.expiry,
    maxDumpBytes: values.maxDumpBytes,
    bufferBytes: values.bufferBytes
  }
  const problem = optionProblem(agent)
  if (problem !== null) return { problems: [problem] }
  return { value: { connection: connection.value, agent, listen: values.listen, log: readLog(values) } }
}

export const demoConfig = ({
  values
}: Resolved<typeof Settings.demo>): Outcome<{ readonly demo: DemoConfig; readonly log: LogConfig }> => {
  const { services, port, dumpEvery } = values
  return { value: { demo: { duration: values.for, services, port, dumpEvery }, log: readLog(values) } }
}
