/**
 * Samples, one by one and in dumps: a line that is known is read by what is known of it, and whatever comes, the content is what
 * reading each record by itself would have made of it.
 */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { vi } from "vitest"
import { Budget } from "../../../src/metrics/cache/Budget.ts"
import type { CacheOptions } from "../../../src/metrics/cache/CacheOptions.ts"
import { defaultCacheLimits } from "../../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../../src/metrics/cache/PartitionCache.ts"
import type { Reading } from "../../../src/metrics/read/Reading.ts"
import { reader } from "../../../src/metrics/read/Snapshot.ts"
import { Ages } from "../../../src/metrics/rounds/Ages.ts"
import { SampleSeries } from "../../../src/metrics/samples/SampleSeries.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { noTime } from "../../../src/testing/NoTime.ts"
import { readOptions } from "../readOptions.ts"
import { type Sent, toRecord } from "../records.ts"

const utf8 = new TextEncoder()
const options = readOptions("s")
const stamp = { offset: 0, timestamp: 0, mono: 0, replayed: false }
const ages = new Ages(noTime.readAgo)
const now = { wall: 0, mono: 0 }

const readBy = (series: SampleSeries, text: string, how = options): Reading => {
  const reading = reader.read(utf8.encode(text), how, series.memory())
  if ("reason" in reading) assert.fail(reading.detail)
  return reading
}
const add = (series: SampleSeries, text: string, at: Partial<typeof stamp> = {}, how = options): SampleSeries => {
  series.add(readBy(series, text, how), { ...stamp, ...at })
  return series
}
const linesOf = (series: SampleSeries, mono = 0, expiry = 1000): ReadonlyArray<string> =>
  [...(series.look(ages, { wall: 0, mono }, expiry)?.dump.families ?? [])].flatMap((f) =>
    Buffer.from(f.bytes).toString().trim().split("\n")
  )

