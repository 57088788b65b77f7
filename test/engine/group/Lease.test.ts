/** Lease: rule 4's cheap first check. A table of what each answer buys, and properties over answers in any order. */

import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import {
  committedAt,
  heardAt,
  type LeaseTimes,
  leaseEnds,
  leaseValid,
  membershipValid,
  noLease
} from "../../../src/engine/group/Lease.ts"

const bounds = { sessionTimeout: 20, rebalanceTimeout: 60, margin: 1 }

type Answer =
  | { readonly kind: "success"; readonly sentAt: number }
  | { readonly kind: "rebalancing"; readonly sentAt: number }
  | { readonly kind: "committed"; readonly sentAt: number }

const take = (t: LeaseTimes, a: Answer): LeaseTimes =>
  a.kind === "committed" ? committedAt(t, a.sentAt) : heardAt(t, a.sentAt, a.kind === "success")
const leaseAfter = (...answers: ReadonlyArray<Answer>): LeaseTimes => answers.reduce(take, noLease)

const success = (sentAt: number): Answer => ({ kind: "success", sentAt })
const rebalancing = (sentAt: number): Answer => ({ kind: "rebalancing", sentAt })
const committed = (sentAt: number): Answer => ({ kind: "committed", sentAt })

describe("when a lease ends", () => {
  const table: ReadonlyArray<readonly [fact: string, answers: ReadonlyArray<Answer>, ends: number]> = [
    ["without any answer there is none", [], -Infinity],
    ["a heartbeat alone is no lease: one broker's memory", [success(100)], -Infinity],
    ["a commit alone is no lease", [committed(100)], -Infinity],
    ["a rebalance alone, without an earlier success, is no lease", [rebalancing(100), committed(100)], -Infinity],
    ["the session runs from the send of the last success", [success(100), committed(110)], 119],
    ["the commit's session runs from its send", [success(110), committed(100)], 119],
    ["REBALANCE_IN_PROGRESS refreshes the session", [success(100), committed(115), rebalancing(115)], 134],
    [
      "rebalances do not carry it beyond the rebalance timeout after the last success",
      [success(100), rebalancing(158), committed(158)],
      159
    ],
    ["a late answer to an older heartbeat changes nothing", [success(110), committed(110), success(100)], 129],
    ["a late answer to an older commit changes nothing", [success(110), committed(110), committed(100)], 129],
    [
      "a success that overtook a rebalance counts by its own send time",
      [success(100), rebalancing(99), committed(100)],
      119
    ],
    [
      "a rebalance answered after a newer success does not shorten it",
      [success(150), rebalancing(100), committed(150)],
      169
    ]
  ]
  it.each(table)("%s", (_fact, answers, ends) => {
    assert.strictEqual(leaseEnds(leaseAfter(...answers), bounds), ends)
  })

  it("is over at its end, not after it", () => {
    const t = leaseAfter(success(100), committed(100))
    assert.isTrue(leaseValid(t, bounds, 118.999))
    assert.isFalse(leaseValid(t, bounds, 119))
  })

  it("membership needs no commit: a member without partitions has nothing to commit", () => {
    const t = leaseAfter(success(100))
    assert.isTrue(membershipValid(t, bounds, 118))
    assert.isFalse(leaseValid(t, bounds, 118))
    assert.isFalse(membershipValid(t, bounds, 119))
  })
})

const answers = fc.array(
  fc.record({
    kind: fc.constantFrom("success" as const, "rebalancing" as const, "committed" as const),
    sentAt: fc.integer({ min: 0, max: 200 })
  }),
  { maxLength: 12 }
)

describe("answers in any order", () => {
  it("give the same lease whatever their order", () => {
    fc.assert(
      fc.property(answers, fc.infiniteStream(fc.nat()), (list, order) => {
        const shuffled = list
          .map((a) => ({ a, rank: order.next().value as number }))
          .sort((x, y) => x.rank - y.rank)
          .map(({ a }) => a)
        assert.deepStrictEqual(leaseAfter(...shuffled), leaseAfter(...list))
      })
    )
  })

  it("never shorten a lease", () => {
    fc.assert(
      fc.property(answers, (list) => {
        let t = noLease
        for (const a of list) {
          const next = take(t, a)
          assert.isAtLeast(leaseEnds(next, bounds), leaseEnds(t, bounds))
          t = next
        }
      })
    )
  })

  it("never let it outlive the session after the last word of the coordinator, or the last commit", () => {
    fc.assert(
      fc.property(answers, (list) => {
        const ends = leaseEnds(leaseAfter(...list), bounds)
        const last = (kinds: ReadonlyArray<Answer["kind"]>) =>
          Math.max(-Infinity, ...list.filter((a) => kinds.includes(a.kind)).map((a) => a.sentAt))
        assert.isAtMost(ends, last(["success", "rebalancing"]) + bounds.sessionTimeout - bounds.margin)
        assert.isAtMost(ends, last(["success"]) + bounds.rebalanceTimeout - bounds.margin)
        assert.isAtMost(ends, last(["committed"]) + bounds.sessionTimeout - bounds.margin)
      })
    )
  })
})
