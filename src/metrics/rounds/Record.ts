/**
 * Record: what the key and headers of a log record say about its value, the record format's table in code. Pure.
 *
 * Every header is optional, so that any producer works; what is there but wrong refuses the record with a sentence for its
 * sender. The answer depends on the record alone, never on a clock or on other records: a replay reads it alike.
 *
 * `k2p-format` says of which version of this table a record is; without it of the first, which is the one that is read here. In all versions
 * key, `k2p-source`, `k2p-round` and `k2p-chunk` are the same: so a record that this program cannot read still takes its place.
 * It does not look into the value: that is the parser's.
 */
import { isUtf8 } from "node:buffer"
import type { LogRecord, TopicPartition } from "../../transport/Transport.ts"
import type { InputFormat, Refusal, RefusalReason } from "../text/Dump.ts"
import { Generations } from "../text/Generations.ts"
import { inputFormat } from "../text/Negotiation.ts"
import { sameBytes } from "../text/Syntax.ts"

/** A sender's own numbering of its rounds: `k2p-round`. */
export interface RoundNumber {
  readonly epoch: number
  readonly round: number
}

/** Who sent a record, and as which part of which round. */
export interface Identity {
  readonly source: string
  /** Absent: the source's records are ordered by offset. */
  readonly number: RoundNumber | undefined
  /** 1-based. */
  readonly index: number
  readonly count: number
}

export type Mode = "snapshot" | "samples"

/** Bytes of all that a record brings. */
export const bytesOf = ({ key, value, headers }: LogRecord): number => {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const name in headers) bytes += name.length + headers[name]!.length
  return bytes
}

export interface Envelope extends Identity {
  /** Dump time, ms since the epoch. */
  readonly time: number
  readonly mode: Mode
  /** For series that lack them. */
  readonly labels: ReadonlyArray<readonly [name: string, value: string]>
  readonly format: InputFormat
  /** An empty or null value, and not one that was passed over: the source has ended. */
  readonly ended: boolean
  /** Why nothing but its identity can be read: it is of a format that is not known here. */
  readonly unread?: Refusal
}

/** The version of the record format that is read here, and written without saying so. */
const knownFormat = "1"

const noLabels: Envelope["labels"] = []

/** Bytes of a source id. */
export const maxSourceBytes = 512
/** Chunks of one round: at about 1 MB each far above any source's byte limit. */
export const maxChunks = 1000
const maxLabelsHeaderBytes = 16_384

export const isRefused = (x: object): x is Refusal => "reason" in x

/** Text from outside as it may stand in a refusal's detail: quoted, escaped, short. */
export const quoted = (text: string): string => {
  const json = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
  return json.replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
}

export const refusal = (reason: RefusalReason, detail: string): Refusal => ({
  reason,
  detail: detail.length > 200 ? `${detail.slice(0, 199)}…` : detail,
  line: 0
})

const text = (bytes: Uint8Array): string =>
  (bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)).toString("utf8")

/** A source's headers hardly change: what they mean is read once. */
const remembered = <A>(read: (text: string) => A): ((text: string) => A) => {
  const known = new Generations<A>(maxRemembered, (text) => text.length + 64)
  return (text) => {
    let meaning = known.get(text)
    if (meaning !== undefined) return meaning
    meaning = read(text)
    known.set(text, meaning)
    return meaning
  }
}

/** Characters, of which each may become some twenty bytes of labels. */
const maxRemembered = 256 * 1024

const sourceId = (bytes: Uint8Array, where: string): string | Refusal =>
  bytes.length === 0
    ? refusal("bad-header", `the source id (${where}) is empty`)
    : bytes.length > maxSourceBytes
      ? refusal("bad-header", `the source id (${where}) has ${bytes.length} bytes; at most ${maxSourceBytes}`)
      : isUtf8(bytes)
        ? text(bytes)
        : refusal("bad-header", `the source id (${where}) is not valid UTF-8`)

/** Keys that came lately, in places by some of their bytes. Copies: a key is a view of all that was fetched with it. */
const lately: Array<{ readonly key: Uint8Array; readonly id: string | Refusal } | undefined> = new Array(256)

