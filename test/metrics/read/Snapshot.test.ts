/** A snapshot's text: what each line becomes, what is left out and why, and that no input at all makes the reader throw. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { render } from "../../../src/metrics/body/Renderer.ts"
import type { ReadOptions } from "../../../src/metrics/read/Memory.ts"
import { type Attach, type Dump, defaultParseLimits, type Refusal } from "../../../src/metrics/text/Dump.ts"
import { SeriesTable } from "../../../src/metrics/text/SeriesTable.ts"
import { dumps, seriesOf } from "../../support/arbitraries.ts"
import { isRefusal, parseDump } from "../../support/parse.ts"

const attach: Attach = { sourceLabel: "instance", source: "s", labels: [] }
const options: ReadOptions = { format: "text", attach, limits: defaultParseLimits, timestamps: "scrape", time: 5000 }
const openmetrics: ReadOptions = { ...options, format: "openmetrics" }

const parse = (text: string | Uint8Array, with_: ReadOptions = options) => parseDump(Buffer.from(text), with_)

const accept = (text: string | Uint8Array, with_: ReadOptions = options): Dump => {
  const result = parse(text, with_)
  if (isRefusal(result)) assert.fail(`${result.reason}: ${result.detail}`)
  return result
}

const refuse = (text: string | Uint8Array, with_: ReadOptions = options): Refusal => {
  const result = parse(text, with_)
  if (!isRefusal(result)) assert.fail(`accepted: ${linesOf(result)}`)
  return result
}

/** What is not shown of a text, of which something is. */
const refusedOf = (text: string | Uint8Array, with_: ReadOptions = options) => accept(text, with_).refused ?? []
const reasonsOf = (text: string | Uint8Array, with_: ReadOptions = options) =>
  refusedOf(text, with_).map(({ reason, count }) => [reason, count])

const linesOf = (dump: Dump): string => [...dump.families].map((f) => Buffer.from(f.bytes).toString()).join("")
const lines = (text: string, with_: ReadOptions = options): string => linesOf(accept(text, with_))
const family = (text: string, name: string, with_: ReadOptions = options) => {
  const found = [...accept(text, with_).families].find((f) => f.textName === name)
  return found ?? assert.fail(`no family ${name}`)
}

