/** Options of tailing log files, durations in milliseconds. Config.ts fills them from flags, variables and the file. */
import { hostname } from "node:os"
import { type Acks, type Compression, defaultMaxRequestBytes } from "../../transport/Transport.ts"

export interface LogOptions {
  readonly topic: string
  /** `--log`, repeatable: globs of log files. */
  readonly globs: ReadonlyArray<string>
  /** `--exclude`, repeatable. */
  readonly excludes: ReadonlyArray<string>
  /** On every record, as JSON. */
  readonly labels: Readonly<Record<string, string>>
  /** First part of every source id. */
  readonly host: string
  readonly clientId: string
  /** Where positions are kept; no other process uses it. */
  readonly stateDir: string
  readonly stateWait: number
  /** 0: what the state directory kept, else the topic's partitions at the first start. */
  readonly partitionBase: number
  readonly acks: Acks
  readonly compression: Compression
  readonly maxRequestBytes: number
  /** Bytes of a line; a longer one is cut. */
  readonly maxLine: number
  /** Bytes of all that was read and is not acknowledged. */
  readonly bufferBytes: number
  /** How long lines wait for others to go with them. */
  readonly linger: number
  /** Files that are open at once. */
  readonly openFiles: number
  readonly poll: number
  readonly globEvery: number
  /** Between two times that positions are kept, at least. */
  readonly keepEvery: number
  readonly shutdownTimeout: number
}

export const defaultLogOptions: LogOptions = {
  topic: "logs",
  globs: [],
  excludes: [],
  labels: {},
  host: hostname(),
  clientId: "kafka2prom-agent",
  stateDir: ".kafka2prom/logs",
  stateWait: 15_000,
  partitionBase: 0,
  acks: "all",
  compression: "zstd",
  maxRequestBytes: defaultMaxRequestBytes,
  maxLine: 256 * 1024,
  bufferBytes: 32 * 1024 * 1024,
  linger: 250,
  openFiles: 256,
  poll: 250,
  globEvery: 2_000,
  keepEvery: 250,
  shutdownTimeout: 5_000
}
