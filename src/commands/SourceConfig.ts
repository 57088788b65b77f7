/** SourceConfig: what `source show` and `source remove` are started with. */
import { type Connection, readConnection } from "../config/Connection.ts"
import * as Kind from "../config/Kind.ts"
import type { Outcome, Resolved } from "../config/Resolve.ts"
import { settings } from "../config/Setting.ts"
import { connection, program } from "../config/Settings.ts"
import { type LogConfig, readLog } from "../Logging.ts"

const podUrl = (text: string): string | undefined => {
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `http://${text}`)
  return url === null || url.hostname === "" ? undefined : url.origin
}

const named = {
  id: { kind: Kind.text("source"), about: "The source's id: its `instance`.", required: true },
  pods: {
    kind: Kind.list("url", "a pod's address, such as http://k2p-0:9464", podUrl),
    about: "The pods of the group, all of them: which one has the source is not known before.",
    fallback: "http://localhost:9464"
  }
} as const

export const showSettings = settings({ ...named, ...program })

export const removeSettings = settings({
  ...named,
  ...connection,
  topic: { kind: Kind.topic, about: "The topic that the source's records are in.", fallback: "metrics" },
  partition: {
    kind: Kind.integer(0, 1_000_000),
    about: "The partition that the source's records are in.",
    otherwise: "the one in which a pod has it"
  },
  ...program
})

export interface ShowConfig {
  readonly id: string
  readonly pods: ReadonlyArray<string>
  readonly log: LogConfig
}

export interface RemoveConfig extends ShowConfig {
  readonly connection: Connection
  readonly topic: string
  /** null: where the pods have it. */
  readonly partition: number | null
}

export const showConfig = ({ values }: Resolved<typeof showSettings>): Outcome<ShowConfig> => ({
  value: { id: values.id, pods: values.pods, log: readLog(values) }
})

export const removeConfig = (resolved: Resolved<typeof removeSettings>): Outcome<RemoveConfig> => {
  const { values } = resolved
  const brokers = readConnection(resolved)
  if ("problems" in brokers) return brokers
  const { id, pods, topic, partition = null } = values
  return { value: { id, pods, topic, partition, connection: brokers.value, log: readLog(values) } }
}
