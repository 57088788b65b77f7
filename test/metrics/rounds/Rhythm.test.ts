/** How often a source sends; what comes with a round beside its number and times is not kept. */
import { assert, it } from "@effect/vitest"
import { Rhythms } from "../../../src/metrics/rounds/Rhythm.ts"

it("a rhythm keeps nothing of a round but its number and its times", () => {
  const rhythms = new Rhythms(10)
  for (let round = 1; round < 5; round++) {
    const arrived = {
      source: "s",
      number: { epoch: 1, round },
      appended: round * 1000,
      first: round,
      parts: ["the lines"]
    }
    const rhythm = rhythms.note(arrived)
    assert.notInclude(JSON.stringify(rhythm), "the lines")
    assert.strictEqual(rhythm.span(100), round === 1 ? 100 : 3000)
  }
})

it("the rhythm that is forgotten is that of the source seen longest ago", () => {
  const rhythms = new Rhythms(2)
  const note = (source: string, appended: number) =>
    rhythms.note({ source, number: undefined, appended, first: appended })
  const a = note("a", 0)
  const b = note("b", 0)
  assert.strictEqual(note("b", 5), b)
  note("a", 10)
  note("a", 20)
  note("c", 20)
  assert.strictEqual(note("a", 30), a)
  assert.notStrictEqual(note("b", 30), b)
})
