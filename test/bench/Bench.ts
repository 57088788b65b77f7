/**
 * Bench: what a benchmark is to the command that runs it, and the tables it answers with. A benchmark measures and says what it saw; it
 * asserts nothing about speed, and fails only where it cannot measure or where what it measured would not count (something dropped,
 * an older round shown).
 */
import type { KafkaCluster } from "../support/kafka.ts"
import type { Stage } from "../support/processes.ts"

export interface Column {
  readonly name: string
  /** For a later run's comparison. */
  readonly better: "less" | "more" | "neither"
  readonly digits?: number
}

export interface Row {
  readonly name: string
  /** One a column; a text where there is no number to give, undefined where there is nothing. */
  readonly cells: ReadonlyArray<number | string | undefined>
}

export interface Table {
  readonly title: string
  readonly columns: ReadonlyArray<Column>
  readonly rows: ReadonlyArray<Row>
  /** What a reader must know to read the figures right. */
  readonly notes: ReadonlyArray<string>
}

/** What a run offers to its benchmarks. */
export interface Rig {
  /** Small sizes, to see that everything works: the figures mean nothing. */
  readonly quick: boolean
  readonly stage: Stage
  /** One broker for the whole run, started when it is first asked for. */
  readonly kafka: () => Promise<KafkaCluster>
  readonly kafkaVersion: string
  /** To stderr, while it runs. */
  readonly say: (text: string) => void
  /** Peers and their versions, for the head of the report. */
  readonly met: (peer: string, version: string) => void
}

export interface Bench {
  readonly name: string
  readonly about: string
  readonly run: (rig: Rig) => Promise<ReadonlyArray<Table>>
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const MB = 1e6
