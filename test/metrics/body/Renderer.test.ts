/** The body of a scrape: families merged, each format's own form of a line, clashes that cost metadata and never a sample. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { chunkBytes } from "../../../src/http/Outlet.ts"
import { digesting } from "../../../src/metrics/body/Digest.ts"
import { ChunkMemory } from "../../../src/metrics/body/LineChunks.ts"
import { planAlone, render, renderLines } from "../../../src/metrics/body/Renderer.ts"
import { type Dump, defaultParseLimits, type InputFormat } from "../../../src/metrics/text/Dump.ts"
import type { OutputFormat } from "../../../src/metrics/text/Negotiation.ts"
import { atOnce } from "../../../src/metrics/text/Slices.ts"
import { dumps, modelNumber, seriesKey, seriesOf } from "../../support/arbitraries.ts"
import { isRefusal, parseDump } from "../../support/parse.ts"

const parse = (text: string, format: InputFormat, source: string, timestamps: "scrape" | "event" = "scrape"): Dump => {
  const result = parseDump(Buffer.from(text), {
    format,
    attach: { sourceLabel: "i", source, labels: [] },
    limits: defaultParseLimits,
    timestamps,
    time: 7
  })
  if (isRefusal(result)) assert.fail(`${result.reason}: ${result.detail}`)
  return result
}

const text = (body: string, source = "1") => parse(body, "text", source)
const om = (body: string, source = "1") => parse(`${body}# EOF\n`, "openmetrics", source)
const body = (all: ReadonlyArray<Dump>, format: OutputFormat) => Buffer.concat([...render(all, format)]).toString()
const planOf = (all: ReadonlyArray<Dump>, format: OutputFormat = "text") =>
  planAlone([atOnce(digesting(all))], { format, escaping: "underscores" })
const both = (all: ReadonlyArray<Dump>) => [body(all, "text"), body(all, "openmetrics")]

describe("families of many dumps", () => {
  it("are shown once, in the order of their names, with all sources' lines together", () => {
    const all = [
      text("# HELP b B\n# TYPE b gauge\nb 1\n# TYPE a_total counter\na_total 2\n", "1"),
      om("# HELP a A\n# TYPE a counter\na_total 3\n# TYPE b gauge\nb 4\n", "2")
    ]
    assert.deepStrictEqual(both(all), [
      '# HELP a_total A\n# TYPE a_total counter\na_total{i="1"} 2\na_total{i="2"} 3\n# HELP b B\n# TYPE b gauge\nb{i="1"} 1\nb{i="2"} 4\n',
      '# HELP a A\n# TYPE a counter\na_total{i="1"} 2\na_total{i="2"} 3\n# HELP b B\n# TYPE b gauge\nb{i="1"} 1\nb{i="2"} 4\n# EOF\n'
    ])
  })

  it("have the same help whatever the order of the sources", () => {
    const all = ["", "# HELP a z\n", "# HELP a b\n", "# HELP a c\n"].map((help, k) => text(`${help}a 1\n`, String(k)))
    for (const order of [all, [...all].reverse()]) assert.include(body(order, "text"), "# HELP a b\n")
  })

  it("escape their help as each format has it", () => {
    const [plain, openmetrics] = both([text('# HELP a a\\\\b"c"\\nd\na 1\n')])
    assert.include(plain, '# HELP a a\\\\b"c"\\nd\n')
    assert.include(openmetrics, '# HELP a a\\\\b\\"c\\"\\nd\n')
  })

  it("keep a unit that the sources agree on", () => {
    const dump = (unit: string, source: string) => om(`# TYPE a_b_c gauge\n${unit}a_b_c 1\n`, source)
    const units = (all: ReadonlyArray<Dump>) => body(all, "openmetrics").match(/# UNIT.*/g)
    assert.deepStrictEqual(units([dump("# UNIT a_b_c c\n", "1"), dump("", "2")]), ["# UNIT a_b_c c"])
    assert.isNull(
      units([dump("# UNIT a_b_c c\n", "1"), dump("# UNIT a_b_c b_c\n", "2"), dump("# UNIT a_b_c c\n", "3")])
    )
    assert.notInclude(body([dump("# UNIT a_b_c c\n", "1")], "text"), "UNIT")
  })

  it("that nobody has are an empty body", () => assert.deepStrictEqual(both([]), ["", "# EOF\n"]))
})

