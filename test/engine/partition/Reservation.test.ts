/**
 * Reservation: rule 2's limit against a small model of a broker: commits are carried out on arrival, in order while a connection
 * lives; when one is lost, its answers never come and what was under way is carried out later, in any order, or never,
 * until a new generation makes the broker refuse it. The owner shows everything that it may at every instant.
 *
 * The fact: at no instant could a next owner ever read an R below what was shown.
 */

import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import {
  commitAnswered,
  commitSent,
  exposeLimit,
  inDoubt,
  keptFrom,
  nextReservation,
  type Reservation,
  unreserved
} from "../../../src/engine/partition/Reservation.ts"

type Op =
  | { readonly op: "send"; readonly wanted: number }
  | { readonly op: "carryOut" }
  | { readonly op: "answer" }
  | { readonly op: "loseConnection" }
  | { readonly op: "lateCarryOut"; readonly which: number }
  | { readonly op: "newGeneration" }

interface Sent {
  readonly r: number
  readonly generation: number
}

const ops: fc.Arbitrary<ReadonlyArray<Op>> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ op: fc.constant("send" as const), wanted: fc.integer({ min: 0, max: 60 }) }) },
    { weight: 4, arbitrary: fc.constant({ op: "carryOut" as const }) },
    { weight: 4, arbitrary: fc.constant({ op: "answer" as const }) },
    { weight: 2, arbitrary: fc.constant({ op: "loseConnection" as const }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant("lateCarryOut" as const), which: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.constant({ op: "newGeneration" as const }) }
  ),
  { maxLength: 60 }
)

/** What this history does to the promise: the R read by a next owner and the highest offset shown, at each step. */
class World {
  owner: Reservation = unreserved
  /** What another owner left in the broker: as low as can be. */
  stored = 0
  generation = 1
  onTheWire: (Sent & { readonly carriedOut: boolean; readonly accepted: boolean }) | null = null
  adrift: ReadonlyArray<Sent> = []
  shown = -1
  sentInGeneration: Array<number> = []
  private readonly fence: number

  constructor(fence: number) {
    this.fence = fence
  }

  private apply(sent: Sent): boolean {
    if (sent.generation !== this.generation) return false
    this.stored = sent.r
    return true
  }

  run(o: Op): void {
    switch (o.op) {
      case "send": {
        if (this.onTheWire !== null) return
        const r = nextReservation(this.owner, this.fence, Math.max(0, this.shown), o.wanted)
        this.owner = commitSent(this.owner, r, 0, this.generation)
        this.onTheWire = { r, generation: this.generation, carriedOut: false, accepted: false }
        this.sentInGeneration.push(r)
        return
      }
      case "carryOut":
        if (this.onTheWire !== null && !this.onTheWire.carriedOut)
          this.onTheWire = { ...this.onTheWire, carriedOut: true, accepted: this.apply(this.onTheWire) }
        return
      case "answer":
        if (this.onTheWire?.carriedOut !== true) return
        this.owner = commitAnswered(this.owner, this.onTheWire.accepted ? "confirmed" : "refused")
        this.onTheWire = null
        return
      case "loseConnection":
        if (this.onTheWire === null) return
        if (!this.onTheWire.carriedOut) this.adrift = [...this.adrift, this.onTheWire]
        this.owner = commitAnswered(this.owner, "unknown")
        this.onTheWire = null
        return
      case "lateCarryOut": {
        const late = this.adrift[o.which]
        if (late === undefined) return
        this.adrift = this.adrift.filter((_, i) => i !== o.which)
        this.apply(late)
        return
      }
      case "newGeneration":
        this.generation += 1
        this.sentInGeneration = []
    }
  }

  /** The owner's most eager scrape. */
  show(): void {
    this.shown = Math.max(this.shown, exposeLimit(this.owner))
  }

  /** Every R that the broker could hold when a next owner asks, were this owner to die now. */
  get readable(): ReadonlyArray<number> {
    const underWay = this.onTheWire !== null && !this.onTheWire.carriedOut ? [this.onTheWire] : []
    return [
      this.stored,
      ...[...underWay, ...this.adrift].filter((s) => s.generation === this.generation).map((s) => s.r)
    ]
  }
}

const fences = fc.integer({ min: 0, max: 40 })

