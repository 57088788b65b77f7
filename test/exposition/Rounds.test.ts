/**
 * Rounds: rule 8 in examples, and the property that carries the handoff: whoever starts at `lowest()` (or anywhere
 * before) decides every later record, and holds every source, as the one that read the whole log.
 */
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { describe } from "vitest"
import { LogClock } from "../../src/exposition/LogClock.ts"
import type { Identity } from "../../src/exposition/Record.ts"
import { Rounds, type RoundsOptions, type Step } from "../../src/exposition/Rounds.ts"
import type { Stretch } from "../../src/exposition/VersionMemory.ts"

const expiry = 100
const defaults: RoundsOptions = { expiry, gatherBytes: 1_000_000, maxSources: 100 }

interface Rec {
  readonly source?: string
  /** `epoch.round`, or absent. */
  readonly v?: string
  readonly chunk?: string
  readonly ts: number
  readonly kind?: "record" | "refused" | "dropped"
  /** What a dropped one was dropped with. */
  readonly stretch?: Stretch
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
  /** The last accepted round of each source. */
  readonly shown = new Map<string, { content: string; first: number; ts: number; newest: number }>()

  constructor(options: RoundsOptions = defaults) {
    this.rounds = new Rounds(options)
  }

  read(offset: number, r: Rec): string {
    const id = identity(r)
    const place = { offset, timestamp: r.ts }
    for (const s of this.shown.values()) s.newest = Math.max(s.newest, r.ts)
    let step: Step<string> | undefined
    if (r.kind === "refused") this.rounds.pass(place)
    else if (r.kind === "dropped") this.rounds.skip(id, place, r.stretch ?? { from: offset, until: r.ts })
    else step = this.rounds.take(id, place, 10, r.v === undefined ? `@${offset}` : `${r.v}:${id.index}/${id.count}`)
    if (step?._tag === "Accepted") {
      const { source, parts, first, timestamp } = step.round
      // Of one version there is one content, however it was cut into chunks.
      this.shown.set(source, { content: r.v ?? parts.join("+"), first, ts: timestamp, newest: timestamp })
    }
    const decision = describeStep(step)
    this.decisions.set(offset, decision)
    return decision
  }

  readAll(log: ReadonlyArray<Rec>, from = 0): this {
    for (let offset = from; offset < log.length; offset++) this.read(offset, log[offset]!)
    return this
  }

  /** A source's content that a scrape may still show: silent for less than the expiry in log time. */
  visible(source: string): string | undefined {
    const shown = this.shown.get(source)
    return shown !== undefined && shown.newest - shown.ts <= expiry ? shown.content : undefined
  }

  /** Where a new owner starts, as the cache makes it of the rounds' own answer and of the content it holds. */
  start(position: number): number {
    let lowest = Math.min(this.rounds.lowest(position), this.rounds.committable(position))
    for (const s of this.shown.values()) if (s.newest - s.ts <= expiry) lowest = Math.min(lowest, s.first)
    return lowest
  }
}

/**
 * What `old` shows, `next` shows too. What `next` shows is what `old` showed last: by a repetition that `old` ignored it may
 * show that for longer, never anything else.
 */
const compare = (next: Owner, old: Owner, when: string): void => {
  for (const [source, { content }] of old.shown)
    if (old.visible(source) !== undefined) assert.strictEqual(next.visible(source), content, `${source} ${when}`)
  for (const source of next.shown.keys())
    if (next.visible(source) !== undefined)
      assert.strictEqual(next.visible(source), old.shown.get(source)?.content, `${source} ${when}`)
}

const run = (log: ReadonlyArray<Rec>, options?: RoundsOptions): ReadonlyArray<string> => [
  ...new Owner(options).readAll(log).decisions.values()
]

