/**
 * Claims: what a member says of itself in a JoinGroup and what it is told in a SyncGroup. Pure codec: Kafka's own
 * ConsumerProtocol envelope (so that the brokers' tools can read the group) around our user data.
 *
 * A claim must be true when it is sent (rule 5 of the handoff): live partitions and those still being evicted.
 */
import { partitionKey, type TopicPartition } from "../../transport/Transport.ts"
import { type Counts, packCounts, unpackCounts } from "../growth/TopicCounts.ts"
import { decodeAssigned, decodeSubscription, encodeAssigned, encodeSubscription } from "./ConsumerProtocol.ts"
import { codedLoad, loadCode } from "./Load.ts"

export interface Claims {
  /** The last generation that this member synced; -1 for a new member. */
  readonly generation: number
  /** Owned and staying so, as partition keys. */
  readonly live: ReadonlyArray<string>
  /** Owned, hidden, on the way out. */
  readonly evicting: ReadonlyArray<string>
  /** Counts this member's joins: a rejoin must differ from the last one, or a stable group does not rebalance. */
  readonly sequence: number
  /** Hash of the settings that all members must share. */
  readonly settings: string
  /** Bytes a second of the partitions above, by key, where they are known. Rounded on the way; a hint for balance, nothing depends on it. */
  readonly loads: ReadonlyMap<string, number>
}

export const noClaims: Claims = { generation: -1, live: [], evicting: [], sequence: 0, settings: "", loads: new Map() }

const isKeys = (x: unknown): x is Array<string> => Array.isArray(x) && x.every((k) => typeof k === "string")

/** By topic and as numbers only, partition and load in turn: a member may own thousands. */
const packLoads = (loads: ReadonlyMap<string, number>): Record<string, Array<number>> => {
  const packed: Record<string, Array<number>> = {}
  for (const [key, load] of loads) {
    const { topic, partition } = parsePartitionKey(key)
    packed[topic] ??= []
    packed[topic].push(partition, loadCode(load))
  }
  return packed
}

/** What cannot be read is not known: the claims beside it still hold. */
const unpackLoads = (x: unknown): ReadonlyMap<string, number> => {
  const loads = new Map<string, number>()
  if (typeof x !== "object" || x === null) return loads
  for (const [topic, list] of Object.entries(x)) {
    if (!Array.isArray(list)) continue
    for (let i = 0; i + 1 < list.length; i += 2) {
      const [partition, code] = [list[i] as unknown, list[i + 1] as unknown]
      if (Number.isInteger(partition) && Number.isInteger(code) && 0 <= (code as number) && (code as number) < 1_000)
        loads.set(partitionKey({ topic, partition: partition as number }), codedLoad(code as number))
    }
  }
  return loads
}

export const encodeClaims = (topics: ReadonlyArray<string>, claims: Claims, counts: Counts = new Map()): Uint8Array =>
  encodeSubscription({
    topics,
    userData: Buffer.from(JSON.stringify({ ...claims, loads: packLoads(claims.loads), counts: packCounts(counts) }))
  })

const userData = (read: () => Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(read()).toString("utf8"))
  } catch {
    // Not ours, or of a version that says less.
    return null
  }
}

const countsIn = (data: unknown): Counts => unpackCounts((data as { readonly counts?: unknown } | null)?.counts)

/** What a member knows of the topics' partition counts. */
export const claimedCounts = (metadata: Uint8Array): Counts =>
  countsIn(userData(() => decodeSubscription(metadata).userData))

/** The same, of the whole group. */
export const assignedCounts = (bytes: Uint8Array): Counts => countsIn(userData(() => decodeAssigned(bytes).userData))

/** A member whose user data cannot be read claims nothing; the protocol's name keeps other programs out of the group. */
export const decodeClaims = (metadata: Uint8Array): Claims => {
  const json = userData(() => decodeSubscription(metadata).userData) as Partial<Record<keyof Claims, unknown>> | null
  if (json === null || typeof json.generation !== "number" || !isKeys(json.live) || !isKeys(json.evicting))
    return noClaims
  return {
    generation: json.generation,
    live: json.live,
    evicting: json.evicting,
    sequence: typeof json.sequence === "number" ? json.sequence : 0,
    settings: typeof json.settings === "string" ? json.settings : "",
    loads: unpackLoads(json.loads)
  }
}

export const encodeAssignment = (tps: ReadonlyArray<TopicPartition>, counts: Counts = new Map()): Uint8Array => {
  const partitions = new Map<string, Array<number>>()
  for (const { topic, partition } of tps) {
    const numbers = partitions.get(topic)
    if (numbers === undefined) partitions.set(topic, [partition])
    else numbers.push(partition)
  }
  const userData = counts.size === 0 ? "" : JSON.stringify({ counts: packCounts(counts) })
  return encodeAssigned({ partitions, userData: Buffer.from(userData) })
}

/** Empty bytes are an empty assignment (a member that the leader left out). */
export const decodeAssignment = (bytes: Uint8Array): ReadonlyArray<TopicPartition> =>
  Array.from(decodeAssigned(bytes).partitions).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition }))
  )

export const parsePartitionKey = (key: string): TopicPartition => {
  const slash = key.lastIndexOf("/")
  return { topic: key.slice(0, slash), partition: Number(key.slice(slash + 1)) }
}

export { partitionKey }
