/**
 * Rounds: rule 8 in examples, and the property that carries the handoff: whatever owners come and go, lag, lose commits and drop
 * records, none shows an older version than any of them showed before.
 */
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { describe } from "vitest"
import { chunkOverhead } from "../../../src/metrics/rounds/Gathering.ts"
import type { Identity } from "../../../src/metrics/rounds/Record.ts"
import { Rounds, type RoundsOptions, type Step } from "../../../src/metrics/rounds/Rounds.ts"
import { playOwners } from "../owners.ts"

const defaults: RoundsOptions = { gatherBytes: 1_000_000, sourceBytes: 1_000_000, maxSources: 100 }

interface Rec {
  readonly source?: string
  /** `epoch.round`, or absent. */
  readonly v?: string
  readonly chunk?: string
  readonly kind?: "record" | "dropped"
  /** Where what a dropped one was dropped with begins. */
  readonly from?: number
}

const identity = (r: Rec): Identity => {
  const [epoch, round] = (r.v ?? "").split(".").map(Number)
  const [index, count] = (r.chunk ?? "1/1").split("/").map(Number)
  return {
    source: r.source ?? "s",
    number: r.v === undefined ? undefined : { epoch: epoch!, round: round! },
    index: index!,
    count: count!
  }
}

const describeStep = (step: Step<string> | undefined): string =>
  step === undefined
    ? "-"
    : step._tag === "Accepted"
      ? `accepted ${step.round.parts.join("+")}`
      : step._tag === "Ignored"
        ? step.reason
        : step._tag === "Refused"
          ? step.refusal.reason
          : "gathering"

/** One owner that reads a log from some offset on. The offset is the index in the array. */
class Owner {
  readonly rounds: Rounds<string>
  readonly decisions = new Map<number, string>()
  /** As the engine would move them. */
  kept = 0
  settled = 0
  outlived = Number.POSITIVE_INFINITY
  period = 0

  constructor(options: RoundsOptions = defaults) {
    this.rounds = new Rounds(options, {
      kept: () => this.kept,
      settled: () => this.settled,
      outlived: () => this.outlived,
      period: () => this.period
    })
  }

  read(offset: number, r: Rec): string {
    const id = identity(r)
    const place = { offset }
    let step: Step<string> | undefined
    if (r.kind === "dropped") this.rounds.skip(id, place, r.from ?? offset, true)
    else step = this.rounds.take(id, place, 10, r.v === undefined ? `@${offset}` : `${r.v}:${id.index}/${id.count}`)
    const decision = describeStep(step)
    this.decisions.set(offset, decision)
    return decision
  }

  readAll(log: ReadonlyArray<Rec>, from = 0): this {
    for (let offset = from; offset < log.length; offset++) this.read(offset, log[offset]!)
    return this
  }
}

const run = (log: ReadonlyArray<Rec>, options?: RoundsOptions): ReadonlyArray<string> => [
  ...new Owner(options).readAll(log).decisions.values()
]

