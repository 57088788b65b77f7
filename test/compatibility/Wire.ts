/**
 * Wire: what a build of kafka2prom writes for other builds: records of rounds, what members say in the group, the metadata of commits. One
 * example of each field, put through whichever build's codecs: `golden.json` is what the build of its `commit` made of them.
 */
import type * as RoundRecord from "../../src/agent/dump/RoundRecord.ts"
import type * as Claims from "../../src/engine/group/Claims.ts"
import type * as CommitMetadata from "../../src/engine/partition/CommitMetadata.ts"

/** The codecs of one build. */
export interface Build {
  readonly encodeRound: typeof RoundRecord.encodeRound
  readonly encodeClaims: typeof Claims.encodeClaims
  readonly encodeAssignment: typeof Claims.encodeAssignment
  readonly encodeCommitMetadata: typeof CommitMetadata.encodeCommitMetadata
}

/** A record without what the log adds to it; header values are text. */
export interface WireRecord {
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly value: string
}

export interface Wire {
  readonly records: Readonly<Record<string, ReadonlyArray<WireRecord>>>
  /** Base64. */
  readonly subscriptions: Readonly<Record<string, string>>
  readonly assignments: Readonly<Record<string, string>>
  readonly commits: Readonly<Record<string, string>>
}

type RoundInput = Parameters<typeof RoundRecord.encodeRound>

const text = new TextEncoder()
const counter = (name: string, series: number): string =>
  `# HELP ${name} Some ${name}.\n# TYPE ${name} counter\n${Array.from({ length: series }, (_, i) => `${name}{i="${i}"} ${i}\n`).join("")}`

const round = { source: "edge-7/shop ß", job: "shop", origin: "/dumps/shop.prom", time: 1_790_000_000_123, age: 40 }

export const rounds: Readonly<Record<string, RoundInput>> = {
  text: [
    { ...round, format: "text", text: text.encode(counter("orders_total", 2)) },
    "1790000000000.17",
    { site: "oslo" }
  ],
  openmetrics: [
    {
      ...round,
      format: "openmetrics",
      labels: { rack: "4" },
      text: text.encode("# TYPE queue_length gauge\nqueue_length 1 1790000000.5\n# EOF\n")
    },
    "1790000000000.18",
    {}
  ],
  "in chunks": [
    { ...round, format: "text", text: text.encode(counter("a_total", 9) + counter("b_total", 9)) },
    "1790000000000.19",
    { site: "oslo" },
    1_650
  ]
}

const topics = ["metrics", "metrics-2"]
export const counts = new Map([
  ["metrics", { placement: "murmur2", counts: [4, 8], vote: { bits: 12, agree: ["murmur2"] } }]
]) as Parameters<typeof Claims.encodeClaims>[2]

export const claims: Readonly<Record<string, Claims.Claims>> = {
  "a new member": {
    generation: -1,
    live: [],
    evicting: [],
    sequence: 0,
    settings: "0123456789abcdef",
    loads: new Map()
  },
  "a member that holds, gives up and knows its loads": {
    generation: 41,
    live: ["metrics/0", "metrics-2/7"],
    evicting: ["metrics/3"],
    sequence: 9,
    settings: "0123456789abcdef",
    loads: new Map([["metrics/0", 0]])
  }
}

export const assignments: Readonly<
  Record<string, ReadonlyArray<{ readonly topic: string; readonly partition: number }>>
> = {
  nothing: [],
  "partitions of two topics": [
    { topic: "metrics", partition: 0 },
    { topic: "metrics", partition: 5 },
    { topic: "metrics-2", partition: 7 }
  ]
}

export const commits: Readonly<Record<string, CommitMetadata.CommitMetadata>> = {
  "a first commit": {
    reservation: 1_000,
    lowest: 0,
    witness: null,
    marks: [],
    quarantine: null,
    judgedBy: "",
    unread: [],
    memo: ""
  },
  "all that a commit may say": {
    reservation: 123_456,
    lowest: 100_000,
    witness: { offset: 119_999, crc: 4_000_000_000 },
    marks: [
      { end: 110_000, read: 109_000, ago: 60_000 },
      { end: 120_000, read: 119_990, ago: 1_500 }
    ],
    quarantine: { until: 121_000 },
    judgedBy: "01234567",
    unread: [100_500],
    memo: "",
    homes: {
      placement: "murmur2",
      settledFrom: 110_000,
      steps: [
        { count: 4, from: 0 },
        { count: 8, from: 105_000 }
      ]
    }
  },
  "a quarantine without an end yet": {
    reservation: 9,
    lowest: 4,
    witness: { offset: 8, crc: 1 },
    marks: [],
    quarantine: { until: null },
    judgedBy: "01234567",
    unread: [],
    memo: ""
  }
}

const decoded = (headers: Readonly<Record<string, Uint8Array>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value).toString()]))

const mapped = <A, B>(all: Readonly<Record<string, A>>, each: (one: A) => B): Readonly<Record<string, B>> =>
  Object.fromEntries(Object.entries(all).map(([what, one]) => [what, each(one)]))

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64")

export const written = (build: Build): Wire => ({
  records: mapped(rounds, (input) => {
    const encoded = build.encodeRound(...input)
    if (encoded.kind === "refused") throw new Error(encoded.why)
    return encoded.round.chunks.map(({ value, headers }) => ({
      key: Buffer.from(encoded.round.key).toString(),
      headers: decoded(headers),
      value: Buffer.from(value).toString()
    }))
  }),
  subscriptions: mapped(claims, (each) => base64(build.encodeClaims(topics, each, counts))),
  assignments: mapped(assignments, (each) => base64(build.encodeAssignment(each, counts))),
  commits: mapped(commits, (each) => build.encodeCommitMetadata(each))
})