describe("a sample line", () => {
  it.each([
    ["a 1", 'a{instance="s"} 1\n'],
    ["a 1\n\n\n", 'a{instance="s"} 1\n'],
    [' \ta\t{ x = "1" , y="2", } \t 7.50 ', 'a{x="1",y="2",instance="s"} 7.50\n'],
    ['a{x="1"}2', 'a{x="1",instance="s"} 2\n'],
    ["a{} 3", 'a{instance="s"} 3\n'],
    ['a{x="} 1 # {"} 4', 'a{x="} 1 # {",instance="s"} 4\n'],
    ['a{x="\\\\\\"\\n€\t"} 5', 'a{x="\\\\\\"\\n€\t",instance="s"} 5\n'],
    ['a{x=""} 6', 'a{instance="s"} 6\n'],
    ["a:b_9 1", 'a:b_9{instance="s"} 1\n'],
    ["a 1 1234567890123", 'a{instance="s"} 1\n']
  ])("%j is written as %j", (text, expected) => assert.strictEqual(lines(text), expected))

  it.each([
    ["nan", "NaN"],
    ["NaN", "NaN"],
    ["inf", "+Inf"],
    ["+INFINITY", "+Inf"],
    ["-Inf", "-Inf"],
    ["+1", "+1"],
    ["1.", "1."],
    [".5", ".5"],
    ["-1E+5", "-1E+5"],
    ["1e-400", "1e-400"],
    ["123456789012345678901234567890", "123456789012345678901234567890"]
  ])("takes the value %s as %s", (value, expected) =>
    assert.strictEqual(lines(`a ${value}`), `a{instance="s"} ${expected}\n`)
  )

  it.each(["", "x", "0x1p-2", "0x10", "1_000", "+nan", "1e", "e5", ".", "-", "1e400", "--1", "1,5", "١"])(
    "is left out with the value %j",
    (value) => {
      assert.deepStrictEqual(reasonsOf(`a ${value}\ngood 1\n`), [["value", 1]])
      assert.strictEqual(lines(`a ${value}\ngood 1\n`), 'good{instance="s"} 1\n')
      assert.strictEqual(refuse(`a ${value}\n`).reason, "value")
    }
  )

  it.each([
    ['{"a.b",x="1"} 1', '{"a.b",x="1",instance="s"} 1\n'],
    ['{x="1","a.b"} 1', '{"a.b",x="1",instance="s"} 1\n'],
    ['{"a.b"} 1', '{"a.b",instance="s"} 1\n'],
    ['{"a_b",} 1', 'a_b{instance="s"} 1\n'],
    ['{"a\\"\\\\b","c d"="e"} 1', '{"a\\"\\\\b","c d"="e",instance="s"} 1\n'],
    ['a{"x"="1","y.z"="2"} 1', 'a{x="1","y.z"="2",instance="s"} 1\n'],
    ['a{x="1"y="2" z="3"} 1', 'a{x="1",y="2",z="3",instance="s"} 1\n'],
    ['a{x="\\d\\\\"} 1', 'a{x="\\\\d\\\\",instance="s"} 1\n'],
    ['a{x="one\ntwo"} 1', 'a{x="one\\ntwo",instance="s"} 1\n'],
    ['a{x="\u0001\r\u007f"} 1', 'a{x="\u0001\r\u007f",instance="s"} 1\n'],
    ['a{x="\u0000"} 1', 'a{x="\u0000",instance="s"} 1\n'],
    ["a-5", 'a{instance="s"} -5\n'],
    ["a.5 7", 'a{instance="s"} .5\n'],
    ["a 1 99999999999999999", 'a{instance="s"} 1\n']
  ])("%j is read as Prometheus 3 reads it", (text, expected) => {
    assert.strictEqual(lines(text), expected)
    assert.deepStrictEqual(refusedOf(text), [])
  })

  it.each([
    ["9a 1", "syntax", "where a metric name should begin"],
    ['"a.b" 1', "syntax", "where a metric name should begin"],
    ['{"a.b","c"} 1', "syntax", "two metric names"],
    ['{x="1"} 1', "syntax", "without a metric name"],
    ['{""} 1', "syntax", "empty"],
    ["a-b 1", "value", "no number"],
    ['a{x="1} 1', "syntax", "not closed"],
    ['a{,x="1"} 1', "syntax", "where a label name should begin"],
    ['a{x="1",,} 1', "syntax", "where a label name should begin"],
    ["a{x=1} 1", "syntax", "not in quotes"],
    ['a{x:y="1"} 1', "syntax", "="],
    ['a{x="1",x="2"} 1', "duplicate-label", "comes twice"],
    ['a{x="",x="2"} 1', "duplicate-label", "comes twice"],
    ['a{x="1",x=""} 1', "duplicate-label", "comes twice"],
    ['a{instance="1",instance="2"} 1', "duplicate-label", "comes twice"],
    ['a{__name__="b"} 1', "duplicate-label", "comes twice"],
    ['a{x="1" 1', "syntax", "where a label name should begin"],
    ["a 1 2 3", "syntax", "behind its value"],
    ["a 1 -5", "timestamp", "timestamp"],
    ["a 1 1.5", "timestamp", "timestamp"],
    ["a 1 99999999999999999999", "timestamp", "timestamp"],
    ['a 1 # {x="1"} 1', "syntax", "behind its value"],
    ['a{x="1"} 1 2\r', "timestamp", "timestamp"],
    ["\ufeffa 1", "syntax", "where a metric name should begin"],
    ["# TYPE a gauge\r", "metadata", "no known type"],
    ["# TYPE a nonsense", "metadata", "no known type"],
    ["# HELP 9 x", "metadata", "no valid metric name"]
  ])("%j is left out alone, as %s: %s", (text, reason, why) => {
    for (const at of [`good 1\n${text}\nbetter 2\n`, `${text}\ngood 1\nbetter 2`]) {
      assert.deepStrictEqual(reasonsOf(at), [[reason, 1]])
      const [only] = refusedOf(at)
      assert.include(only!.detail, why)
      assert.strictEqual(lines(at), 'good{instance="s"} 1\nbetter{instance="s"} 2\n')
    }
  })

  it("with an open quote costs no other line, however many there are", () => {
    const open = 'a{x="1} 1\n'.repeat(2000)
    const dump = accept(`${open}good 1\n`)
    assert.strictEqual(linesOf(dump), 'good{instance="s"} 1\n')
    assert.strictEqual(dump.refused?.[0]?.count, 2000)
  })

  it.each([["a 1\r\nb 2\r\n"], ["a{b 1\n"]])("refuses its text %j where no other is good", (text) =>
    assert.include(["value", "syntax"], refuse(text).reason)
  )

  it("is blamed by its number, in few and harmless characters", () => {
    const [refused] = refusedOf(`a 1\n# c\n\nb{x="${"y".repeat(500)}\u0007"} x\n`)
    assert.strictEqual(refused!.line, 4)
    assert.match(refused!.detail, /^line 4: b: /)
    assert.include(refused!.sample, 'b{x="yyy')
    const long = refuse(`${"n".repeat(3000)} x\n`)
    assert.isAtMost(long.detail.length, 200)
    assert.notMatch(long.detail, /[\0-\x1f\x7f]/)
  })

  it("that is not UTF-8 is left out alone", () => {
    const bad = Buffer.from([97, 123, 120, 61, 34, 0xff, 34, 125, 32, 49, 10])
    const text = Buffer.concat([bad, Buffer.from('good{x="é"} 1\n')])
    assert.deepStrictEqual(reasonsOf(text), [["not-utf8", 1]])
    assert.strictEqual(linesOf(accept(text)), 'good{x="é",instance="s"} 1\n')
    assert.strictEqual(refuse(bad).reason, "not-utf8")
  })
})

