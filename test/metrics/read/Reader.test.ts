/**
 * Reading a round by the page of the one before: whatever changed, the answer is that of reading it without; where only values
 * changed nothing else is looked at again, and lines that came, went or moved cost themselves alone.
 */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import type { ReadOptions } from "../../../src/metrics/read/Memory.ts"
import type { Page } from "../../../src/metrics/read/Page.ts"
import { reader, readSnapshot } from "../../../src/metrics/read/Snapshot.ts"
import { type Dump, defaultParseLimits, type Refusal } from "../../../src/metrics/text/Dump.ts"
import { dumps } from "../../support/arbitraries.ts"
import { readOptions } from "../readOptions.ts"

const isRefusal = (result: object): result is Refusal => "reason" in result

const options = readOptions("svc-1", 5000)
const event: ReadOptions = { ...options, timestamps: "event", time: 1_700_000_000_000 }

/** A dump as plain values that say where they differ. */
const plain = (result: Dump | Refusal) =>
  isRefusal(result)
    ? result
    : {
        ...result,
        families: [...result.families].map((f) => ({ ...f, bytes: Buffer.from(f.bytes).toString("latin1") }))
      }

/** As a value of a larger fetch: at an odd place of a buffer whose other bytes are no text. */
const embedded = (text: string): Uint8Array => {
  const bytes = Buffer.from(text)
  const all = Buffer.alloc(bytes.length + 24, 0xff)
  bytes.copy(all, 13)
  return all.subarray(13, 13 + bytes.length)
}

const dumpOf = (result: Page | Refusal): Dump | Refusal => (isRefusal(result) ? result : result.dump)

/** Nothing that was left from the text before may be taken for something of the next. */
const spoil = (): void => {
  const { values, stamps, known, records } = reader.reading
  values.fill(-3.5)
  stamps.fill(7)
  known.fill(3)
  records.fill(0x3f3f3f3f)
}

const read = (bytes: Uint8Array, how: ReadOptions, page: Page | undefined): Page | Refusal => {
  spoil()
  return readSnapshot(bytes, how, page)
}

/** Reads the rounds one after the other; answers how many had nothing but other values. */
const check = (rounds: ReadonlyArray<string>, how: ReadOptions): number => {
  let page: Page | undefined
  let short = 0
  for (const text of rounds) {
    const bytes = embedded(text)
    const round = read(bytes, how, page)
    assert.deepStrictEqual(plain(dumpOf(round)), plain(dumpOf(read(bytes, how, undefined))), text)
    if (isRefusal(round)) continue
    if (page !== undefined && round.layout === page.layout) short++
    page = round
  }
  return short
}

/** Of the second text: how many of its lines are read as if nothing were known. */
const anew = (before: string, after: string, how = options): number => {
  const page = readSnapshot(embedded(before), how, undefined)
  if (isRefusal(page)) assert.fail(page.detail)
  const reading = reader.read(embedded(after), how, page)
  if (isRefusal(reading)) assert.fail(reading.detail)
  return reading.news
}

const short = (before: string, after: string, how = options): boolean => check([before, after], how) === 1

const numbers = [
  ..."0 1 2 3 17 -0 -1 1e3 2.5 .5 1. +4 NaN nan +Inf inf -Inf -1e-9 1E5 1e99 1e100 1e400 0x1 1_0".split(" "),
  "123456789012345",
  "1234567890123456",
  "9".repeat(120),
  `0.${"1".repeat(260)}`,
  "",
  "1 1234567890123",
  "1 1234567890123456789",
  "1 -5",
  '1 # {a="b"} 1',
  " 7",
  "7 ",
  "7\r"
]

/** What may happen to a dump from one round to the next. Lines are picked by their number. */
const change = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant("value"), line: fc.nat(), text: fc.constantFrom(...numbers) })
  },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("value"), line: fc.nat(), text: fc.nat(30).map(String) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "gone",
        "twice",
        "up",
        "comment",
        "typed",
        "moved",
        "reserved",
        "shuffled",
        "spaced",
        "bad"
      ),
      line: fc.nat(),
      text: fc.constant("")
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("byte"),
      line: fc.nat(),
      text: fc.constantFrom(...' "{},#=\\9a\n\u0000é')
    })
  }
)
type Change = typeof change extends fc.Arbitrary<infer A> ? A : never