describe("one source", () => {
  it("a round not newer than the last complete one is ignored, and says why", () => {
    assert.deepStrictEqual(
      run([
        { v: "1.1", ts: 0 },
        { v: "1.3", ts: 1 },
        { v: "1.2", ts: 2 },
        { v: "1.3", ts: 3 },
        { v: "2.1", ts: 4 },
        { v: "1.9", ts: 5 }
      ]),
      ["accepted 1.1:1/1", "accepted 1.3:1/1", "older", "repeated", "accepted 2.1:1/1", "lower-epoch"]
    )
  })

  it("chunks make a round in any order, repeated ones count once", () => {
    assert.deepStrictEqual(
      run([
        { v: "1.1", chunk: "3/3", ts: 0 },
        { v: "1.1", chunk: "1/3", ts: 1 },
        { v: "1.1", chunk: "3/3", ts: 2 },
        { v: "1.1", chunk: "2/3", ts: 3 },
        { v: "1.1", chunk: "2/3", ts: 4 }
      ]),
      ["gathering", "gathering", "gathering", "accepted 1.1:1/3+1.1:2/3+1.1:3/3", "repeated"]
    )
  })

  it("a newer round's chunk supersedes an unfinished older round", () => {
    const owner = new Owner()
    owner.readAll([
      { v: "1.1", chunk: "1/2", ts: 0 },
      { v: "1.2", chunk: "1/2", ts: 1 },
      { v: "1.1", chunk: "2/2", ts: 2 },
      { v: "1.2", chunk: "2/2", ts: 3 }
    ])
    assert.strictEqual(owner.decisions.get(2), "gathering")
    assert.strictEqual(owner.decisions.get(3), "accepted 1.2:1/2+1.2:2/2")
    assert.strictEqual(owner.rounds.givenUp.superseded, 2)
    assert.strictEqual(owner.rounds.committable(4), 4)
  })

  it("another chunk count for the same round is refused and starts the round again", () => {
    assert.deepStrictEqual(
      run([
        { v: "1.1", chunk: "1/3", ts: 0 },
        { v: "1.1", chunk: "1/2", ts: 1 },
        { v: "1.1", chunk: "2/2", ts: 2 }
      ]),
      ["gathering", "chunk-conflict", "accepted 1.1:1/2+1.1:2/2"]
    )
  })

  it("a lower epoch is accepted only more than the expiry after the higher one", () => {
    const at = (ts: number) =>
      run([
        { v: "5.1", ts: 1000 },
        { v: "1.1", ts }
      ])[1]
    assert.strictEqual(at(1000 + expiry), "lower-epoch")
    assert.strictEqual(at(1000 + expiry + 1), "accepted 1.1:1/1")
  })

  it("a version is forgotten when the log, not the source, passed it by twice the expiry", () => {
    const late = (ts: number) =>
      run([
        { v: "1.5", ts: 1000 },
        { source: "other", v: "1.1", ts },
        { v: "1.4", ts: 1000 }
      ])[2]
    assert.strictEqual(late(1000 + 2 * expiry), "older")
    assert.strictEqual(late(1000 + 2 * expiry + 1), "accepted 1.4:1/1")
  })

  it("a chunk's round is given up when the log passes it by more than the expiry", () => {
    const owner = new Owner()
    owner.readAll([
      { v: "1.1", chunk: "1/2", ts: 0 },
      { source: "other", v: "1.1", ts: expiry }
    ])
    assert.strictEqual(owner.rounds.committable(2), 0)
    owner.read(2, { source: "other", v: "1.2", ts: expiry + 1 })
    assert.strictEqual(owner.rounds.committable(3), 3)
    assert.strictEqual(owner.read(3, { v: "1.1", chunk: "2/2", ts: expiry + 1 }), "gathering")
    assert.strictEqual(owner.rounds.givenUp.unfinished, 1)
  })

  it("a chunk of a round that would be ignored does not hold the commit back", () => {
    const owner = new Owner().readAll([
      { v: "1.2", ts: 0 },
      { v: "1.1", chunk: "1/2", ts: 1 }
    ])
    assert.strictEqual(owner.rounds.committable(2), 2)
    assert.strictEqual(owner.rounds.lowest(2), 0)
  })

  it("unfinished rounds hold a bounded number of bytes, the oldest go first", () => {
    const owner = new Owner({ ...defaults, gatherBytes: 3 * (512 + 10) })
    for (let i = 0; i < 10; i++) owner.read(i, { source: `s${i}`, v: "1.1", chunk: "1/2", ts: 0 })
    assert.strictEqual(owner.rounds.givenUp.crowded, 6)
    assert.strictEqual(owner.rounds.committable(10), 6)
  })

  it("records without a number are ordered by offset, their chunks must come in order", () => {
    assert.deepStrictEqual(
      run([
        { ts: 0 },
        { chunk: "1/2", ts: 1 },
        { chunk: "2/2", ts: 2 },
        { chunk: "2/2", ts: 3 },
        { chunk: "1/2", ts: 4 },
        { chunk: "1/3", ts: 5 },
        { chunk: "3/3", ts: 6 },
        { ts: 7 }
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
    assert.deepStrictEqual(
      run([
        { v: "1.3", ts: 0, kind: "dropped" },
        { v: "1.2", ts: 1 },
        { v: "1.3", ts: 2 }
      ]).slice(1),
      ["repeated", "accepted 1.3:1/1"]
    )
  })

  it("L holds the chunks of a round that what was dropped may have made complete, also where a newer round began with it", () => {
    const log: ReadonlyArray<Rec> = [
      { v: "1.3", chunk: "2/2", ts: 0 },
      { ts: 0, kind: "refused" },
      { v: "1.3", chunk: "1/2", ts: 0 },
      { v: "1.4", chunk: "2/2", ts: 0 }
    ]
    const owner = new Owner()
    owner.read(0, log[0]!)
    // Of the three the last one is told, which has the highest round, too.
    owner.read(3, { ...log[3]!, kind: "dropped", stretch: { from: 1, until: 0 } })
    assert.strictEqual(owner.rounds.lowest(4), 0)
    const next = new Owner().readAll(log, owner.rounds.lowest(4))
    assert.strictEqual(next.read(4, { v: "1.1", ts: 0 }), "older")
  })

  it("a round is not completed over what was dropped: others may have seen another count there", () => {
    const log: ReadonlyArray<Rec> = [
      { v: "1.2", ts: 0 },
      { v: "1.4", chunk: "1/2", ts: 0 },
      { v: "1.4", chunk: "3/3", ts: 0 },
      { v: "1.4", chunk: "2/2", ts: 0 }
    ]
    const owner = new Owner().readAll(log.slice(0, 2))
    owner.read(2, { ...log[2]!, kind: "dropped" })
    assert.strictEqual(owner.read(3, log[3]!), "gathering")
    assert.strictEqual(owner.rounds.lowest(4), 0)
    const next = new Owner().readAll(log, owner.rounds.lowest(4))
    assert.strictEqual(next.read(4, { v: "1.1", ts: 0 }), "older")
  })

  it("L holds why a round was ignored between the latest one and its repetition", () => {
    const log: ReadonlyArray<Rec> = [
      { v: "1.1", ts: 1000 },
      { v: "3.1", ts: 960 },
      { v: "1.1", ts: 1070 },
      { v: "3.1", ts: 1070 }
    ]
    const owner = new Owner().readAll(log)
    assert.strictEqual(owner.rounds.lowest(4), 0)
    assert.strictEqual(owner.shown.get("s")!.content, "3.1")
    // What an owner would show that started at the second record.
    assert.strictEqual(new Owner().readAll(log, 1).shown.get("s")!.content, "1.1")
    const late = [...log.slice(0, 2), { v: "1.1", ts: 1075 }, ...log.slice(3), { v: "3.1", ts: 1080 }]
    assert.strictEqual(new Owner().readAll(late).rounds.lowest(5), 0, "also at a later repetition")
    const overtaken = [...log.slice(0, 2), { ts: 960 }, ...log.slice(2)]
    assert.strictEqual(new Owner().readAll(overtaken).rounds.lowest(5), 0, "also where something else is shown")
    const last = { ...log[3]!, kind: "dropped" } as const
    assert.strictEqual(new Owner().readAll([...log.slice(0, 3), last]).rounds.lowest(4), 0, "also where it is dropped")
    for (let ts = 1080; ts <= 1280; ts += 10) owner.read(4 + ts, { v: "3.1", ts })
    assert.isAbove(owner.rounds.lowest(2000), 3, "not for ever")
  })

  it("chunks without a number are one round only where nothing else of the source came between them", () => {
    const log: ReadonlyArray<Rec> = [{ chunk: "1/2", ts: 0 }, { ts: 60 }, { chunk: "2/2", ts: 20 }]
    assert.deepStrictEqual(run(log), ["gathering", "accepted @1", "chunk-conflict"])
    assert.deepStrictEqual(run(log.slice(1)), ["accepted @0", "chunk-conflict"])
    const numbered = [log[0]!, { v: "1.1", ts: 60 }, log[2]!]
    assert.deepStrictEqual(run(numbered), ["gathering", "accepted 1.1:1/1", "chunk-conflict"])
    const dropped = [log[0]!, { ts: 60, kind: "dropped" } as const, log[2]!]
    assert.deepStrictEqual(run(dropped), ["gathering", "-", "chunk-conflict"])
  })

  it("L is not held for ever where chunks are dropped without an end", () => {
    const owner = new Owner()
    let deepest = 0
    for (let ts = 0; ts < 30 * expiry; ts++) {
      for (const chunk of ["1/2", "2/2"])
        owner.read(2 * ts + (chunk === "1/2" ? 0 : 1), { v: `1.${ts}`, chunk, ts, kind: "dropped" })
      deepest = Math.max(deepest, ts - owner.rounds.lowest(2 * ts + 2) / 2)
    }
    assert.isAtLeast(deepest, 2 * expiry)
    assert.isAtMost(deepest, 3.25 * expiry)
  })

  it("L holds what a new owner needs to ignore a repetition, once something else was accepted", () => {
    const lowest = (...log: ReadonlyArray<Rec>) => new Owner().readAll(log).rounds.lowest(log.length)
    assert.strictEqual(lowest({ v: "1.1", ts: 0 }, { v: "1.1", ts: 1 }), 1, "the same content either way")
    assert.strictEqual(lowest({ v: "1.2", ts: 0 }, { v: "1.1", ts: 1 }), 0, "the newer one")
    assert.strictEqual(lowest({ v: "5.1", ts: 0 }, { v: "1.1", ts: 101 }, { v: "5.1", ts: 102 }), 0, "a lower epoch")
    assert.strictEqual(lowest({ v: "1.1", ts: 0 }, { ts: 1 }, { v: "1.1", ts: 2 }), 0, "one without a number")
    const chunks: ReadonlyArray<Rec> = [
      { chunk: "1/2", ts: 1 },
      { chunk: "2/2", ts: 1 }
    ]
    assert.strictEqual(lowest({ v: "1.1", ts: 0 }, ...chunks, { v: "1.1", ts: 2 }), 0, "chunks without a number")
    const late: Rec = { source: "other", v: "1.1", ts: 201 }
    assert.strictEqual(
      lowest({ v: "1.2", ts: 0 }, { v: "1.1", ts: 150, kind: "dropped" }, late),
      0,
      "a dropped older one"
    )
    assert.strictEqual(lowest({ v: "1.2", ts: 0 }, late), 1, "forgotten")
  })

  it("a repetition with an older timestamp does not shorten the memory", () => {
    const log = [
      { v: "1.4", ts: 1000 },
      { v: "1.4", ts: 960 },
      { v: "1.1", ts: 1170 }
    ]
    assert.strictEqual(run(log)[2], "older")
  })

  it("a round whose last chunk has an older timestamp is remembered by its newest", () => {
    const log = [
      { v: "1.1", chunk: "1/2", ts: 1000 },
      { v: "1.1", chunk: "2/2", ts: 800 },
      { source: "other", v: "1.1", ts: 1050 },
      { v: "1.1", chunk: "2/2", ts: 1050 }
    ]
    assert.deepStrictEqual(run(log), ["gathering", "accepted 1.1:1/2+1.1:2/2", "accepted 1.1:1/1", "repeated"])
  })

  it("a round that was unfinished at a position holds back a commit of that position, also when it is complete now", () => {
    const owner = new Owner().readAll([
      { v: "1.1", chunk: "1/2", ts: 0 },
      { source: "other", v: "1.1", ts: 0 },
      { v: "1.1", chunk: "2/2", ts: 0 }
    ])
    assert.deepStrictEqual(
      [1, 2, 3].map((position) => owner.rounds.committable(position)),
      [0, 0, 3]
    )
  })

  it("the memory of the least recently seen source is lost first, and counted", () => {
    const owner = new Owner({ ...defaults, maxSources: 2 })
    owner.readAll([
      { source: "a", v: "1.5", ts: 0 },
      { source: "b", v: "1.5", ts: 0 },
      { source: "a", v: "1.5", ts: 0 },
      { source: "c", v: "1.5", ts: 0 },
      { source: "a", v: "1.4", ts: 0 },
      { source: "b", v: "1.4", ts: 0 }
    ])
    assert.strictEqual(owner.decisions.get(4), "older")
    assert.strictEqual(owner.decisions.get(5), "accepted 1.4:1/1")
    assert.strictEqual(owner.rounds.forgotten, 2)
  })
})

const version = (epochs: number): fc.Arbitrary<[number, number]> =>
  fc.tuple(fc.integer({ min: 1, max: epochs }), fc.integer({ min: 1, max: 5 }))

describe("the log's clock", () => {
  it("is the newest timestamp of the records after an offset", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1 }), (times) => {
        const clock = new LogClock()
        for (const [offset, time] of times.entries()) clock.tick(offset, time)
        for (const offset of times.keys())
          assert.strictEqual(clock.after(offset), Math.max(Number.NEGATIVE_INFINITY, ...times.slice(offset + 1)))
      })
    )
  })

  it("is bounded: of too many descending timestamps the oldest is lost", () => {
    const clock = new LogClock()
    for (let i = 0; i < 10_000; i++) clock.tick(i, -i)
    assert.strictEqual(clock.after(0), -(10_000 - 4096))
  })
})