describe("a line of a source in samples mode", () => {
  it.each([
    ["a 1", "a 2", true],
    ["a 1\n", "a 2", true],
    ["a 1", "a 2.5e-7\n", true],
    ["a 1", "a NaN", true],
    ["a 1", "a 2 1234567890123", true],
    ["a 1", "a 2\n\n", true],
    ["a 1", "# a\na 2", true],
    ["a 1\nb 1\n", "b 2", true],
    ['a{x="1",y="2"} 1', 'a{x="1",y="2"} 100', true],
    ['a{x="1",} 1', 'a{x="1",} 2', true],
    ['a{x="1", y="2" } 1', 'a{x="1", y="2" } 2', true],
    ['{"a.b",x="1"} 1', '{"a.b",x="1"} 2', true],
    ["a{} 1", "a{} 2", true],
    ['a{x="} 1"} 1', 'a{x="} 1"} 2', true],
    ["a 1", "a  2", false],
    ["a 1", "b 2", false],
    ['a{x="1",y="2"} 1', 'a{y="2",x="1"} 1', false]
  ])("%j, then %j: known is %s", (first, next, expected) => {
    const series = add(new SampleSeries(), first)
    const reading = readBy(series, next)
    assert.strictEqual(reading.count, 1)
    assert.strictEqual(reading.news === 0, expected)
  })

  it("is not known under other labels", () => {
    const series = add(new SampleSeries(), "a 1")
    const other = { ...options, attach: { ...options.attach, labels: [["job", "k"]] as const } }
    assert.strictEqual(readBy(series, "a 2", other).news, 1)
    add(series, "a 2", {}, other)
    assert.strictEqual(readBy(series, "a 3").news, 1)
    assert.deepStrictEqual(linesOf(series), ['a{instance="s",job="j"} 1', 'a{instance="s",job="k"} 2'])
  })

  it("is known wherever it comes", () => {
    const all = Array.from({ length: 500 }, (_, n) => `a{n="${n}"} ${n}\n`)
    const series = add(new SampleSeries(), all.join(""))
    for (const lines of [all, all.toReversed(), all.slice(100, 200), [all[7]!], [all[400]!], all]) {
      assert.strictEqual(readBy(series, lines.join("")).news, 0)
      add(series, lines.join(""))
    }
    assert.strictEqual(series.series, 500)
  })

  it("is known when most of the others have expired", () => {
    const series = add(new SampleSeries(), "a 1")
    for (let n = 0; n < 1000; n++) add(series, `b{n="${n}"} ${n}`, { offset: n + 1, mono: n < 10 ? 100 : 0 })
    const { bytes } = series
    const least = add(new SampleSeries(), "a 1").bytes
    series.sweep(ages, { wall: 0, mono: 1001 }, 1000)
    assert.strictEqual(series.series, 10)
    assert.isBelow(series.bytes - least, bytes / 50)
    assert.strictEqual(series.first, 1)
    for (let n = 0; n < 10; n++) {
      assert.strictEqual(readBy(series, `b{n="${n}"} 7`).news, 0)
      add(series, `b{n="${n}"} 7`)
    }
    assert.strictEqual(readBy(series, 'b{n="10"} 7').news, 1)
    assert.deepStrictEqual(
      linesOf(series, 1001, 2000),
      Array.from({ length: 10 }, (_, n) => `b{n="${n}",instance="s",job="j"} 7`)
    )
  })

  it("changes nothing that was handed out", () => {
    const series = add(new SampleSeries(), "a 1")
    const before = series.look(ages, now, 1000)!.dump
    for (const value of ["7", "12345678901234567890", "3"])
      assert.deepStrictEqual(linesOf(add(series, `a ${value}`)), [`a{instance="s",job="j"} ${value}`])
    assert.strictEqual(Buffer.from([...before.families][0]!.bytes).toString(), 'a{instance="s",job="j"} 1\n')
  })

  it("is what it was at the cut for as long as the scrape looks at it, whatever comes meanwhile, and gone then", () => {
    const text = (value: string) => Array.from({ length: 200 }, (_, n) => `a{n="${n}"} ${value}${n}\n`).join("")
    const shown = (value: string) =>
      Array.from({ length: 200 }, (_, n) => `a{n="${n}",instance="s",job="j"} ${value}${n}\n`).join("")
    const series = add(new SampleSeries(), text("1"))
    const looks = ["2", "34567890123456", "5", "6"].map((value, n) => {
      add(series, text(value))
      // Some of the lines, one by one, and one in another spelling.
      const look = { value, ...series.look(ages, now, 1000)! }
      for (let k = n; k < 200; k += 7) add(series, `a{n="${k}"} 99`)
      add(series, `a{ n = "${n}" } 98`)
      return look
    })
    const textOf = (n: number) =>
      Buffer.from([...looks[n]!.dump.families][0]!.bytes)
        .toString()
        .split("\n")
        .toSorted()
    for (let round = 0; round < 20; round++) add(series, text("7".repeat(round)))
    for (const [n, { value, loan }] of looks.entries()) {
      assert.deepStrictEqual(textOf(n), shown(value).split("\n").toSorted())
      loan.giveBack()
      add(series, text("8"))
      assert.throws(() => textOf(n), TypeError)
    }
    assert.deepStrictEqual(linesOf(series).toSorted(), shown("8").trim().split("\n").toSorted())
  })

  it("changes where it is when nobody looks at it", () => {
    const series = add(new SampleSeries(), "a 1")
    const { dump, loan } = series.look(ages, now, 1000)!
    loan.giveBack()
    add(series, "a 2")
    assert.strictEqual(Buffer.from([...dump.families][0]!.bytes).toString(), 'a{instance="s",job="j"} 2\n')
  })

  it("is whole where a record has it in another spelling, and in the known one behind that", () => {
    const known = 'b{x="1",le="1.0"} 1\n'
    const others = ['b{x="1",le="1"} 2\n', 'b{le="1.0",x="1"} 2\n', 'b{ x = "1" , le = "1.000" } 2\n']
    for (const other of others) {
      const series = add(new SampleSeries(), known)
      add(series, `${other}${known.replace(" 1\n", " 3\n")}`)
      assert.include(linesOf(series), 'b{x="1",le="1.0",instance="s",job="j"} 3', other)
      add(series, `${other}${other}${known.replace(" 1\n", " 4\n")}`)
      assert.include(linesOf(series), 'b{x="1",le="1.0",instance="s",job="j"} 4', other)
    }
  })

  it("of a record that has it twice is the last one", () =>
    assert.deepStrictEqual(linesOf(add(new SampleSeries(), 'a{x="1",y="2"} 1\na{y="2",x="1"} 2\n')), [
      'a{y="2",x="1",instance="s",job="j"} 2'
    ]))
})

