/** StartPlan: where a new owner begins and up to where it hides: a table of rules 2, 3 and 9, and what holds for every input. */

import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { durable, type Needs, shown } from "../../../src/engine/PartitionProcessor.ts"
import { type PlanInput, planStart, type StartPlan } from "../../../src/engine/partition/StartPlan.ts"

const ours = {
  reservation: 150,
  lowest: 80,
  witness: null,
  marks: [{ end: 70, read: 70, ago: 9 }],
  quarantine: null,
  judgedBy: "",
  memo: "m",
  unread: []
}

const base: PlanInput = {
  needs: shown,
  committed: { offset: 100, metadata: ours },
  logStart: 0,
  logEnd: 1_000,
  lookbackOffset: 900,
  sendersTime: false,
  exposed: 0,
  seen: 0,
  replaced: null
}

describe("rules 2, 3 and 9", () => {
  const table: ReadonlyArray<
    readonly [fact: string, change: Partial<PlanInput>, plan: Partial<Omit<StartPlan, "why">>]
  > = [
    [
      "2, 3: from L, committing C, hidden up to R where it lies before the log end",
      {},
      { start: 80, committed: 100, memo: "m", fence: 150, lost: 0, restarted: false }
    ],
    [
      "2: hidden up to the log end where that is nearer than R",
      { logEnd: 120 },
      { start: 80, committed: 100, fence: 120 }
    ],
    [
      "2: an R below C (not ours to explain) hides up to C",
      { committed: { offset: 100, metadata: { ...ours, reservation: 5 } } },
      { start: 80, fence: 100 }
    ],
    [
      "3: never from after C, whatever L says",
      { committed: { offset: 100, metadata: { ...ours, lowest: 130 } } },
      { start: 100, committed: 100 }
    ],
    [
      "3: L from before the log start begins at the log start, nothing committed is lost",
      { logStart: 90 },
      { start: 90, committed: 100, fence: 150, lost: 0 }
    ],
    [
      "2: unreadable metadata hides up to the log end",
      { committed: { offset: 950, metadata: null } },
      { start: 900, committed: 950, memo: "", fence: 1_000 }
    ],
    [
      "3: without metadata a group that lags beyond the lookback begins at C",
      { committed: { offset: 100, metadata: null } },
      { start: 100, committed: 100, fence: 1_000 }
    ],
    [
      "2: without any commit from the lookback on, hidden up to the log end",
      { committed: null },
      { start: 900, committed: 900, fence: 1_000, restarted: false }
    ],
    [
      "2: an empty log without a commit is shown from its first record on",
      { committed: null, logEnd: 0 },
      { start: 0, fence: 0 }
    ],
    [
      "5: an actor that starts over hides up to what it exposed",
      { exposed: 600 },
      { start: 80, committed: 100, fence: 600 }
    ],
    ["5: the same without a commit", { committed: null, exposed: 1_000 }, { start: 900, fence: 1_000 }],
    [
      "9: retention that passed C continues at the log start, counts the loss, hides up to the log end",
      { logStart: 400 },
      { start: 400, committed: 400, fence: 1_000, lost: 300, restarted: false }
    ],
    [
      "9: a log end below C is a new log: only what arrives from now on",
      { logEnd: 99, lookbackOffset: 50 },
      { start: 99, committed: 99, fence: 99, lost: 0, restarted: true }
    ],
    ["9: a log end at C is the same log", { logEnd: 100 }, { start: 80, fence: 100, restarted: false }],
    [
      "9: a log end below what was exposed is a new log",
      { logEnd: 500, exposed: 501, seen: 501 },
      { start: 500, committed: 500, fence: 500, restarted: true }
    ],
    [
      "9: the same without a commit",
      { committed: null, logEnd: 500, exposed: 501, seen: 501 },
      { start: 500, fence: 500, restarted: true }
    ],
    [
      "9: a log end below the fence that this owner was given is a new log, though nothing was exposed here yet",
      { logEnd: 600, seen: 700 },
      { start: 600, committed: 600, fence: 600, restarted: true }
    ],
    [
      "9: a log that holds another record where one was read is a new log, though it grew past C again",
      { replaced: 99 },
      { start: 1_000, committed: 1_000, fence: 1_000, lost: 0, restarted: true }
    ],
    [
      "9: the same without a commit, for an actor that starts over",
      { committed: null, replaced: 599, exposed: 600, seen: 600 },
      { start: 1_000, fence: 1_000, restarted: true }
    ],
    [
      "9: the same where retention passed C: what is gone was of another log, no loss",
      { logStart: 400, replaced: 450 },
      { start: 1_000, restarted: true, lost: 0 }
    ],
    [
      "9: a recreated log that begins anew at zero is a new log, not a loss",
      { logStart: 0, logEnd: 7, lookbackOffset: 0 },
      { start: 7, committed: 7, restarted: true, lost: 0 }
    ],
    [
      "9: an emptied log (start = end beyond C) is retention's loss, not a new log",
      { logStart: 1_000 },
      { start: 1_000, committed: 1_000, fence: 1_000, lost: 900, restarted: false }
    ],
    [
      "3: a group that never committed begins where its processor needs it to",
      { needs: durable, committed: null, logStart: 5 },
      { start: 5, committed: 5, fence: 5 }
    ],
    ["3: or at the end", { needs: { ...shown, newGroup: "end" }, committed: null }, { start: 1_000, fence: 1_000 }],
    [
      "3: whose stamps they are matters to the lookback alone",
      { needs: durable, committed: null, sendersTime: true },
      { start: 0, why: "no commit yet" } as Partial<StartPlan>
    ],
    [
      "9: a new log is read from its start where nothing of it is shown",
      { needs: durable, logStart: 3, logEnd: 50 },
      { start: 3, committed: 3, fence: 3, restarted: true }
    ]
  ]
  it("8: L and the time go on from the commit; senders' stamps tell nothing", () => {
    assert.include(planStart(base), { lowest: 80, marks: ours.marks, quarantine: null })
    const quarantine = { until: 130 }
    assert.include(planStart({ ...base, committed: { offset: 100, metadata: { ...ours, quarantine } } }), {
      quarantine
    })
    const unknown = { ...base, committed: { offset: 100, metadata: null }, lookbackOffset: 40 }
    assert.deepInclude(planStart(unknown), { start: 40, quarantine: { until: null }, marks: [] })
    const senders = planStart({ ...unknown, sendersTime: true, lookbackOffset: 1_000 })
    assert.deepInclude(senders, { start: 100, fence: 1_000, quarantine: { until: null } })
    const first = planStart({ ...base, committed: null, sendersTime: true })
    assert.deepInclude(first, { start: 1_000, committed: 1_000, fence: 1_000, quarantine: null })
  })

  it.each(table)("%s", (_fact, change, expected) => {
    const plan = planStart({ ...base, ...change })
    for (const [name, value] of Object.entries(expected)) assert.strictEqual(plan[name as keyof StartPlan], value, name)
  })

  it("a plan says in words why: the offsets are in the sentence", () => {
    assert.match(planStart({ ...base, logEnd: 99 }).why, /ends at 99, before offset 100/)
    assert.match(planStart({ ...base, replaced: 77 }).why, /offset 77 is not the one that was read there/)
    assert.match(planStart({ ...base, logStart: 400 }).why, /passed the committed offset 100.*400/)
  })
})