describe("one source", () => {
  it("a round not newer than the last complete one is ignored, and says why", () => {
    assert.deepStrictEqual(run([{ v: "1.1" }, { v: "1.3" }, { v: "1.2" }, { v: "1.3" }, { v: "2.1" }, { v: "1.9" }]), [
      "accepted 1.1:1/1",
      "accepted 1.3:1/1",
      "older",
      "repeated",
      "accepted 2.1:1/1",
      "lower-epoch"
    ])
  })

  it("chunks make a round in any order, repeated ones count once", () => {
    const log = ["3/3", "1/3", "3/3", "2/3", "2/3"].map((chunk) => ({ v: "1.1", chunk }))
    assert.deepStrictEqual(run(log), [
      "gathering",
      "gathering",
      "gathering",
      "accepted 1.1:1/3+1.1:2/3+1.1:3/3",
      "repeated"
    ])
  })

  it("what completes a round can be asked before it is taken, and nothing changes by it", () => {
    const bounds = { kept: () => 0, settled: () => 0, outlived: () => 0, period: () => 0 }
    const rounds = new Rounds<string>(defaults, bounds)
    const take = (r: Rec, offset: number, part: string) => describeStep(rounds.take(identity(r), { offset }, 1, part))
    const ask = (r: Rec): string => (rounds.completedBy(identity(r)) ?? []).map((part) => part ?? "?").join("+")
    assert.strictEqual(ask({ v: "1.1", chunk: "1/2" }), "")
    take({ v: "1.2", chunk: "2/3" }, 0, "b")
    assert.strictEqual(ask({ v: "1.2", chunk: "3/3" }), "")
    take({ v: "1.2", chunk: "1/3" }, 1, "a")
    // A lower one is not in the way, another count or number completes nothing.
    take({ v: "1.1", chunk: "1/2" }, 2, "z")
    for (const r of [
      { chunk: "3/3" },
      { v: "1.3", chunk: "3/3" },
      { v: "1.2", chunk: "3/4" },
      { v: "1.2", chunk: "1/3" }
    ])
      assert.strictEqual(ask(r), "")
    assert.strictEqual(ask({ v: "1.2", chunk: "3/3" }), "a+b+?")
    assert.strictEqual(take({ v: "1.2", chunk: "3/3" }, 3, "c"), "accepted a+b+c")
    assert.strictEqual(ask({ v: "1.2", chunk: "3/3" }), "")
    take({ chunk: "1/2" }, 4, "d")
    assert.strictEqual(ask({ chunk: "2/2" }), "d+?")
    assert.strictEqual(take({ chunk: "2/2" }, 5, "e"), "accepted d+e")
  })

  it("a newer round's chunk supersedes an unfinished older round", () => {
    const owner = new Owner()
    owner.readAll([
      { v: "1.1", chunk: "1/2" },
      { v: "1.2", chunk: "1/2" },
      { v: "1.1", chunk: "2/2" },
      { v: "1.2", chunk: "2/2" }
    ])
    assert.strictEqual(owner.decisions.get(2), "gathering")
    assert.strictEqual(owner.decisions.get(3), "accepted 1.2:1/2+1.2:2/2")
    assert.strictEqual(owner.rounds.givenUp.superseded, 2)
    assert.strictEqual(owner.rounds.committable(4), 4)
  })

  it("another chunk count for the same round is refused and starts the round again", () => {
    assert.deepStrictEqual(run(["1/3", "1/2", "2/2"].map((chunk) => ({ v: "1.1", chunk }))), [
      "gathering",
      "chunk-conflict",
      "accepted 1.1:1/2+1.1:2/2"
    ])
  })

  it("what was seen is forgotten when no new owner begins before it any more, not when it is settled", () => {
    for (const v of ["1.5", "2.1"]) {
      const owner = new Owner().readAll([{ v }, { source: "other", v: "1.1" }])
      owner.settled = 2
      assert.strictEqual(owner.read(2, { v: "1.4" }), v === "1.5" ? "older" : "lower-epoch")
      owner.kept = 1
      assert.strictEqual(owner.read(3, { v: "1.4" }), "repeated", "it was seen itself meanwhile")
      owner.kept = 4
      assert.strictEqual(owner.read(4, { v: "1.4" }), "accepted 1.4:1/1")
    }
  })

  it("forgetting leaves the highest that was seen from there on, accepted or not", () => {
    const owner = new Owner().readAll([{ v: "9.1" }, { v: "5.2" }, { v: "5.1" }])
    owner.kept = 1
    assert.strictEqual(owner.read(3, { v: "4.1" }), "lower-epoch")
    assert.strictEqual(owner.read(4, { v: "5.3" }), "accepted 5.3:1/1")
  })

  it("L is at the latest round, and at what blocked an ignored one until that is settled itself", () => {
    const owner = new Owner().readAll([{ v: "1.1" }, { v: "1.2" }])
    assert.strictEqual(owner.rounds.lowest(2), 1)
    owner.read(2, { v: "1.1" })
    owner.settled = 2
    assert.strictEqual(owner.rounds.lowest(3), 1, "who starts at the late copy takes it for news")
    owner.settled = 3
    owner.outlived = 2
    assert.strictEqual(owner.rounds.lowest(3), 1, "nor may it be shown any more")
    owner.outlived = 3
    assert.strictEqual(owner.rounds.lowest(3), 3)
    owner.read(3, { v: "1.1" })
    assert.strictEqual(owner.rounds.lowest(4), 3, "what was settled by then is not held again")
  })

  it("a repetition is settled with the first of its kind: a sender that repeats itself does not hold L", () => {
    const owner = new Owner()
    for (let offset = 0; offset < 10; offset++) owner.read(offset, { v: "1.1" })
    assert.strictEqual(owner.rounds.lowest(10), 0)
    owner.settled = 1
    assert.strictEqual(owner.rounds.lowest(10), 10)
  })

  it("a chunk's round is given up when it is settled", () => {
    const owner = new Owner().readAll([
      { v: "1.1", chunk: "1/2" },
      { source: "other", v: "1.1" }
    ])
    assert.strictEqual(owner.rounds.committable(2), 0)
    assert.strictEqual(owner.rounds.lowest(2), 0)
    owner.rounds.settle(1)
    assert.strictEqual(owner.rounds.committable(2), 2)
    assert.strictEqual(owner.read(2, { v: "1.1", chunk: "2/2" }), "gathering")
    assert.strictEqual(owner.rounds.givenUp.unfinished, 1)
  })

  it("chunks that made a round complete before do not make half of it another time", () => {
    const owner = new Owner().readAll([
      { v: "1.1", chunk: "1/2" },
      { v: "1.1", chunk: "2/2" }
    ])
    owner.settled = 2
    owner.kept = 1
    assert.strictEqual(owner.read(2, { v: "1.1", chunk: "1/2" }), "repeated")
  })

  it("a chunk of an older round holds what blocks it, also when it was given up: a new owner may see it complete", () => {
    const log: ReadonlyArray<Rec> = [
      { v: "1.5" },
      { source: "other", v: "1.1" },
      { v: "1.1", chunk: "1/2" },
      { v: "1.1", chunk: "2/2" }
    ]
    const owner = new Owner().readAll(log.slice(0, 3))
    owner.rounds.settle(3)
    // Nothing late can follow the newer round any more.
    owner.settled = 1
    owner.outlived = 0
    assert.strictEqual(owner.read(3, log[3]!), "gathering")
    const from = owner.rounds.lowest(4)
    assert.strictEqual(from, 0)
    assert.strictEqual(new Owner().readAll(log, from).read(4, { v: "1.1" }), "older")
    owner.outlived = 4
    owner.settled = 4
    owner.rounds.settle(4)
    assert.strictEqual(owner.rounds.lowest(4), 4)
  })

  it("a chunk of a round that would be ignored does not hold the commit back", () => {
    const owner = new Owner().readAll([{ v: "1.2" }, { v: "1.1", chunk: "1/2" }])
    assert.strictEqual(owner.rounds.committable(2), 2)
    assert.strictEqual(owner.rounds.lowest(2), 0)
  })

  it("unfinished rounds hold a bounded number of bytes, the oldest go first", () => {
    const owner = new Owner({ ...defaults, gatherBytes: 3 * (chunkOverhead + 10) })
    for (let i = 0; i < 10; i++) owner.read(i, { source: `s${i}`, v: "1.1", chunk: "1/2" })
    assert.strictEqual(owner.rounds.givenUp.crowded, 6)
    assert.strictEqual(owner.rounds.committable(10), 6)
  })

  it("a source's flood of chunks takes its own rounds away and not another's", () => {
    const unit = chunkOverhead + 10
    const owner = new Owner({ ...defaults, gatherBytes: 8 * unit, sourceBytes: 3 * unit })
    owner.read(0, { source: "honest", v: "1.1", chunk: "1/2" })
    for (let i = 1; i <= 100; i++) owner.read(i, { source: "flood", v: `1.${1000 - i}`, chunk: "1/2" })
    assert.strictEqual(owner.rounds.givenUp.crowded, 96)
    assert.strictEqual(owner.read(101, { source: "honest", v: "1.1", chunk: "2/2" }), "accepted 1.1:1/2+1.1:2/2")
  })

  it("which chunks are crowded out depends on what came after them, not on where an owner began", () => {
    const unit = chunkOverhead + 10
    const step = fc.record({
      source: fc.constantFrom("a", "a", "b", "c"),
      plain: fc.boolean(),
      index: fc.constantFrom(1, 1, 2, 3),
      next: fc.boolean()
    })
    let [complete, crowded] = [0, 0]
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), fc.nat(30), (steps, from) => {
        const rounds = new Map<string, number>()
        const log = steps.map(({ source, plain, index, next }): Rec => {
          const round = (rounds.get(source) ?? 1) + (next ? 1 : 0)
          rounds.set(source, round)
          return plain ? { source, chunk: `${index}/3` } : { source, v: `1.${round}`, chunk: `${index}/3` }
        })
        const limits = { ...defaults, gatherBytes: 6 * unit, sourceBytes: 3 * unit }
        const completed = (owner: Owner, begin: number): ReadonlyArray<string> =>
          log.flatMap((r, offset) => {
            if (offset < begin) return []
            const step = owner.rounds.take(identity(r), { offset }, 10, `${offset}`)
            return step._tag === "Accepted" ? [`${step.round.first} ${step.round.parts}`] : []
          })
        const first = new Owner(limits)
        const all = completed(first, 0)
        crowded += first.rounds.givenUp.crowded
        const rest = completed(new Owner(limits), from)
        complete += rest.length
        // It may complete one again, which the other knows for a repetition.
        for (const round of all) if (Number.parseInt(round, 10) >= from) assert.include(rest, round)
      }),
      { numRuns: 1000 }
    )
    assert.isAbove(complete, 100)
    assert.isAbove(crowded, 1000)
  })

  it("records without a number are ordered by offset, their chunks must come in order", () => {
    assert.deepStrictEqual(
      run([
        {},
        { chunk: "1/2" },
        { chunk: "2/2" },
        { chunk: "2/2" },
        { chunk: "1/2" },
        { chunk: "1/3" },
        { chunk: "3/3" },
        {}
      ]),
      [
        "accepted @0",
        "gathering",
        "accepted @1+@2",
        "chunk-conflict",
        "gathering",
        "gathering",
        "chunk-conflict",
        "accepted @7"
      ]
    )
  })

  it("what is older than a dropped round is ignored, the dropped one itself may come again", () => {
    assert.deepStrictEqual(run([{ v: "1.3", kind: "dropped" }, { v: "1.2" }, { v: "1.3" }]).slice(1), [
      "older",
      "accepted 1.3:1/1"
    ])
  })

  it("L holds the chunks of a round that what was dropped may have made complete, also where a newer round began with it", () => {
    const log: ReadonlyArray<Rec> = [
      { v: "1.3", chunk: "2/2" },
      { source: "other" },
      { v: "1.3", chunk: "1/2" },
      { v: "1.4", chunk: "2/2" }
    ]
    const owner = new Owner()
    owner.read(0, log[0]!)
    // Of the three the last one is told, which has the highest round, too.
    owner.read(3, { ...log[3]!, kind: "dropped", from: 1 })
    assert.strictEqual(owner.rounds.lowest(4), 0)
    const next = new Owner().readAll(log, owner.rounds.lowest(4))
    assert.strictEqual(next.read(4, { v: "1.1" }), "older")
  })

  it("a dropped chunk takes no other round's place: its own round may never come complete", () => {
    const log: ReadonlyArray<Rec> = [{ v: "1.10" }, { v: "1.11", chunk: "1/2" }]
    const owner = new Owner()
    owner.read(0, log[0]!)
    owner.read(1, { ...log[1]!, kind: "dropped" })
    assert.strictEqual(owner.rounds.lowest(2), 0)
    const next = new Owner().readAll(log, owner.rounds.lowest(2))
    assert.strictEqual(next.read(2, { v: "1.9" }), "older")
  })

  it("L is not held for ever where chunks are dropped without an end", () => {
    const owner = new Owner()
    const perPeriod = 10
    let deepest = 0
    for (let round = 0; round < 1_000; round++) {
      owner.period = Math.floor(round / perPeriod)
      // What came sixteen periods ago is settled, as after twice the expiry.
      owner.settled = Math.max(0, 2 * (round - 16 * perPeriod))
      owner.kept = Math.max(owner.kept, owner.rounds.lowest(2 * round))
      for (const chunk of ["1/2", "2/2"])
        owner.read(2 * round + (chunk === "1/2" ? 0 : 1), { v: `1.${round}`, chunk, kind: "dropped" })
      deepest = Math.max(deepest, round - owner.rounds.lowest(2 * round + 2) / 2)
    }
    assert.isAtLeast(deepest, 16 * perPeriod)
    assert.isAtMost(deepest, 18 * perPeriod)
  })

  it("what blocks a round that was dropped and not told is known to whoever starts at what was", () => {
    const log: ReadonlyArray<Rec> = [{ v: "2.4" }, { v: "3.3", chunk: "1/3" }, { v: "2.3" }, { v: "3.3", chunk: "1/3" }]
    const owner = new Owner().readAll(log.slice(0, 1))
    // Of what is dropped the first and the last record of a source are told, and the highest.
    for (const offset of [1, 3]) owner.read(offset, { ...log[offset]!, kind: "dropped" })
    // By now 2.4 is settled, what was dropped is not.
    owner.settled = 1
    assert.strictEqual(owner.rounds.lowest(4), 0)
    const next = new Owner().readAll(log.slice(0, 2), owner.rounds.lowest(4))
    assert.strictEqual(next.read(2, log[2]!), "older")
  })

  it("a round is not completed over what was dropped: others may have seen another count there", () => {
    const log: ReadonlyArray<Rec> = [
      { v: "1.2" },
      { v: "1.4", chunk: "1/2" },
      { v: "1.4", chunk: "3/3" },
      { v: "1.4", chunk: "2/2" }
    ]
    const owner = new Owner().readAll(log.slice(0, 2))
    owner.read(2, { ...log[2]!, kind: "dropped" })
    assert.strictEqual(owner.read(3, log[3]!), "gathering")
    assert.strictEqual(owner.rounds.lowest(4), 0)
    const next = new Owner().readAll(log, owner.rounds.lowest(4))
    assert.strictEqual(next.read(4, { v: "1.1" }), "older")
  })

  it("chunks without a number are one round only where nothing else of the source came between them", () => {
    const log: ReadonlyArray<Rec> = [{ chunk: "1/2" }, {}, { chunk: "2/2" }]
    assert.deepStrictEqual(run(log), ["gathering", "accepted @1", "chunk-conflict"])
    const numbered = [log[0]!, { v: "1.1" }, log[2]!]
    assert.deepStrictEqual(run(numbered), ["gathering", "accepted 1.1:1/1", "chunk-conflict"])
    const dropped = [log[0]!, { kind: "dropped" } as const, log[2]!]
    assert.deepStrictEqual(run(dropped), ["gathering", "-", "chunk-conflict"])
  })

  it("a round that was unfinished at a position holds back a commit of that position, also when it is complete now", () => {
    const owner = new Owner().readAll([
      { v: "1.1", chunk: "1/2" },
      { source: "other", v: "1.1" },
      { v: "1.1", chunk: "2/2" }
    ])
    assert.deepStrictEqual(
      [1, 2, 3].map((position) => owner.rounds.committable(position)),
      [0, 0, 3]
    )
  })
})

