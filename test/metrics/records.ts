/** Records for the tests of what becomes of records: a few words each, everything else as a plain sender would have it. */
import type { Dump } from "../../src/metrics/text/Dump.ts"
import type { LogRecord } from "../../src/transport/Transport.ts"

const utf8 = new TextEncoder()

export interface Sent {
  readonly source?: string
  readonly text: string | null
  /** `k2p-round` */
  readonly v?: string
  readonly chunk?: string
  readonly mode?: "snapshot" | "samples"
  readonly ts?: number
  /** The value of so many bytes was passed over. */
  readonly tooLarge?: number
  readonly headers?: Readonly<Record<string, string>>
}

export const toRecord = (offset: number, sent: Sent): LogRecord => {
  const headers: Record<string, string> = { ...sent.headers }
  if (sent.v !== undefined) headers["k2p-round"] = sent.v
  if (sent.chunk !== undefined) headers["k2p-chunk"] = sent.chunk
  if (sent.mode !== undefined) headers["k2p-mode"] = sent.mode
  return {
    ...(sent.tooLarge === undefined ? {} : { tooLarge: sent.tooLarge }),
    offset,
    timestamp: sent.ts ?? 0,
    key: utf8.encode(sent.source ?? "s"),
    value: sent.text === null ? null : utf8.encode(sent.text),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, utf8.encode(value)]))
  }
}

/** What is left of a record's bytes when they were released and are others'. */
export const spoil = ({ key, value, headers }: LogRecord): void => {
  for (const bytes of [key, value, ...Object.values(headers)]) bytes?.fill(0x30)
}

/** All sample lines of some dumps, sorted. */
export const linesOf = (dumps: ReadonlyArray<Dump>): ReadonlyArray<string> =>
  dumps
    .flatMap((dump) => [...dump.families].flatMap((family) => Buffer.from(family.bytes).toString("utf8").split("\n")))
    .filter((line) => line !== "")
    .sort()