describe("identity", () => {
  const attached: ReadOptions = {
    ...options,
    attach: {
      sourceLabel: "instance",
      source: 'a"\\b',
      labels: [
        ["job", "j"],
        ["zone", "eu"],
        ["none", ""]
      ]
    }
  }
  const own = 'instance="a\\"\\\\b"'
  it.each([
    ["a 1", `a{${own},job="j",zone="eu"} 1\n`],
    ['a{job="mine"} 1', `a{job="mine",${own},zone="eu"} 1\n`],
    ['a{job=""} 1', `a{${own},job="j",zone="eu"} 1\n`],
    [`a{x="1",${own},job="j"} 1`, `a{x="1",${own},job="j",zone="eu"} 1\n`],
    ['a{instance="other",x="1"} 1', `a{x="1",exported_instance="other",${own},job="j",zone="eu"} 1\n`],
    [
      'a{instance="other",exported_instance="o2"} 1',
      `a{exported_instance="o2",exported_exported_instance="other",${own},job="j",zone="eu"} 1\n`
    ],
    ['a{exported_instance="",instance="other"} 1', `a{exported_instance="other",${own},job="j",zone="eu"} 1\n`],
    ['a{instance=""} 1', `a{${own},job="j",zone="eu"} 1\n`]
  ])("of %j is %j", (text, expected) => assert.strictEqual(lines(text, attached), expected))

  it.each([
    ["a 1\na 2\n", `a{${own},job="j",zone="eu"} 1\n`],
    ['a{x="1",y="2"} 1\na{y="2",x="1"} 1\n', `a{x="1",y="2",${own},job="j",zone="eu"} 1\n`],
    ['a{x=""} 1\na 2\n', `a{${own},job="j",zone="eu"} 1\n`],
    [`a 1\na{${own}} 2\n`, `a{${own},job="j",zone="eu"} 1\n`],
    ['a{job="j"} 1\na{zone="eu"} 2\n', `a{job="j",${own},zone="eu"} 1\n`],
    ["a 1 1000\na 2 2000\n", `a{${own},job="j",zone="eu"} 2\n`],
    ["a 2 2000\na 1 1000\n", `a{${own},job="j",zone="eu"} 2\n`],
    ['# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="1.0"} 2\n', `h_bucket{le="1",${own},job="j",zone="eu"} 1\n`],
    ['# TYPE h summary\nh{quantile="0.50"} 1\nh{quantile=".5"} 2\n', `h{quantile="0.50",${own},job="j",zone="eu"} 1\n`]
  ])("is the same for both lines of %j, of which one is shown", (text, expected) => {
    assert.strictEqual(lines(text, attached), expected)
    assert.deepStrictEqual(reasonsOf(text, attached), [["duplicate-series", 1]])
  })

  it("of a gauge does not take its le as a number", () =>
    assert.strictEqual(accept('a{le="1"} 1\na{le="1.0"} 1\na{le="x"} 1\n').series, 3))

  it.each([
    [[["le", "1"]] as const],
    [[["__x", "1"]] as const],
    [[["a-b", "1"]] as const],
    [[["x", "a\u0001"]] as const],
    [[["x", "y".repeat(70_000)]] as const]
  ])("cannot be attached as %j", (labels) =>
    assert.strictEqual(refuse("a 1\n", { ...options, attach: { ...attach, labels } }).reason, "bad-header")
  )

  it("needs a source id", () =>
    assert.strictEqual(refuse("a 1\n", { ...options, attach: { ...attach, source: "" } }).reason, "bad-header"))
})

