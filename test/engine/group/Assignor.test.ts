/**
 * Assignor: rule 6. First what holds for any claims, also conflicting and stale ones; then groups of real member state machines
 * (Handoff) that rebalance, evict at their own pace and rejoin: nothing is ever owned twice, as few partitions as possible
 * move, and an interruption changes nothing about where the group comes to rest.
 */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { assignTwoStep } from "../../../src/engine/group/Assignor.ts"
import type { Claims } from "../../../src/engine/group/Claims.ts"
import type { Assignments, Claimant } from "../../../src/engine/group/Grant.ts"
import {
  claims,
  type HandoffEvent,
  type HandoffState,
  initial,
  mayJoin,
  step
} from "../../../src/engine/group/Handoff.ts"
import { heardFrom } from "../../../src/engine/group/Loads.ts"
import { partitionKey, type TopicPartition } from "../../../src/transport/Transport.ts"

const partitionsOf = (n: number): ReadonlyArray<TopicPartition> =>
  Array.from({ length: n }, (_, partition) => ({ topic: "t", partition }))
const sum = (ns: Iterable<number>) => [...ns].reduce((a, b) => a + b, 0)
const claimOf = (c: Partial<Claims>): Claims => ({
  generation: 1,
  live: [],
  evicting: [],
  sequence: 0,
  settings: "",
  loads: new Map(),
  ...c
})
const unassigned = (a: Assignments, tps: ReadonlyArray<TopicPartition>) =>
  tps.length - sum([...a.values()].map((given) => given.length))
const keysOf = (a: Assignments, memberId: string) => (a.get(memberId) ?? []).map(partitionKey)

/** The fewest partitions that any balanced outcome takes away from those who hold so many each. */
const fewestMoves = (held: ReadonlyArray<number>, partitions: number): number => {
  const floor = Math.floor(partitions / held.length)
  const larger = partitions % held.length
  const above = held.filter((h) => h > floor)
  return sum(above.map((h) => h - floor)) - Math.min(larger, above.length)
}

const key = fc.nat(14).map((n) => `t/${n}`)
const claimants: fc.Arbitrary<ReadonlyArray<Claimant>> = fc
  .array(
    fc.record({
      generation: fc.integer({ min: -1, max: 4 }),
      live: fc.uniqueArray(key, { maxLength: 12 }),
      evicting: fc.uniqueArray(key, { maxLength: 4 })
    }),
    { minLength: 1, maxLength: 5 }
  )
  .map((list) => list.map((c, i) => ({ memberId: `m${i}`, claims: claimOf(c) })))
/** Fewer than the keys that are claimed: some claims are for partitions that nobody knows (any more). */
const partitions = fc.nat(12).map(partitionsOf)

const claimed = (m: Claimant) => new Set([...m.claims.live, ...m.claims.evicting])

describe("for any claims", () => {
  const always = (
    fact: string,
    holds: (a: Assignments, members: ReadonlyArray<Claimant>, tps: ReadonlyArray<TopicPartition>) => void
  ) =>
    it(fact, () => {
      fc.assert(
        fc.property(claimants, partitions, (members, tps) => holds(assignTwoStep(members, tps), members, tps)),
        { numRuns: 1_000 }
      )
    })

  always("every partition has at most one owner, and is one that exists", (a, members, tps) => {
    const given = members.flatMap((m) => keysOf(a, m.memberId))
    assert.strictEqual(new Set(given).size, given.length)
    const known = new Set(tps.map(partitionKey))
    for (const k of given) assert.isTrue(known.has(k))
    assert.strictEqual(unassigned(a, tps), tps.length - given.length)
  })
  always("nobody is given what another claims, except over a claim of an earlier generation", (a, members) => {
    for (const m of members)
      for (const k of keysOf(a, m.memberId))
        for (const other of members) {
          if (other === m || !claimed(other).has(k)) continue
          assert.isTrue(claimed(m).has(k), `${k} went to ${m.memberId}, which does not hold it`)
          assert.isBelow(other.claims.generation, m.claims.generation)
        }
  })
  always("every member is answered, and none gets more than its share", (a, members, tps) => {
    assert.deepStrictEqual([...a.keys()].sort(), members.map((m) => m.memberId).sort())
    for (const list of a.values()) assert.isAtMost(list.length, Math.ceil(tps.length / members.length))
  })
  always("what nobody claims is given at once", (a, members, tps) => {
    const given = new Set(members.flatMap((m) => keysOf(a, m.memberId)))
    for (const k of tps.map(partitionKey)) if (!members.some((m) => claimed(m).has(k))) assert.isTrue(given.has(k))
  })

  it("the order of the members does not matter", () => {
    fc.assert(
      fc.property(claimants, partitions, fc.infiniteStream(fc.nat()), (members, tps, order) => {
        const shuffled = members
          .map((m) => ({ m, rank: order.next().value as number }))
          .sort((x, y) => x.rank - y.rank)
          .map(({ m }) => m)
        const [a, b] = [assignTwoStep(members, tps), assignTwoStep(shuffled, tps)]
        for (const { memberId } of members) assert.deepStrictEqual(a.get(memberId), b.get(memberId))
      })
    )
  })

  it("two claims of one generation leave the partition to nobody", () => {
    const members = ["a", "b", "c"].map((memberId) => ({ memberId, claims: claimOf({ generation: 3, live: ["t/0"] }) }))
    for (const some of [members, members.slice(1)])
      assert.strictEqual(unassigned(assignTwoStep(some, partitionsOf(1)), partitionsOf(1)), 1)
  })

  it("a claim of the highest generation wins over older conflicts", () => {
    const at = (memberId: string, generation: number) => ({ memberId, claims: claimOf({ generation, live: ["t/0"] }) })
    const a = assignTwoStep([at("a", 2), at("b", 2), at("c", 3)], partitionsOf(1))
    assert.deepStrictEqual(keysOf(a, "c"), ["t/0"])
  })

  it("an eviction that is under way is taken back where its partition would come to the same member", () => {
    const a = assignTwoStep([{ memberId: "a", claims: claimOf({ live: ["t/0"], evicting: ["t/1"] }) }], partitionsOf(2))
    assert.deepStrictEqual(keysOf(a, "a"), ["t/0", "t/1"])
  })
})

