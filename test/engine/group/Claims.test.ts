/** Claims: what members tell the leader and what it tells them, over Kafka's own envelope. */

import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { AssignerProtocol } from "kafkajs"
import {
  type Claims,
  decodeAssignment,
  decodeClaims,
  encodeAssignment,
  encodeClaims,
  noClaims,
  parsePartitionKey
} from "../../../src/engine/group/Claims.ts"
import { codedLoad } from "../../../src/engine/group/Load.ts"
import { partitionKey, type TopicPartition } from "../../../src/transport/Transport.ts"

const topic = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,12}$/)
const tp: fc.Arbitrary<TopicPartition> = fc.record({ topic, partition: fc.nat(5_000) })
const tps = fc.uniqueArray(tp, { selector: partitionKey, maxLength: 30 })
const claims: fc.Arbitrary<Claims> = fc.record({
  generation: fc.integer({ min: -1, max: 1_000_000 }),
  live: fc.uniqueArray(tp.map(partitionKey), { maxLength: 20 }),
  evicting: fc.uniqueArray(tp.map(partitionKey), { maxLength: 5 }),
  sequence: fc.nat(),
  settings: fc.string(),
  loads: fc
    .array(fc.tuple(tp.map(partitionKey), fc.nat(999).map(codedLoad)), { maxLength: 20 })
    .map((entries) => new Map(entries))
})

const userData = (data: string): Uint8Array =>
  AssignerProtocol.MemberMetadata.encode({ version: 0, topics: ["t"], userData: Buffer.from(data) })

describe("claims", () => {
  it("read back as they were written", () => {
    fc.assert(
      fc.property(fc.array(topic, { minLength: 1, maxLength: 3 }), claims, (topics, c) => {
        const back = decodeClaims(encodeClaims(topics, c))
        assert.deepStrictEqual({ ...back, loads: [...back.loads].sort() }, { ...c, loads: [...c.loads].sort() })
      })
    )
  })

  it("loads are rounded and small: those of 5,000 partitions add less than 50,000 bytes", () => {
    const loads = new Map(Array.from({ length: 5_000 }, (_, i) => [`metrics/${i}`, i * 123_456.7]))
    const bytes = encodeClaims(["metrics"], { ...noClaims, loads })
    assert.isBelow(bytes.length - encodeClaims(["metrics"], noClaims).length, 50_000)
    for (const [k, load] of decodeClaims(bytes).loads) assert.closeTo(load, loads.get(k)!, load * 0.051)
    assert.strictEqual(decodeClaims(bytes).loads.size, 5_000)
  })

  it.each([
    ["no loads at all", "1"],
    ["loads that are a list", "[1,2]"],
    ["loads of text", '{"t":["0","435"]}'],
    ["a load that is no list", '{"t":435}'],
    ["a partition without its load", '{"t":[0]}'],
    ["a load out of range", '{"t":[0,1000]}'],
    ["a negative load", '{"t":[0,-1]}']
  ])("%s: unknown, and the claims beside it hold", (_what, loads) => {
    const c = decodeClaims(userData(`{"generation":3,"live":["t/0"],"evicting":[],"loads":${loads}}`))
    assert.deepStrictEqual(c, { ...noClaims, generation: 3, live: ["t/0"] })
  })

  it("the brokers' tools can read the subscribed topics", () => {
    const bytes = encodeClaims(["a", "b"], noClaims)
    assert.deepStrictEqual(AssignerProtocol.MemberMetadata.decode(Buffer.from(bytes))?.topics, ["a", "b"])
  })

  it("a rejoin differs from the join before, or a stable group would not rebalance", () => {
    const first = encodeClaims(["t"], { ...noClaims, sequence: 1 })
    const second = encodeClaims(["t"], { ...noClaims, sequence: 2 })
    assert.notDeepEqual(first, second)
  })

  it.each([
    ["no user data", userData("")],
    ["text", userData("range")],
    ["null", userData("null")],
    ["a claim without a generation", userData('{"live":["t/0"],"evicting":[]}')],
    ["partitions that are not a list", userData('{"generation":3,"live":"t/0","evicting":[]}')],
    ["partitions that are not text", userData('{"generation":3,"live":[0],"evicting":[]}')],
    ["no evicting list", userData('{"generation":3,"live":[]}')],
    ["no bytes at all", new Uint8Array(0)],
    ["cut-off bytes", encodeClaims(["t"], noClaims).subarray(0, 9)]
  ])("%s claims nothing", (_what, bytes) => {
    assert.deepStrictEqual(decodeClaims(bytes), noClaims)
  })

  it("no bytes make it throw", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeClaims(bytes)))
  })
})

describe("assignments", () => {
  it("read back as they were written, topic by topic", () => {
    fc.assert(
      fc.property(tps, (given) => {
        const keys = (list: ReadonlyArray<TopicPartition>) => list.map(partitionKey).sort()
        assert.deepStrictEqual(keys(decodeAssignment(encodeAssignment(given))), keys(given))
      })
    )
  })

  it("a member that the leader left out has none", () => {
    assert.deepStrictEqual(decodeAssignment(new Uint8Array(0)), [])
  })

  it("a partition's key reads back, also where the topic's name holds dots and dashes", () => {
    fc.assert(fc.property(tp, (one) => assert.deepStrictEqual(parsePartitionKey(partitionKey(one)), one)))
  })
})
