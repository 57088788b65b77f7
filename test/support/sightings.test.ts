/** What may be concluded from overlapping scrapes, and what may not. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { absences, interruptions, latest, olderValues, type Sighting } from "./sightings.ts"

const seen = (pod: string, sentAt: number, answeredAt: number, rounds: Record<string, number>): Sighting => ({
  pod,
  sentAt,
  answeredAt,
  rounds: new Map(Object.entries(rounds))
})

describe("the judge of sightings", () => {
  it("finds a value below one that was answered before the scrape was sent", () => {
    assert.deepStrictEqual(olderValues([seen("a", 0, 10, { s: 7 }), seen("b", 11, 20, { s: 6 })]), [
      "b shows round 6 of s, asked 1 ms after a had shown 7"
    ])
  })

  it("finds it whichever of the two was noted first, and also behind a scrape that shows less", () => {
    const scrapes = [seen("a", 0, 10, { s: 7 }), seen("b", 5, 30, { s: 5 }), seen("b", 31, 40, { s: 6 })]
    assert.lengthOf(olderValues(scrapes), 1)
    assert.lengthOf(olderValues(scrapes.toReversed()), 1)
  })

  it("says nothing about scrapes that overlap, equal values and other sources", () => {
    assert.deepStrictEqual(olderValues([seen("a", 0, 10, { s: 7 }), seen("b", 9, 20, { s: 6 })]), [])
    assert.deepStrictEqual(olderValues([seen("a", 0, 10, { s: 7 }), seen("b", 10, 20, { s: 6 })]), [])
    assert.deepStrictEqual(olderValues([seen("a", 0, 10, { s: 7 }), seen("b", 11, 20, { s: 7, t: 1 })]), [])
  })

  it("finds nothing in scrapes whose values follow one order of cuts, and what the definition says in any", () => {
    const scrape = fc.record({
      pod: fc.constantFrom("a", "b"),
      sentAt: fc.nat(50),
      took: fc.integer({ min: 1, max: 9 }),
      round: fc.nat(5)
    })
    fc.assert(
      fc.property(fc.array(scrape, { maxLength: 20 }), fc.nat(100), (list, cut) => {
        const any = list.map(({ pod, sentAt, took, round }) => seen(pod, sentAt, sentAt + took, { s: round }))
        const wrong = any.filter((s) =>
          any.some((before) => before.answeredAt < s.sentAt && before.rounds.get("s")! > s.rounds.get("s")!)
        )
        assert.lengthOf(olderValues(any), wrong.length)
        const sound = list.map(({ pod, sentAt, took }) => {
          const at = sentAt + (took * cut) / 100
          return seen(pod, sentAt, sentAt + took, { s: Math.floor(at) })
        })
        assert.deepStrictEqual(olderValues(sound), [])
      })
    )
  })
})

describe("what was missing", () => {
  it("counts for a source that its pod showed before and after and no other pod did", () => {
    const gap = [
      seen("a", 0, 1, { s: 1, t: 1 }),
      seen("a", 10, 11, { t: 1 }),
      seen("a", 20, 21, {}),
      seen("a", 30, 31, { s: 1, t: 1 })
    ]
    assert.deepStrictEqual(interruptions(gap, "a"), [
      "2 sources that stayed on a (s, …) were missing from 2 of its 4 scrapes, 10 to 20 ms after the first"
    ])
    assert.deepStrictEqual(interruptions([...gap, seen("b", 15, 16, { s: 1, t: 1 })], "a"), [])
    assert.deepStrictEqual(interruptions(gap.slice(0, 1), "a"), [])
    assert.deepStrictEqual(interruptions(gap, "b"), ["b was not scraped"])
  })

  it("is measured for a source that moved, from the last cut that showed it to the first that does again", () => {
    const moved = [
      seen("a", 0, 5, { s: 1 }),
      seen("a", 10, 15, { s: 1 }),
      seen("b", 12, 16, {}),
      seen("a", 20, 25, {}),
      seen("b", 100, 105, { s: 2 }),
      seen("b", 110, 115, { s: 2 })
    ]
    assert.deepStrictEqual(absences(moved), [{ source: "s", from: "a", to: "b", ms: 95 }])
    assert.deepStrictEqual(absences(moved.slice(0, 4)), [])
  })

  it("is looked up in the scrape of a pod that was sent last", () => {
    const scrapes = [seen("a", 10, 11, { s: 2 }), seen("a", 0, 20, { s: 1 })]
    assert.strictEqual(latest(scrapes).get("a")!.rounds.get("s"), 2)
  })
})