/** A group of real member state machines under one coordinator. Evictions end when told, in any order. */
class Group {
  readonly members = new Map<string, HandoffState>()
  readonly evicted: Array<string> = []
  generation = 0
  partitions: ReadonlyArray<TopicPartition>
  /** What owners measure; the leader knows of it what they claim. */
  loads: ReadonlyMap<string, number> = new Map()
  private heard: ReadonlyMap<string, number> = new Map()

  constructor(n: number) {
    this.partitions = partitionsOf(n)
  }

  enter(memberId: string): void {
    this.members.set(memberId, initial)
  }

  /** Crashes, or was expelled: nothing of its state is left. */
  vanish(memberId: string): void {
    this.members.delete(memberId)
  }

  private dispatch(memberId: string, event: HandoffEvent): void {
    const [next, actions] = step(this.members.get(memberId)!, event)
    this.members.set(memberId, next)
    for (const action of actions) {
      if (action.type === "abandon" || action.type === "forget") continue
      const k = partitionKey(action.tp)
      if (action.type === "evict") this.evicted.push(k)
      else
        for (const [other, s] of this.members)
          assert.isTrue(other === memberId || !s.owned.has(k), `${memberId} takes up ${k} while ${other} still has it`)
    }
  }

  /** `order`: in which order the members appear to the leader. */
  rebalance(order: (a: string, b: string) => number = (a, b) => (a < b ? -1 : 1)): void {
    if (this.members.size === 0) return
    this.generation += 1
    const ids = [...this.members.keys()].sort(order)
    for (const id of ids) this.dispatch(id, { type: "joinSent" })
    const members = ids.map((memberId) => {
      const s = this.members.get(memberId)!
      const own = new Map([...this.loads].filter(([k]) => s.owned.has(k)))
      return { memberId, claims: claims(s, "", own) }
    })
    this.heard = heardFrom(members, this.partitions, this.heard)
    const given = assignTwoStep(members, this.partitions, this.heard)
    for (const id of ids) {
      this.dispatch(id, { type: "joined", memberId: id, generation: this.generation })
      this.dispatch(id, { type: "synced", sentAt: this.generation, assigned: given.get(id) ?? [] })
    }
  }

  get evicting(): ReadonlyArray<readonly [memberId: string, key: string]> {
    return [...this.members].flatMap(([id, s]) =>
      [...s.owned].filter(([, o]) => o.phase === "evicting").map(([k]) => [id, k] as const)
    )
  }

  endEviction(memberId: string, k: string): void {
    this.dispatch(memberId, { type: "evicted", key: k })
  }

  get wantsRebalance(): boolean {
    return [...this.members.values()].some(mayJoin)
  }

  /** Lets all evictions end and rebalances while somebody wants to. Answers the generations that it took. */
  settle(): number {
    let took = 0
    for (; took <= 6; took++) {
      for (const [id, k] of this.evicting) this.endEviction(id, k)
      if (!this.wantsRebalance) return took
      this.rebalance()
    }
    return assert.fail(`not at rest after ${took} generations`)
  }

  get held(): ReadonlyMap<string, ReadonlyArray<string>> {
    return new Map([...this.members].map(([id, s]) => [id, [...s.owned.keys()].sort()]))
  }

