/**
 * rounds: records that cost a pod as much as they can for their bytes, on the way from a record to content, but for the reading of
 * text. One generator a kind; each makes as many records as it is asked for.
 */
import type { LogRecord } from "../../../src/transport/Transport.ts"
import { type Sent, toRecord } from "../records.ts"

export interface Kind {
  readonly name: string
  readonly records: (count: number) => Iterable<Sent>
  /** How many make a case of ordinary size. */
  readonly count: number
  /** Of the last so many records something is kept in the end; absent where of all. */
  readonly held?: number
}

const numbered = function* (count: number, at: (i: number) => Sent): Generator<Sent> {
  for (let i = 0; i < count; i++) yield at(i)
}

const lines = (series: number, value: number): string =>
  Array.from(
    { length: series },
    (_, i) => `http_requests_total{method="get",path="/api/v1/orders/${i % 50}",pod="shop-${i}"} ${value}\n`
  ).join("")

/** A whole dump of a source each, as services send them. */
export const ordinary: Kind = {
  name: "ordinary dumps",
  count: 200,
  records: (count) => numbered(count, (i) => ({ source: `shop-${i}`, v: "1.1", text: lines(500, i) }))
}

const far = 1_000_000_000

export const kinds: ReadonlyArray<Kind> = [
  {
    name: "first chunks of one source, each of an older round",
    count: 10_000,
    records: (count) => numbered(count, (i) => ({ v: `1.${far - i}`, chunk: "1/2", text: "a 1\n" }))
  },
  {
    name: "first chunks of one source, each of a newer round",
    count: 10_000,
    records: (count) => numbered(count, (i) => ({ v: `1.${i}`, chunk: "1/2", text: "a 1\n" }))
  },
  {
    name: "first chunks of a source each",
    count: 10_000,
    records: (count) => numbered(count, (i) => ({ source: `s${i}`, v: "1.1", chunk: "1/1000", text: "a 1\n" }))
  },
  {
    name: "first chunks without a number of a source each",
    count: 10_000,
    records: (count) => numbered(count, (i) => ({ source: `s${i}`, chunk: "1/1000", text: "a 1\n" }))
  },
  {
    name: "a chunk of a complete round again and again",
    count: 10_000,
    records: (count) =>
      numbered(count, (i) => ({ v: "1.1", chunk: `${i < 1000 ? i + 1 : 1}/1000`, text: `a${Math.min(i, 1000)} 1\n` }))
  },
  {
    name: "chunks that name another count each",
    count: 10_000,
    records: (count) => numbered(count, (i) => ({ v: "1.1", chunk: `1/${2 + (i % 900)}`, text: "a 1\n" }))
  },
  {
    name: "chunks of rounds that would be ignored",
    count: 10_000,
    records: (count) =>
      numbered(count, (i) =>
        i === 0 ? { v: `2.${far}`, text: "a 1\n" } : { v: `1.${far - i}`, chunk: "1/2", text: "a 1\n" }
      )
  },
  {
    name: "older and older rounds of some sources",
    count: 10_000,
    records: (count) => numbered(count, (i) => ({ source: `s${i % 300}`, v: `1.${far - i}`, text: "a 1\n" }))
  },
  {
    name: "a round of a source each, with long ids",
    count: 10_000,
    records: (count) => numbered(count, (i) => ({ source: `${i}`.padEnd(500, "x"), v: "1.1", text: "a 1\n" }))
  },
  {
    name: "a round of a source each",
    count: 10_000,
    records: (count) => numbered(count, (i) => ({ source: `s${i}`, v: "1.1", text: "a 1\n" }))
  },
  {
    name: "a line of a source each",
    count: 10_000,
    records: (count) => numbered(count, (i) => ({ source: `s${i}`, text: "a 1\n" }))
  },
  {
    name: "headers of labels, each another one",
    count: 1_000,
    records: (count) =>
      numbered(count, (i) => ({
        v: `1.${far - i}`,
        chunk: "1/2",
        text: "a 1\n",
        headers: {
          "k2p-labels": JSON.stringify(Object.fromEntries(Array.from({ length: 60 }, (_, l) => [`l${l}`, `${i}`])))
        }
      }))
  },
  {
    name: "records that are refused, of a source each",
    count: 10_000,
    records: (count) =>
      numbered(count, (i) => ({ source: `s${i}`, text: "a 1\n", headers: { "k2p-round": `none ${i}` } }))
  }
]

/** What a record brings, and what it takes in the log besides. */
export const bytesIn = ({ key, value, headers }: LogRecord): number => {
  let bytes = 16 + (key?.length ?? 0) + (value?.length ?? 0)
  for (const [name, header] of Object.entries(headers)) bytes += 2 + name.length + header.length
  return bytes
}

export const recordsOf = (kind: Kind, count: number): Array<LogRecord> =>
  Array.from(kind.records(count), (sent, offset) => toRecord(offset, sent))