/** Logs in which everything goes wrong at once: few sources, few versions, repeated, late, out of order, in jumps of time. */
const logs = (options: {
  readonly numberedOnly: boolean
  readonly epochs: number
  readonly steps?: ReadonlyArray<number>
}): fc.Arbitrary<Array<Rec>> =>
  fc
    .array(
      fc.record({
        source: fc.constantFrom("a", "b", "c"),
        v: options.numberedOnly ? version(options.epochs) : fc.option(version(options.epochs), { nil: undefined }),
        chunk: fc.constantFrom("1/1", "1/1", "1/2", "2/2", "1/2", "2/2", "1/3", "2/3", "3/3"),
        step: fc.constantFrom(...(options.steps ?? [0, 1, 10, 30, 60, 110, 210, -5, -40])),
        refused: fc.integer({ min: 0, max: 19 })
      }),
      { minLength: 2, maxLength: 60 }
    )
    .map((steps) => {
      let ts = 10_000
      return steps.map(({ source, v, chunk, step, refused }): Rec => {
        ts += step
        if (refused === 0) return { source, ts, kind: "refused" }
        return v === undefined ? { source, chunk, ts } : { source, v: `${v[0]}.${v[1]}`, chunk, ts }
      })
    })

/** `K2P_RUNS` makes them so many times as many, for a hunt: give `--testTimeout`, too. */
const runs = 3000 * Number(process.env.K2P_RUNS ?? 1)