  get counts(): ReadonlyArray<number> {
    return [...this.members.values()].map((s) => s.owned.size)
  }

  assertAtRest(): void {
    assert.strictEqual(sum(this.counts), this.partitions.length, "every partition is owned")
    assert.isAtMost(Math.max(...this.counts) - Math.min(...this.counts), 1, "shares differ by one at most")
    assert.deepStrictEqual(this.evicting, [])
  }

  copy(): Group {
    const g = new Group(this.partitions.length)
    g.generation = this.generation
    for (const [id, s] of this.members) g.members.set(id, s)
    return g
  }
}

const ids = ["e", "b", "h", "a", "d", "c", "g", "f"]
/** A group at rest after some members came and went, so that what each holds has a history. */
const groups: fc.Arbitrary<Group> = fc
  .record({
    n: fc.integer({ min: 0, max: 20 }),
    changes: fc.array(fc.tuple(fc.boolean(), fc.nat(ids.length - 1)), { minLength: 1, maxLength: 8 })
  })
  .map(({ n, changes }) => {
    const g = new Group(n)
    g.enter(ids[0]!)
    g.settle()
    for (const [comes, i] of changes) {
      const id = ids[i]!
      if (comes && !g.members.has(id)) g.enter(id)
      else if (!comes && g.members.size > 1) g.vanish(id)
      g.rebalance()
      g.settle()
    }
    return g
  })