/** Sources send again and again: their ids are made strings of once. */
const keyId = (key: Uint8Array): string | Refusal => {
  const { length } = key
  if (length === 0 || length > maxSourceBytes) return sourceId(key, "the record's key")
  const place = (31 * key[length - 1]! + 7 * key[length >> 1]! + 3 * key[length >> 2]! + length) & 255
  const last = lately[place]
  if (last !== undefined && sameBytes(key, 0, length, last.key, 0, last.key.length)) return last.id
  const id = sourceId(key, "the record's key")
  lately[place] = { key: new Uint8Array(key), id }
  return id
}

let lastBare: LogRecord["headers"] = {}

/** Without headers: all that they say by default is in `readEnvelope`. */
const isBare = (headers: LogRecord["headers"]): boolean => {
  if (headers === lastBare) return true
  for (const _ in headers) return false
  lastBare = headers
  return true
}

/** Whose a record says it is, for people: also where the id itself, or another header, is refused. */
export const claimedSource = ({ key, headers }: LogRecord): string => {
  const bytes = key ?? headers["k2p-source"]
  return bytes === undefined ? "" : text(bytes.subarray(0, maxSourceBytes))
}

/** The decimal numbers of a header, or undefined where it does not have the form. */
const numbers = (bytes: Uint8Array, form: RegExp): ReadonlyArray<number> | undefined => {
  const match = bytes.length > 40 ? null : form.exec(text(bytes))
  if (match === null) return undefined
  const parts = match.slice(1).map(Number)
  return parts.every(Number.isSafeInteger) ? parts : undefined
}

const roundForm = /^(\d+)\.(\d+)$/
const chunkForm = /^(\d+)\/(\d+)$/
const timeForm = /^(\d{1,15})$/

/** Enough to know whose a record is and where it belongs: what is read of a record that was dropped. */
export const readIdentity = (record: LogRecord, tp: TopicPartition): Identity | Refusal => {
  const { key, headers } = record
  const named = headers["k2p-source"]
  const keyed = key === null ? undefined : keyId(key)
  if (typeof keyed === "object") return keyed
  const header = named === undefined ? undefined : sourceId(named, "header k2p-source")
  if (typeof header === "object") return header
  if (keyed !== undefined && header !== undefined && keyed !== header)
    return refusal("source-mismatch", `header k2p-source says ${quoted(header)}, the record's key ${quoted(keyed)}`)

  let number: RoundNumber | undefined
  const round = headers["k2p-round"]
  if (round !== undefined) {
    const parts = numbers(round, roundForm)
    if (parts === undefined)
      return refusal("bad-header", `header k2p-round is ${quoted(text(round))}; expected <epoch>.<round> in digits`)
    number = { epoch: parts[0]!, round: parts[1]! }
  }

  let [index, count] = [1, 1]
  const chunk = headers["k2p-chunk"]
  if (chunk !== undefined) {
    const parts = numbers(chunk, chunkForm)
    if (parts === undefined || parts[0]! < 1 || parts[0]! > parts[1]! || parts[1]! > maxChunks)
      return refusal(
        "bad-header",
        `header k2p-chunk is ${quoted(text(chunk))}; expected <index>/<count> from 1/1 to ${maxChunks}/${maxChunks}`
      )
    index = parts[0]!
    count = parts[1]!
  }
  return { source: keyed ?? header ?? `unknown/${tp.topic}/${tp.partition}`, number, index, count }
}

/** What a record with a key and without headers says. The same object where it is the same. */
const plain = { number: undefined, index: 1, count: 1, mode: "samples", labels: noLabels, format: "text" } as const
let lastPlain: Envelope = { ...plain, source: "", time: 0, ended: false }

const isEnd = ({ tooLarge, value }: LogRecord): boolean =>
  (value === null || value.length === 0) && tooLarge === undefined