describe("families", () => {
  it("have one name in both formats", () => {
    const text = family("# HELP a_total He \\\\ lp\\n.\n# TYPE a_total counter\na_total 1\n", "a_total")
    assert.deepInclude(text, { name: "a", type: "counter", help: "He \\ lp\n.", unit: "", series: 1 })
    const om = family(
      '# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds \\"x\\"\na_seconds_total 1\na_seconds_created 2\n# EOF\n',
      "a_seconds_total",
      openmetrics
    )
    assert.deepInclude(om, {
      name: "a_seconds",
      type: "counter",
      help: '"x"',
      unit: "seconds",
      series: 2,
      conforms: true
    })
    assert.deepStrictEqual(om.sampleNames, ["a_seconds_total", "a_seconds_created"])
  })

  it("named by a text counter without _total keep that name", () =>
    assert.deepInclude(family("# TYPE a counter\na 1\n", "a"), { name: "a", type: "counter" }))

  it("of a gauge and a counter may share the name but for _total, in either format", () => {
    const text = accept("# TYPE a gauge\na 1\n# TYPE a_total counter\na_total 2\n")
    const om = accept(
      "# HELP a Now.\n# TYPE a gauge\na 1\n# HELP a Ever.\n# TYPE a counter\na_total 2\n# EOF\n",
      openmetrics
    )
    for (const dump of [text, om])
      assert.deepStrictEqual(
        [...dump.families].map((f) => [f.textName, f.name, f.type]),
        [
          ["a", "a", "gauge"],
          ["a_total", "a", "counter"]
        ]
      )
    assert.deepStrictEqual(
      [...om.families].map((f) => f.help),
      ["Now.", "Ever."]
    )
  })

  it("interrupted by another are put together", () => {
    const dump = accept('# TYPE a gauge\na{x="1"} 1\nb 1\na{x="2"} 2\nb{x="1"} 3\n')
    assert.strictEqual(
      linesOf(dump),
      'a{x="1",instance="s"} 1\na{x="2",instance="s"} 2\nb{instance="s"} 1\nb{x="1",instance="s"} 3\n'
    )
    assert.deepStrictEqual(
      [...dump.families].map((f) => f.series),
      [2, 2]
    )
  })

  it("without samples are left out", () =>
    assert.strictEqual(accept("# HELP a x\n# TYPE a gauge\n").families.length, 0))

  it.each([
    ["# TYPE a gauge\n# TYPE a gauge\na 1\n", "gauge"],
    ["# TYPE a gauge\n# TYPE a counter\na 1\n", "unknown"],
    ["a 1\n# TYPE a gauge\n", "gauge"],
    ["# TYPE a gauge\na 1\n# TYPE a gauge\n", "gauge"],
    ["# TYPE a gauge\na 1\n# TYPE a counter\n", "unknown"]
  ] as const)("with the metadata of %j lose no sample, and are of type %s", (text, type) => {
    assert.deepInclude(family(text, "a"), { type, series: 1 })
    assert.deepStrictEqual(refusedOf(text), [])
  })

  it("declared behind their samples take them in", () => {
    const dump = accept('h_bucket{le="+Inf"} 1\nh_sum 2\nh_count 1\n# TYPE h histogram\n# HELP h x\n')
    assert.deepStrictEqual(
      [...dump.families].map(({ textName, type, series, help, conforms }) => [textName, type, series, help, conforms]),
      [["h", "histogram", 3, "x", true]]
    )
  })

  it("take creation times of a text dump in, and leave them where they have no place", () => {
    const counter = '# TYPE a_total counter\na_total{x="1"} 1\na_total{x="2"} 2\n# TYPE a_created gauge\n'
    const woven = family(`${counter}a_created{x="1"} 10\na_created{x="2"} 20\n`, "a_total")
    assert.strictEqual(
      Buffer.from(woven.bytes).toString(),
      'a_total{x="1",instance="s"} 1\na_created{x="1",instance="s"} 10\na_total{x="2",instance="s"} 2\na_created{x="2",instance="s"} 20\n'
    )
    assert.deepInclude(woven, { series: 4, conforms: true })
    const apart = accept(`${counter}a_created{x="3"} 10\n`)
    assert.deepStrictEqual(
      [...apart.families].map((f) => [f.textName, f.series]),
      [
        ["a_total", 2],
        ["a_created", 1]
      ]
    )
    assert.strictEqual(apart.series, 3)
  })

  it.each([
    ["negative counter", "# TYPE a_total counter\na_total -1\n", "a_total", false],
    ["NaN counter", "# TYPE a_total counter\na_total NaN\n", "a_total", false],
    ["good counter", "# TYPE a_total counter\na_total 1\n", "a_total", true],
    ["negative gauge", "# TYPE a gauge\na -1\n", "a", true],
    ["quantile above one", '# TYPE a summary\na{quantile="1.5"} 1\n', "a", false],
    ["summary value without a quantile", "# TYPE a summary\na 1\n", "a", false],
    ["NaN quantile value", '# TYPE a summary\na{quantile="0.5"} NaN\na_sum 0\na_count 0\n', "a", true],
    ["histogram", '# TYPE a histogram\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 2\na_sum 3\na_count 2\n', "a", true],
    ["histogram without +Inf", '# TYPE a histogram\na_bucket{le="1"} 1\na_sum 3\na_count 1\n', "a", false],
    [
      "buckets out of order",
      '# TYPE a histogram\na_bucket{le="2"} 1\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 1\n',
      "a",
      false
    ],
    ["sinking buckets", '# TYPE a histogram\na_bucket{le="1"} 3\na_bucket{le="+Inf"} 2\n', "a", false],
    ["a count that differs", '# TYPE a histogram\na_bucket{le="+Inf"} 2\na_sum 1\na_count 3\n', "a", false],
    ["a broken bucket", '# TYPE a histogram\na_bucket{le="+Inf"} 2.5\n', "a", false],
    ["a count without a sum", '# TYPE a histogram\na_bucket{le="+Inf"} 2\na_count 2\n', "a", false],
    [
      "a sum with negative bounds",
      '# TYPE a histogram\na_bucket{le="-1"} 0\na_bucket{le="+Inf"} 2\na_sum 1\na_count 2\n',
      "a",
      false
    ],
    [
      "metrics in turns",
      '# TYPE a summary\na_sum{x="1"} 1\na_sum{x="2"} 1\na_count{x="1"} 1\na_count{x="2"} 1\n',
      "a",
      false
    ]
  ])("know whether they keep OpenMetrics' rules: %s", (_, text, name, conforms) =>
    assert.strictEqual(family(text, name).conforms, conforms)
  )

  it.each([
    ["after its total", 'a_total{x="1"} 1\na_created{x="1"} 1\na_total{x="2"} 1\n', true],
    ["before its total", 'a_created{x="1"} 1\na_total{x="1"} 1\na_created{x="2"} 1\na_total{x="2"} 1\n', true],
    ["before another total", 'a_created{x="1"} 1\na_total{x="2"} 1\n', false],
    ["after another total", 'a_total{x="1"} 1\na_total{x="2"} 1\na_created{x="1"} 1\n', false],
    ["after another creation time", 'a_created{x="1"} 1\na_created{x="2"} 1\na_total{x="2"} 1\n', false],
    ["without a total", 'a_total{x="2"} 1\na_created{x="1"} 1\n', false]
  ])("of counters want a creation time beside its total: %s", (_, text, conforms) =>
    assert.strictEqual(family(`# TYPE a counter\n${text}# EOF\n`, "a_total", openmetrics).conforms, conforms)
  )

  it.each([
    ["info", "# TYPE a info\na_info 1\n", "a_info", true],
    ["info of 2", "# TYPE a info\na_info 2\n", "a_info", false],
    ["stateset", '# TYPE a stateset\na{a="x"} 1\na{a="y"} 0\n', "a", true],
    ["stateset of 2", '# TYPE a stateset\na{a="x"} 2\n', "a", false],
    ["stateset without its label", '# TYPE a stateset\na{b="x"} 1\n', "a", false],
    ["stateset named as the source label", '# TYPE instance stateset\ninstance{instance="s"} 1\n', "instance", false],
    ["gaugehistogram", '# TYPE a gaugehistogram\na_bucket{le="+Inf"} 1\na_gsum 1\na_gcount 1\n', "a", true],
    ["negative gsum", '# TYPE a gaugehistogram\na_bucket{le="+Inf"} 1\na_gsum -1\na_gcount 1\n', "a", false],
    ["two times in a metric", "# TYPE a summary\na_sum 1 1\na_count 1 2\n", "a", false]
  ])("of the types of OpenMetrics alone know their rules: %s", (_, text, name, conforms) => {
    const event = { ...openmetrics, timestamps: "event" as const }
    assert.strictEqual(family(`${text}# EOF\n`, name, event).conforms, conforms)
  })

  it.each([
    ['h_bucket{le="x"} 1', false],
    ['h_sum{le="x"} 1', false],
    ['h_bucket{le="1"} -1', false],
    ["h_count -1", false],
    ["h_sum -1", true],
    ['h_bucket{le="1"} 0.5', true],
    ["h_bucket 1", false],
    ["h 1", false]
  ])("of a histogram with %s keep expfmt's rules: %s", (line, conformsText) =>
    assert.deepInclude(family(`# TYPE h histogram\n${line}\n`, "h"), { conformsText, conforms: false, series: 1 })
  )

  it("know bounds that OpenMetrics writes otherwise", () => {
    assert.isTrue(family('# TYPE h histogram\nh_bucket{le="1"} 1\n', "h").floatLabels)
    assert.isFalse(family('# TYPE h histogram\nh_bucket{le="1.0"} 1\nh_bucket{le="+Inf"} 1\n', "h").floatLabels)
  })
})