const inputs: fc.Arbitrary<PlanInput> = fc
  .record({
    needs: fc.record<Needs>({
      shows: fc.boolean(),
      newGroup: fc.constantFrom("start", "end", "lookback"),
      newLog: fc.constantFrom("start", "end"),
      mayDrop: fc.boolean()
    }),
    committed: fc.option(
      fc.record({
        offset: fc.nat(50),
        metadata: fc.option(
          fc.record({
            reservation: fc.nat(60),
            lowest: fc.nat(60),
            witness: fc.constant(null),
            marks: fc.constant([]),
            quarantine: fc.constant(null),
            judgedBy: fc.constant(""),
            memo: fc.constant("m"),
            unread: fc.constant([])
          })
        )
      })
    ),
    logStart: fc.nat(50),
    length: fc.nat(30),
    lookbackOffset: fc.nat(90),
    sendersTime: fc.boolean(),
    exposed: fc.oneof(fc.constant(0), fc.nat(60)),
    beyond: fc.nat(10),
    replaced: fc.option(fc.nat(60), { freq: 1 })
  })
  .map(({ length, beyond, ...i }) => ({
    ...i,
    logEnd: i.logStart + length,
    seen: i.exposed === 0 ? 0 : i.exposed + beyond
  }))

describe("for every input", () => {
  const always = (fact: string, holds: (plan: StartPlan, i: PlanInput) => void) =>
    it(fact, () => {
      fc.assert(
        fc.property(inputs, (i) => holds(planStart(i), i)),
        { numRuns: 1_000 }
      )
    })

  always("reading starts inside the log", (p, i) => {
    assert.isAtLeast(p.start, i.logStart)
    assert.isAtMost(p.start, i.logEnd)
  })
  always("the fence can be reached: between the start and the log end", (p, i) => {
    assert.isAtLeast(p.fence, p.start)
    assert.isAtMost(p.fence, i.logEnd)
  })
  always("reading never starts after what is committed: nothing is passed over", (p) => {
    assert.isAtMost(p.start, p.committed)
  })
  always("C goes back only where the log did", (p, i) => {
    if (!p.restarted && i.committed !== null) assert.isAtLeast(p.committed, i.committed.offset)
  })
  always("what anybody may have exposed stays hidden until it is passed, or the log is a new one", (p, i) => {
    if (p.restarted || !i.needs.shows) return
    assert.isAtLeast(p.fence, i.exposed)
    const c = i.committed
    if (c === null || c.metadata === null || c.offset < i.logStart) assert.strictEqual(p.fence, i.logEnd)
    else assert.isAtLeast(p.fence, Math.min(i.logEnd, c.metadata.reservation))
  })
  always("of a new log nothing that is in it now is shown", (p, i) => {
    if (!p.restarted) return
    const start = i.needs.newLog === "end" ? i.logEnd : i.logStart
    assert.deepStrictEqual([p.start, p.committed, p.lowest], [start, start, start])
    assert.strictEqual(p.fence, i.needs.shows ? i.logEnd : start)
  })
  always("where nothing is shown nothing is hidden: there is no fence and no quarantine", (p, i) => {
    if (!i.needs.shows) assert.deepStrictEqual([p.fence, p.quarantine], [p.start, null])
  })
  always("where nothing is shown a commit of whatever kind is where reading goes on, or L before it", (p, i) => {
    const c = i.committed
    if (i.needs.shows || c === null || p.restarted || p.lost > 0) return
    assert.strictEqual(p.committed, c.offset)
    if (c.metadata === null) assert.strictEqual(p.start, c.offset)
  })
  always(
    "a log that ends before what was committed or seen, or that holds another record, is a new one, and no other is",
    (p, i) => {
      assert.strictEqual(p.restarted, i.replaced !== null || Math.max(i.committed?.offset ?? 0, i.seen) > i.logEnd)
    }
  )
})