describe("more sources than are remembered", () => {
  const full = (): Owner =>
    new Owner({ ...defaults, maxSources: 2 }).readAll([
      { source: "a", v: "1.5" },
      { source: "b", v: "1.5" }
    ])

  it("a newcomer is refused, nobody is forgotten", () => {
    const owner = full()
    assert.strictEqual(owner.read(2, { source: "c", v: "1.5" }), "too-many-sources")
    for (const source of ["a", "b"]) assert.strictEqual(owner.read(3, { source, v: "1.4" }), "older")
  })

  it("who comes when there is room again is shown only when what was refused is settled: it may have been the same one", () => {
    const owner = full()
    owner.read(2, { source: "c", v: "1.5" })
    assert.strictEqual(owner.rounds.lowest(3), 0)
    owner.settled = 2
    owner.kept = 1
    assert.strictEqual(owner.rounds.lowest(3), 2, "the refused one holds L")
    owner.kept = 2
    owner.rounds.lowest(3)
    assert.strictEqual(owner.read(3, { source: "c", v: "1.4" }), "newcomer")
    assert.strictEqual(owner.read(4, { source: "c", v: "1.6" }), "newcomer")
    owner.kept = 3
    assert.strictEqual(owner.read(5, { source: "c", v: "1.7" }), "accepted 1.7:1/1")
  })

  it("records without a number need no memory", () => {
    const owner = full()
    assert.strictEqual(owner.read(2, { source: "d" }), "accepted @2")
  })
})

