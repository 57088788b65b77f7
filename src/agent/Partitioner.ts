/**
 * Partitioner: which partition a source's rounds go to. All of them go to one, although topics grow: the hash is taken over a
 * fixed base, never over the present number of partitions. With base = count it is the choice of Kafka's own Java producer
 * (and kafkajs') for the same key. Pure; where the base is kept is StateDir's.
 */

const seed = 0x9747b28c
const m = 0x5bd1e995
const r = 24

/** 32-bit murmur2, as Kafka's clients compute it. Signed. */
export const murmur2 = (data: Uint8Array): number => {
  let h = seed ^ data.length
  const words = data.length >> 2
  for (let i = 0; i < words; i++) {
    const at = i << 2
    let k = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)
    k = Math.imul(k, m)
    k ^= k >>> r
    k = Math.imul(k, m)
    h = Math.imul(h, m) ^ k
  }
  const rest = words << 2
  const left = data.length & 3
  if (left === 3) h ^= data[rest + 2]! << 16
  if (left >= 2) h ^= data[rest + 1]! << 8
  if (left >= 1) {
    h ^= data[rest]!
    h = Math.imul(h, m)
  }
  h ^= h >>> 13
  h = Math.imul(h, m)
  return (h ^ (h >>> 15)) | 0
}

export const partitionOf = (key: Uint8Array, base: number): number => (murmur2(key) & 0x7fffffff) % base

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

/** Without the option the first start's count holds for ever: a topic that grows must not move its sources. */
export const decideBase = ({ topic, option, kept, present }: BaseInputs): Base => {
  const base = option !== 0 ? option : (kept ?? present)
  if (base > present)
    return {
      kind: "impossible",
      message:
        `topic ${topic} has ${present} partitions, fewer than the partition base ${base} ` +
        `(${option !== 0 ? "--partition-base" : "kept in the state directory from an earlier start"}): ` +
        `give --partition-base ${present} or less to every agent of the topic, or add partitions`
    }
  if (option !== 0 && kept !== null && kept !== option)
    return {
      kind: "base",
      base,
      keep: true,
      note: `the partition base of topic ${topic} was ${kept} and is ${option} now: sources move to other partitions, and until the pods expire the old ones both are shown`
    }
  return {
    kind: "base",
    base,
    keep: kept !== base,
    note:
      option === 0 && kept === null
        ? `the partition base of topic ${topic} is ${base}, its present number of partitions, and stays so when the topic grows; other agents of a topic that grew already need --partition-base ${base}`
        : null
  }
}
