import type { Placement } from "../transport/Placement.ts"
import { defaultMaxRecordBytes } from "../transport/Transport.ts"

/** Options of one member, all durations in milliseconds. Config.ts fills them from flags, variables and the file. @stable */
export interface EngineOptions {
  /** The id of the consumer group. */
  readonly group: string
  /** All partitions of these are read. */
  readonly topics: ReadonlyArray<string>
  /** What brokers call this client; member ids begin with it. */
  readonly clientId: string
  /** Members of the group that are gone for certain without having left: they are made to leave before this one joins. */
  readonly predecessors: ReadonlyArray<string>
  /** This process was let into the group before: a refused login is tried again from the start. */
  readonly hasBeenIn: boolean
  /** Without a heartbeat for so long, the coordinator gives a member's partitions to others. */
  readonly sessionTimeout: number
  /** Never below the session timeout (rule 4). */
  readonly rebalanceTimeout: number
  /** Between two heartbeats, each of which prolongs the lease. */
  readonly heartbeatInterval: number
  /** Taken off both ends of the lease: clocks that tick a little differently. */
  readonly leaseMargin: number
  /** Between two commits; sooner where a partition waits for its reservation. */
  readonly commitInterval: number
  /** The least distance between the position and a new R, in records: one commit must cover what arrives until the next. */
  readonly leastHeadroom: number
  /** How far before the commit (or the log end, without one) a new owner without metadata starts. */
  readonly lookback: number
  /** How long after a newer record of its kind an older one may still arrive: half of the expiry, after which an agent gives up. */
  readonly lateness: number
  /** Of one partition: at so many that wait its strategy of back pressure has to decide. */
  readonly queueRecords: number
  /** Likewise, in bytes. */
  readonly queueBytes: number
  /** How long a broker may hold a fetch that finds nothing. */
  readonly fetchMaxWait: number
  /** How long a fetch of partitions waits that are all quiet. */
  readonly fetchQuietWait: number
  /** Bytes of one answer; a single batch that is larger comes nevertheless. */
  readonly fetchMaxBytes: number
  /** Likewise, of one partition. */
  readonly fetchMaxBytesPartition: number
  /** Of a record with its key and headers: a longer one is refused by itself. All members must agree on it. */
  readonly maxRecordBytes: number
  /** How producers place keys that have no number of their own. `auto`: found out. `none`: by none that is known. */
  readonly partitioner: "auto" | Placement | "none"
  /** Where that is not known: how long what is new in a partition waits after its topic grew. */
  readonly growthWindow: number
  /** At most so often a member asks for a generation only because loads changed. */
  readonly rebalanceForLoadEvery: number
  /** Restarts of one partition's actor within `restartWindow` before it is given up for as long. */
  readonly maxRestarts: number
  /** How long a restart counts (see `maxRestarts`), and how long a partition rests that was given up. */
  readonly restartWindow: number
  /** Of the settings that all members must agree on; shown in status where it differs. */
  readonly settingsHash: string
}

/** How far apart marks are: a little more than half the lateness, so that two intervals surely cover it. */
export const markInterval = ({ lateness }: Pick<EngineOptions, "lateness">): number => (lateness * 17) / 32

/** The defaults of `kafka2prom serve`. @stable */
export const defaultEngineOptions: EngineOptions = {
  group: "kafka2prom",
  topics: ["metrics"],
  clientId: "kafka2prom",
  predecessors: [],
  hasBeenIn: false,
  sessionTimeout: 20_000,
  rebalanceTimeout: 60_000,
  heartbeatInterval: 500,
  leaseMargin: 1_000,
  commitInterval: 1_000,
  leastHeadroom: 1_000,
  lookback: 90_000,
  lateness: 45_000,
  queueRecords: 1_000,
  queueBytes: 16 * 1024 * 1024,
  fetchMaxWait: 250,
  fetchQuietWait: 4_000,
  fetchMaxBytes: 8 * 1024 * 1024,
  fetchMaxBytesPartition: 1024 * 1024,
  maxRecordBytes: defaultMaxRecordBytes,
  partitioner: "auto",
  growthWindow: 600_000,
  rebalanceForLoadEvery: 600_000,
  maxRestarts: 10,
  restartWindow: 60_000,
  settingsHash: ""
}