/** `K2P_RUNS` makes them so many times as many, for a hunt: give `--testTimeout`, too. */
const runs = 3000 * Number(process.env.K2P_RUNS ?? 1)

const version = (epochs: number): fc.Arbitrary<[number, number]> =>
  fc.tuple(fc.integer({ min: 1, max: epochs }), fc.integer({ min: 1, max: 5 }))

/** Logs in which everything goes wrong at once: few sources, few versions, repeated, late, out of order. */
const logs = (options: { readonly numberedOnly: boolean; readonly epochs: number }): fc.Arbitrary<Array<Rec>> =>
  fc
    .array(
      fc.record({
        source: fc.constantFrom("a", "b", "c"),
        v: options.numberedOnly ? version(options.epochs) : fc.option(version(options.epochs), { nil: undefined }),
        chunk: fc.constantFrom("1/1", "1/1", "1/2", "2/2", "1/2", "2/2", "1/3", "2/3", "3/3")
      }),
      { minLength: 2, maxLength: 60 }
    )
    .map((steps) =>
      steps.map(
        ({ source, v, chunk }): Rec => (v === undefined ? { source, chunk } : { source, v: `${v[0]}.${v[1]}`, chunk })
      )
    )

describe("any log", () => {
  for (const [name, options] of Object.entries({
    "of one epoch": { epochs: 1, drops: false },
    "of several epochs": { epochs: 3, drops: false },
    "of one epoch, of which some is dropped": { epochs: 1, drops: true },
    "of several epochs, of which some is dropped": { epochs: 3, drops: true }
  })) {
    it(`whatever owners come and go, none shows an older version than was shown before: logs ${name}`, () => {
      let shown = 0
      fc.assert(
        fc.property(fc.array(fc.nat(), { minLength: 30, maxLength: 120 }), (dice) => {
          const played = playOwners(dice, options)
          assert.deepStrictEqual(played.violations, [], played.history.join("\n"))
          shown += played.shown
        }),
        { numRuns: runs }
      )
      assert.isAbove(shown, runs)
    })
  }

  it("an accepted round is made of its own chunks, all of them", () => {
    fc.assert(
      fc.property(logs({ numberedOnly: true, epochs: 2 }), (log) => {
        for (const [offset, decision] of new Owner().readAll(log).decisions) {
          if (!decision.startsWith("accepted")) continue
          const { v, chunk } = log[offset]!
          const count = Number(chunk!.split("/")[1])
          const parts = Array.from({ length: count }, (_, i) => `${v}:${i + 1}/${count}`)
          assert.strictEqual(decision, `accepted ${parts.join("+")}`)
        }
      }),
      { numRuns: runs }
    )
  })

  it("the commit never passes the first chunk of an unfinished round that is accepted later", () => {
    let checked = 0
    fc.assert(
      fc.property(logs({ numberedOnly: false, epochs: 1 }), (log) => {
        const rounds = new Rounds<number>(defaults, {
          kept: () => 0,
          settled: () => 0,
          outlived: () => 0,
          period: () => 0
        })
        const committable: Array<number> = []
        const stale = new Set<number>()
        const highest = new Map<string | undefined, number>()
        for (const [offset, r] of log.entries()) {
          committable.push(rounds.committable(offset))
          assert.isAtMost(rounds.lowest(offset), offset)
          const step = rounds.take(identity(r), { offset }, 1, offset)
          const round = Number(r.v?.split(".")[1] ?? 0)
          const best = highest.get(r.source) ?? 0
          if (step._tag === "Gathering" && step.stale) stale.add(offset)
          // A refused chunk is not said to be stale; it may be where as high a round was accepted before.
          if (step._tag === "Refused" && round <= best) stale.add(offset)
          if (step._tag === "Accepted") highest.set(r.source, Math.max(best, round))
          if (step._tag !== "Accepted" || step.round.parts.length === 1) continue
          // A round that would have been ignored when its chunks came does not hold anything back.
          if (step.round.parts.some((part) => stale.has(part))) continue
          for (let position = step.round.first + 1; position <= offset; position++)
            assert.isAtMost(committable[position]!, step.round.first)
          checked++
        }
      }),
      { numRuns: runs }
    )
    assert.isAbove(checked, 30)
  })
})