const changed = (text: string, { kind, line, text: put }: Change): string => {
  if (kind === "byte") return text.slice(0, line % (text.length + 1)) + put + text.slice((line % (text.length + 1)) + 1)
  const lines = text.split("\n")
  if (kind === "typed") {
    const types = lines.flatMap((l, k) => (l.startsWith("# TYPE ") ? [k] : []))
    const of = types[line % types.length]
    if (of !== undefined)
      lines[of] = lines[of]!.replace(/\w+$/, ["counter", "gauge", "histogram", "summary"][line % 4]!)
    return lines.join("\n")
  }
  const samples = lines.flatMap((l, k) => (l === "" || l.startsWith("#") ? [] : [k]))
  if (samples.length === 0) return text
  const at = samples[line % samples.length]!
  const whole = lines[at]!
  if (kind === "value") {
    const end = whole.trimEnd()
    lines[at] = end.slice(0, 1 + Math.max(end.lastIndexOf("}"), end.lastIndexOf(" "), end.lastIndexOf("\t"))) + put
  } else if (kind === "gone") lines.splice(at, 1)
  else if (kind === "twice") lines.splice(at, 0, whole)
  else if (kind === "up") lines.splice(0, 0, ...lines.splice(at, 1))
  else if (kind === "reserved") lines.splice(at, 0, `up{line="${line % 3}"} 1`)
  else if (kind === "bad") lines.splice(at, 0, `9${whole}`)
  else if (kind === "spaced") lines[at] = whole.replace(/[{,=}]/g, " $& ")
  else if (kind === "shuffled") lines.sort((a, b) => ((a.length * 7 + line) % 13) - ((b.length * 7 + line) % 13))
  else if (kind === "comment") lines.splice(at, 0, "# said in between")
  else lines.push(...lines.splice(at, 1))
  return lines.join("\n")
}

