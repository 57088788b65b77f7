/** `simulate` from outside: applications of any kind, a judge of one's own beside the promises' or in their place, and what is said of a broken history. */
import { assert, describe, it } from "@effect/vitest"
import type { Happening } from "../../src/testing/simulation/Happening.ts"
import { replay, simulate } from "../../src/testing/simulation/Simulate.ts"
import { ofWriters } from "./histories.ts"
import { latestSubject } from "./latest.ts"
import { type StoreMistake, storeSubject } from "./store.ts"

const timeout = 120_000
const seeds = { from: 1, count: 6 }

describe("simulate", () => {
  it("finds nothing in an application that keeps its promises, and counts what it played", { timeout }, () => {
    for (const profile of ["faults", "logBack"] as const) {
      const { broken, ...totals } = simulate({ subject: latestSubject(), seeds, profile })
      if (broken !== undefined) assert.fail(broken.message)
      assert.strictEqual(totals.schedules, 6)
      assert.isAbove(totals.faults, 50)
      assert.isAbove(totals.values, 100)
    }
  })

  it("finds an application that does not let go of keys that moved when its topic grew", { timeout }, () => {
    const { broken } = simulate({ subject: latestSubject(), seeds, profile: "growth" })
    assert.match(broken!.findings[0]!, /older after newer|shown by p/)
    assert.isTrue(broken!.schedule.faults.some(({ fault }) => fault.type === "addPartitions"))
  })

  it("tells a judge of one's own the whole history, in the order of time", { timeout }, () => {
    const judge = (history: ReadonlyArray<Happening>) => {
      for (const type of ["sent", "shown", "committed", "fault"] as const)
        assert.isTrue(
          history.some((h) => h.type === type),
          type
        )
      // What is shown was sent before.
      const sent = new Map<string, number>()
      for (const h of history) {
        if (h.type === "sent") sent.set(h.source, Math.max(h.n, sent.get(h.source) ?? 0))
        if (h.type === "shown") for (const [source, n] of h.values) assert.isAtMost(n, sent.get(source)!)
      }
      return []
    }
    assert.isUndefined(simulate({ subject: latestSubject(), seeds: { from: 1, count: 2 }, judge }).broken)
    assert.isUndefined(simulate({ seeds: { from: 1, count: 2 }, profile: "calm", judge }).broken)
  })

  it("shrinks to what the judge minds, and prints what repeats it", { timeout }, () => {
    const judge = (history: ReadonlyArray<Happening>) =>
      history.some((h) => h.type === "fault" && h.fault.type === "crash") ? ["a pod crashed"] : []
    const options = { subject: latestSubject(), judge, promises: false }
    const { broken } = simulate({ ...options, seeds })
    assert.lengthOf(broken!.schedule.faults, 1)
    assert.strictEqual(broken!.schedule.faults[0]!.fault.type, "crash")
    assert.deepStrictEqual(broken!.findings, ["a pod crashed"])
    assert.include(broken!.message, `simulate({ seeds: { from: ${broken!.seed}, count: 1 }, profile: "faults"`)
    const json = broken!.message.split("\n").find((line) => line.startsWith("{"))!
    assert.deepStrictEqual(replay(json, options).violations, ["a pod crashed"])
    const again = simulate({ ...options, seeds: { from: broken!.seed, count: 1 }, profile: "faults" })
    assert.strictEqual(again.broken!.message, broken!.message)
  })

  it("leaves the promises alone where only one's own judge is wanted", { timeout }, () => {
    const subject = latestSubject("shows the first")
    assert.isDefined(simulate({ subject, seeds }).broken)
    assert.isUndefined(simulate({ subject, seeds: { from: 1, count: 3 }, promises: false, judge: () => [] }).broken)
  })
})

describe("simulate, of what makes records durable,", () => {
  it("finds nothing where all promises are kept", { timeout }, () => {
    for (const [profile, count] of [
      ["durable", 8],
      ["handedOver", 1]
    ] as const) {
      const { broken, schedules } = simulate({ durable: storeSubject(), seeds: { from: 1, count }, profile })
      if (broken !== undefined) assert.fail(broken.message)
      assert.strictEqual(schedules, count)
    }
  })

  const mistakes: ReadonlyArray<readonly [StoreMistake, RegExp]> = [
    ["commits before it writes", /commits offset \d+ .* is not durable/],
    ["forgets the rest when it is drained", /is not durable, and all have left/],
    ["writes whoever may have written", /is durable twice/],
    ["asks for no proof", /although it has lost the partition/]
  ]
  for (const [mistake, finding] of mistakes)
    it(`finds one that ${mistake}, and prints a small history that repeats it`, { timeout }, () => {
      const durable = storeSubject(mistake)
      const { broken } = simulate({ durable, histories: ofWriters, seeds: { from: 1, count: 60 } })
      assert.match(broken!.findings.join("\n"), finding)
      assert.isAtMost(broken!.schedule.faults.length, 3, broken!.message)
      assert.include(broken!.message, `simulate({ seeds: { from: ${broken!.seed}, count: 1 }, profile: "durable"`)
      assert.deepStrictEqual(replay(JSON.stringify(broken!.schedule), { durable }).violations, broken!.findings)
    })

  it("plays it in histories of its own alone, and says so", () => {
    assert.throws(
      () => simulate({ durable: storeSubject(), seeds, profile: "calm" }),
      /profiles durable and handedOver/
    )
    assert.throws(() => simulate({ subject: latestSubject(), seeds, profile: "durable" }), /durable was asked for/)
  })
})