describe("any log", () => {
  for (const [name, options] of Object.entries({
    "of one epoch": { numberedOnly: true, epochs: 1 },
    "of several epochs": { numberedOnly: true, epochs: 3 },
    "with and without numbers": { numberedOnly: false, epochs: 2 }
  })) {
    it(`a new owner decides as the old one did: logs ${name}`, () => {
      let compared = 0
      fc.assert(
        fc.property(logs(options), fc.nat(), fc.nat(), (log, a, b) => {
          const position = 1 + (a % log.length)
          const old = new Owner().readAll(log.slice(0, position))
          const from = b % (old.start(position) + 1)
          const next = new Owner()
          for (let offset = from; offset < position; offset++) next.read(offset, log[offset]!)
          compare(next, old, `at ${position}, read from ${from}`)
          for (let offset = position; offset < log.length; offset++) {
            assert.strictEqual(next.read(offset, log[offset]!), old.read(offset, log[offset]!), `record ${offset}`)
            compare(next, old, `after ${offset}`)
            compared++
          }
        }),
        { numRuns: runs }
      )
      assert.isAbove(compared, runs)
    })
  }

  /** What the queue tells of a dropped stretch: of each source the first and the last record, and the one of the highest round. */
  const told = (log: ReadonlyArray<Rec>, from: number, to: number): ReadonlyArray<number> => {
    const round = (offset: number) => Number(log[offset]!.v?.split(".")[1] ?? 0)
    const bySource = new Map<string, [first: number, last: number, highest: number]>()
    for (let offset = from; offset < to; offset++) {
      const [first, , highest] = bySource.get(log[offset]!.source!) ?? [offset, offset, offset]
      bySource.set(log[offset]!.source!, [first, offset, round(offset) > round(highest) ? offset : highest])
    }
    return [...new Set([...bySource.values()].flat())].sort((a, b) => a - b)
  }

  it("where an owner dropped what the one before it showed, the next one never shows anything older", () => {
    let compared = 0
    const drops = fc.array(fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 6 })), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(
        logs({ numberedOnly: true, epochs: 1, steps: [0, 1, 10, 30] }),
        drops,
        fc.nat(),
        (log, stretches, a) => {
          const position = 1 + (a % log.length)
          const first = new Owner().readAll(log.slice(0, position))
          const best = new Map<string, { round: number; ts: number }>()
          for (const [offset, decision] of first.decisions) {
            const { source, v, ts } = log[offset]!
            if (decision.startsWith("accepted")) best.set(source!, { round: Number(v!.split(".")[1]), ts })
          }
          const between = new Owner()
          let offset = 0
          for (const [keeps, leaves] of [...stretches, [position, 0] as const]) {
            for (let i = 0; i < keeps && offset < position; i++, offset++) between.read(offset, log[offset]!)
            const end = Math.min(position, offset + leaves)
            for (const dropped of told(log, offset, end)) {
              const stretch = { from: offset, until: log[end - 1]!.ts }
              between.read(dropped, { ...log[dropped]!, kind: "dropped", stretch })
              between.shown.delete(log[dropped]!.source!)
            }
            offset = end
          }
          const next = new Owner()
          let newest = Number.NEGATIVE_INFINITY
          for (const r of log.slice(0, position)) newest = Math.max(newest, r.ts)
          for (let offset = between.start(position); offset < log.length; offset++) {
            const { source, v, ts } = log[offset]!
            const decision = next.read(offset, log[offset]!)
            if (offset < position) continue
            newest = Math.max(newest, ts)
            const shown = best.get(source!)
            if (!decision.startsWith("accepted") || shown === undefined || newest > shown.ts + 2 * expiry) continue
            assert.isAtLeast(Number(v!.split(".")[1]), shown.round, `record ${offset}`)
            compared++
          }
        }
      ),
      { numRuns: 3 * runs }
    )
    assert.isAbove(compared, runs / 10)
  })

  it("a source's accepted versions never decrease within the time that they are remembered", () => {
    fc.assert(
      fc.property(logs({ numberedOnly: true, epochs: 1 }), (log) => {
        const owner = new Owner()
        const best = new Map<string, { round: number; ts: number }>()
        let newest = Number.NEGATIVE_INFINITY
        for (const [offset, r] of log.entries()) {
          newest = Math.max(newest, r.ts)
          if (!owner.read(offset, r).startsWith("accepted")) continue
          const round = Number(r.v!.split(".")[1])
          const before = best.get(r.source!)
          if (before !== undefined && newest <= before.ts + 2 * expiry) assert.isAbove(round, before.round)
          best.set(r.source!, { round, ts: r.ts })
        }
      }),
      { numRuns: runs }
    )
  })

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
        const rounds = new Rounds<number>(defaults)
        const committable: Array<number> = []
        const stale = new Set<number>()
        const highest = new Map<string | undefined, number>()
        for (const [offset, r] of log.entries()) {
          committable.push(rounds.committable(offset))
          assert.isAtMost(rounds.lowest(offset), offset)
          const place = { offset, timestamp: r.ts }
          if (r.kind === "refused") rounds.pass(place)
          else {
            const step = rounds.take(identity(r), place, 1, offset)
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
        }
      }),
      { numRuns: runs }
    )
    assert.isAbove(checked, 30)
  })
})
