/** Options of one agent, all durations in milliseconds. Config.ts fills them from flags, variables and the file. */
import { hostname } from "node:os"
import type { RelabelRule } from "../metrics/relabel/RelabelRule.ts"
import { type Acks, type Compression, defaultMaxRequestBytes } from "../transport/Transport.ts"
import { type ScrapeTarget, shownUrl } from "./scrape/ScrapeTarget.ts"

/** Options of one agent, all durations in milliseconds, all sizes in bytes. `defaultAgentOptions` has every one. @stable */
export interface AgentOptions {
  /** Where rounds go; it must exist. */
  readonly topic: string
  /** `--dump`, repeatable: globs of registry dumps. */
  readonly dumps: ReadonlyArray<string>
  /** `--scrape`: endpoints whose bodies are rounds. */
  readonly targets: ReadonlyArray<ScrapeTarget>
  /** What is done to each series of all rounds before it is sent, in this order. */
  readonly relabel: ReadonlyArray<RelabelRule>
  /** `--static-dump`, repeatable: globs of dumps that are sent again and again while their file is there. */
  readonly staticDumps: ReadonlyArray<string>
  /** `--exclude`, repeatable: globs of files that are no dumps. */
  readonly excludes: ReadonlyArray<string>
  /** `--label k=v`. `job` replaces the default, the dump file's name without its extension. */
  readonly labels: Readonly<Record<string, string>>
  /** First part of every source id. It must be the same after a restart: give it where host names are random. */
  readonly host: string
  /** What brokers call this client. */
  readonly clientId: string
  /** Where the epoch and the partition base are kept: a directory of this agent alone, which outlives its restarts. */
  readonly stateDir: string
  /** What an agent that still has the state directory gets to leave. */
  readonly stateWait: number
  /** Between two tries to keep what the state directory did not take. */
  readonly keepEvery: number
  /** 0: what the state directory kept, else the topic's partitions at the first start. */
  readonly partitionBase: number
  /** Which replicas have a round when it counts as sent. */
  readonly acks: Acks
  /** Of batches on their way. */
  readonly compression: Compression
  /** Of a chunk with everything around it, and of a request. */
  readonly maxRequestBytes: number
  /** The pods' `--expiry`: a round is given up when it is half as old. */
  readonly expiry: number
  /** Between two rounds of the agent's own metrics; 0: none. */
  readonly selfEvery: number
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

/** An agent without any dump yet: give `dumps`, `staticDumps` or `targets`. @stable */
export const defaultAgentOptions: AgentOptions = {
  topic: "metrics",
  dumps: [],
  targets: [],
  relabel: [],
  staticDumps: [],
  excludes: [],
  labels: {},
  host: hostname(),
  clientId: "kafka2prom-agent",
  stateDir: ".kafka2prom",
  stateWait: 15_000,
  keepEvery: 10_000,
  partitionBase: 0,
  acks: 1,
  compression: "none",
  maxRequestBytes: defaultMaxRequestBytes,
  expiry: 90_000,
  selfEvery: 30_000,
  poll: 250,
  settle: 250,
  globEvery: 2_000,
  maxDumpBytes: 64 * 1024 * 1024,
  bufferBytes: 256 * 1024 * 1024,
  shutdownTimeout: 5_000
}

/** The pods take 16,384 bytes, `job` included. */
const maxLabelBytes = 15_000

/** What is wrong with the labels that are sent with every chunk, for people; null where nothing is. */
export const labelProblem = (labels: AgentOptions["labels"]): string | null => {
  for (const name of Object.keys(labels)) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) || name.startsWith("__"))
      return `--label ${name}=…: not a label name; letters, digits and _ are allowed, no digit first, no __ first`
    if (name === "instance")
      return "--label instance=…: the pods set it to the source id; use --host to change its first part"
  }
  if (Buffer.byteLength(JSON.stringify(labels)) > maxLabelBytes)
    return `the --label options have more than ${maxLabelBytes} bytes together; they are sent with every chunk`
  return null
}

/** Whether it has metrics to send. */
export const hasMetrics = ({ dumps, staticDumps, targets }: AgentOptions): boolean =>
  dumps.length + staticDumps.length + targets.length > 0

/** What is wrong with the options, for people; null where nothing is. */
export const optionProblem = (options: AgentOptions): string | null =>
  hasMetrics(options)
    ? valueProblem(options)
    : "neither --dump nor --static-dump nor --scrape was given: name the registry dumps, for example --dump '/var/dumps/*.prom'"

/** The same, also where there is nothing to send. */
export const valueProblem = (options: AgentOptions): string | null => {
  const label = labelProblem(options.labels)
  if (label !== null) return label
  const urls = new Map<string, string>()
  for (const target of options.targets) {
    const url = shownUrl(target.url)
    const other = urls.get(target.name)
    if (other !== undefined)
      return `--scrape ${url} has the name ${target.name}, as ${other} has: give one of them another name`
    urls.set(target.name, url)
    if (Buffer.byteLength(JSON.stringify({ ...options.labels, ...target.labels })) > maxLabelBytes)
      return `the labels of --scrape ${url} have more than ${maxLabelBytes} bytes together with the agent's`
  }
  if (options.host === "") return "the host name is empty: give --host, it begins every source id"
  if (!Number.isSafeInteger(options.partitionBase) || options.partitionBase < 0)
    return `--partition-base ${options.partitionBase}: not a number of partitions`
  if (options.selfEvery > 0 && options.selfEvery < 1_000)
    return `--self-every is ${options.selfEvery} ms: give at least 1s, or 0s for none`
  if (options.bufferBytes < options.maxDumpBytes)
    return `--buffer-bytes is ${options.bufferBytes} bytes, less than one dump may have: --max-dump-bytes is ${options.maxDumpBytes} bytes`
  return null
}
