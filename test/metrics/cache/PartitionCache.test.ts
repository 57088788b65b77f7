/**
 * PartitionCache: what a scrape may see of a partition after some records, at some time. The clocks are plain numbers here, and
 * the bytes of a record are others' once it was taken.
 */
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { describe } from "vitest"
import type { LogTime } from "../../../src/engine/PartitionProcessor.ts"
import { type MarkAgo, Marks } from "../../../src/engine/partition/Marks.ts"
import { Budget } from "../../../src/metrics/cache/Budget.ts"
import type { CacheOptions } from "../../../src/metrics/cache/CacheOptions.ts"
import { defaultCacheLimits } from "../../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../../src/metrics/cache/PartitionCache.ts"
import type { SeriesLabels } from "../../../src/metrics/relabel/SeriesReader.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { linesOf, type Sent, spoil, toRecord } from "../records.ts"

const tp = { topic: "metrics", partition: 0 }
const expiry = 100

const options = (limits: Partial<CacheOptions["limits"]> = {}, over: Partial<CacheOptions> = {}): CacheOptions => ({
  expiry,
  timestamps: "scrape",
  sourceLabel: "instance",
  limits: { ...defaultParseLimits, ...defaultCacheLimits, ...limits },
  ...over
})

/** A cache with clocks that the test moves. Offsets are counted from `next`. */
class Pod {
  readonly cache: PartitionCache
  readonly content
  wall = 0
  mono = 0
  next = 0
  fence = 0
  marks: Marks
  /** As the engine would move them. */
  kept = 0
  shownFrom = 0

  constructor(
    opts: CacheOptions = options(),
    budget = new Budget("pod", { series: 1e9, bytes: 1e12 }),
    marks: ReadonlyArray<MarkAgo> = []
  ) {
    this.marks = new Marks(marks, 0)
    const time: LogTime = {
      settled: (apart) => this.marks.settled(this.next, apart),
      readBefore: (ago) => this.marks.readBefore(ago, this.mono),
      readAgo: (offset) => this.marks.readAgo(offset),
      appendedAgo: (offset) => this.marks.appendedAgo(offset, this.mono),
      keptFrom: () => this.kept,
      shownFrom: () => this.shownFrom
    }
    this.cache = new PartitionCache(tp, time, opts, budget)
    this.content = this.cache.content(() => this.now)
  }

  get now() {
    return { wall: this.wall, mono: this.mono }
  }

  take(...sent: ReadonlyArray<Sent>): this {
    for (const s of sent) {
      const record = toRecord(this.next, s)
      this.cache.take(record, this.fence, this.now)
      spoil(record)
      this.cache.reached(++this.next, this.fence, this.now)
    }
    return this
  }

  /** The log ends where this pod has read it. */
  mark(): this {
    this.marks.add({ end: this.next, read: Math.max(this.next, this.fence), at: this.mono })
    return this
  }

  drop(sent: Sent): this {
    const record = toRecord(this.next++, sent)
    this.cache.drop(record, record.offset, this.fence, this.now)
    spoil(record)
    return this
  }

  passes(ms: number): this {
    this.wall += ms
    this.mono += ms
    return this
  }

  get lines(): ReadonlyArray<string> {
    return linesOf(this.content.look().dumps)
  }

  refusedFor(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.cache.takeTally().refused)
  }
}

