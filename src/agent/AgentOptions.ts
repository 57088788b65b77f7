/** Options of one agent, all durations in milliseconds. Config.ts fills them from flags, variables and the file. */
import { hostname } from "node:os"
import type { Acks, Compression } from "../transport/Transport.ts"

export interface AgentOptions {
  readonly topic: string
  /** `--dump`, repeatable: globs of registry dumps. */
  readonly dumps: ReadonlyArray<string>
  /** `--static-dump`, repeatable: globs of dumps that are sent again and again while their file is there. */
  readonly staticDumps: ReadonlyArray<string>
  /** `--exclude`, repeatable: globs of files that are no dumps. */
  readonly excludes: ReadonlyArray<string>
  /** `--label k=v`. `job` replaces the default, the dump file's name without its extension. */
  readonly labels: Readonly<Record<string, string>>
  /** First part of every source id. It must be the same after a restart: give it where host names are random. */
  readonly host: string
  readonly clientId: string
  readonly stateDir: string
  /** 0: what the state directory kept, else the topic's partitions at the first start. */
  readonly partitionBase: number
  readonly acks: Acks
  readonly compression: Compression
  /** The pods' `--expiry`: a round is given up when it is half as old. */
  readonly expiry: number
  /** Between two looks at a file that cannot be watched. */
  readonly poll: number
  /** A file that was not renamed into place is taken when it has rested for so long. */
  readonly settle: number
  /** Between two walks of the globs. */
  readonly globEvery: number
  /** Bytes of one dump. */
  readonly maxDumpBytes: number
  /** Bytes of all rounds that wait for the log. */
  readonly bufferBytes: number
  /** What the last rounds get at shutdown to reach the log. */
  readonly shutdownTimeout: number
}

export const defaultAgentOptions: AgentOptions = {
  topic: "metrics",
  dumps: [],
  staticDumps: [],
  excludes: [],
  labels: {},
  host: hostname(),
  clientId: "kafka2prom-agent",
  stateDir: ".kafka2prom",
  partitionBase: 0,
  acks: 1,
  compression: "none",
  expiry: 90_000,
  poll: 250,
  settle: 250,
  globEvery: 2_000,
  maxDumpBytes: 64 * 1024 * 1024,
  bufferBytes: 256 * 1024 * 1024,
  shutdownTimeout: 5_000
}

/** The pods take 16,384 bytes, `job` included. */
const maxLabelBytes = 15_000

/** What is wrong with the options, for people; null where nothing is. */
export const optionProblem = (options: AgentOptions): string | null => {
  if (options.dumps.length + options.staticDumps.length === 0)
    return "no --dump was given: name the registry dumps, for example --dump '/var/dumps/*.prom'"
  for (const name of Object.keys(options.labels)) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) || name.startsWith("__"))
      return `--label ${name}=…: not a label name; letters, digits and _ are allowed, no digit first, no __ first`
    if (name === "instance")
      return "--label instance=…: the pods set it to the source id; use --host to change its first part"
  }
  if (Buffer.byteLength(JSON.stringify(options.labels)) > maxLabelBytes)
    return `the --label options have more than ${maxLabelBytes} bytes together; they are sent with every chunk`
  if (options.host === "") return "the host name is empty: give --host, it begins every source id"
  if (!Number.isSafeInteger(options.partitionBase) || options.partitionBase < 0)
    return `--partition-base ${options.partitionBase}: not a number of partitions`
  if (options.bufferBytes < options.maxDumpBytes)
    return `--buffer-bytes is ${options.bufferBytes} bytes, less than one dump may have: --max-dump-bytes is ${options.maxDumpBytes} bytes`
  return null
}
