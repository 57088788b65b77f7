/**
 * Life: the small file that begins a chain: which log it is of, where its first object begins and under which hour that stands. Created once,
 * never changed; a log that went back begins the next one. Pure codec.
 */
import type { LogIdentity } from "../../transport/Transport.ts"
import { type Hour, isHour } from "./Hour.ts"
import type { Line } from "./Names.ts"

export interface Life extends Line, LogIdentity {
  /** The first object's `from`. */
  readonly begin: number
  readonly hour: Hour
}

export const encodeLife = (life: Life): Buffer => Buffer.from(`${JSON.stringify({ v: 1, ...life })}\n`)

/** Undefined where it cannot be read. */
export const decodeLife = (bytes: Uint8Array): Life | undefined => {
  let json: Record<string, unknown>
  try {
    json = JSON.parse(Buffer.from(bytes).toString())
  } catch {
    // Told by who asked, with its name.
    return undefined
  }
  if (typeof json !== "object" || json === null) return undefined
  const { v, topic, partition, life, cluster, topicId, begin, hour } = json
  const numbers = [partition, life, begin].every((n) => Number.isSafeInteger(n) && (n as number) >= 0)
  const ids = [cluster, topicId].every((id) => id === null || typeof id === "string")
  if (v !== 1 || typeof topic !== "string" || !numbers || !ids || !isHour(hour)) return undefined
  return { topic, partition, life, cluster, topicId, begin, hour } as Life
}