describe("against a broker that loses answers and carries commits out late", () => {
  it("nothing is shown beyond an R that a next owner could read", () => {
    fc.assert(
      fc.property(ops, fences, (history, fence) => {
        const w = new World(fence)
        for (const o of history) {
          w.run(o)
          w.show()
          for (const r of w.readable) assert.isAtMost(w.shown, w.shown < 0 ? 0 : r)
        }
      }),
      { numRuns: 2_000 }
    )
  })

  it("R never falls, and never lies below the fence or what was shown", () => {
    fc.assert(
      fc.property(ops, fences, (history, fence) => {
        const w = new World(fence)
        let last = -1
        for (const o of history) {
          const shown = w.shown
          w.run(o)
          w.show()
          const sent = w.owner.inFlight
          if (o.op !== "send" || sent === null) continue
          assert.isAtLeast(sent.r, Math.max(last, fence, shown))
          last = sent.r
        }
      })
    )
  })

  it("the limit never falls: what may be shown once may be shown for as long as the ownership lasts", () => {
    fc.assert(
      fc.property(ops, fences, (history, fence) => {
        const w = new World(fence)
        let limit = -1
        for (const o of history) {
          w.run(o)
          assert.isAtLeast(exposeLimit(w.owner), limit)
          limit = exposeLimit(w.owner)
        }
      })
    )
  })

  it("one confirmed commit of a later generation ends every doubt", () => {
    fc.assert(
      fc.property(ops, fences, (history, fence) => {
        const w = new World(fence)
        for (const o of history) w.run(o)
        for (const op of ["carryOut", "answer", "newGeneration"] as const) w.run({ op })
        w.run({ op: "send", wanted: 100 })
        w.run({ op: "carryOut" })
        w.run({ op: "answer" })
        assert.isFalse(inDoubt(w.owner))
        assert.strictEqual(exposeLimit(w.owner), Math.max(100, fence))
      })
    )
  })

  it("what is kept of unknown outcomes is one entry a generation", () => {
    let s = commitAnswered(commitSent(unreserved, 10, 0, 1), "unknown")
    for (let r = 11; r < 1_000; r++) s = commitAnswered(commitSent(s, r, 0, 1), "unknown")
    assert.deepStrictEqual(s.unknown, [{ r: 10, l: 0, generation: 1 }])
  })
})

describe("one commit after the other", () => {
  const confirmed = (s: Reservation, r: number, generation = 1) =>
    commitAnswered(commitSent(s, r, 0, generation), "confirmed")

  it("before the first answered commit nothing is shown", () => {
    assert.strictEqual(exposeLimit(unreserved), -1)
    assert.strictEqual(exposeLimit(commitSent(unreserved, 50, 0, 1)), -1)
    assert.strictEqual(exposeLimit(commitAnswered(commitSent(unreserved, 50, 0, 1), "unknown")), -1)
    assert.strictEqual(exposeLimit(commitAnswered(commitSent(unreserved, 50, 0, 1), "refused")), -1)
  })

  it("a larger R counts from its answer", () => {
    const sent = commitSent(confirmed(unreserved, 50), 80, 0, 1)
    assert.strictEqual(exposeLimit(sent), 50)
    assert.strictEqual(exposeLimit(commitAnswered(sent, "confirmed")), 80)
  })

  it("a smaller R counts from the moment it is sent, and stays when its answer does not come", () => {
    const sent = commitSent(confirmed(unreserved, 80), 50, 0, 1)
    assert.strictEqual(exposeLimit(sent), 50)
    assert.strictEqual(exposeLimit(commitAnswered(sent, "unknown")), 50)
    assert.strictEqual(exposeLimit(confirmed(commitAnswered(sent, "unknown"), 90)), 50)
    assert.strictEqual(exposeLimit(confirmed(commitAnswered(sent, "unknown"), 90, 2)), 90)
  })

  it("a refused R binds nobody, but the next one is not below it", () => {
    const s = commitAnswered(commitSent(confirmed(unreserved, 50), 80, 0, 1), "refused")
    assert.strictEqual(exposeLimit(s), 50)
    assert.strictEqual(nextReservation(s, 0, 0, 60), 80)
  })

  it("a clean handoff's R covers the own fence of an owner that never reached it", () => {
    assert.strictEqual(nextReservation(unreserved, 1_000, 0, 40), 1_000)
  })

  it("nothing is forgotten from an L on that a next owner might read: confirmed, in flight or of unknown outcome", () => {
    const owner = { ...unreserved, kept: 10 }
    const sent = commitSent(owner, 50, 20, 1)
    assert.strictEqual(keptFrom(owner), 10)
    assert.strictEqual(keptFrom(sent), 10)
    assert.strictEqual(keptFrom(commitAnswered(sent, "confirmed")), 20)
    assert.strictEqual(keptFrom(commitAnswered(sent, "refused")), 10)
    const lost = commitAnswered(commitSent(commitAnswered(sent, "confirmed"), 60, 30, 1), "unknown")
    assert.strictEqual(keptFrom(lost), 20)
    assert.strictEqual(keptFrom(commitAnswered(commitSent(lost, 70, 40, 1), "confirmed")), 30, "it may still arrive")
    assert.strictEqual(keptFrom(commitAnswered(commitSent(lost, 70, 40, 2), "confirmed")), 40)
  })

  it("a second commit in flight is a defect", () => {
    assert.throws(() => commitSent(commitSent(unreserved, 10, 0, 1), 20, 0, 1), /second commit/)
  })
})