describe("snapshots", () => {
  it("a series that left the dump leaves with the next round", () => {
    const pod = new Pod().take({ v: "1.1", text: "a 1\nb 1\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1', 'b{instance="s"} 1'])
    pod.take({ v: "1.2", text: "a 2\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 2'])
  })

  it("a chunk that came while its round would have been ignored is shown as it was sent", () => {
    const pod = new Pod()
    pod.take({ v: "2.1", text: "a 1\n" }, { v: "1.5", chunk: "1/2", text: "a 5\n" })
    pod.kept = 1
    pod.take({ v: "1.5", chunk: "2/2", text: "b 5\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 5', 'b{instance="s"} 5'])
  })

  it("a chunk whose round named another count before is shown as it was sent", () => {
    const pod = new Pod().take({ v: "1.1", text: "a 1\n" }, { v: "1.2", chunk: "1/3", text: "a 7\n" })
    pod.take({ v: "1.2", chunk: "2/2", text: "b 2\n" })
    assert.deepStrictEqual(pod.refusedFor(), { "chunk-conflict": 1 })
    pod.take({ v: "1.2", chunk: "1/2", text: "a 2\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 2', 'b{instance="s"} 2'])
  })

  it("a round is shown when its last chunk is there, and whole", () => {
    const pod = new Pod().take({ v: "1.1", text: "a 1\n" })
    const typed = "# TYPE b counter\n"
    pod.take({ v: "1.2", chunk: "2/2", text: `${typed}b{x="2"} 2\n` })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1'])
    assert.strictEqual(pod.cache.committable(2), 1)
    pod.take({ v: "1.2", chunk: "1/2", text: `a 2\n${typed}b{x="1"} 2\n` })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 2', 'b{x="1",instance="s"} 2', 'b{x="2",instance="s"} 2'])
    const [dump] = pod.content.look().dumps
    assert.deepStrictEqual(
      [...dump!.families].map((f) => [f.name, f.type, f.series]),
      [
        ["a", "unknown", 1],
        ["b", "counter", 2]
      ]
    )
    assert.strictEqual(pod.cache.committable(3), 3)
  })

  it("chunks that are given up are counted once, by cause", () => {
    const pod = new Pod().take({ v: "1.1", chunk: "1/2", text: "a 1\n" }, { v: "1.2", text: "a 2\n" })
    assert.deepStrictEqual([...pod.cache.takeTally().ignored], [["superseded", 1]])
    assert.deepStrictEqual([...pod.cache.takeTally().ignored], [])
    pod.take({ v: "1.3", chunk: "1/2", text: "a 3\n" }, { v: "1.4", text: "a 4\n" })
    assert.deepStrictEqual([...pod.cache.takeTally().ignored], [["superseded", 1]])
  })

  const apart: ReadonlyArray<
    readonly [string, string, string, ReadonlyArray<string>, Readonly<Record<string, number>>]
  > = [
    [
      "a series in two chunks",
      'a{x="1",y="2"} 1\n',
      'a{y="2",x="1"} 2\nb 3\n',
      ['a{x="1",y="2",instance="s"} 1', 'b{instance="s"} 3'],
      { "duplicate-series": 1 }
    ],
    [
      "a family of two types",
      "# TYPE a gauge\na 1\n",
      '# TYPE a counter\na{x="1"} 2\n',
      ['a{instance="s"} 1', 'a{x="1",instance="s"} 2'],
      {}
    ],
    [
      "a sample name of two families",
      '# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
      '# TYPE a_count gauge\na_count 1\na_count{x="1"} 2\n',
      [
        ...['a_bucket{le="+Inf",instance="s"} 1', 'a_count{instance="s"} 1'],
        ...['a_count{x="1",instance="s"} 2', 'a_sum{instance="s"} 1']
      ],
      { "duplicate-series": 1 }
    ],
    ["a bad line in one chunk", "a 1\n", "b 1 2 3 4\n", ['a{instance="s"} 1'], { syntax: 1 }]
  ]
  it.each(apart)("a round with %s shows all that can be shown", (_, one, two, lines, refused) => {
    const pod = new Pod().take({ v: "1.1", text: "z 0\n" })
    pod.take({ v: "1.2", chunk: "1/2", text: one }, { v: "1.2", chunk: "2/2", text: two })
    assert.deepStrictEqual([...pod.lines].sort(), [...lines].sort())
    assert.deepStrictEqual(Object.fromEntries(pod.cache.takeTally().refusedLines), refused)
  })

  it.each([
    ["without a good line", "b 1 2 3 4\n", "c }\n", "syntax"],
    ["cut off in its last line", "a 1\n", "b 2", "no-eof"]
  ])("a numbered round %s is refused, the good round before stays", (_, one, two, reason) => {
    const pod = new Pod().take({ v: "1.1", text: "a 0\n" })
    pod.take({ v: "1.2", chunk: "1/2", text: one }, { v: "1.2", chunk: "2/2", text: two })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 0'])
    assert.deepStrictEqual(pod.refusedFor(), { [reason]: 1 })
  })

  it("what a scrape holds stays as it is, however many rounds come, seen or unseen", () => {
    const pod = new Pod()
    const text = (n: number) => `# TYPE a counter\na{x="1"} ${n}\na{x="2"} ${n}\n`
    const shown = (n: number) => [
      `a{x="1",instance="s"} ${n}`,
      `a{x="2",instance="s"} ${n}`,
      ...(n < 45 ? [] : [`b{instance="s"} ${n}`])
    ]
    const cuts: Array<ReturnType<typeof pod.content.look>["dumps"]> = []
    const values: Array<number> = []
    for (let n = 10; n < 60; n++) {
      const [first, second] = text(n).split(/(?<=\n)(?=a\{x="2)/)
      if (n < 30) pod.take({ v: `1.${n}`, text: text(n) })
      else if (n < 45)
        pod.take(
          { v: `1.${n}`, chunk: "1/2", text: first! },
          { v: `1.${n}`, chunk: "2/2", text: `# TYPE a counter\n${second}` }
        )
      else pod.take({ v: `1.${n}`, chunk: "2/2", text: `b ${n}\n` }, { v: `1.${n}`, chunk: "1/2", text: text(n) })
      if (n % 7 > 2) continue
      cuts.push(pod.content.look().dumps)
      values.push(n)
    }
    assert.deepStrictEqual(cuts.map(linesOf), values.map(shown))
  })

  it("an ended source is gone at once, and an older round does not bring it back", () => {
    const pod = new Pod().take({ v: "1.5", text: "a 1\n" }, { v: "1.6", text: null })
    assert.deepStrictEqual(pod.lines, [])
    pod.take({ v: "1.5", text: "a 1\n" })
    assert.deepStrictEqual(pod.lines, [])
    pod.take({ v: "1.7", text: "a 3\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 3'])
  })

  it("event mode shows the dump's own time", () => {
    const pod = new Pod(options({}, { timestamps: "event" }))
    pod.take({ v: "1.1", text: "a 1\n", ts: 1_700_000_000_000, headers: { "k2p-time": "1700000000000" } })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1 1700000000000'])
  })

  describe("in event mode a dump of the future", () => {
    const at = (time: number) => ({ text: "a 1\n", headers: { "k2p-time": String(time) } })
    const event = () => new Pod(options({}, { timestamps: "event" }))
    const far = Date.UTC(9999, 0)

    it("is refused where the broker's stamp says so, and its version counts", () => {
      const pod = event().take({ v: "1.1", ts: 100, ...at(60_100) })
      assert.lengthOf(pod.lines, 1)
      pod.take({ v: "1.2", ts: 100, ...at(60_101) }, { source: "t", ts: 100, ...at(far) })
      assert.deepStrictEqual(pod.refusedFor(), { future: 2 })
      pod.take({ v: "1.1", ts: 100, ...at(100) })
      assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1 60100'])
      assert.deepStrictEqual([...pod.cache.takeTally().ignored], [["older", 1]])
    })

    it("is hidden until it is due where the stamps are the senders', and hides nobody else", () => {
      const pod = event()
      const sent = [
        { v: "1.1", ts: 5, ...at(70_000) },
        { source: "t", ts: far, text: "b 1\n" },
        { source: "u", ts: 1, text: "c 1\n" }
      ]
      for (const each of sent) pod.cache.take({ ...toRecord(pod.next++, each), sendersTime: true }, 0, pod.now)
      assert.deepStrictEqual(pod.lines, ['c{instance="u"} 1 1'])
      pod.wall = 10_000
      assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1 70000', 'c{instance="u"} 1 1'])
    })

    describe("of samples, where the stamps are the senders'", () => {
      const take = (pod: Pod, ...sent: ReadonlyArray<Sent>) => {
        for (const each of sent) pod.cache.take({ ...toRecord(pod.next++, each), sendersTime: true }, 0, pod.now)
        pod.cache.reached(pod.next, 0, pod.now)
        return pod
      }
      const sources = (pod: Pod) => pod.content.sources(9).map(({ source }) => source)

      it("hides its own lines, whatever else comes of the source", () => {
        const pod = take(event(), { text: "a 5", ts: far })
        assert.deepStrictEqual([pod.lines, sources(pod)], [[], []])
        take(pod, { text: "b 1", ts: 1 })
        assert.deepStrictEqual([pod.lines, sources(pod)], [['b{instance="s"} 1 1'], ["s"]])
        take(pod, { text: "c 1\nb 2\n", ts: 2, headers: { "k2p-time": "300000" } })
        assert.deepStrictEqual([pod.lines, sources(pod)], [[], []])
        take(pod, { text: "b 3", ts: 3 }, { text: "d 1", ts: far })
        assert.deepStrictEqual([pod.lines, sources(pod)], [['b{instance="s"} 3 3'], ["s"]])
        // A known line, by itself.
        take(pod, { text: "b 4", ts: far })
        assert.deepStrictEqual(pod.lines, [])
        assert.deepStrictEqual(take(pod, { text: "a 6", ts: 4 }).lines, ['a{instance="s"} 6 4'])
      })

      it("is shown as soon as it is due, though nothing comes, and hidden again by a clock that is put back", () => {
        const pod = take(event(), { text: "a 1", ts: 70_000 }, { text: "b 1", ts: 1 })
        for (const [wall, lines] of [
          [9_999, 1],
          [10_000, 2],
          [99_000, 2],
          [9_999, 1],
          [10_000, 2]
        ] as const) {
          pod.wall = wall
          assert.lengthOf(pod.lines, lines)
        }
      })

      it("is hidden also where its lines were put into other memory", () => {
        const pod = event()
        for (let n = 0; n < 300; n++) take(pod, { text: `a{n="${n}"} 1`, ts: 1 })
        pod.mono = expiry / 2
        take(pod, { text: "b 1", ts: far }, { text: "c 1", ts: 1 })
        assert.lengthOf(pod.lines, 301)
        pod.mono = expiry + 1
        assert.deepStrictEqual(pod.lines, ['c{instance="s"} 1 1'])
      })

      it("shows of each series the last line, if that is due, and no other", () => {
        const line = fc.tuple(fc.constantFrom("a", 'a{x="1"}', 'a{ x="1" }', "b", "c"), fc.nat(99))
        const step = fc.record({
          lines: fc.array(line, { minLength: 1, maxLength: 3 }),
          early: fc.constantFrom(-5, 0, 60_000, 60_001, 60_050, 60_200, far),
          named: fc.boolean(),
          sendersTime: fc.constantFrom(true, true, true, false),
          wall: fc.constantFrom(0, 0, 1, 50, 200, -100),
          mono: fc.constantFrom(0, 1, 60)
        })
        fc.assert(
          fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
            const pod = event()
            pod.wall = 1_000_000
            const last = new Map<string, { line: string; due: number; mono: number }>()
            for (const { lines, early, named, sendersTime, wall, mono } of steps) {
              pod.wall += wall
              pod.mono += mono
              const time = pod.wall + early
              const text = lines.map(([series, value]) => `${series} ${value}\n`).join("")
              const how = named ? { ts: pod.wall, headers: { "k2p-time": String(time) } } : { ts: time }
              pod.cache.take({ ...toRecord(pod.next++, { text, ...how }), sendersTime }, 0, pod.now)
              pod.cache.reached(pod.next, 0, pod.now)
              // The broker's stamp refuses what is too early.
              if (sendersTime || how.ts + 60_000 >= time)
                for (const [series, value] of lines) {
                  const id = series.replaceAll(" ", "")
                  const labelled = id.endsWith("}") ? id.replace("}", ',instance="s"}') : `${id}{instance="s"}`
                  last.set(id, {
                    line: `${labelled} ${value} ${time}`,
                    due: sendersTime ? time - 60_000 : 0,
                    mono: pod.mono
                  })
                }
              const shown = [...last.values()].filter((l) => l.due <= pod.wall && pod.mono - l.mono <= expiry)
              assert.deepStrictEqual(pod.lines, shown.map((l) => l.line).toSorted())
            }
          }),
          { numRuns: 500, seed: 11 }
        )
      })
    })
  })

  it("labels from the headers are added where the dump has none", () => {
    const pod = new Pod().take({ v: "1.1", text: 'a{job="own"} 1\nb 1\n', headers: { "k2p-labels": '{"job":"api"}' } })
    assert.deepStrictEqual(pod.lines, ['a{job="own",instance="s"} 1', 'b{instance="s",job="api"} 1'])
  })
})

describe("bad input", () => {
  it("poison between good rounds harms only itself, and an operator can see it", () => {
    const pod = new Pod().take(
      { v: "1.1", text: "a 1\n" },
      { source: "t", v: "1.1", text: "b 1\n" },
      { v: "1.2", text: "}{\n" },
      { v: "1.3", text: "}{\n" },
      { source: "t", v: "1.2", text: "b 2\n" }
    )
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1', 'b{instance="t"} 2'])
    const [refusal, ...others] = pod.content.refusals()
    assert.deepStrictEqual(others, [])
    assert.include(refusal, { source: "s", reason: "syntax", offset: 3, count: 2, topic: "metrics", partition: 0 })
    pod.take({ v: "1.4", text: "a 4\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 4', 'b{instance="t"} 2'])
    assert.deepStrictEqual(pod.refusedFor(), { syntax: 2 })
  })

  it("of each refusal the line that is to blame is kept, shortened, and whose it claims to be", () => {
    const mismatch = { "k2p-source": "other" }
    const pod = new Pod().take(
      { source: "a", text: `ok 1\nbroken }\nok 2\n` },
      { source: "b", text: `x{l="${"v".repeat(100_000)}"} 1\n` },
      { source: "c", text: "y 1\n", headers: { "k2p-round": "first" } },
      { source: "d", text: "z 1\nzz 2\n", headers: mismatch },
      { source: "e", text: "e_total 1\n", headers: { "content-type": "application/json" } }
    )
    const kept = pod.content.refusals().map(({ source, reason, sample }) => [source, reason, sample])
    const long = `x{l="${"v".repeat(195)}…`
    assert.deepStrictEqual(kept.reverse(), [
      ["a", "value", "broken }"],
      ["b", "too-large", long],
      ["c", "bad-header", "y 1"],
      ["d", "source-mismatch", "z 1"],
      ["e", "content-type", "e_total 1"]
    ])
  })

  it("below the fence a record whose sender is in doubt takes nobody's content out", () => {
    const pod = new Pod()
    pod.fence = 10
    pod.take({ v: "1.1", text: "a 1\n" }, { v: "1.2", text: "a 2\n", headers: { "k2p-source": "other" } })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1'])
  })

  it("the refusals that are kept are bounded, newest first", () => {
    const pod = new Pod()
    for (let i = 0; i < 1000; i++) pod.take({ source: `s${i}`, v: "1.1", text: "}{\n" })
    const refusals = pod.content.refusals()
    assert.strictEqual(refusals.length, 64)
    assert.strictEqual(refusals[0]!.source, "s999")
  })

  it("below the fence a refused round takes its source out until its next accepted one", () => {
    const pod = new Pod()
    pod.fence = 10
    pod.take({ v: "1.1", text: "a 1\n" }, { source: "t", v: "1.1", text: "b 1\n" }, { v: "1.2", text: "}{\n" })
    assert.deepStrictEqual(pod.lines, ['b{instance="t"} 1'])
    pod.take({ v: "1.1", text: "a 1\n" })
    assert.deepStrictEqual(pod.lines, ['b{instance="t"} 1'])
    pod.take({ v: "1.3", text: "a 3\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 3', 'b{instance="t"} 1'])
  })

  it("below the fence a record with bad headers takes its source out too", () => {
    const pod = new Pod()
    pod.fence = 10
    pod.take({ v: "1.1", text: "a 1\n" }, { text: "a 2\n", headers: { "content-type": "image/png" } })
    assert.deepStrictEqual(pod.lines, [])
  })

  it("below the fence a dropped record takes its source out, beyond it the content stays", () => {
    const pod = new Pod()
    pod.fence = 4
    pod.take({ v: "1.1", text: "a 1\n" }, { source: "t", v: "1.1", text: "b 1\n" }).drop({ v: "1.2", text: "a 2\n" })
    assert.deepStrictEqual(pod.lines, ['b{instance="t"} 1'])
    pod.take({ v: "1.1", text: "a 1\n" })
    assert.deepStrictEqual(pod.lines, ['b{instance="t"} 1'])
    pod.drop({ source: "t", v: "1.3", text: "b 3\n" })
    assert.deepStrictEqual(pod.lines, ['b{instance="t"} 1'])
    pod.take({ source: "t", v: "1.2", text: "b 2\n" })
    assert.deepStrictEqual(pod.lines, ['b{instance="t"} 1'])
  })
})

describe("expiry", () => {
  it("a silent source is hidden after the expiry and freed by the sweep", () => {
    const pod = new Pod().take({ v: "1.1", text: "a 1\n" }).passes(expiry)
    assert.lengthOf(pod.lines, 1)
    pod.passes(1)
    assert.deepStrictEqual(pod.lines, [])
    assert.strictEqual(pod.cache.size().sources, 1)
    pod.cache.sweep(pod.now)
    assert.deepStrictEqual(pod.cache.size(), { sources: 0, series: 0, bytes: 0 })
    assert.strictEqual(pod.cache.takeTally().expired, 1)
  })

  it("the memory of its version stays: a late older round does not bring it back", () => {
    const pod = new Pod().take({ v: "1.2", text: "a 2\n" }).passes(expiry + 1)
    pod.cache.sweep(pod.now)
    pod.take({ v: "1.1", text: "a 1\n" })
    assert.deepStrictEqual(pod.lines, [])
  })

  it("a slow source has three times its own interval", () => {
    const pod = new Pod().take({ v: "1.1", text: "a 1\n", ts: 9e15 }).passes(200)
    pod.cache.sweep(pod.now)
    pod.take({ v: "1.2", text: "a 2\n", ts: 1 }).passes(600)
    assert.lengthOf(pod.lines, 1)
    assert.deepStrictEqual(pod.passes(1).lines, [])
  })

  it("a lost round does not make a source look slower", () => {
    const pod = new Pod().take({ v: "1.1", text: "a 1\n" }).passes(200).take({ v: "1.5", text: "a 2\n" })
    assert.lengthOf(pod.passes(150).lines, 1)
    assert.deepStrictEqual(pod.passes(1).lines, [])
  })

  it("replayed content is as old as its owners count, whatever its stamps say", () => {
    const log: ReadonlyArray<Sent> = [
      { v: "1.1", text: "a 1\n", ts: 9e15 },
      { source: "t", v: "1.1", text: "b 1\n", ts: 1 },
      { source: "u", v: "1.1", text: "c 1\n", ts: 5 }
    ]
    const old = new Pod().mark()
    for (const sent of log) old.take(sent).mark().passes(60)
    const next = new Pod(options(), undefined, old.marks.ago(old.mono))
    next.fence = 3
    next.passes(1_000)
    next.take(...log)
    assert.deepStrictEqual(next.lines, ['c{instance="u"} 1'])
    assert.lengthOf(next.passes(expiry - 60).lines, 1)
    assert.lengthOf(next.passes(1).lines, 0)
  })

  it.each([
    ["round", { v: "1.1" }, { v: "1.2" }],
    ["sample", {}, {}]
  ])(
    "a replayed %s that nobody counted and that has its sender's stamp is not shown before its next round",
    (_, first, next) => {
      const pod = new Pod()
      pod.fence = 1
      const record = { ...toRecord(0, { ...first, text: "a 1\n" }), sendersTime: true }
      pod.cache.take(record, pod.fence, pod.now)
      pod.cache.reached(++pod.next, pod.fence, pod.now)
      assert.deepStrictEqual(pod.lines, [])
      assert.deepStrictEqual(pod.take({ ...next, text: "a 2\n" }).lines, ['a{instance="s"} 2'])
    }
  )

  it("in quarantine what comes before its end is remembered, not shown", () => {
    const pod = new Pod()
    pod.fence = 1
    pod.take({ v: "1.5", text: "a 5\n" })
    assert.lengthOf(pod.lines, 1)
    pod.shownFrom = Number.POSITIVE_INFINITY
    pod.take({ source: "t", text: "b 1\n" }, { v: "1.6", text: "a 6\n" })
    assert.deepStrictEqual(pod.lines, [])
    pod.shownFrom = 4
    pod.take({ source: "t", text: "b 2\n" }, { v: "1.4", text: "a 4\n" })
    assert.deepStrictEqual(pod.lines, [])
    pod.take({ source: "t", text: "b 3\n" }, { v: "1.6", text: "a 6\n" }, { v: "1.7", text: "a 7\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 7', 'b{instance="t"} 3'])
    assert.deepStrictEqual([...pod.cache.takeTally().ignored].sort(), [
      ["older", 1],
      ["quarantined", 3],
      ["repeated", 1]
    ])
  })

  it("where nobody counted, replayed content is as old as both the log and the wall clock say, by the broker's stamps", () => {
    const at = (wall: number, newest: number) => {
      const pod = new Pod()
      pod.wall = wall
      pod.fence = 2
      pod.take({ v: "1.1", text: "a 1\n", ts: 1000 }, { source: "t", v: "1.1", text: "b 1\n", ts: newest })
      return pod
    }
    assert.include(at(2000, 1000 + expiry).lines, 'a{instance="s"} 1', "the log says alive")
    const late = 1000 + 2 * expiry
    assert.include(at(1000 + expiry, late).lines, 'a{instance="s"} 1', "the clock says alive")
    assert.notInclude(at(2000, late).lines, 'a{instance="s"} 1', "both say silent")
    assert.include(at(0, late).lines, 'a{instance="s"} 1', "a clock that is behind")
    const pod = at(1060, 1060)
    assert.include(pod.passes(expiry - 60).lines, 'a{instance="s"} 1')
    assert.notInclude(pod.passes(1).lines, 'a{instance="s"} 1')
  })

  it("a long replay does not age what it replays", () => {
    const pod = new Pod()
    pod.fence = 2
    pod.take({ v: "1.1", text: "a 1\n", ts: 0 }).passes(10 * expiry)
    pod.cache.sweep(pod.now)
    pod.take({ source: "t", v: "1.1", text: "b 1\n", ts: 10 })
    assert.lengthOf(pod.lines, 2)
  })

  it("L holds two rounds of a slow source, so that its interval survives a handoff", () => {
    const log = [0, 1, 2].map((i) => ({ v: `1.${i}`, text: `a ${i}\n` }))
    const reads = (pod: Pod, every: number) => {
      pod.mark()
      for (const sent of log) {
        pod.take(sent)
        for (let ms = 0; ms < every; ms += 20) pod.mark().passes(20)
      }
      return pod
    }
    const old = reads(new Pod(), 200)
    assert.strictEqual(old.cache.lowest(3), 1)
    const next = new Pod(options(), undefined, old.marks.ago(old.mono))
    next.next = 1
    next.fence = 3
    next.take(...log.slice(1)).passes(400)
    assert.lengthOf(next.lines, 1)
    assert.lengthOf(next.passes(expiry).lines, 0)
    assert.strictEqual(reads(new Pod(), 40).cache.lowest(3), 2)
  })
})

describe("samples", () => {
  it("the last value of a series wins, whatever the order of its labels", () => {
    const pod = new Pod().take({ text: 'a{x="1",y="2"} 1\n' }, { text: 'b 1\na{y="2",x="1"} 2\n' })
    assert.deepStrictEqual(pod.lines, ['a{y="2",x="1",instance="s"} 2', 'b{instance="s"} 1'])
  })

  it("each series expires by itself", () => {
    const pod = new Pod().take({ text: "a 1\nb 1\n" }).passes(60).take({ text: "b 2\n" })
    assert.lengthOf(pod.lines, 2)
    pod.passes(41)
    assert.deepStrictEqual(pod.lines, ['b{instance="s"} 2'])
    assert.strictEqual(pod.cache.size().series, 1)
    pod.passes(60)
    pod.cache.sweep(pod.now)
    assert.deepStrictEqual(pod.cache.size(), { sources: 0, series: 0, bytes: 0 })
  })

  it("L is the record of the oldest live series", () => {
    const pod = new Pod().take({ text: "a 1\n" }, { text: "b 1\n" }, { text: "c 1\n" })
    assert.strictEqual(pod.cache.lowest(3), 0)
    pod.take({ text: "a 2\n" })
    assert.strictEqual(pod.cache.lowest(4), 1)
  })

  it("single lines belong to the family that was declared before", () => {
    const pod = new Pod().take(
      { text: '# HELP h help\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n' },
      { text: 'h_bucket{le="1.0"} 2\n' }
    )
    const [dump] = pod.content.look().dumps
    assert.deepStrictEqual(
      [...dump!.families].map((f) => [f.textName, f.type, f.help, f.series]),
      [["h", "histogram", "help", 4]]
    )
    assert.include(pod.lines, 'h_bucket{le="1.0",instance="s"} 2')
    assert.notInclude(pod.lines, 'h_bucket{le="1",instance="s"} 1')
  })

  it("a declaration claims the series that came before it", () => {
    const pod = new Pod().take({ text: "h_count 1\nh_sum 1\n" }, { text: "# TYPE h summary\nh_count 2\n" })
    const families = [...pod.content.look().dumps[0]!.families].map((f) => [f.textName, f.sampleNames])
    assert.deepStrictEqual(families, [["h", ["h_sum", "h_count"]]])
  })

  it("another type for a family costs no series", () => {
    const pod = new Pod().take({ text: '# TYPE a gauge\na{x="1"} 1\n' }, { text: '# TYPE a counter\na{x="2"} 2\n' })
    assert.deepStrictEqual(pod.lines, ['a{x="1",instance="s"} 1', 'a{x="2",instance="s"} 2'])
    assert.deepStrictEqual(
      [...pod.content.look().dumps[0]!.families].map((f) => f.type),
      ["counter"]
    )
  })

  it("a change of mode replaces what was there", () => {
    const pod = new Pod().take({ text: "a 1\n" }, { mode: "snapshot", text: "b 1\n" })
    assert.deepStrictEqual(pod.lines, ['b{instance="s"} 1'])
    pod.take({ text: "c 1\n" })
    assert.deepStrictEqual(pod.lines, ['c{instance="s"} 1'])
    assert.strictEqual(pod.cache.size().series, 1)
  })

  it("in chunks of which one cannot be read add nothing, whether or not the source is known", () => {
    const pod = new Pod().take({ source: "known", text: "a 1\n" })
    for (const source of ["known", "new"])
      pod.take({ source, chunk: "1/2", text: "b 1\n" }, { source, chunk: "2/2", text: "}}}\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="known"} 1'])
    const { sources, series } = pod.cache.size()
    assert.deepStrictEqual({ sources, series }, { sources: 1, series: 1 })
    assert.deepStrictEqual(pod.refusedFor(), { syntax: 2 })
  })

  it("a dump that a scrape holds does not change", () => {
    const pod = new Pod().take({ text: "a 1\n" })
    const cut = pod.content.look().dumps
    pod.take({ text: "a 2\n" })
    assert.deepStrictEqual(linesOf(cut), ['a{instance="s"} 1'])
  })
})

describe("limits", () => {
  const budget = () => new Budget("pod", { series: 1e9, bytes: 1e12 })

  it("a source over its limit is refused, in one record or over many", () => {
    const pod = new Pod(options({ maxSeries: 2 }))
    pod.take({ v: "1.1", text: "a 1\nb 1\n" }, { v: "1.2", text: "a 1\nb 1\nc 1\n" })
    pod.take({ source: "t", text: "a 1\n" }, { source: "t", text: "b 1\n" }, { source: "t", text: "c 1\n" })
    assert.lengthOf(pod.lines, 4)
    assert.deepStrictEqual(pod.refusedFor(), { "too-many-series": 2 })
  })

  it("chunks together are held to the source's limit", () => {
    const pod = new Pod(options({ maxSeries: 2 }))
    pod.take({ v: "1.1", chunk: "1/2", text: "a 1\nb 1\n" }, { v: "1.1", chunk: "2/2", text: "c 1\n" })
    assert.deepStrictEqual(pod.refusedFor(), { "too-many-series": 1 })
  })

  it("a full partition refuses what is more and takes what is not", () => {
    const pod = new Pod(options({ partitionSeries: 3 }), budget())
    pod.take({ source: "a", v: "1.1", text: "a 1\nb 1\n" }, { source: "b", v: "1.1", text: "a 1\nb 1\n" })
    assert.lengthOf(pod.lines, 2)
    pod.take({ source: "a", v: "1.2", text: "a 2\nb 2\n" }, { source: "b", v: "1.2", text: "a 2\n" })
    assert.lengthOf(pod.lines, 3)
    assert.deepStrictEqual(pod.refusedFor(), { "partition-full": 1 })
  })

  it("partitions share the pod's budget and give it back", () => {
    const shared = new Budget("pod", { series: 3, bytes: 1e12 })
    const one = new Pod(options(), shared).take({ v: "1.1", text: "a 1\nb 1\n" })
    const two = new Pod(options(), shared).take({ v: "1.1", text: "a 1\nb 1\n" })
    assert.deepStrictEqual(two.refusedFor(), { "pod-full": 1 })
    one.cache.clear()
    assert.deepStrictEqual({ series: shared.series, bytes: shared.bytes }, { series: 0, bytes: 0 })
    two.take({ v: "1.2", text: "a 2\nb 2\n" })
    assert.lengthOf(two.lines, 2)
  })

  it("one source too many is refused, also for samples", () => {
    const pod = new Pod(options({ maxSources: 2 }))
    for (const source of ["a", "b", "a", "b", "c", "a"]) pod.take({ source, text: "a 1\n" })
    assert.lengthOf(pod.lines, 2)
    assert.deepStrictEqual(pod.refusedFor(), { "too-many-sources": 1 })
    assert.match(pod.content.refusals()[0]!.detail, /--max-sources is 2/)
  })

  it("what the budget counts is what is there, after anything", () => {
    const step = fc.record({
      source: fc.constantFrom("a", "b"),
      kind: fc.constantFrom("snapshot", "samples", "ended", "bad", "time", "sweep", "scrape"),
      names: fc.uniqueArray(fc.constantFrom("x", "y", "z"), { minLength: 1 })
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const shared = budget()
        const pod = new Pod(options({ partitionSeries: 4 }), shared)
        for (const { source, kind, names } of steps) {
          const text = names.map((name) => `${name} 1\n`).join("")
          if (kind === "time") pod.passes(60)
          else if (kind === "sweep") pod.cache.sweep(pod.now)
          else if (kind === "scrape") pod.content.look().dumps
          else if (kind === "ended") pod.take({ source, text: null })
          else
            pod.take({
              source,
              text: kind === "bad" ? "}{\n" : text,
              mode: kind === "samples" ? "samples" : "snapshot"
            })
          // A quarter more is for those that are known.
          assert.isAtMost(pod.lines.length, 5)
        }
        pod.cache.sweep(pod.now)
        assert.strictEqual(pod.cache.size().series, pod.lines.length)
        assert.strictEqual(shared.bytes, pod.cache.size().bytes)
        pod.passes(1000)
        pod.cache.sweep(pod.now)
        assert.deepStrictEqual(pod.cache.size(), { sources: 0, series: 0, bytes: 0 })
        assert.strictEqual(shared.bytes, 0)
      })
    )
  })
})

describe("handoff", () => {
  const record = fc.record({
    source: fc.constantFrom("a", "b", "c"),
    v: fc.option(fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 5 })), { nil: undefined }),
    chunk: fc.constantFrom("1/1", "1/1", "1/2", "2/2"),
    series: fc.constantFrom("x", "y"),
    kind: fc.constantFrom("snapshot", "snapshot", "samples", "ended"),
    step: fc.constantFrom(0, 1, 10, 30, 60, 110, 210, -5)
  })

  /**
   * What a numbered record says depends on its version alone, as an honest sender's does, and none comes later than twice the
   * expiry after a newer one of its epoch: that is what the memory of versions covers.
   */
  const logs = fc.array(record, { minLength: 2, maxLength: 50 }).map((steps) => {
    let ts = 10_000
    let high = ts
    const newest = new Map<string, { readonly round: number; readonly ts: number }>()
    const covered = steps.flatMap((step) => {
      ts += step.step
      high = Math.max(high, ts)
      if (step.v === undefined) return { ...step, ts }
      const [epoch, round] = step.v
      const last = newest.get(`${step.source} ${epoch}`)
      if (last !== undefined && round < last.round && high > last.ts + 2 * expiry) return []
      if (last === undefined || round > last.round) newest.set(`${step.source} ${epoch}`, { round, ts })
      return { ...step, ts }
    })
    return covered.map(({ source, v, chunk, series, kind, ts }, offset): Sent => {
      if (v === undefined) {
        if (kind === "ended") return { source, ts, text: null }
        return { source, ts, mode: kind, text: `${series} ${offset}\n` }
      }
      const [epoch, round] = v
      const version = { source, ts, v: `${epoch}.${round}` }
      if (round === 5) return { ...version, text: null }
      const whole = round % 2 === 0
      const index = whole ? 1 : Number(chunk[0])
      return {
        ...version,
        mode: epoch === 1 && source === "c" ? "samples" : "snapshot",
        chunk: whole ? "1/1" : `${index}/2`,
        text: `${index === 1 ? "x" : "y"} ${epoch}.${round}\n`
      }
    })
  })

  /** What an owner showed: when a line was news by the log, and which are the last of their source, expired or not. */
  class Seen {
    readonly since = new Map<string, number>()
    private readonly latest = new Map<string, { readonly mode: string; readonly lines: ReadonlySet<string> }>()

    note(sent: Sent, before: ReadonlyArray<string>, after: ReadonlyArray<string>, accepted: boolean): void {
      const mine = (lines: ReadonlyArray<string>) => lines.filter((line) => line.includes(`"${sent.source}"`))
      const now = mine(after)
      if (sent.text === null && accepted) this.latest.delete(sent.source!)
      const news = now.filter((line) => !before.includes(line))
      if (news.length === 0) return
      for (const line of news) this.since.set(line, sent.ts!)
      const was = this.latest.get(sent.source!)
      const others = sent.mode === "samples" && was?.mode === "samples" ? [...was.lines] : []
      const stay = others.filter((line) => !now.some((n) => series(n) === series(line)))
      this.latest.set(sent.source!, { mode: sent.mode!, lines: new Set([...stay, ...now]) })
    }

    /** By a repetition that the old owner ignored, the new one may show for longer what was shown last, never anything else. */
    last(line: string): boolean {
      return [...this.latest.values()].some(({ lines }) => lines.has(line))
    }
  }
  const series = (line: string): string => line.slice(0, line.lastIndexOf(" "))

  it("a new owner that reads from L shows what the old one showed, without what the log says is silent", () => {
    let shown = 0
    fc.assert(
      fc.property(logs, fc.nat(), fc.nat(), (log, a, b) => {
        const position = Math.min(log.length, 1 + (a % log.length))
        const newest = Math.max(...log.slice(0, position).map((r) => r.ts!))
        const old = new Pod()
        old.wall = log[0]!.ts!
        const seen = new Seen()
        for (const sent of log.slice(0, position)) {
          // A pod that keeps up: its clocks go with the log's.
          old.passes(Math.max(0, sent.ts! - old.wall))
          const before = old.lines
          old.take(sent)
          seen.note(sent, before, old.lines, old.cache.takeTally().accepted > 0)
        }
        const next = new Pod()
        next.next = b % (Math.min(old.cache.lowest(position), old.cache.committable(position)) + 1)
        next.fence = position
        next.wall = newest
        const from = next.next
        next.take(...log.slice(from, position))
        for (const line of next.lines) assert.isTrue(seen.last(line), `${line} at ${position}, read from ${from}`)
        for (const line of old.lines) {
          if (newest - seen.since.get(line)! > expiry) continue
          assert.include(next.lines, line, `at ${position}, read from ${from}`)
          shown++
        }
      }),
      { numRuns: 2000 }
    )
    assert.isAbove(shown, 1000)
  })
})

describe("a record of a format that is not known here", () => {
  const later = { text: "{}", headers: { "k2p-format": "2", "k2p-mode": "delta", "content-type": "text/later" } }

  it("is refused with its whole round and a reason, and what was good before stays", () => {
    const pod = new Pod().take({ v: "1.1", text: "a 1\n" }, { v: "1.2", ...later })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1'])
    assert.deepStrictEqual(pod.refusedFor(), { "unknown-format": 1 })
    const [refused] = pod.content.refusals()
    assert.deepInclude(refused, { source: "s", offset: 1, reason: "unknown-format" })
    assert.match(refused!.detail, /k2p-format is "2"; this pod reads format 1/)
    pod.take({ v: "1.3", chunk: "1/2", text: "a 3\n" }, { v: "1.3", chunk: "2/2", ...later })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1'])
    assert.deepStrictEqual(pod.refusedFor(), { "unknown-format": 1 })
  })

  it("takes its place: pods that can read it may have shown it, so nothing older follows", () => {
    const pod = new Pod().take({ v: "1.1", text: "a 1\n" }, { v: "1.5", ...later }, { v: "1.4", text: "a 4\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1'])
    pod.take({ v: "1.6", text: "a 6\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 6'])
  })

  it("below the fence takes its source along, as every refusal", () => {
    const pod = new Pod()
    pod.fence = 2
    pod.take({ v: "1.1", text: "a 1\n" }, { v: "1.2", ...later })
    assert.deepStrictEqual(pod.lines, [])
  })

  it("is not the end of its source where its value is empty", () => {
    const pod = new Pod().take({ v: "1.1", text: "a 1\n" }, { v: "1.2", ...later, text: null })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1'])
  })

  it("is shown to no admission, and not read ahead", () => {
    const seen: Array<string> = []
    const admission = {
      name: "ours",
      series: (labels: SeriesLabels) => {
        seen.push(String(labels))
        return labels
      }
    }
    const pod = new Pod(options({}, { admission })).take({ v: "1.2", ...later, text: "a 1\n" })
    assert.deepStrictEqual(seen, [])
    assert.deepStrictEqual(pod.refusedFor(), { "unknown-format": 1 })
    const large = toRecord(7, { v: "1.3", ...later, text: "a 1\n".repeat(1_000_000) })
    assert.isUndefined(pod.cache.ahead.of(large))
  })
})

describe("a record over the limit", () => {
  const large = { text: null, tooLarge: 70_000_000 }

  it("is refused alone, with its source and its size, and what was good before stays", () => {
    const pod = new Pod().take({ v: "1.1", text: "a 1\n" }, { source: "t", v: "1.1", text: "a 1\n" })
    pod.take({ v: "1.2", ...large }, { source: "t", v: "1.2", text: "a 2\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1', 'a{instance="t"} 2'])
    assert.deepStrictEqual(pod.refusedFor(), { "record-too-large": 1 })
    const [refused] = pod.content.refusals()
    assert.deepInclude(refused, { source: "s", offset: 2, reason: "record-too-large" })
    assert.match(refused!.detail, /its value of 70000000 bytes was passed over/)
  })

  it("is not the end of its source, and counts as seen: what is older is ignored after it", () => {
    const pod = new Pod().take({ v: "1.1", text: "a 1\n" }, { v: "1.5", ...large }, { v: "1.4", text: "a 4\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1'])
    pod.take({ v: "1.6", text: "a 6\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 6'])
  })

  it("below the fence takes its source along, as every refusal", () => {
    const pod = new Pod()
    pod.fence = 2
    pod.take({ v: "1.1", text: "a 1\n" }, { v: "1.2", ...large })
    assert.deepStrictEqual(pod.lines, [])
    pod.take({ v: "1.3", text: "a 3\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 3'])
  })

  it("as a chunk refuses its round, with or without a number", () => {
    for (const v of ["1.2", undefined]) {
      const number = v === undefined ? {} : { v }
      const pod = new Pod().take({ v: "1.1", text: "a 1\n" })
      pod.take({ ...number, chunk: "1/2", mode: "snapshot", ...large })
      pod.take({ ...number, chunk: "2/2", mode: "snapshot", text: "b 2\n" })
      assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1'])
      assert.deepStrictEqual(pod.refusedFor(), { "record-too-large": 1 })
      assert.match(pod.content.refusals()[0]!.detail, /^chunk 1\/2: /)
    }
  })

  it("of samples leaves the source's samples as they are", () => {
    const pod = new Pod().take({ text: "a 1\n" }, large, { text: "b 2\n" })
    assert.deepStrictEqual(pod.lines, ['a{instance="s"} 1', 'b{instance="s"} 2'])
    assert.deepStrictEqual(pod.refusedFor(), { "record-too-large": 1 })
  })

  it("of no source that could be read is refused for that", () => {
    const pod = new Pod().take({ source: "x".repeat(1_000), ...large })
    assert.deepStrictEqual(pod.refusedFor(), { "bad-header": 1 })
  })
})
