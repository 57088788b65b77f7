/**
 * Assigning: an assignor's answer is a wish. Whatever it answers, or throws: no partition is given to two, or to one while another claims
 * it; none is left out for good; the group comes to rest; and what was refused is told.
 */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { Assigning, type RefusedWish } from "../../../src/engine/group/Assigning.ts"
import type { Assignor } from "../../../src/engine/group/Assignor.ts"
import { balance } from "../../../src/engine/group/Balance.ts"
import { type Claims, noClaims } from "../../../src/engine/group/Claims.ts"
import type { Claimant, Wish } from "../../../src/engine/group/Grant.ts"
import { partitionKey, type TopicPartition } from "../../../src/transport/Transport.ts"

const partitions: ReadonlyArray<TopicPartition> = Array.from({ length: 6 }, (_, partition) => ({
  topic: "t",
  partition
}))
type Place = (typeof Assignor)["Service"]["place"]

const assigning = (place: Place) => {
  const refused: Array<RefusedWish> = []
  const told: Array<string> = []
  const by = new Assigning({ name: "ours", protocol: "p", place }, (why, text) => {
    refused.push(why)
    told.push(text)
  })
  return { by, refused, told }
}

const member = (memberId: string, claims: Partial<Claims> = {}): Claimant => ({
  memberId,
  claims: { ...noClaims, generation: 1, ...claims }
})
const two = [member("a", { live: partitions.map(partitionKey) }), member("b")]
const toB: Place = (_, keys) => new Map(keys.map((key) => [key, "b"]))

/** Members that evict at once what they are not given, and join again for it, until nobody has to. */
const settle = (by: Assigning, members: ReadonlyArray<Claimant>, most: number) => {
  let now = members
  for (let generation = 2; generation < most; generation++) {
    const given = by.assign(now, partitions, new Map())
    let evicted = false
    const next = now.map(({ memberId, claims }): Claimant => {
      const live = (given.get(memberId) ?? []).map(partitionKey)
      evicted ||= claims.live.some((key) => !live.includes(key))
      return { memberId, claims: { ...claims, generation, live } }
    })
    now = next
    if (!evicted) return { generations: generation - 1, members: now }
  }
  return assert.fail(`not at rest after ${most} generations`)
}

describe("a wish that is none", () => {
  const nonsense: ReadonlyArray<readonly [RefusedWish, string, Place]> = [
    [
      "threw",
      "throws",
      () => {
        throw new Error("no idea")
      }
    ],
    ["incomplete", "answers nothing", () => undefined as unknown as Wish],
    ["threw", "answers a promise", () => Promise.resolve(new Map()) as unknown as Wish],
    ["incomplete", "leaves partitions out", (_, keys) => new Map(keys.slice(1).map((key) => [key, "a"]))],
    ["stranger", "names somebody who is no member", (_, keys) => new Map(keys.map((key) => [key, "c"]))],
    [
      "stranger",
      "gives a partition to two",
      (_, keys) => new Map(keys.map((key) => [key, ["a", "b"] as unknown as string]))
    ]
  ]
  for (const [why, what, place] of nonsense)
    it(`is refused, told and replaced by the built-in one's: ${what}`, () => {
      const { by, refused, told } = assigning(place)
      const builtIn = assigning(balance)
      assert.deepStrictEqual(by.assign(two, partitions, new Map()), builtIn.by.assign(two, partitions, new Map()))
      assert.deepStrictEqual([refused, by.refusals, builtIn.by.refusals], [[why], 1, 0])
      assert.match(told[0]!, /^the assignor ours .*; the built-in assignor decides this generation$/)
      assert.strictEqual(by.lastRefusal, told[0])
    })
})

it("an assignor may spoil what it is given: it gets copies", () => {
  const spoiled = assigning((members, keys) => {
    ;(members as Array<unknown>).splice(0)
    ;(keys as Array<string>).splice(0)
    return new Map()
  })
  const given = spoiled.by.assign(two, partitions, new Map())
  assert.deepStrictEqual([...given.keys()].sort(), ["a", "b"])
  assert.deepStrictEqual(given, assigning(balance).by.assign(two, partitions, new Map()))
})

describe("a wish", () => {
  it("that hands everything over at once is carried out in two steps", () => {
    const { by, refused } = assigning(toB)
    const first = by.assign(two, partitions, new Map())
    assert.deepStrictEqual([first.get("a"), first.get("b")], [[], []])
    const { members, generations } = settle(by, two, 9)
    assert.deepStrictEqual(
      members.map(({ claims }) => claims.live.length),
      [0, 6]
    )
    assert.deepStrictEqual([generations, refused], [2, []])
  })

  it("that is another one each time ends with partitions where they are, told as restless", () => {
    let turn = 0
    const { by, refused } = assigning((members, keys) => {
      turn += 1
      return new Map(keys.map((key, i) => [key, members[(i + turn) % members.length]!.memberId]))
    })
    settle(by, two, 40)
    assert.deepStrictEqual(refused, ["restless"])
  })

  it("of any kind never gives a partition to two, or to one while another claims it", () => {
    const key = fc.nat(7).map((n) => `t/${n}`)
    const claimants = fc
      .array(
        fc.record({
          generation: fc.integer({ min: -1, max: 3 }),
          live: fc.uniqueArray(key),
          evicting: fc.uniqueArray(key)
        }),
        {
          minLength: 1,
          maxLength: 4
        }
      )
      .map((all) => all.map((claims, i) => member(`m${i}`, claims)))
    const wishes = fc.array(fc.option(fc.nat(4)), { minLength: 6, maxLength: 6 })
    const generations = fc.array(fc.tuple(claimants, wishes), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(generations, (all) => {
        let wish: ReadonlyArray<number | null> = []
        const { by } = assigning(
          (_, keys) => new Map(keys.flatMap((k, i) => (wish[i] == null ? [] : [[k, `m${wish[i]}`] as const])))
        )
        for (const [members, wished] of all) {
          wish = wished
          const given = by.assign(members, partitions, new Map())
          const seen = new Set<string>()
          for (const [memberId, tps] of given)
            for (const k of tps.map(partitionKey)) {
              assert.isFalse(seen.has(k), `${k} is given twice`)
              seen.add(k)
              const claiming = members.filter(({ claims }) => claims.live.includes(k) || claims.evicting.includes(k))
              const best = Math.max(...claiming.map(({ claims }) => claims.generation))
              const strongest = claiming.filter(({ claims }) => claims.generation === best)
              if (claiming.length > 0)
                assert.deepStrictEqual(
                  strongest.map((m) => m.memberId),
                  [memberId],
                  k
                )
            }
        }
      }),
      { numRuns: 500 }
    )
  })
})
