/**
 * Reader: one program that reads a filled topic to its end, as a process of its own, and what it used for that. What it does with
 * the records is its own: a pod and Telegraf show them on an endpoint, the bare clients throw them away.
 *
 * What every reader is charged for is what it used beyond its start on an empty topic, so that long backlogs and short ones give the
 * same figure and nobody pays for compiling or joining a group.
 */
import type { KafkaCluster } from "../../support/kafka.ts"
import type { Stage } from "../../support/processes.ts"
import type { Backlog } from "../backlog.ts"
import { less, type Usage } from "../usage.ts"

export interface ReaderEnv {
  readonly stage: Stage
  readonly cluster: KafkaCluster
}

/** At the moment when everything was read. */
export interface Drained {
  readonly usage: Usage
  /** Seconds since the process was started. */
  readonly wall: number
  /** What is wrong with what it shows; undefined where it shows nothing. */
  readonly faults: ReadonlyArray<string> | undefined
}

export interface Reader {
  readonly name: string
  readonly version: string
  /** Reads to the end of the backlog, then ends. */
  readonly drain: (env: ReaderEnv, backlog: Backlog) => Promise<Drained>
}

export interface Reading extends Drained {
  /** Beyond the start. `peak` is the whole process's. */
  readonly net: Usage
}

/** `empty`: a backlog without a record, with as many partitions. */
export const readOf = async (reader: Reader, env: ReaderEnv, backlog: Backlog, start: Drained): Promise<Reading> => {
  const drained = await reader.drain(env, backlog)
  return { ...drained, net: less(drained.usage, start.usage) }
}

/** A group that nobody used before. */
let groups = 0
export const freshGroup = (name: string): string => `${name}-${process.pid}-${++groups}`