describe("what is said of families", () => {
  it("holds for lines that say nothing, before and after", () => {
    const series = add(new SampleSeries(), "h_sum 1")
    add(series, "# TYPE h summary\n# HELP h x\n")
    add(series, "h_count 1")
    const { families } = series.look(ages, now, 1000)!.dump
    assert.deepStrictEqual(
      [...families].map(({ textName, type, help, series: n }) => [textName, type, help, n]),
      [["h", "summary", "x", 2]]
    )
  })

  it("is counted, and of two statements the later one counts", () => {
    const series = add(new SampleSeries(), "a 1")
    const { bytes } = series
    add(series, `# HELP a ${"x".repeat(1000)}\n`)
    assert.isAbove(series.bytes, bytes + 1000)
    add(series, "# HELP a y\n# TYPE a gauge\n# TYPE a counter\n")
    assert.isBelow(series.bytes, bytes + 1000)
    const [family] = series.look(ages, now, 1000)!.dump.families
    assert.deepInclude(family, { type: "counter", help: "y" })
  })

  it("costs in proportion, however often families are declared anew", () => {
    const names = Array.from({ length: 20_000 }, (_, n) => n)
    const said = (type: string) => names.map((n) => `# TYPE f${n} ${type}\nf${n} 1\n`).join("")
    const series = add(add(new SampleSeries(), said("gauge")), said("counter"))
    assert.strictEqual(series.series, names.length)
    assert.isTrue([...series.look(ages, now, 1000)!.dump.families].every((family) => family.type === "counter"))
  })
})

