/**
 * Names: what everything in an archive is called, below the place that `--to` names. Pure. Objects are for everybody
 * (`<topic>/date=…/hour=…/`, which DuckDB and Spark take for columns); what pods keep for each other is under `_k2p`.
 */
import type { TopicPartition } from "../../transport/Transport.ts"
import { folderOf, type Hour } from "./Hour.ts"

/** Of one life of one partition. */
export interface Line extends TopicPartition {
  readonly life: number
}

/** Offsets stand in names with so many digits, so that names are in their order. */
const digits = (offset: number): string => String(offset).padStart(20, "0")

export const objectName = ({ topic, partition, life }: Line, hour: Hour, from: number): string =>
  `${topic}/${folderOf(hour)}/${partition}-${life}-${digits(from)}.ndjson.zst`

export interface NamedObject {
  readonly hour: Hour
  readonly partition: number
  readonly life: number
  readonly from: number
}

/** Undefined for what is no object of ours. */
export const parseObjectName = (topic: string, name: string): NamedObject | undefined => {
  if (!name.startsWith(`${topic}/date=`)) return undefined
  const match = /^date=([^/]+)\/hour=([^/]+)\/(\d+)-(\d+)-(\d{20})\.ndjson\.zst$/.exec(name.slice(topic.length + 1))
  if (match === null) return undefined
  const [date, hour, partition, life, from] = match.slice(1)
  return { hour: `${date}/${hour}`, partition: Number(partition), life: Number(life), from: Number(from) }
}

/** Where pods keep what they need of a partition. */
export const keptFolder = ({ topic, partition }: TopicPartition): string => `_k2p/${topic}/${partition}/`

export const lifePrefix = (tp: TopicPartition): string => `${keptFolder(tp)}life-`
export const lifeName = (line: Line): string => `${lifePrefix(line)}${line.life}`

/** Undefined for what is no life's name. */
export const parseLifeName = (tp: TopicPartition, name: string): number | undefined => {
  const prefix = lifePrefix(tp)
  const rest = name.slice(prefix.length)
  return name.startsWith(prefix) && /^[1-9]\d{0,14}$/.test(rest) ? Number(rest) : undefined
}

const hex = (crc: number): string => crc.toString(16).padStart(8, "0")

export const memoryPrefix = (line: Line): string => `${keptFolder(line)}memory-${line.life}-`
/** `crc`: of its bytes. */
export const memoryName = (line: Line, to: number, crc: number): string =>
  `${memoryPrefix(line)}${digits(to)}-${hex(crc)}`

export interface NamedMemory {
  readonly to: number
  readonly crc: number
}

export const parseMemoryName = (line: Line, name: string): NamedMemory | undefined => {
  const prefix = memoryPrefix(line)
  const match = /^(\d{20})-([0-9a-f]{8})$/.exec(name.slice(prefix.length))
  return match === null || !name.startsWith(prefix)
    ? undefined
    : { to: Number(match[1]), crc: Number.parseInt(match[2]!, 16) }
}

/** The bytes of a batch that nobody can read. */
export const unreadName = (line: Line, offset: number): string =>
  `${keptFolder(line)}unread-${line.life}-${digits(offset)}`

export interface NamedUnread extends TopicPartition {
  readonly life: number
  readonly offset: number
}

export const parseUnreadName = (name: string): NamedUnread | undefined => {
  const match = /^_k2p\/([^/]+)\/(\d+)\/unread-(\d+)-(\d{20})$/.exec(name)
  return match === null
    ? undefined
    : { topic: match[1]!, partition: Number(match[2]), life: Number(match[3]), offset: Number(match[4]) }
}

/** What is created to see that the store refuses a second one. */
export const probeName = "_k2p/probe"