describe("OpenMetrics", () => {
  it("cut off before its end is refused", () => {
    assert.strictEqual(refuse("# TYPE a gauge\na 1\n", openmetrics).reason, "no-eof")
    assert.strictEqual(refuse("", openmetrics).reason, "no-eof")
    assert.deepStrictEqual(reasonsOf("a 1\n# EOF\na 2\n", openmetrics), [["after-eof", 1]])
    assert.strictEqual(lines("a 1\n# EOF\nb 2\n", openmetrics), 'a{instance="s"} 1\n')
    assert.strictEqual(lines("a 1\n# EOF", openmetrics), 'a{instance="s"} 1\n')
  })

  it.each([
    ["exemplar on a gauge", '# TYPE a gauge\na 1 # {x="1"} 1\n# EOF\n', "exemplar", true],
    ["exemplar without labels", "# TYPE a counter\na_total 1 # 1\n# EOF\n", "exemplar", false],
    ["exemplar without a value", '# TYPE a counter\na_total 1 # {x="1"}\n# EOF\n', "exemplar", false],
    ["long exemplar", `# TYPE a counter\na_total 1 # {x="${"ü".repeat(128)}"} 1\n# EOF\n`, "exemplar", true],
    ["label twice in it", '# TYPE a counter\na_total 1 # {x="1",x="2"} 1\n# EOF\n', "exemplar", true],
    ["unit that is not in the name", "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n", "metadata", true],
    ["untyped as a type", "# TYPE a untyped\na 1\n# EOF\n", "metadata", true],
    ["infinite timestamp", "a 1 +Inf\n# EOF\n", "timestamp", false]
  ])("with an %s loses no more: %j", (_, text, reason, shown) => {
    const dump = accept(`good 1\n${text}`, openmetrics)
    assert.deepStrictEqual(
      dump.refused?.map((lines) => [lines.reason, lines.count]),
      [[reason, 1]]
    )
    assert.strictEqual(dump.series, shown ? 2 : 1)
    assert.notInclude(linesOf(dump), "#")
  })

  it("keeps exemplars of counters and buckets", () => {
    const text = `# TYPE a counter\na_total 1 # {x="${"ü".repeat(127)}"}   0.5 1.5\n# EOF\n`
    assert.deepInclude(family(text, "a_total", openmetrics), { exemplars: true })
    assert.strictEqual(lines(text, openmetrics), `a_total{instance="s"} 1 # {x="${"ü".repeat(127)}"} 0.5 1.5\n`)
  })
})