describe("samples", () => {
  const name = fc.constantFrom("a", "h_sum", "h_count", "h_bucket", "up")
  const own = fc.constantFrom(
    "",
    '{x="1"}',
    '{x="1",y="2"}',
    '{y="2",x="1"}',
    '{x="1",}',
    '{le="1"}',
    '{le="1.0"}',
    '{job="k"}',
    '{x="1",quantile="0.50"}',
    '{quantile="0.5",x="1"}',
    '{le="x"}',
    '{instance="other",exported_instance="s"}',
    '{x="\\n\\"é"}',
    '{x="\\t"}',
    '{x=""}',
    '{ x = "1" , }',
    '{x="1",x="1"}',
    '{__x="1"}'
  )
  const value = fc.constantFrom(
    "0",
    "1",
    "12",
    "123.5",
    "1e3",
    "-1",
    "NaN",
    "inf",
    "1e400",
    "1234567890123456",
    "",
    "1 77",
    "1\n",
    "2\n"
  )
  const line = fc.tuple(name, own, value).map(([n, o, v]) => `${n}${o} ${v}`)
  const text = fc.oneof(
    { weight: 12, arbitrary: line },
    { weight: 1, arbitrary: fc.tuple(line, line).map((lines) => lines.join("\n")) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "# TYPE h histogram\nh_sum 1\n",
        "# TYPE h summary\nh_count 1\n",
        "# TYPE a gauge\na 1\n"
      )
    }
  )
  const step = fc.record({
    text,
    k2pLabels: fc.constantFrom("", "", '{"job":"j"}', '{"job":"j","z":"1"}'),
    // Now and then of another kind: what came before must have left the same behind.
    kind: fc.constantFrom({}, {}, {}, {}, {}, {}, { v: "1.1" }, { v: "1.2" }, { v: "1.2", mode: "samples" as const }),
    passes: fc.constantFrom(0, 0, 0, 1, 60, 101)
  })
  const bounds = fc.record({
    maxBytes: fc.integer({ min: 300, max: 3000 }),
    partitionBytes: fc.integer({ min: 300, max: 3000 })
  })

  it.each([
    ["a series that is new", [97, 123, 120, 61, 34, 255, 34, 125, 32, 49]],
    ["a name in quotes", [123, 34, 98, 255, 34, 125, 32, 49]]
  ])("of %s are refused where they are not UTF-8", (_, bytes) => {
    const limits = { ...defaultParseLimits, ...defaultCacheLimits }
    const options: CacheOptions = { expiry: 100, timestamps: "scrape", sourceLabel: "instance", limits }
    const cache = new PartitionCache(
      { topic: "t", partition: 0 },
      noTime,
      options,
      new Budget("pod", { series: 9, bytes: 99_999 })
    )
    const now = { wall: 0, mono: 0 }
    cache.take(toRecord(0, { text: "a 1" }), 0, now)
    cache.take({ ...toRecord(1, { text: "" }), value: Uint8Array.from(bytes) }, 0, now)
    assert.deepStrictEqual([...cache.takeTally().refused], [["not-utf8", 1]])
    assert.strictEqual(cache.size().series, 1)
  })

  it("are what reading each record by itself makes of it, in whatever order they come", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.constantFrom("scrape", "event"),
        bounds,
        (steps, timestamps, bytes) => {
          const limits = { ...defaultParseLimits, ...defaultCacheLimits, partitionSeries: 6, ...bytes }
          const options: CacheOptions = {
            expiry: 100,
            timestamps: timestamps as "event",
            sourceLabel: "instance",
            limits
          }
          const pod = () =>
            new PartitionCache(
              { topic: "t", partition: 0 },
              noTime,
              options,
              new Budget("pod", { series: 1e9, bytes: 1e9 })
            )
          const [short, long] = [pod(), pod()]
          const now = { wall: 0, mono: 0 }
          const shown = (cache: PartitionCache) => [
            cache.size(),
            cache.lowest(1000),
            cache.committable(1000),
            (({ refused, refusedLines, ignored, accepted, ages, expired }) => [
              ...[refused, refusedLines, ignored, accepted, ages, expired]
            ])(cache.takeTally()),
            cache.content(() => now).sources(10),
            cache
              .content(() => now)
              .refusals()
              .filter(({ reason }) => reason === "reserved-name"),
            cache
              .content(() => now)
              .look()
              .dumps.flatMap((d) =>
                [...d.families].map((f) => ({ ...f, gather: undefined, bytes: Buffer.from(f.bytes).toString() }))
              )
          ]
          steps.forEach(({ text, k2pLabels, kind, passes }, offset) => {
            now.wall += passes
            now.mono += passes
            const sent: Sent = {
              text,
              ts: now.wall,
              ...kind,
              ...(k2pLabels === "" ? {} : { headers: { "k2p-labels": k2pLabels } })
            }
            short.take(toRecord(offset, sent), 0, now)
            const unknown = vi.spyOn(SampleSeries.prototype, "memory").mockReturnValue(undefined)
            long.take(toRecord(offset, sent), 0, now)
            unknown.mockRestore()
            if (offset % 3 === 0) assert.deepStrictEqual(shown(short), shown(long))
          })
          assert.deepStrictEqual(shown(short), shown(long))
        }
      ),
      { numRuns: 1500, seed: 3 }
    )
  })
})
