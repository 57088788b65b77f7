/** What `check` concludes from a cluster's settings. */
import { assert, describe, it } from "@effect/vitest"
import { type Expected, judge, report } from "../../src/commands/Findings.ts"
import type { InspectedGroup } from "../../src/transport/Transport.ts"

const good: Readonly<Record<string, string>> = {
  "cleanup.policy": "delete",
  "message.timestamp.type": "LogAppendTime",
  "retention.ms": "86400000",
  "retention.bytes": "-1",
  "min.insync.replicas": "2",
  "unclean.leader.election.enable": "false",
  "max.message.bytes": "1048588"
}

const expected: Expected = {
  topics: ["metrics"],
  group: "k2p",
  agent: null,
  archive: false,
  protocol: "k2p-sticky-v1",
  lookback: 90_000,
  sessionTimeout: 20_000
}

interface Cluster {
  readonly settings?: Readonly<Record<string, string>>
  readonly replicas?: number
  readonly group?: Omit<InspectedGroup, "sessionTimeouts">
  readonly sessionTimeouts?: InspectedGroup["sessionTimeouts"]
  readonly topic?: string
}

const look = ({
  settings = good,
  replicas = 3,
  group = { state: "Empty", members: 0, protocol: "" },
  sessionTimeouts = { least: 6_000, most: 1_800_000 },
  topic = "metrics"
}: Cluster) =>
  report(
    judge(
      {
        brokers: [{ node: 1, address: "k1:9092" }],
        topics: [{ topic, partitions: 12, replicas, settings }],
        group: { ...group, sessionTimeouts }
      },
      expected
    )
  )

const line = (text: string, level: string): string => text.split("\n").find((l) => l.startsWith(`  ${level}`)) ?? ""

describe("a topic", () => {
  it("as the promises need it has nothing broken and nothing to note", () => {
    const { text, broken } = look({})
    assert.strictEqual(broken, 0)
    assert.strictEqual(line(text, "note"), "")
    assert.include(text, "topic metrics: 12 partitions")
  })

  const breaking: ReadonlyArray<[string, string, RegExp]> = [
    ["cleanup.policy", "compact", /compaction removes chunks/],
    ["cleanup.policy", "delete,compact", /compaction removes chunks/],
    ["message.timestamp.type", "CreateTime", /the senders' clocks/],
    ["retention.ms", "90000", /not longer than the lookback of 90s/],
    ["min.insync.replicas", "1", /gone with that broker/],
    ["unclean.leader.election.enable", "true", /the log goes back/],
    ["max.message.bytes", "999999", /chunks of up to 1000000 bytes are refused/]
  ]
  for (const [name, value, what] of breaking)
    it(`${name}=${value} breaks a promise, and the line says what follows and how to set it`, () => {
      const { text, broken } = look({ settings: { ...good, [name]: value } })
      assert.strictEqual(broken, 1)
      assert.match(line(text, "broken"), what)
      assert.include(line(text, "broken"), `--topic metrics --add-config ${name}=`)
      assert.include(text, "1 condition of the promises does not hold")
    })

  it("with fewer than three replicas breaks a promise", () => {
    for (const replicas of [1, 2]) assert.strictEqual(look({ replicas }).broken, 1)
  })

  it("whose setting the brokers do not tell is noted, not taken as fine", () => {
    const { "message.timestamp.type": _, ...rest } = good
    const { text, broken } = look({ settings: rest })
    assert.strictEqual(broken, 0)
    assert.match(line(text, "note"), /message\.timestamp\.type is not told by the brokers/)
  })

  it("that keeps hardly more than the lookback, or keeps by size, is noted", () => {
    assert.match(
      line(look({ settings: { ...good, "retention.ms": "600000" } }).text, "note"),
      /down for longer than 9m lose rounds/
    )
    assert.match(
      line(look({ settings: { ...good, "retention.bytes": "1000" } }).text, "note"),
      /retention\.bytes is 1000/
    )
    assert.strictEqual(look({ settings: { ...good, "retention.ms": "-1" } }).broken, 0)
  })

  it("that is not there breaks a promise", () => {
    assert.match(line(look({ topic: "other" }).text, "broken"), /does not exist/)
  })
})

describe("a group", () => {
  it("of another program breaks a promise", () => {
    const { text, broken } = look({ group: { state: "Stable", members: 2, protocol: "range" } })
    assert.strictEqual(broken, 1)
    assert.match(line(text, "broken"), /speak "range", not "k2p-sticky-v1"/)
  })

  it("of pods, running or just moving, is fine", () => {
    assert.strictEqual(look({ group: { state: "Stable", members: 2, protocol: "k2p-sticky-v1" } }).broken, 0)
    assert.strictEqual(look({ group: { state: "PreparingRebalance", members: 2, protocol: "" } }).broken, 0)
  })

  it("with more members than partitions is noted", () => {
    assert.match(
      line(look({ group: { state: "Stable", members: 13, protocol: "k2p-sticky-v1" } }).text, "note"),
      /nothing to do/
    )
  })

  it("that no pod can join with the session timeout breaks a promise, whichever bound it passes", () => {
    const low = look({ sessionTimeouts: { least: 30_000, most: 60_000 } })
    assert.strictEqual(low.broken, 1)
    assert.match(
      line(low.text, "broken"),
      /--session-timeout is 20s, the brokers allow 30s to 60s: no pod can join.*group\.min\.session/
    )
    const high = look({ sessionTimeouts: { least: 6_000, most: 10_000 } })
    assert.match(line(high.text, "broken"), /the brokers allow 6s to 10s: no pod can join.*group\.max\.session/)
    for (const bounds of [
      { least: 20_000, most: 60_000 },
      { least: 6_000, most: 20_000 }
    ])
      assert.strictEqual(look({ sessionTimeouts: bounds }).broken, 0)
  })

  it("whose brokers do not tell what they allow is noted", () => {
    const { text, broken } = look({ sessionTimeouts: null })
    assert.strictEqual(broken, 0)
    assert.match(line(text, "note"), /not told/)
  })
})