describe("timestamps", () => {
  const event = { ...options, timestamps: "event" as const }
  it("in event mode are the line's own, else the dump's, in milliseconds", () => {
    assert.strictEqual(lines("a 1\nb 2 1234\n", event), 'a{instance="s"} 1 5000\nb{instance="s"} 2 1234\n')
    const seconds = { ...event, format: "openmetrics" as const }
    assert.strictEqual(
      lines("a 1 1520879607.789\nb 2 1e3\nc 3 0.0015\n# EOF\n", seconds),
      'a{instance="s"} 1 1520879607789\nb{instance="s"} 2 1000000\nc{instance="s"} 3 1\n'
    )
  })
  it("in scrape mode are left out", () => assert.strictEqual(lines("a 1 77\n"), 'a{instance="s"} 1\n'))
})

describe("limits", () => {
  const limited = (limits: Partial<ReadOptions["limits"]>): ReadOptions => ({
    ...options,
    limits: { ...defaultParseLimits, ...limits }
  })
  it("refuse what is beyond them and accept what is just within", () => {
    assert.strictEqual(refuse("a 1\nb 2\nc 3\n", limited({ maxSeries: 2 })).reason, "too-many-series")
    assert.strictEqual(accept("a 1\nb 2\n", limited({ maxSeries: 2 })).series, 2)
    assert.strictEqual(refuse('a{b="1",c="2"} 1', limited({ maxLabels: 2 })).reason, "too-many-labels")
    assert.strictEqual(accept('a{b="1"} 1', limited({ maxLabels: 2 })).series, 1)
    const short = { ...limited({ maxLabelValue: 4 }), attach: { ...attach, sourceLabel: "i" } }
    assert.strictEqual(refuse('a{b="12345"} 1', short).reason, "too-large")
    assert.strictEqual(refuse('a{bcdef="1"} 1', short).reason, "too-large")
    assert.strictEqual(refuse("abcde 1", short).reason, "too-large")
    assert.strictEqual(accept('abcd{bcde="1234"} 1', short).series, 1)
    assert.strictEqual(refuse("a 1\n", limited({ maxBytes: 3 })).reason, "too-large")
    assert.strictEqual(refuse("a 1\n", limited({ maxBytes: 10 })).reason, "too-large")
    assert.strictEqual(accept("a 1\n", limited({ maxBytes: 18 })).series, 1)
  })

  it("bound the work that colliding hashes can make", () => {
    const table = new SeriesTable(16)
    const outcomes = Array.from({ length: 100 }, (_, k) => table.add(7, k, () => false))
    assert.strictEqual(outcomes[0], "new")
    assert.strictEqual(outcomes[99], "too-many-collisions")
  })

  it("hold for many series, each found again", () => {
    const text = Array.from({ length: 20_000 }, (_, k) => `a{x="${k}",y="${k % 7}"} ${k}\n`).join("")
    assert.strictEqual(accept(text).series, 20_000)
    assert.deepStrictEqual(reasonsOf(`${text}a{y="3",x="17"} 1\n`), [["duplicate-series", 1]])
  })
})