describe("a type", () => {
  it("that text 0.0.4 does not know is shown as the nearest one", () => {
    const all = [
      om(
        '# TYPE a info\na_info 1\n# TYPE b stateset\nb{b="x"} 1\n# TYPE c unknown\nc 1\n# TYPE d counter\nd_total 1\nd_created 2\n' +
          '# TYPE e gaugehistogram\ne_bucket{le="+Inf"} 1\ne_gsum 1\ne_gcount 1\n# TYPE f summary\nf_count 1\nf_created 3\n'
      )
    ]
    assert.strictEqual(
      body(all, "text"),
      '# TYPE a_info gauge\na_info{i="1"} 1\n# TYPE b gauge\nb{b="x",i="1"} 1\n# TYPE c untyped\nc{i="1"} 1\n' +
        '# TYPE d_created gauge\nd_created{i="1"} 2\n# TYPE d_total counter\nd_total{i="1"} 1\n' +
        '# TYPE e histogram\ne_bucket{le="+Inf",i="1"} 1\n# TYPE e_gcount gauge\ne_gcount{i="1"} 1\n# TYPE e_gsum gauge\ne_gsum{i="1"} 1\n' +
        '# TYPE f summary\nf_count{i="1"} 1\n# TYPE f_created gauge\nf_created{i="1"} 3\n'
    )
    assert.deepStrictEqual(body(all, "openmetrics").match(/(?<=# TYPE ).*/g), [
      "a info",
      "b stateset",
      "c unknown",
      "d counter",
      "e gaugehistogram",
      "f summary"
    ])
  })

  it("counter without _total is unknown to OpenMetrics alone, under the same name", () =>
    assert.deepStrictEqual(both([text("# TYPE a counter\na 1\n")]), [
      '# TYPE a counter\na{i="1"} 1\n',
      '# TYPE a unknown\na{i="1"} 1\n# EOF\n'
    ]))

  it("whose rules a source breaks is unknown to OpenMetrics, and kept in text", () => {
    const all = [text("# TYPE a_total counter\na_total NaN\n", "1"), text("# TYPE a_total counter\na_total 1\n", "2")]
    assert.deepStrictEqual(both(all), [
      '# TYPE a_total counter\na_total{i="1"} NaN\na_total{i="2"} 1\n',
      '# TYPE a_total unknown\na_total{i="1"} NaN\na_total{i="2"} 1\n# EOF\n'
    ])
    assert.strictEqual(planOf(all).typeConflicts, 0)
    const [lost] = planOf(all, "openmetrics").conflicts
    assert.deepStrictEqual([lost?.family, lost?.shown, lost?.sides.length], ["a", "unknown", 2])
  })

  it("whose text rules a source breaks is untyped in text, of its lines' own doing", () => {
    const breaches = [
      '# TYPE a histogram\na_bucket{le="1"} -1\n',
      "# TYPE a histogram\na_bucket 1\n",
      "# TYPE a histogram\na_count -1\n",
      "# TYPE a histogram\na 1\n",
      "# TYPE a summary\na 1\n",
      "# TYPE a summary\na_count 1.5\n",
      "# TYPE a summary\na_count NaN\n",
      '# TYPE a summary\na_sum{quantile="0.5"} 1\n'
    ]
    for (const breach of breaches) assert.match(body([text(breach)], "text"), /^# TYPE a\w* untyped\n/, breach)
    assert.match(body([text("# TYPE _total counter\n_total 1\n")], "text"), /^# TYPE _total untyped\n/)
  })

  it("that most sources say is everybody's, whatever their order, and the conflict is counted", () => {
    const histogram = (source: string) =>
      text('# HELP a h\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 2\na_count 1\n', source)
    const summary = (source: string) => text("# TYPE a summary\na_sum 3\na_count 1\n", source)
    const types = (all: ReadonlyArray<Dump>) => both(all).map((b) => b.match(/(?<=# TYPE ).*/g))
    const mostly = [summary("1"), histogram("2"), histogram("3")]
    for (const all of [mostly, mostly.toReversed()]) {
      // OpenMetrics has no histogram without buckets: there the family is what its lines can be.
      assert.deepStrictEqual(types(all), [["a histogram"], ["a summary", "a_bucket unknown"]])
      for (const format of ["text", "openmetrics"] as const) assert.strictEqual(planOf(all, format).typeConflicts, 1)
    }
    assert.deepStrictEqual(types([summary("1"), histogram("2"), summary("3")]), [
      ["a summary", "a_bucket untyped"],
      ["a summary", "a_bucket unknown"]
    ])
  })

  it("that nobody says follows what the others say, in both formats and with their exemplars", () => {
    const said = om(
      '# TYPE a histogram\na_bucket{le="1.0"} 1 # {t="x"} 1\na_bucket{le="+Inf"} 1\na_sum 2\na_count 1\n# TYPE c counter\nc_total 4 # {t="y"} 1\n',
      "1"
    )
    const unsaid = text(
      'a_count 3\na_count{k="v"} 2\na_sum 2\na_sum{k="v"} 2\na_bucket{le="+Inf",k="v"} 2\na_bucket{k="v",le="1"} 1\na_bucket{le="+Inf"} 3\na_bucket{le="1"} 3\nc_total 5\n',
      "2"
    )
    const [plain, openmetrics] = both([unsaid, said])
    for (const b of [plain!, openmetrics!])
      assert.deepStrictEqual(
        b.match(/(?<=# TYPE )\S+ \S+/g),
        b === plain ? ["a histogram", "c_total counter"] : ["a histogram", "c counter"]
      )
    assert.include(openmetrics, '# {t="x"} 1\n')
    assert.include(openmetrics, '# {t="y"} 1\n')
    assert.include(
      openmetrics,
      'a_bucket{le="1.0",i="2"} 3\na_bucket{le="+Inf",i="2"} 3\na_count{i="2"} 3\na_sum{i="2"} 2\n'
    )
    assert.strictEqual(planOf([unsaid, said]).typeConflicts, 0)
  })
})

describe("a name that two families claim", () => {
  const types = (all: ReadonlyArray<Dump>, format: OutputFormat) => body(all, format).match(/(?<=# TYPE ).*/g)

  it("goes to the one that has samples of it", () => {
    const all = [text("# TYPE a gauge\na 1\n# TYPE a_total counter\na_total 2\n")]
    assert.deepStrictEqual(types(all, "text"), ["a gauge", "a_total counter"])
    assert.deepStrictEqual(types(all, "openmetrics"), ["a gauge", "a_total unknown"])
  })

  it("and both have samples of goes to the one with more sources, in every format that can say it", () => {
    const summary = (source: string) => text("# TYPE a summary\na_sum 1\na_count 1\n", source)
    const counter = (source: string, value = 5) => text(`# TYPE a_count gauge\na_count ${value}\n`, source)
    for (const format of ["text", "openmetrics"] as const) {
      const unknown = format === "text" ? "untyped" : "unknown"
      assert.deepStrictEqual(types([summary("1"), counter("2"), summary("3")], format), ["a summary"])
      assert.deepStrictEqual(types([counter("1"), summary("2"), counter("3")], format), [
        "a_count gauge",
        `a_sum ${unknown}`
      ])
      // A summary's count cannot be below zero, so the body cannot have both. The one source does not name the others' samples.
      const all = [summary("1"), summary("2"), counter("evil", -1)]
      assert.deepStrictEqual(types(all, format), [`a_count ${unknown}`, `a_sum ${unknown}`])
      assert.deepStrictEqual(planOf(all, format).conflicts, [
        {
          family: "a",
          shown: "unknown",
          sides: [
            { says: "summary a", sources: 2, names: ["1", "2"] },
            { says: "gauge a_count", sources: 1, names: ["evil"] }
          ]
        },
        {
          family: "a_count",
          shown: "unknown",
          sides: [
            { says: "gauge a_count", sources: 1, names: ["evil"] },
            { says: "summary a", sources: 2, names: ["1", "2"] }
          ]
        }
      ])
    }
  })

  it("and neither has samples of is the one's with more sources, or of the type that has more to lose", () => {
    const all = [om("# TYPE a counter\na_total 1\n", "1"), om("# TYPE a info\na_info 1\n", "2")]
    assert.deepStrictEqual(types(all, "openmetrics"), ["a counter", "a_info unknown"])
    assert.deepStrictEqual(types([...all, om("# TYPE a info\na_info 1\n", "3")], "openmetrics"), [
      "a info",
      "a_total unknown"
    ])
    assert.deepStrictEqual(types(all, "text"), ["a_info gauge", "a_total counter"])
  })

  it("is settled also where settling one clash makes the next", () => {
    const all = [
      text("# TYPE a summary\na_sum 1\na_count 1\n", "1"),
      text("# TYPE a_count summary\na_count_sum 1\na_count 2\n", "2"),
      text("# TYPE a_count_sum gauge\na_count_sum 1\n", "3")
    ]
    assert.deepStrictEqual(types(all, "text"), ["a summary", "a_count_sum gauge"])
  })

  it("of creation times written apart costs nothing where they belong to the family", () => {
    const all = [text("# TYPE a_total counter\na_total 1\n# TYPE a_created gauge\na_created 5\n")]
    assert.deepStrictEqual(types(all, "openmetrics"), ["a counter"])
    assert.deepStrictEqual(types(all, "text"), ["a_created gauge", "a_total counter"])
  })
})

describe("a line", () => {
  it("has canonical bounds in OpenMetrics, also once the type is lost, and its own in text", () => {
    const bounds = ["1e-5", "0.0001", "0.25", "1", "10.50", "999999", "1000000", "1e21", "+Inf"]
    const histogram = `# TYPE a histogram\n${bounds.map((le) => `a_bucket{x="le=\\"1\\"",y=",le=",z="z",le="${le}",le2="1"} 1\n`).join("")}`
    for (const all of [[text(histogram)], [text(histogram), text("# TYPE a gauge\na 1\n", "2")]]) {
      const written = (b: string) => b.match(/(?<=z="z",le=")[^"]*/g)
      assert.deepStrictEqual(written(body(all, "text")), bounds)
      assert.deepStrictEqual(written(body(all, "openmetrics")), [
        "1e-05",
        "0.0001",
        "0.25",
        "1.0",
        "10.5",
        "999999.0",
        "1e+06",
        "1e+21",
        "+Inf"
      ])
    }
    const summary = text('# TYPE s summary\ns{quantile=".5"} 1\n')
    assert.include(body([summary], "openmetrics"), 's{quantile="0.5",i="1"} 1\n')
  })

  it("has canonical bounds wherever they stand, also where the line before seems to say otherwise", () => {
    const labels = [
      'x="y=",le="1"',
      'xxxy=",le=",le="1"',
      'le="1"',
      'k="1",le="1"',
      'x="y=",le="2"',
      'xxxy=",le=",le="2"'
    ]
    const histogram = text(`# TYPE a histogram\n${labels.map((set) => `a_bucket{${set}} 1\n`).join("")}`)
    const written = body([histogram], "openmetrics").match(/(?<=\{).*(?=,i="1"\})/g)
    assert.deepStrictEqual(
      written,
      labels.map((set) => set.replace(/"(\d)"$/, '"$1.0"'))
    )
  })

  it("has its timestamp in seconds in OpenMetrics and in milliseconds in text", () => {
    const stamps = [0, 5, 50, 500, 5000, 1700000000123]
    const dump = parse(stamps.map((t, k) => `a{k="${k}"} 1234 ${t}\n`).join(""), "text", "1", "event")
    const ends = (b: string) => b.match(/(?<=\} \d+ ).*/g)
    assert.deepStrictEqual(ends(body([dump], "text")), stamps.map(String))
    assert.deepStrictEqual(ends(body([dump], "openmetrics")), [
      "0.000",
      "0.005",
      "0.050",
      "0.500",
      "5.000",
      "1700000000.123"
    ])
  })

  it("has its exemplar in OpenMetrics only, and only while its family has the type for it", () => {
    const counter = (timestamps: "scrape" | "event") =>
      parse('# TYPE a counter\na_total 1 2 # {x="} # {"} 3 4\n# EOF\n', "openmetrics", "1", timestamps)
    assert.include(body([counter("scrape")], "openmetrics"), 'a_total{i="1"} 1 # {x="} # {"} 3 4\n')
    assert.include(body([counter("event")], "openmetrics"), 'a_total{i="1"} 1 2.000 # {x="} # {"} 3 4\n')
    assert.include(body([counter("scrape")], "text"), 'a_total{i="1"} 1\n')
    assert.include(body([counter("event")], "text"), 'a_total{i="1"} 1 2000\n')
    const clash = [counter("event"), parse("# TYPE a_total gauge\na_total -1\n", "text", "2", "event")]
    for (const line of ['a_total{i="1"} 1 2.000\n', 'a_total{i="2"} -1 0.007\n'])
      assert.include(body(clash, "openmetrics"), line)
    const mixed = [counter("event"), parse("# TYPE a_total gauge\na_total 1\n", "text", "2", "event")]
    for (const line of ['a_total{i="1"} 1 2.000 # {x="} # {"} 3 4\n', 'a_total{i="2"} 1 0.007\n'])
      assert.include(body(mixed, "openmetrics"), line)
  })

  it("is cut by chunks without a trace", () => {
    const lines = Array.from(
      { length: 30_000 },
      (_, k) => `a_bucket{le="${k}"} 1\nb{k="${"x".repeat(k % 300)}",n="${k}"} 1\n`
    )
    const dump = text(`# TYPE a histogram\n${lines.join("")}`)
    for (const format of ["text", "openmetrics"] as const) {
      const chunks = [...render([dump], format)]
      assert.isAbove(chunks.length, 6)
      for (const chunk of chunks) assert.isAtMost(chunk.length, chunkBytes)
      const again = parse(Buffer.concat(chunks).toString(), format, "1")
      assert.strictEqual(again.series, dump.series)
    }
  })
})

describe("the memory of chunks", () => {
  it("is used again where it is given back, and only there", () => {
    const lines = Array.from({ length: 40_000 }, (_, k) => `a{k="${k}",pad="${"x".repeat(100)}"} ${k}\n`)
    const digest = atOnce(digesting([text(lines.join(""))]))
    const plan = planAlone([digest], { format: "text", escaping: "underscores" }).shards[0]!
    const seen = (giveBack: boolean) => {
      const memory = new ChunkMemory()
      const buffers: Array<ArrayBuffer> = []
      let body = ""
      for (const chunk of renderLines(digest, plan, memory)) {
        const { bytes } = chunk ?? assert.fail("a pause, without odd lines")
        buffers.push(bytes.buffer)
        body += Buffer.from(bytes).toString()
        if (giveBack) memory.give(bytes.buffer)
      }
      return { chunks: buffers.length, buffers: new Set(buffers).size, body }
    }
    const [again, fresh] = [seen(true), seen(false)]
    assert.isAbove(fresh.chunks, 8)
    assert.deepStrictEqual([again.chunks, again.body], [fresh.chunks, fresh.body])
    assert.deepStrictEqual([again.buffers, fresh.buffers], [2, fresh.chunks])
  })
})

describe("a body of whatever dumps", () => {
  it("parses again to the same series and values, in both formats", () =>
    fc.assert(
      fc.property(
        fc.array(dumps, { minLength: 1, maxLength: 3 }),
        fc.constantFrom<OutputFormat>("text", "openmetrics"),
        fc.constantFrom("scrape" as const, "event" as const),
        (models, format, timestamps) => {
          const all = models.map((m, s) => {
            const result = parseDump(Buffer.from(m.text), {
              format: m.format,
              attach: { sourceLabel: "instance", source: `svc-${s}`, labels: [["job", "j"]] },
              limits: defaultParseLimits,
              timestamps,
              time: 1_700_000_000_123
            })
            return isRefusal(result) ? assert.fail(result.detail) : result
          })
          const rendered = body(all, format)
          const again = parse(rendered, format, "x")
          const expected = new Map(models.flatMap((m, s) => [...seriesOf(m, `svc-${s}`, "j")]))
          assert.deepStrictEqual(new Map([...readLines(again)].sort()), new Map([...expected].sort()), rendered)
        }
      ),
      { numRuns: 500, seed: 3 }
    ))

  it("does not change the dumps, and is the same each time and for any order of the sources' families", () =>
    fc.assert(
      fc.property(fc.array(dumps, { minLength: 1, maxLength: 3 }), (models) => {
        const all = models.map((m, s) => parse(m.text, m.format, String(s)))
        const before = all.map((d) => [...d.families].map((f) => Buffer.from(f.bytes).toString()))
        const first = both(all)
        assert.deepStrictEqual(both(all), first)
        const heads = (b: ReadonlyArray<string>) => b.map((t) => t.split("\n").filter((line) => line.startsWith("#")))
        assert.deepStrictEqual(heads(both([...all].reverse())), heads(first))
        assert.deepStrictEqual(
          all.map((d) => [...d.families].map((f) => Buffer.from(f.bytes).toString())),
          before
        )
      }),
      { numRuns: 200, seed: 4 }
    ))
})

/** Independent of the parser's own reading of lines: a regular expression over the canonical form, less the label of `parse`. */
const readLines = (dump: Dump): Map<string, number> => {
  const all = new Map<string, number>()
  for (const family of dump.families) {
    for (const line of Buffer.from(family.bytes).toString().trimEnd().split("\n")) {
      const [, name, inner, value] =
        /^([^{]+)\{((?:[a-zA-Z0-9_]+="(?:[^"\\]|\\.)*",?)*)\} (\S+)$/.exec(line) ?? assert.fail(line)
      const pairs = [...inner!.matchAll(/([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, k, v]) => [
        k!,
        v!.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c))
      ])
      all.set(seriesKey(name!, Object.fromEntries(pairs.filter(([k]) => k !== "i"))), modelNumber(value!))
    }
  }
  return all
}
