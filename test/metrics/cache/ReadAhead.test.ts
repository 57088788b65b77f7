/** What is found of a large record before it is taken changes nothing, and what happens meanwhile is as if it came before the record. */
import { assert, describe, it } from "vitest"
import { Homes } from "../../../src/engine/growth/Homes.ts"
import { Budget } from "../../../src/metrics/cache/Budget.ts"
import { Holders } from "../../../src/metrics/cache/Holders.ts"
import { defaultCacheLimits } from "../../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../../src/metrics/cache/PartitionCache.ts"
import type { Ahead } from "../../../src/metrics/cache/ReadAhead.ts"
import { UnfinishedPool } from "../../../src/metrics/cache/Unfinished.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { noTime } from "../../../src/testing/NoTime.ts"
import type { LogRecord } from "../../../src/transport/Transport.ts"
import { linesOf, type Sent, toRecord } from "../records.ts"

const limits = { ...defaultParseLimits, ...defaultCacheLimits }
const options = { expiry: 90_000, timestamps: "scrape", sourceLabel: "instance", limits } as const
const at = (mono: number) => ({ wall: mono, mono })

const pool = (bytes: number): UnfinishedPool => new UnfinishedPool(bytes)

const cacheOf = (partition: number, gathers = pool(limits.podGatherBytes)): PartitionCache => {
  const pod = new Budget("pod", { series: limits.podSeries, bytes: limits.podBytes })
  const tp = { topic: "t", partition }
  return new PartitionCache(tp, noTime, options, pod, new Homes(partition), new Holders(), gathers)
}

const shown = (cache: PartitionCache, mono = 0): ReadonlyArray<string> =>
  linesOf(cache.content(() => at(mono)).look().dumps)

const count = 12_000
const text = (value: number, name = "a"): string =>
  Array.from({ length: count }, (_, i) => `${name}{b="${i}",c="${"x".repeat(90)}"} ${value}\n`).join("")

/** Works it off; `meanwhile` happens once, after so many slices. */
const found = (cache: PartitionCache, record: LogRecord, meanwhile: () => void = () => {}, after = 2): Ahead => {
  const work = cache.ahead.of(record)
  if (work === undefined) return assert.fail("nothing to be done ahead")
  for (let slices = 0; ; slices++) {
    const step = work.next()
    if (step.done === true) return slices >= after ? step.value : assert.fail(`only ${slices} slices`)
    if (slices === after) meanwhile()
  }
}

const chunks = (value: number): ReadonlyArray<Sent> =>
  [0, 1, 2].map((i) => ({ v: `1.${value}`, chunk: `${i + 1}/3`, text: i === 2 ? `last ${value}\n` : text(value) }))

