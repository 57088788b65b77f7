/**
 * Partitioner: which partition a source's rounds go to. All of them go to one, although topics grow: the hash is taken over a
 * fixed base, never over the present number of partitions. With base = count it is the choice of Kafka's own Java producer
 * (and kafkajs') for the same key. Pure; where the base is kept is StateDir's.
 */

import { placing } from "../transport/Placement.ts"

export const partitionOf = (key: Uint8Array, base: number): number => placing.murmur2(key) % base

/** `--partition-base` (0: not given), what the state directory kept, and what the topic has now. */
export interface BaseInputs {
  readonly topic: string
  readonly option: number
  readonly kept: number | null
  readonly present: number
}

export type Base =
  | { readonly kind: "base"; readonly base: number; readonly keep: boolean; readonly note: string | null }
  | { readonly kind: "impossible"; readonly message: string }

/** In the words of what is sent. */
export interface BaseWords {
  /** The option that gives the base. */
  readonly baseOption: string
  /** What follows where the base changes. */
  readonly moved: string
}

/** Of metrics. */
export const sourcesMove: BaseWords = {
  baseOption: "--partition-base",
  moved: "its sources move to other partitions, and until the pods expire the old ones both are shown"
}

/** Without the option the first start's count holds for ever: a topic that grows must not move its sources. */
export const decideBase = ({ topic, option, kept, present }: BaseInputs, words = sourcesMove): Base => {
  const base = option !== 0 ? option : (kept ?? present)
  if (base > present)
    return {
      kind: "impossible",
      message:
        `topic ${topic} has ${present} partitions, fewer than the partition base ${base} ` +
        `(${option !== 0 ? words.baseOption : "kept in the state directory from an earlier start"}): ` +
        `give ${words.baseOption} ${present} or less to every agent of the topic, or add partitions`
    }
  if (option !== 0 && kept !== null && kept !== option)
    return {
      kind: "base",
      base,
      keep: true,
      note: `the partition base of topic ${topic} was ${kept} and is ${option} now: ${words.moved}`
    }
  return {
    kind: "base",
    base,
    keep: kept !== base,
    note:
      option === 0 && kept === null
        ? `the partition base of topic ${topic} is ${base}, its present number of partitions, and stays so when the topic grows; other agents of a topic that grew already need ${words.baseOption} ${base}; an agent that ran before and lost its state directory needs the base that it had, or ${words.moved}`
        : null
  }
}