describe("a group of members", () => {
  it("comes to rest with every partition owned and shares that differ by one at most", () => {
    fc.assert(fc.property(groups, (g) => g.assertAtRest()))
  })

  it("at rest, another generation moves nothing", () => {
    fc.assert(
      fc.property(groups, (g) => {
        const before = g.held
        g.evicted.length = 0
        g.rebalance((a, b) => (a < b ? 1 : -1))
        assert.deepStrictEqual(g.evicted, [])
        assert.deepStrictEqual(g.held, before)
      })
    )
  })

  it("one member more moves as few partitions as possible, in two generations", () => {
    fc.assert(
      fc.property(groups, (g) => {
        fc.pre(g.members.size < ids.length)
        const fewest = fewestMoves([...g.counts, 0], g.partitions.length)
        g.evicted.length = 0
        g.enter(ids.find((id) => !g.members.has(id))!)
        assert.isAtMost(g.settle(), 2)
        g.assertAtRest()
        assert.strictEqual(g.evicted.length, fewest)
        assert.isAtMost(fewest, Math.ceil(g.partitions.length / g.members.size))
      })
    )
  })

  it("one member less moves nothing but what it had, at once", () => {
    fc.assert(
      fc.property(groups, fc.nat(), (g, i) => {
        fc.pre(g.members.size > 1)
        g.evicted.length = 0
        g.vanish([...g.members.keys()][i % g.members.size]!)
        g.rebalance()
        g.assertAtRest()
        assert.deepStrictEqual(g.evicted, [])
      })
    )
  })

  it("added partitions are given at once and move nothing", () => {
    fc.assert(
      fc.property(groups, fc.integer({ min: 1, max: 10 }), (g, more) => {
        g.evicted.length = 0
        g.partitions = partitionsOf(g.partitions.length + more)
        g.rebalance()
        g.assertAtRest()
        assert.deepStrictEqual(g.evicted, [])
      })
    )
  })

  it("rebalances that come before the evictions have ended change nothing about what moves", () => {
    // Each step ends one eviction, whichever, or rebalances although others are still under way.
    const interruptions = fc.array(fc.option(fc.nat(), { freq: 3 }), { maxLength: 25 })
    fc.assert(
      fc.property(groups, fc.integer({ min: 1, max: 3 }), interruptions, (g, entering, steps) => {
        for (const id of ids.filter((x) => !g.members.has(x)).slice(0, entering)) g.enter(id)
        const undisturbed = g.copy()
        undisturbed.settle()
        g.evicted.length = 0
        g.rebalance()
        for (const which of steps) {
          const open = g.evicting
          if (which !== null && open.length > 0) g.endEviction(...open[which % open.length]!)
          else {
            // Another leader may see the members and the topics in another order.
            g.partitions = [...g.partitions].reverse()
            g.rebalance((a, b) => (a < b ? 1 : -1))
          }
        }
        g.settle()
        g.assertAtRest()
        assert.deepStrictEqual([...g.evicted].sort(), [...undisturbed.evicted].sort())
        assert.deepStrictEqual([...g.counts].sort(), [...undisturbed.counts].sort())
      }),
      { numRuns: 1_000 }
    )
  })

  it("members that come, crash and evict at any time never own a partition twice, and come to rest", () => {
    const chaos = fc.array(
      fc.oneof(
        fc.record({ op: fc.constant("enter" as const), i: fc.nat(ids.length - 1) }),
        fc.record({ op: fc.constant("vanish" as const), i: fc.nat(ids.length - 1) }),
        fc.record({ op: fc.constant("evicted" as const), i: fc.nat() }),
        fc.record({ op: fc.constant("rebalance" as const), i: fc.constant(0) })
      ),
      { maxLength: 40 }
    )
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), chaos, (n, history) => {
        const g = new Group(n)
        for (const { op, i } of history) {
          const open = g.evicting
          if (op === "enter" && !g.members.has(ids[i]!)) g.enter(ids[i]!)
          else if (op === "vanish") g.vanish(ids[i]!)
          else if (op === "evicted" && open.length > 0) g.endEviction(...open[i % open.length]!)
          else if (op === "rebalance") g.rebalance()
        }
        if (g.members.size === 0) g.enter("a")
        g.rebalance()
        g.settle()
        g.assertAtRest()
      }),
      { numRuns: 1_000 }
    )
  })

  it("members with loads that come, crash and evict at any time never own a partition twice, and come to rest", () => {
    const loads = fc.array(fc.constantFrom(0, 1, 2, 5, 40), { minLength: 20, maxLength: 20 })
    const ops = fc.array(fc.tuple(fc.constantFrom("enter", "vanish", "evicted", "rebalance"), fc.nat()), {
      maxLength: 40
    })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), loads, ops, (n, weights, history) => {
        const g = new Group(n)
        g.loads = new Map(weights.map((w, i) => [`t/${i}`, w * 1_000_000]))
        for (const [op, i] of history) {
          const id = ids[i % ids.length]!
          const open = g.evicting
          if (op === "enter" && !g.members.has(id)) g.enter(id)
          else if (op === "vanish") g.vanish(id)
          else if (op === "evicted" && open.length > 0) g.endEviction(...open[i % open.length]!)
          else if (op === "rebalance") g.rebalance()
        }
        if (g.members.size === 0) g.enter("a")
        // Each round is a look at the loads by all.
        for (let look = 0, before = ""; ; look++) {
          g.rebalance()
          g.settle()
          const now = JSON.stringify([...g.held])
          if (now === before) break
          before = now
          assert.isAtMost(look, 14)
        }
        assert.strictEqual(sum(g.counts), n, "every partition is owned")
        g.evicted.length = 0
        g.rebalance((a, b) => (a < b ? 1 : -1))
        assert.deepStrictEqual(g.evicted, [])
      }),
      { numRuns: 1_000 }
    )
  })

  it("partitions that move for their load go where they were meant to, in two generations", () => {
    const g = new Group(4)
    for (const id of ["a", "b"]) g.enter(id)
    g.settle()
    const hot = [...g.members.get("a")!.owned.keys()]
    g.loads = new Map(g.partitions.map(partitionKey).map((k) => [k, hot.includes(k) ? 10_000_000 : 1_000_000]))
    g.evicted.length = 0
    g.rebalance()
    assert.strictEqual(g.settle(), 1)
    // One hot one for a light one: both are away for one generation and arrive in the next.
    assert.strictEqual(g.evicted.length, 2)
    for (const keys of g.held.values()) assert.strictEqual(keys.filter((k) => hot.includes(k)).length, 1)
    g.rebalance()
    assert.strictEqual(g.settle(), 0)
    assert.strictEqual(g.evicted.length, 2)
  })

  it("what moves for its load is not given back because another eviction ended first", () => {
    const g = new Group(12)
    for (const id of ["a", "b"]) g.enter(id)
    g.settle()
    const hot = [...g.members.get("a")!.owned.keys()]
    g.loads = new Map(g.partitions.map(partitionKey).map((k) => [k, hot.includes(k) ? 10_000_000 : 1_000_000]))
    g.evicted.length = 0
    g.rebalance()
    assert.strictEqual(g.evicting.length, 2)
    g.endEviction(...g.evicting[0]!)
    g.rebalance()
    g.settle()
    assert.strictEqual(g.evicted.length, 2)
    assert.strictEqual(g.held.get("a")!.length, 4)
  })

  it("a member that evicts slowly takes nothing out that stays where it is", () => {
    const g = new Group(12)
    for (const id of ["a", "b"]) g.enter(id)
    g.settle()
    g.enter("c")
    g.rebalance()
    const slow = g.evicting.filter(([id]) => id === "a")
    for (const [id, k] of g.evicting) if (id === "b") g.endEviction(id, k)
    g.rebalance()
    const live = [...g.members].map(([id, s]) => [id, [...s.owned.values()].filter((o) => o.phase === "live").length])
    assert.deepStrictEqual(Object.fromEntries(live), { a: 4, b: 4, c: 2 })
    assert.deepStrictEqual(g.evicting, slow)
  })
})
