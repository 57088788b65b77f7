/** CheckConfig: what `check` is started with: options of pods of metrics or of an archive, and of agents where it looks at what these need. No network. */

import { join } from "node:path"
import { defaultLogOptions, type LogOptions } from "../agent/log/LogOptions.ts"
import { storeOf, storeSettings } from "../archive/ArchiveSettings.ts"
import type { StoreSettings } from "../archive/store/OpenStore.ts"
import { readAcks } from "../Config.ts"
import { type Connection, readConnection } from "../config/Connection.ts"
import { readSessionTimeout, readTopics } from "../config/Group.ts"
import * as Kind from "../config/Kind.ts"
import type { Outcome, Resolved } from "../config/Resolve.ts"
import { settings } from "../config/Setting.ts"
import { agent, connection, group, program, web } from "../config/Settings.ts"
import { loadWebConfig, type WebConfig } from "../http/web/WebConfig.ts"
import { type LogConfig, readLog } from "../Logging.ts"
import { metricsSettings } from "../metrics/MetricsSettings.ts"
import type { Acks } from "../transport/Transport.ts"

export const checkSettings = settings({
  ...connection,
  ...group,
  expiry: metricsSettings.expiry,
  lookback: metricsSettings.lookback,
  to: {
    kind: storeSettings.to.kind,
    about:
      "Look at what pods of an archive need instead: the topics, the group, and the store there, in which one fixed name is created."
  },
  s3Endpoint: storeSettings.s3Endpoint,
  s3Region: storeSettings.s3Region,
  agent: {
    kind: Kind.flag,
    about: "Look at what an agent needs instead: the topic, the right to write, sizes, the options below.",
    fallback: "false"
  },
  log: {
    kind: agent.log.kind,
    about:
      "With --agent: look at what these log files need, too: --log-topic, each file, the state directory. Without --topic, at them alone."
  },
  exclude: agent.exclude,
  logTopic: agent.logTopic,
  logPartitionBase: agent.logPartitionBase,
  logMaxLine: agent.logMaxLine,
  host: agent.host,
  stateDir: agent.stateDir,
  partitionBase: agent.partitionBase,
  acks: agent.acks,
  maxRequestBytes: agent.maxRequestBytes,
  "web.config.file": {
    ...web["web.config.file"],
    about: "Look at this file of theirs, too: certificates, users, and what is worth a note about them.",
    otherwise: "none"
  },
  ...program
})

export interface CheckConfig {
  readonly connection: Connection
  readonly topics: ReadonlyArray<string>
  readonly group: string
  readonly sessionTimeout: number
  readonly lookback: number
  /** Of an archive; null: for pods of metrics, or agents. */
  readonly store: StoreSettings | null
  /** Null: for pods. */
  readonly agent: CheckedAgent | null
  readonly web: CheckedWeb | null
  readonly log: LogConfig
}

export interface CheckedWeb {
  readonly path: string
  readonly config: WebConfig
}

export interface CheckedAgent {
  /** Null: what the state directory kept, else the topic's partitions. */
  readonly base: number | null
  readonly stateDir: string
  readonly acks: Acks
  readonly requestBytes: number
  /** Null: it tails no log files. */
  readonly logs: LogOptions | null
}

const logsOf = (values: Resolved<typeof checkSettings>["values"]): LogOptions | null =>
  values.log === undefined
    ? null
    : {
        ...defaultLogOptions,
        topic: values.logTopic,
        globs: values.log,
        excludes: values.exclude ?? [],
        host: values.host ?? defaultLogOptions.host,
        stateDir: join(values.stateDir, "logs"),
        partitionBase: values.logPartitionBase ?? 0,
        acks: readAcks(values.acks ?? "all"),
        maxRequestBytes: values.maxRequestBytes,
        maxLine: values.logMaxLine
      }

export const checkConfig = (resolved: Resolved<typeof checkSettings>): Outcome<CheckConfig> => {
  const { values } = resolved
  const connection = readConnection(resolved)
  if ("problems" in connection) return connection
  const { to } = values
  if (to !== undefined && values.agent)
    return { problems: ["--to and --agent cannot be given together: an agent knows no archive"] }
  const path = values["web.config.file"]
  const loaded = path === undefined ? undefined : loadWebConfig(path)
  if (loaded !== undefined && "problems" in loaded) return loaded
  if (values.log !== undefined && !values.agent) return { problems: ["--log is an agent's: give --agent with it"] }
  const isOfLogs = values.log !== undefined && resolved.origin("topic") === "default"
  return {
    value: {
      connection: connection.value,
      topics: isOfLogs ? [] : readTopics(resolved, connection.value),
      group: values.groupId,
      sessionTimeout: readSessionTimeout(resolved, connection.value),
      lookback: values.lookback ?? values.expiry,
      store: to === undefined ? null : storeOf({ ...values, to }),
      agent: values.agent
        ? {
            base: values.partitionBase ?? null,
            stateDir: values.stateDir,
            acks: readAcks(values.acks ?? "1"),
            requestBytes: values.maxRequestBytes,
            logs: logsOf(values)
          }
        : null,
      web: path === undefined || loaded === undefined ? null : { path, config: loaded.value },
      log: readLog(values)
    }
  }
}
