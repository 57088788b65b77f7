/**
 * RoundRecord: a numbered round as the records that carry it: key, headers and values of its chunks, each under the size that
 * every broker takes (Event Hubs closes the connection at 1,046,528 bytes). Pure. Partition and topic are added when it is sent.
 */

import { maxSourceBytes } from "../../metrics/rounds/Record.ts"
import type { InputFormat } from "../../metrics/text/Dump.ts"
import { defaultMaxRequestBytes } from "../../transport/Transport.ts"
import type { Round } from "../AgentSource.ts"
import { chunk, type LeftOut } from "./Chunker.ts"

/** The batch's and the request's own fields, lengths of a record's parts, the topic's name. */
const framing = 1024
/** `k2p-chunk` with up to seven digits a side. */
const chunkHeaderBytes = 32

export const contentTypes: Readonly<Record<InputFormat, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
}

export interface RoundChunk {
  readonly value: Uint8Array
  readonly headers: Readonly<Record<string, Uint8Array>>
}

export interface NumberedRound {
  readonly source: string
  readonly key: Uint8Array
  /** `<epoch>.<round>` */
  readonly version: string
  readonly time: number
  readonly chunks: ReadonlyArray<RoundChunk>
  readonly bytes: number
}

export type Encoded =
  | { readonly kind: "round"; readonly round: NumberedRound; readonly leftOut: LeftOut | undefined }
  | { readonly kind: "refused"; readonly why: string }

const utf8 = new TextEncoder()

export const tooLong = ({ line, bytes }: LeftOut): string =>
  `line ${line} of the dump has ${bytes} bytes, more than one record may carry`

export const encodeRound = (
  round: Round,
  version: string,
  labels: Readonly<Record<string, string>>,
  /** A record is smaller than this with its key, its headers and what Kafka's batch format adds around it. */
  recordBytes = defaultMaxRequestBytes
): Encoded => {
  const key = utf8.encode(round.source)
  if (key.length > maxSourceBytes)
    return { kind: "refused", why: `its source id has ${key.length} bytes, the pods take at most ${maxSourceBytes}` }
  const shared: Record<string, Uint8Array> = {
    "content-type": utf8.encode(contentTypes[round.format]),
    "k2p-source": key,
    "k2p-round": utf8.encode(version),
    "k2p-time": utf8.encode(String(Math.trunc(round.time))),
    "k2p-mode": utf8.encode("snapshot"),
    "k2p-labels": utf8.encode(JSON.stringify({ job: round.job, ...labels, ...round.labels }))
  }
  let overhead = framing + chunkHeaderBytes + key.length
  for (const [name, value] of Object.entries(shared)) overhead += name.length + value.length + 10
  const { chunks, leftOut } = chunk(round.text, round.format, recordBytes - overhead)
  if (chunks.length === 0 && leftOut !== undefined)
    return { kind: "refused", why: `${tooLong(leftOut)}, and nothing else is in the dump` }
  const count = chunks.length
  return {
    kind: "round",
    leftOut,
    round: {
      source: round.source,
      key,
      version,
      time: round.time,
      bytes: round.text.length,
      chunks: chunks.map((value, i) => ({
        value,
        headers: { ...shared, "k2p-chunk": utf8.encode(`${i + 1}/${count}`) }
      }))
    }
  }
}
