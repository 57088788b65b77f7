/**
 * Samples that come as single lines: a series that is known is recognised by its text, and whatever comes, the content is what
 * the parser would have made of it.
 */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { Budget } from "../../../src/metrics/cache/Budget.ts"
import type { CacheOptions } from "../../../src/metrics/cache/CacheOptions.ts"
import { defaultCacheLimits } from "../../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../../src/metrics/cache/PartitionCache.ts"
import { isRefusal, parseRound } from "../../../src/metrics/parse/Parser.ts"
import { Ages } from "../../../src/metrics/rounds/Ages.ts"
import type { Envelope } from "../../../src/metrics/rounds/Record.ts"
import { plainLine } from "../../../src/metrics/samples/PlainLine.ts"
import { type Change, SampleSeries, shapeOf } from "../../../src/metrics/samples/SampleSeries.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { noTime } from "../../support/logTime.ts"
import { type Sent, toRecord } from "../records.ts"

const utf8 = new TextEncoder()
const labels: Envelope["labels"] = [["job", "j"]]
const attach = { sourceLabel: "instance", source: "s", labels }
const stamp = { offset: 0, timestamp: 0, mono: 0, replayed: false }

describe("a record of one line", () => {
  const known = (first: string): SampleSeries => {
    const options = { format: "text", attach, limits: defaultParseLimits, timestamps: "scrape", time: 0 } as const
    const parsed = parseRound(utf8.encode(first), options, undefined)
    if (isRefusal(parsed)) assert.fail(parsed.detail)
    const series = new SampleSeries()
    series.add(series.measure(parsed.dump, shapeOf(utf8.encode(first), parsed.known, labels)), stamp)
    return series
  }
  const recognises = (first: string, next: string, with_ = labels): boolean =>
    comes(known(first), next, with_) !== undefined
  const comes = (series: SampleSeries, next: string, with_ = labels): Change | undefined =>
    plainLine.read(utf8.encode(next)) ? series.recognise(plainLine, with_, undefined) : undefined

  it.each([
    ["a 1", "a 2", true],
    ["a 1\n", "a 2", true],
    ["a 1", "a 2.5e-7\n", true],
    ["a 1", "a -123456789012345678901234567890", true],
    ['a{x="1",y="2"} 1', 'a{x="1",y="2"} 100', true],
    ['a{x="1",} 1', 'a{x="1",} 2', true],
    ["a{} 1", "a{} 2", true],
    ['a{x="} 1"} 1', 'a{x="} 1"} 2', true],
    ["a 1", "a NaN", false],
    ["a 1", "a 2 1234567890123", false],
    ["a 1", "a 2x", false],
    ["a 1", "a 2\n\n", false],
    ["a 1", "a  2", false],
    ["a 1", "b 2", false],
    ["a 1", "# a 2", false],
    ["a 1\nb 1\n", "a 2", false],
    ['a{x="1",y="2"} 1', 'a{y="2",x="1"} 1', false]
  ])("%j, then %j: known is %s", (first, next, expected) => assert.strictEqual(recognises(first, next), expected))

  it("is not known under other labels", () => assert.isFalse(recognises("a 1", "a 2", [["job", "k"]])))

  it("is known when most of the others have expired", () => {
    const series = known("a 1")
    for (let n = 0; n < 1000; n++) {
      const options = { format: "text", attach, limits: defaultParseLimits, timestamps: "scrape", time: 0 } as const
      const parsed = parseRound(utf8.encode(`b{n="${n}"} ${n}`), options, undefined)
      if (isRefusal(parsed)) assert.fail(parsed.detail)
      const shape = shapeOf(utf8.encode(`b{n="${n}"} ${n}`), parsed.known, labels)
      series.add(series.measure(parsed.dump, shape), {
        offset: n + 1,
        timestamp: 0,
        mono: n < 10 ? 100 : 0,
        replayed: false
      })
    }
    const { bytes } = series
    series.sweep(new Ages(noTime.readAgo), { wall: 0, mono: 1001 }, 1000)
    assert.strictEqual(series.series, 10)
    assert.isBelow(series.bytes, bytes / 50)
    assert.strictEqual(series.first, 1)
    assert.isUndefined(comes(series, "a 7"))
    for (let n = 0; n < 10; n++) series.renew(comes(series, `b{n="${n}"} 7`)!, plainLine, undefined, stamp)
    assert.isUndefined(comes(series, 'b{n="10"} 7'))
    const { families } = series.dump(new Ages(noTime.readAgo), { wall: 0, mono: 1001 }, 2000)!
    assert.deepStrictEqual(
      families.map((f) => Buffer.from(f.bytes).toString().trim().split("\n")),
      [Array.from({ length: 10 }, (_, n) => `b{n="${n}",instance="s",job="j"} 7`)]
    )
  })

  it("changes nothing that was handed out", () => {
    const series = known("a 1")
    const now = { wall: 0, mono: 0 }
    const ages = new Ages(noTime.readAgo)
    const text = () => Buffer.from(series.dump(ages, now, 1000)!.families[0]!.bytes).toString()
    const before = series.dump(ages, now, 1000)!
    for (const value of ["7", "12345678901234567890", "3"]) {
      series.renew(comes(series, `a ${value}`)!, plainLine, undefined, stamp)
      assert.strictEqual(text(), `a{instance="s",job="j"} ${value}\n`)
    }
    assert.strictEqual(Buffer.from(before.families[0]!.bytes).toString(), 'a{instance="s",job="j"} 1\n')
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
    maxBytes: fc.integer({ min: 60, max: 400 }),
    partitionBytes: fc.integer({ min: 60, max: 400 })
  })

  it.each([
    ["a series that is new", [97, 123, 120, 61, 34, 255, 34, 125, 32, 49]],
    ["a name that is new", [98, 255, 32, 49]]
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

  it("are what the parser makes of each record, in whatever order they come", () => {
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
              .dumps()
              .flatMap((d) => d.families.map((f) => ({ ...f, bytes: Buffer.from(f.bytes).toString() })))
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
            // A blank line says nothing, and leaves the record to the parser.
            long.take(toRecord(offset, { ...sent, text: `\n${text}` }), 0, now)
            if (offset % 3 === 0) assert.deepStrictEqual(shown(short), shown(long))
          })
          assert.deepStrictEqual(shown(short), shown(long))
        }
      ),
      { numRuns: 1500, seed: 3 }
    )
  })
})