/** `sourceLabel` is the pod's to set: a sender may not give it by `k2p-labels`. */
export const readEnvelope = (record: LogRecord, tp: TopicPartition, sourceLabel: string): Envelope | Refusal => {
  const { headers } = record
  if (isBare(headers) && record.key !== null) {
    const source = keyId(record.key)
    if (typeof source === "object") return source
    const ended = isEnd(record)
    const { timestamp: time } = record
    if (lastPlain.source !== source || lastPlain.time !== time || lastPlain.ended !== ended)
      lastPlain = { ...plain, source, time, ended }
    return lastPlain
  }
  const identity = readIdentity(record, tp)
  if (isRefused(identity)) return identity
  const version = headers["k2p-format"]
  if (version !== undefined && text(version) !== knownFormat)
    return { ...identity, ...unknown, time: record.timestamp, unread: unknownFormat(text(version)) }

  const type = headers["content-type"]
  const format = type === undefined ? inputFormat(undefined) : formatOf(text(type))
  if (format === undefined)
    return refusal(
      "content-type",
      `content type ${quoted(text(type ?? new Uint8Array()))} is not one of text/plain 0.0.4 and application/openmetrics-text 1.0`
    )

  let time = record.timestamp
  const timed = headers["k2p-time"]
  if (timed !== undefined) {
    const parts = numbers(timed, timeForm)
    if (parts === undefined)
      return refusal("bad-header", `header k2p-time is ${quoted(text(timed))}; expected milliseconds in digits`)
    time = parts[0]!
  }

  let mode: Mode = identity.number === undefined ? "samples" : "snapshot"
  const moded = headers["k2p-mode"]
  if (moded !== undefined) {
    const word = text(moded)
    if (word !== "snapshot" && word !== "samples")
      return refusal("bad-header", `header k2p-mode is ${quoted(word)}; expected snapshot or samples`)
    mode = word
  }

  const labels = readLabels(headers["k2p-labels"])
  if ("reason" in labels) return labels
  if (labels.some(([name]) => name === sourceLabel))
    return refusal("bad-header", `header k2p-labels sets ${sourceLabel}, the source id: send it as key or k2p-source`)

  const ended = isEnd(record)
  if (ended && identity.count !== 1)
    return refusal("bad-header", `chunk ${identity.index}/${identity.count} is empty; only a whole round may be`)
  return { ...identity, time, mode, labels, format, ended }
}

/** Of a record of another format: of its other headers and its value nothing is known, so it is refused as a round of a snapshot is. */
const unknown = { mode: "snapshot", labels: noLabels, format: "text", ended: false } as const

const unknownFormat = (version: string): Refusal =>
  refusal(
    "unknown-format",
    `header k2p-format is ${quoted(version)}; this pod reads format ${knownFormat}: pods are upgraded before agents`
  )

const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const formatOf = remembered(inputFormat)

const readLabels = (header: Uint8Array | undefined): Envelope["labels"] | Refusal => {
  if (header === undefined || header.length === 0) return noLabels
  if (header.length > maxLabelsHeaderBytes)
    return refusal("bad-header", `header k2p-labels has ${header.length} bytes; at most ${maxLabelsHeaderBytes}`)
  if (!isUtf8(header)) return refusal("bad-header", "header k2p-labels is not valid UTF-8")
  return labelsOf(text(header))
}

const labelsOf = remembered((json): Envelope["labels"] | Refusal => {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    // The engine's message quotes the input unescaped; ours says the same in our words.
    return refusal("bad-header", `header k2p-labels is not JSON: ${quoted(json)}`)
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    return refusal("bad-header", "header k2p-labels is not a JSON object")
  const labels: Array<readonly [string, string]> = []
  for (const [name, value] of Object.entries(parsed)) {
    if (!labelName.test(name) || name.startsWith("__"))
      return refusal("bad-header", `header k2p-labels: ${quoted(name)} is not a label name`)
    if (typeof value !== "string" || !value.isWellFormed())
      return refusal("bad-header", `header k2p-labels: the value of ${name} is not a string of Unicode text`)
    // An empty label value is the same as no label.
    if (value !== "") labels.push([name, value])
  }
  return labels
})
