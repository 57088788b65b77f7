/** ConsumerProtocol: Kafka's envelope, against kafkajs' codec of the same, and on bytes that nobody meant. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { AssignerProtocol } from "kafkajs"
import {
  decodeAssigned,
  decodeSubscription,
  encodeAssigned,
  encodeSubscription
} from "../../../src/engine/group/ConsumerProtocol.ts"

const topic = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9._-]{0,12}$/)
const userData = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
const partitions = fc.dictionary(topic, fc.array(fc.nat(5_000), { maxLength: 8 }), { noNullPrototype: true })

describe("a subscription", () => {
  it("is written and read as kafkajs does", () => {
    fc.assert(
      fc.property(fc.array(topic, { maxLength: 4 }), userData, (topics, data) => {
        const bytes = encodeSubscription({ topics, userData: data })
        assert.deepStrictEqual(bytes, AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: data }))
        const back = decodeSubscription(bytes)
        assert.deepStrictEqual({ ...back, userData: Buffer.from(back.userData) }, { topics, userData: data })
      })
    )
  })

  it("of Java's consumer is read: a later version, no user data, fields behind it", () => {
    const version1 = Buffer.from("000100000001000174ffffffff00000000", "hex")
    assert.deepStrictEqual(decodeSubscription(version1), { topics: ["t"], userData: new Uint8Array(0) })
  })
})

describe("an assignment", () => {
  it("is written and read as kafkajs does", () => {
    fc.assert(
      fc.property(partitions, userData, (assignment, data) => {
        const given = new Map(Object.entries(assignment))
        const bytes = encodeAssigned({ partitions: given, userData: data })
        const theirs = AssignerProtocol.MemberAssignment.encode({ version: 0, assignment, userData: data })
        assert.deepStrictEqual(bytes, theirs)
        const back = decodeAssigned(bytes)
        assert.deepStrictEqual([back.partitions, Buffer.from(back.userData)], [given, data])
      })
    )
  })

  it("without bytes has nothing", () => {
    assert.strictEqual(decodeAssigned(new Uint8Array(0)).partitions.size, 0)
  })
})

describe("bytes that nobody meant", () => {
  it("throw a RangeError or are read, and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeSubscription, decodeAssigned])
          try {
            decode(bytes)
          } catch (error) {
            assert.instanceOf(error, RangeError)
          }
      })
    )
  })

  it("that claim two billion topics cost what is there", () => {
    assert.throws(() => decodeSubscription(Buffer.from("00007fffffff00017400017400", "hex")), RangeError)
  })
})