describe("whatever comes", () => {
  const both = [options, openmetrics, { ...options, timestamps: "event" as const }]
  /** Accepted: then what is rendered of it parses again and is the same. */
  const check = (bytes: Uint8Array): void => {
    for (const how of both) {
      const dump = parseDump(bytes, how)
      if (isRefusal(dump)) {
        assert.notMatch(dump.detail, /[\0-\x1f\x7f]/)
        continue
      }
      for (const format of ["text", "openmetrics"] as const) {
        const again = parseDump(Buffer.concat([...render([dump], format)]), { ...how, format })
        if (isRefusal(again)) assert.fail(`${again.reason}: ${again.detail}`)
        assert.strictEqual(again.series, dump.series)
      }
    }
  }

  it("random bytes never throw", () => {
    const alphabet = fc.constantFrom(
      ...'aAb_:{}="\\n#, \t1.e+-NInf',
      "\n",
      "# TYPE ",
      "# EOF\n",
      "a ",
      '{a="',
      '"} 1',
      "\u0000",
      "é"
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 300, seed: 5 })
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 60 }), (parts) => check(Buffer.from(parts.join("")))),
      {
        numRuns: 2000,
        seed: 6
      }
    )
  })

  it("a dump with bytes changed, gone or doubled never throws, and is valid where it is accepted", () => {
    const edit = fc.record({
      at: fc.nat(),
      size: fc.nat(6),
      bytes: fc.constantFrom("", '"', "\n", "\\", " ", "{", "}", "9", "# ", ",", "é")
    })
    fc.assert(
      fc.property(dumps, fc.array(edit, { minLength: 1, maxLength: 3 }), ({ text }, edits) => {
        let bytes = Buffer.from(text)
        for (const { at, size, bytes: put } of edits) {
          const from = at % (bytes.length + 1)
          bytes = Buffer.concat([bytes.subarray(0, from), Buffer.from(put), bytes.subarray(from + size)])
        }
        check(bytes)
      }),
      { numRuns: 1000, seed: 7 }
    )
  })

  it("a service's dump is accepted with all its series", () =>
    fc.assert(
      fc.property(dumps, ({ text, format, ...model }) => {
        const how = { ...options, format, attach: { ...attach, labels: [["job", "j"]] as const } }
        assert.strictEqual(accept(text, how).series, seriesOf({ text, format, ...model }, "s", "j").size)
      }),
      { numRuns: 300, seed: 8 }
    ))
})
