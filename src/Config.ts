/**
 * Config: what the agent and the demo are started with, from their settings together. Values that depend on one another meet here
 * (the preset of Event Hubs fills what was not given); single values are config/Kind's. A pod's is pod/PodConfig, that of `check`
 * commands/CheckConfig.
 * A Config exists whole or not at all: every mistake is found before anything starts. No Effect, no network.
 */
import { join } from "node:path"
import { type AgentOptions, defaultAgentOptions, optionProblem, valueProblem } from "./agent/AgentOptions.ts"
import { defaultLogOptions, type LogOptions } from "./agent/log/LogOptions.ts"
import { address, defaultName, type ScrapeTarget, shownUrl } from "./agent/scrape/ScrapeTarget.ts"
import { type Connection, readConnection } from "./config/Connection.ts"
import { eventHubsCompressions } from "./config/EventHubs.ts"
import type { Address } from "./config/Kind.ts"
import type { Outcome, Resolved } from "./config/Resolve.ts"
import type * as Settings from "./config/Settings.ts"
import { loadWebConfig } from "./http/web/WebConfig.ts"
import { type LogConfig, readLog } from "./Logging.ts"
import { type RelabelRule, type RelabelSettings, relabelRule } from "./metrics/relabel/RelabelRule.ts"
import { type Acks, defaultMaxRequestBytes } from "./transport/Transport.ts"

export interface DemoConfig {
  /** Ms after which it ends by itself; undefined: until it is interrupted. */
  readonly duration: number | undefined
  readonly services: number
  /** The other pods listen on the next ones; 0: any free ones. */
  readonly port: number
  readonly dumpEvery: number
  /** The folder stays. */
  readonly keep: boolean
}

export interface AgentConfig {
  readonly connection: Connection
  readonly agent: AgentOptions
  /** Undefined where it has no log files to tail. */
  readonly logs: LogOptions | undefined
  readonly dryRun: boolean
  /** Undefined where it has no HTTP server. */
  readonly http:
    | {
        readonly listen: Address
        /** It can be used. */
        readonly webConfigFile: string | undefined
        readonly browserHosts: ReadonlyArray<string>
      }
    | undefined
  readonly log: LogConfig
}

export const readAcks = (acks: "0" | "1" | "all"): Acks => (acks === "all" ? "all" : acks === "1" ? 1 : 0)

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
  const { compression } = values
  if (preset && compression !== undefined && !eventHubsCompressions.some((c) => c === compression))
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
  const { listen, "web.config.file": webConfigFile } = values
  const web = webConfigFile === undefined ? undefined : loadWebConfig(webConfigFile)
  if (web !== undefined && "problems" in web) problems.push(...web.problems)
  if (webConfigFile !== undefined && listen === undefined)
    problems.push("--web.config.file is given without --listen: there is no HTTP server that it could be for")
  if (problems.length > 0 || "problems" in connection) return { problems }
  const hub = connection.value.eventHubs?.topic
  const agent: AgentOptions = {
    ...defaultAgentOptions,
    topic: origin("topic") === "default" && hub !== undefined ? hub : values.topic,
    dumps: values.dump ?? [],
    targets,
    relabel,
    staticDumps: values.staticDump ?? [],
    excludes: values.exclude ?? [],
    poll: values.poll,
    settle: values.settle ?? values.poll,
    labels: { ...values.label, ...(values.job === undefined ? {} : { job: values.job }) },
    host: values.host ?? defaultAgentOptions.host,
    clientId: values.clientId,
    stateDir: values.stateDir,
    partitionBase: values.partitionBase ?? 0,
    acks: readAcks(values.acks ?? "1"),
    compression: compression ?? (preset ? "gzip" : "none"),
    maxRequestBytes: values.maxRequestBytes,
    expiry: values.expiry,
    selfEvery: values.selfEvery,
    maxDumpBytes: values.maxDumpBytes,
    bufferBytes: values.bufferBytes
  }
  const logs = readLogs(values, agent, preset)
  const problem = logs === undefined ? optionProblem(agent) : valueProblem(agent)
  if (problem !== null) return { problems: [problem] }
  if (logs?.topic === agent.topic)
    return {
      problems: [
        `--log-topic and --topic are both "${agent.topic}": lines of logs are no metrics, give them a topic of their own`
      ]
    }
  const reached = { ...connection.value, kafka: { ...connection.value.kafka, requestTimeout } }
  return {
    value: {
      ...{ connection: reached, agent, logs },
      ...{ dryRun: values.dryRun, log: readLog(values) },
      http: listen === undefined ? undefined : { listen, webConfigFile, browserHosts: values.browserHosts ?? [] }
    }
  }
}

/** What it has in common with metrics is the agent's. */
const readLogs = (
  values: Resolved<typeof Settings.agent>["values"],
  { labels, host, clientId, stateDir, excludes, maxRequestBytes, poll }: AgentOptions,
  isEventHubs: boolean
): LogOptions | undefined =>
  values.log === undefined
    ? undefined
    : {
        ...defaultLogOptions,
        ...{ labels, host, clientId, excludes, maxRequestBytes, poll },
        topic: values.logTopic,
        globs: values.log,
        stateDir: join(stateDir, "logs"),
        partitionBase: values.logPartitionBase ?? 0,
        acks: readAcks(values.acks ?? "all"),
        compression: values.compression ?? (isEventHubs ? "gzip" : "zstd"),
        maxLine: values.logMaxLine,
        bufferBytes: values.logBufferBytes,
        linger: values.logLinger,
        openFiles: values.logOpenFiles
      }

export const demoConfig = ({
  values
}: Resolved<typeof Settings.demo>): Outcome<{ readonly demo: DemoConfig; readonly log: LogConfig }> => {
  const { services, port, dumpEvery, keep } = values
  return { value: { demo: { duration: values.for, services, port, dumpEvery, keep }, log: readLog(values) } }
}