describe("what is found ahead", () => {
  it("changes nothing until the record is taken", () => {
    const cache = cacheOf(0)
    cache.take(toRecord(0, { v: "1.1", text: "old 1\n" }), 0, at(0))
    const [size, kept] = [cache.size(), cache.kept.bytes]
    const record = toRecord(1, { v: "1.2", text: text(2) })
    const ahead = found(cache, record, () => {
      assert.deepStrictEqual(shown(cache), ['old{instance="s"} 1'])
      assert.strictEqual(cache.committable(1), 1)
      assert.strictEqual(cache.lowest(1), 0)
    })
    assert.deepStrictEqual([cache.size(), cache.kept.bytes], [size, kept])
    cache.take(record, 0, at(1), ahead)
    assert.strictEqual(cache.size().series, count)
  })

  it("is nothing of records that are small, ended or not to be read", () => {
    const cache = cacheOf(0)
    for (const sent of [
      { v: "1.1", text: "a 1\n" },
      { v: "1.1", text: null },
      { v: "1.1", text: null, tooLarge: 1e9 },
      { v: "no number", text: text(1) },
      { v: "1.1", chunk: "1/2", text: "a 1\n" }
    ])
      assert.isUndefined(cache.ahead.of(toRecord(0, sent)), JSON.stringify(sent.v))
  })

  it("is asked for where a text is large by its bytes or by its lines", () => {
    const cache = cacheOf(0)
    const short = (lines: number): string => Array.from({ length: lines }, (_, i) => `a${i} 1\n`).join("")
    const cases: ReadonlyArray<readonly [text: string, large: boolean]> = [
      [short(10_000), false],
      [short(40_000), true],
      [text(1).slice(0, 1024 * 1024), false],
      [text(1), true],
      [`a{b="${"x".repeat(900_000)}"} 1\n`, false]
    ]
    for (const [sent, large] of cases)
      for (const offset of [0, 1, 2, 3, 1_000_001])
        for (const mode of ["snapshot", "samples"] as const)
          assert.strictEqual(
            cache.ahead.of(toRecord(offset, { mode, text: sent })) !== undefined,
            large,
            sent.slice(0, 40)
          )
  })

  it("is good also where what it was read by expired, or its source's content was removed", () => {
    for (const meanwhile of [(c: PartitionCache) => c.sweep(at(1e6)), (c: PartitionCache) => c.contents.remove("s")]) {
      const cache = cacheOf(0)
      cache.take(
        toRecord(0, { v: "1.1", text: text(1) }),
        0,
        at(0),
        found(cache, toRecord(0, { text: text(1), v: "1.1" }))
      )
      const record = toRecord(1, { v: "1.2", text: text(2) })
      const ahead = found(cache, record, () => meanwhile(cache))
      assert.strictEqual(cache.size().series, 0)
      cache.take(record, 0, at(1e6), ahead)
      const lines = shown(cache, 1e6)
      assert.lengthOf(lines, count)
      assert.isTrue(lines.every((line) => line.endsWith(" 2")))
    }
  })

  it("of samples adds to what its source has by then", () => {
    const cache = cacheOf(0)
    cache.take(toRecord(0, { text: 'a{b="1"} 1\nz 1\n' }), 0, at(0))
    const record = toRecord(1, { text: text(2) })
    const ahead = found(cache, record, () => cache.sweep(at(1e6)))
    cache.take(record, 0, at(1e6), ahead)
    assert.strictEqual(cache.size().series, count)
    const again = toRecord(2, { text: text(3) })
    cache.take(again, 0, at(1e6), found(cache, again))
    assert.isTrue(shown(cache, 1e6).every((line) => line.endsWith(" 3")))
  })

  it("of a round's chunks is what they are joined to, each line from the first that has it", () => {
    const cache = cacheOf(0)
    for (const [k, sent] of chunks(1).entries()) {
      const record = toRecord(k, sent)
      const joins = k === 2
      const ahead = k < 2 ? found(cache, record) : found(cache, record, () => {}, count / 600)
      assert.strictEqual(ahead.joined !== undefined, joins)
      cache.take(record, 0, at(0), ahead)
    }
    assert.strictEqual(cache.size().series, count + 1)
    assert.strictEqual(cache.kept.bytes < 10_000, true)
  })

  it("of a round's chunks is not used where one of them gave way meanwhile", () => {
    const gathers = pool(8_000_000)
    const [cache, other] = [cacheOf(0, gathers), cacheOf(1, gathers)]
    const [first, second, last] = chunks(1).map((sent, k) => toRecord(k, sent)) as [LogRecord, LogRecord, LogRecord]
    for (const record of [first, second]) cache.take(record, 0, at(0), found(cache, record))
    const ahead = found(
      cache,
      last,
      () => {
        for (let k = 0; k < 6; k++)
          other.take(toRecord(k, { source: `o${k}`, v: "1.1", chunk: "1/2", text: text(k, `o${k}`) }), 0, at(0))
      },
      8
    )
    assert.isDefined(ahead.joined)
    cache.take(last, 0, at(0), ahead)
    assert.deepStrictEqual(shown(cache), [])
    assert.include(JSON.stringify(cache.content(() => at(0)).refusals()), "pod-full")
  })

  it("of a round's chunks is not used where another copy of one came meanwhile", () => {
    const cache = cacheOf(0)
    const records = chunks(1).map((sent, k) => toRecord(k, sent))
    for (const record of records.slice(0, 2)) cache.take(record, 0, at(0), found(cache, record))
    const ahead = found(cache, records[2]!)
    cache.take(toRecord(3, { v: "1.1", chunk: "2/3", text: "copy 1\n" }), 0, at(0))
    cache.take({ ...records[2]!, offset: 4 }, 0, at(0), ahead)
    assert.strictEqual(cache.size().series, count + 2)
  })

  it("of a round that is superseded meanwhile is of no use, and of no harm", () => {
    const cache = cacheOf(0)
    const records = chunks(1).map((sent, k) => toRecord(k, sent))
    for (const record of records.slice(0, 2)) cache.take(record, 0, at(0), found(cache, record))
    const ahead = found(cache, records[2]!)
    cache.take(toRecord(3, { v: "1.2", text: "new 1\n" }), 0, at(0))
    cache.take({ ...records[2]!, offset: 4 }, 0, at(0), ahead)
    assert.deepStrictEqual(shown(cache), ['new{instance="s"} 1'])
  })
})
