/**
 * PodConfig: what a pod is started with, its own settings and its application's together. It exists whole or not at all: every mistake is
 * found before anything starts. No Effect, no network.
 */
import { createHash } from "node:crypto"
import { availableParallelism } from "node:os"
import { type Connection, readConnection } from "../config/Connection.ts"
import { readSessionTimeout, readTopics } from "../config/Group.ts"
import type { Address } from "../config/Kind.ts"
import type { Outcome, Resolved, SettingStatus } from "../config/Resolve.ts"
import type { Table } from "../config/Setting.ts"
import type { StrategyName } from "../engine/Backpressure.ts"
import { defaultEngineOptions, type EngineOptions } from "../engine/Options.ts"
import { loadWebConfig } from "../http/web/WebConfig.ts"
import { type LogConfig, readLog } from "../Logging.ts"
import type { App } from "./App.ts"
import type { podSettings } from "./PodSettings.ts"

export interface PodConfig<S> {
  readonly connection: Connection
  readonly engine: EngineOptions
  readonly backpressure: { readonly strategy: StrategyName; readonly adaptiveLag: number }
  /** The application's. */
  readonly application: S
  readonly notes: ReadonlyArray<string>
  /** Shards of the pod. */
  readonly workers: number
  readonly listen: Address
  readonly adminListen?: Address
  readonly adminToken: string | undefined
  readonly adminTokenFile?: string
  /** It can be used. */
  readonly webConfigFile?: string
  readonly browserHosts: ReadonlyArray<string>
  /** For the status page; secrets are not in it. */
  readonly settings: ReadonlyArray<SettingStatus>
  readonly log: LogConfig
}

/** Counts up when the rules change by which a batch or record can be read: owners of different rules may skip different ones. */
const reading = 2

export const podConfig = <S, T extends Table>(
  app: App<S, T>,
  resolved: Resolved<typeof podSettings & T>
): Outcome<PodConfig<S>> => {
  // Both tables are in the one; the compiler cannot tell for a table that it does not know.
  const pod = resolved as unknown as Resolved<typeof podSettings>
  const { values } = pod
  const connection = readConnection(pod)
  const configured = app.configure(resolved as unknown as Resolved<T>)
  const webConfigFile = values["web.config.file"]
  const web = webConfigFile === undefined ? { value: undefined } : loadWebConfig(webConfigFile)
  if ("problems" in connection || "problems" in configured || "problems" in web)
    return {
      problems: [connection, configured, web].flatMap((outcome) => ("problems" in outcome ? outcome.problems : []))
    }
  const { settings, agreed, engine, notes = [] } = configured.value
  const adminTokenFile = pod.secretFile("adminToken")
  const sessionTimeout = readSessionTimeout(pod, connection.value)
  const options: EngineOptions = {
    ...defaultEngineOptions,
    ...engine,
    group: values.groupId,
    topics: readTopics(pod, connection.value),
    clientId: values.clientId,
    sessionTimeout,
    rebalanceTimeout: Math.max(defaultEngineOptions.rebalanceTimeout, sessionTimeout),
    queueRecords: values.queueRecords,
    queueBytes: values.queueBytes,
    maxRecordBytes: values.maxRecordBytes,
    partitioner: values.partitioner,
    growthWindow: values.growthWindow
  }
  return {
    value: {
      connection: connection.value,
      engine: { ...options, settingsHash: hashOf(agreed, options) },
      backpressure: { strategy: values.backpressure, adaptiveLag: values.adaptiveLag },
      application: settings,
      notes,
      workers: values.workers ?? availableParallelism(),
      listen: values.listen,
      ...(values.adminListen === undefined ? {} : { adminListen: values.adminListen }),
      adminToken: values.adminToken,
      ...(adminTokenFile === undefined ? {} : { adminTokenFile }),
      ...(webConfigFile === undefined ? {} : { webConfigFile }),
      browserHosts: values.browserHosts ?? [],
      settings: resolved.status,
      log: readLog(values)
    }
  }
}

const hashOf = (agreed: object, { lookback, maxRecordBytes, partitioner, growthWindow }: EngineOptions): string =>
  createHash("sha256")
    .update(JSON.stringify({ ...agreed, lookback, maxRecordBytes, reading, partitioner, growthWindow }))
    .digest("hex")
    .slice(0, 16)