describe("a round that is read by the page of the one before", () => {
  it("is judged by all values where its type has become one with rules", () => {
    const before = readSnapshot(embedded("# TYPE a_total gauge\na_total -1.5\n"), options, undefined)
    if (isRefusal(before)) assert.fail(before.detail)
    spoil()
    reader.reading.values.fill(1)
    const after = readSnapshot(embedded("# TYPE a_total counter\na_total -1.5\n"), options, before)
    if (isRefusal(after)) assert.fail(after.detail)
    assert.isFalse([...after.dump.families][0]!.conforms)
  })

  it("keeps what is known of a declared family, which each scrape asks", () => {
    const pageOf = (value: string, before?: Page): Page => {
      const page = read(embedded(`# TYPE a counter\na ${value}\n`), options, before)
      return isRefusal(page) ? assert.fail(page.detail) : page
    }
    const before = pageOf("1")
    const next = pageOf("2", before)
    const namesIn = ({ dump }: Page) => [...dump.families][0]!.sampleNames
    const names = namesIn(before)
    assert.deepStrictEqual(names, ["a"])
    assert.strictEqual(namesIn(before), names)
    assert.strictEqual(namesIn(next), names)
  })

  it("is what reading it without gives, whatever changed", () => {
    let ways = 0
    let rounds = 0
    fc.assert(
      fc.property(
        dumps,
        fc.array(fc.array(change, { maxLength: 3 }), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom("", "", "# TYPE up gauge\nup 1\n", 'ALERTS{a="b"} 1\nALERTS{a="b"} 1\nup 0\n'),
        ({ text, format }, steps, inEventMode, ended, reserved) => {
          const how = { ...(inEventMode ? event : options), format }
          const first = reserved + (ended && !text.endsWith("\n") ? `${text}\n` : text)
          const all = [first]
          for (const step of steps) all.push(step.reduce(changed, all.at(-1)!))
          ways += check(all, how)
          rounds += steps.length
        }
      ),
      { numRuns: 4000, seed: 11 }
    )
    assert.isAbove(ways / rounds, 0.1)
  })

  const histogram = (one: string, all: string, sum: string, count: string) =>
    `# TYPE h histogram\nh_bucket{le="1"} ${one}\nh_bucket{le="+Inf"} ${all}\nh_sum ${sum}\nh_count ${count}\n`
  it.each([
    ["values of another length", 'a 1\nb{x="1"} 2\n', 'a 100000\nb{x="1"} 2.5e-7\n', true],
    ["no value changed", "a 1\n", "a 1\n", true],
    ["infinities and NaN", "a 1\nb 2\nc 3\n", "a inf\nb NaN\nc -Inf\n", true],
    ["a comma after the last label", 'a{x="1",} 1\n', 'a{x="1",} 2\n', true],
    ["braces without labels", "a{} 1\n", "a{} 2\n", true],
    [
      "labels of its own for all that is attached",
      'a{job="x",instance="svc-1"} 1\n',
      'a{job="x",instance="svc-1"} 2\n',
      true
    ],
    ["comments and blank lines", "# HELP a x\n\na 1\n# end\n\n", "# HELP a x\n\na 2\n# end\n\n", true],
    ["nothing but comments", "# HELP a x\n", "# HELP a x\n", true],
    ["a comment of many zeroes", `#${"\0".repeat(16)}\na 1\n`, `#${"\0".repeat(16)}\na 2\n`, true],
    ["another comment", "# HELP a x\na 1\n", "# HELP a y\na 1\n", false],
    ["a comment less at the end", "a 1\n# b\n", "a 1\n", false],
    ["a line more", "a 1\n", "a 1\nb 1\n", false],
    ["a line less", "a 1\nb 1\n", "a 1\n", false],
    ["another name of the same length", "a 1\nb 1\n", "a 1\nc 1\n", false],
    ["another label", 'a{x="12345678"} 1\n', 'a{x="12345679"} 1\n', false],
    ["a blank more", 'a{x="1"} 1\n', 'a{x="1"}  1\n', false],
    ["blanks and commas of its own", 'a{x="1", y="2" , }  1\n', 'a{x="1", y="2" , }  7\n', true],
    ["a quoted name", '{"a.b",x="1"} 1\n', '{"a.b",x="1"} 2\n', true],
    ["what escapes nothing", 'a{x="C:\\d"} 1\n', 'a{x="C:\\d"} 2\n', true],
    ["buckets that grow", histogram("1", "2", "3", "2"), histogram("2", "4", "-0", "4"), true],
    [
      "metrics of one histogram",
      '# TYPE h histogram\nh_bucket{le="+Inf"} 9\nh_bucket{x="1",le="+Inf"} 2\n',
      '# TYPE h histogram\nh_bucket{le="+Inf"} 10\nh_bucket{x="1",le="+Inf"} 3\n',
      true
    ],
    ["a bucket that sinks", histogram("1", "2", "3", "2"), histogram("3", "2", "3", "2"), false],
    ["a count that differs", histogram("1", "2", "3", "2"), histogram("1", "2", "3", "4"), false],
    ["a broken bucket", histogram("1", "2", "3", "2"), histogram("1.5", "2", "3", "2"), false],
    ["a negative sum", histogram("1", "2", "3", "2"), histogram("1", "2", "-3", "2"), false],
    ["a sum that is NaN", histogram("1", "2", "3", "2"), histogram("1", "2", "NaN", "2"), false],
    ["a histogram that stays broken", histogram("3", "2", "3", "2"), histogram("4", "2", "3", "2"), true],
    ["a histogram put right", histogram("3", "2", "3", "2"), histogram("2", "2", "3", "2"), false],
    ["a counter below zero", "# TYPE a counter\na_total 1\n", "# TYPE a counter\na_total -1\n", true],
    [
      "a typed counter below zero",
      "# TYPE a_total counter\na_total 1\n",
      "# TYPE a_total counter\na_total -1\n",
      false
    ],
    ["families in turns", 'a 1\nb 1\na{x="1"} 1\n', 'a 1\nb 1\na{x="1"} 1\n', true],
    [
      "creation times beside their counters",
      "# TYPE a_total counter\na_total 1\n# TYPE a_created gauge\na_created 7\n# TYPE b gauge\nb 5\n",
      "# TYPE a_total counter\na_total 21\n# TYPE a_created gauge\na_created 7.5\n# TYPE b gauge\nb 6\n",
      true
    ],
    ["a line that is not shown", "# TYPE up gauge\nup 1\na 1\n", "# TYPE up gauge\nup 0\na 22\n", true],
    [
      "lines that are not shown, twice the same",
      'up 1\nup 2\na 1\nALERTS{x="1"} 1\n',
      'up 33\nup 4\na 2\nALERTS{x="1"} 0\n',
      true
    ],
    ["one more line that is not shown", "a 1\nup 1\n", 'a 1\nup 1\nup{x="1"} 1\n', false],
    [
      "families that were declared in another order",
      "# TYPE a gauge\n# TYPE b gauge\nb 1\na 1\n",
      "# TYPE a gauge\n# TYPE b gauge\nb 22\na 3\n",
      true
    ]
  ])("%s", (_, before, after, expected) => {
    assert.strictEqual(short(before, after), expected, "in scrape mode")
    assert.strictEqual(short(before, after, event), expected, "in event mode")
  })

  it.each([
    ["a line's own time", "a 1 1234\n", "a 22 5678\n"],
    ["a line's own time that comes or goes", "a 1 1234\nb 1\n", "a 22\nb 2 5678\n"]
  ])("%s is nothing in scrape mode, and looked at in event mode", (_, before, after) => {
    assert.isTrue(short(before, after))
    assert.isFalse(short(before, after, event))
  })

  it("is looked at in full where lines have more than a value", () => {
    const times = ["# TYPE a summary\na_sum 1 1\na_count 1 2\n", "# TYPE a summary\na_sum 1\na_count 1\n"]
    assert.strictEqual(check(times, event), 0)
    const exemplar = ['# TYPE a counter\na_total 1 # {x="1"} 1\n# EOF\n', "# TYPE a counter\na_total 1\n# EOF\n"]
    assert.strictEqual(check([exemplar[0]!, exemplar[1]!, exemplar[1]!], { ...options, format: "openmetrics" }), 1)
    const summary = (...times: ReadonlyArray<string>) => `# TYPE a summary\na_sum 1${times[0]}\na_count 1${times[1]}\n`
    assert.strictEqual(check([summary("", ""), summary(" 1", " 2"), summary("", "")], event), 0)
    const created = (time: string) =>
      `# TYPE a_total counter\na_total 1\n# TYPE a_created gauge\na_created 7${time}\n# TYPE b gauge\nb 5\n`
    assert.strictEqual(check([created(""), created(" 9"), created("")], event), 0)
  })

  const many = (lines: ReadonlyArray<number>) =>
    `# TYPE a gauge\n${lines.map((n) => `a{pod="pod-${n}",zone="eu"} ${n}\n`).join("")}`
  const all = Array.from({ length: 1000 }, (_, n) => n)
  it.each([
    ["the same lines", all, 0],
    ["one line less", all.filter((n) => n !== 500), 0],
    ["three hundred lines less, in one place", all.filter((n) => n < 300 || n >= 600), 63],
    ["each hundredth line gone and another one there", all.map((n) => (n % 100 === 7 ? n + 5000 : n)), 10],
    ["a line that moved to the end", [...all.filter((n) => n !== 10), 10], 1],
    ["the order turned round", all.toReversed(), 63],
    ["other lines altogether", all.map((n) => n + 5000), 1000]
  ])("takes %s for what it is", (_, lines, most) => {
    assert.isAtMost(anew(many(all), many(lines)), most)
    assert.strictEqual(check([many(all), many(lines), many(all)], options) > 0, lines === all)
  })

  it("carries the time of the round, not of the one before", () => {
    const first = readSnapshot(embedded("a 1\n"), { ...event, time: 9_999 }, undefined)
    if (isRefusal(first)) assert.fail(first.detail)
    const next = readSnapshot(embedded("a 2\n"), { ...event, time: 10_000 }, first)
    if (isRefusal(next)) assert.fail(next.detail)
    assert.strictEqual(next.layout, first.layout)
    assert.strictEqual(
      Buffer.from([...next.dump.families][0]!.bytes).toString(),
      'a{instance="svc-1",job="j"} 2 10000\n'
    )
  })

  it("is read without it under other options", () => {
    const text = "a 1\nup 1\n"
    const first = readSnapshot(embedded(text), options, undefined)
    if (isRefusal(first)) assert.fail(first.detail)
    const others: ReadonlyArray<ReadOptions> = [
      event,
      { ...options, allowReservedNames: true },
      { ...options, attach: { ...options.attach, source: "svc-2" } },
      { ...options, attach: { ...options.attach, labels: [["job", "k"]] } },
      { ...options, limits: { ...defaultParseLimits, maxBytes: 3 } }
    ]
    for (const other of others) {
      const next = readSnapshot(embedded(text), other, first)
      assert.deepStrictEqual(plain(dumpOf(next)), plain(dumpOf(readSnapshot(embedded(text), other, undefined))))
    }
  })

  it("shares no bytes with its record, nor with the round before", () => {
    const first = readSnapshot(embedded("a 1\n"), options, undefined)
    const bytes = embedded("a 2\n")
    const next = readSnapshot(bytes, options, isRefusal(first) ? undefined : first)
    if (isRefusal(first) || isRefusal(next)) assert.fail("refused")
    bytes.fill(0)
    assert.strictEqual(Buffer.from([...first.dump.families][0]!.bytes).toString(), 'a{instance="svc-1",job="j"} 1\n')
    assert.strictEqual(Buffer.from([...next.dump.families][0]!.bytes).toString(), 'a{instance="svc-1",job="j"} 2\n')
    assert.notStrictEqual([...next.dump.families][0]!.bytes.buffer, bytes.buffer)
  })
})
