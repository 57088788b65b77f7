import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { chunk } from "../../../src/agent/dump/Chunker.ts"
import { defaultParseLimits, type Family, type InputFormat } from "../../../src/metrics/text/Dump.ts"
import { isRefusal, parseDump } from "../../support/parse.ts"

const utf8 = new TextEncoder()
const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString()

const pieces = (text: string, format: InputFormat, budget: number): ReadonlyArray<string> => {
  const cut = chunk(utf8.encode(text), format, budget)
  assert.isUndefined(cut.leftOut)
  return cut.chunks.map(decode)
}

/** What a reader makes of an exposition: per family its metadata, and all samples in order. */
const families = (texts: ReadonlyArray<string>) => {
  const metadata = new Map<string, string>()
  const samples: Array<string> = []
  for (const text of texts) {
    const seen = new Set<string>()
    for (const line of text.split("\n")) {
      if (line === "" || line === "# EOF") continue
      const [, kind, name] = /^# (HELP|TYPE|UNIT) (\S+)/.exec(line) ?? []
      if (kind === undefined) samples.push(line)
      else {
        const key = `${kind} ${name}`
        assert.isFalse(seen.has(key), `${key} twice in one piece`)
        seen.add(key)
        assert.isTrue(metadata.get(key) === undefined || metadata.get(key) === line)
        metadata.set(key, line)
      }
    }
  }
  return { metadata: [...metadata].sort(), samples }
}

const family = (format: InputFormat) =>
  fc
    .record({
      typed: fc.boolean(),
      help: fc.option(fc.stringMatching(/^[a-zäö# ]{0,20}$/)),
      unit: fc.boolean(),
      values: fc.array(fc.nat(), { maxLength: 30 }),
      labels: fc.stringMatching(/^[a-zé {}#]{0,12}$/)
    })
    .map((shape) => ({ ...shape, format }))

const render = (
  shapes: ReadonlyArray<{
    typed: boolean
    help: string | null
    unit: boolean
    values: ReadonlyArray<number>
    labels: string
  }>,
  format: InputFormat
) => {
  let text = ""
  for (const [i, shape] of shapes.entries()) {
    const name = `family${i}_x`
    if (shape.typed && shape.help !== null) text += `# HELP ${name} ${shape.help}\n`
    if (shape.typed) text += `# TYPE ${name} histogram\n`
    if (shape.typed && shape.unit) text += `# UNIT ${name} x\n`
    for (const [j, value] of shape.values.entries())
      text += `${name}${shape.typed ? "_bucket" : ""}{l="${shape.labels}",n="${j}"} ${value}\n`
  }
  return format === "openmetrics" ? `${text}# EOF\n` : text
}

describe("Chunker", () => {
  for (const format of ["text", "openmetrics"] as const)
    it(`the pieces of a ${format} dump hold its families again, each within the budget`, () => {
      fc.assert(
        fc.property(
          fc.array(family(format), { maxLength: 12 }),
          fc.integer({ min: 150, max: 2000 }),
          (shapes, budget) => {
            const text = render(shapes, format)
            if (text === "") return
            const cut = pieces(text, format, budget)
            for (const piece of cut) {
              assert.isTrue(Buffer.byteLength(piece) <= budget)
              assert.isTrue(piece !== "" && piece.endsWith("\n"))
              assert.strictEqual(piece.endsWith("# EOF\n"), format === "openmetrics")
              assert.strictEqual(piece.split("# EOF\n").length, format === "openmetrics" ? 2 : 1)
            }
            assert.deepStrictEqual(families(cut), families([text]))
          }
        ),
        { numRuns: 500 }
      )
    })

  it("a dump within the budget is one piece, the same bytes", () => {
    const bytes = utf8.encode("a 1\n")
    const cut = chunk(bytes, "text", 4)
    assert.strictEqual(cut.chunks[0], bytes)
  })

  it("families are kept together where they fit", () => {
    const text = "# TYPE a counter\na 1\na 2\n# TYPE b counter\nb 1\nc 1\nd 1\n"
    assert.deepStrictEqual(pieces(text, "text", 28), [
      "# TYPE a counter\na 1\na 2\n",
      "# TYPE b counter\nb 1\nc 1\n",
      "d 1\n"
    ])
  })

  it("a family larger than the budget repeats its HELP and TYPE in each piece", () => {
    const text = "x 1\n# HELP a A\n# TYPE a counter\na 1\na 2\na 3\n# TYPE b gauge\nb 1\n"
    assert.deepStrictEqual(pieces(text, "text", 39), [
      "x 1\n",
      "# HELP a A\n# TYPE a counter\na 1\na 2\n",
      "# HELP a A\n# TYPE a counter\na 3\n",
      "# TYPE b gauge\nb 1\n"
    ])
  })

  it("a histogram's lines stay together where a family is cut", () => {
    const metric = (n: number) =>
      `h_bucket{n="${n}",le="1"} 1\nh_bucket{n="${n}",le="+Inf"} 2\nh_sum{n="${n}"} 3\nh_count{n="${n}"} 2\n`
    const text = `# TYPE h histogram\n${[0, 1, 2, 3, 4].map(metric).join("")}`
    const header = "# TYPE h histogram\n"
    assert.deepStrictEqual(pieces(text, "text", header.length + 2 * metric(0).length + 20), [
      header + metric(0) + metric(1),
      header + metric(2) + metric(3),
      header + metric(4)
    ])
    const tight = pieces(text, "text", header.length + 50)
    assert.deepStrictEqual(families(tight), families([text]))
  })

  it("what the pods' parser reads of the pieces is what it reads of the dump", () => {
    const metric = (n: number) =>
      `h_bucket{n="${n}",le="1"} 1\nh_bucket{n="${n}",le="+Inf"} 2\nh_sum{n="${n}"} 3\nh_count{n="${n}"} 2\n`
    const many = (line: (n: number) => string) => Array.from({ length: 40 }, (_, n) => line(n)).join("")
    const bodies: Readonly<Record<InputFormat, string>> = {
      text: `# HELP c_total C.\n# TYPE c_total counter\n${many((n) => `c_total{n="${n}"} ${n}\n`)}`,
      openmetrics: `# HELP c C.\n# TYPE c counter\n${many((n) => `c_total{n="${n}"} ${n}\nc_created{n="${n}"} 1\n`)}`
    }
    for (const format of ["text", "openmetrics"] as const) {
      const rest = `# HELP h H.\n# TYPE h histogram\n${many(metric)}# TYPE g gauge\n${many((n) => `g{n="${n}"} ${n}\n`)}`
      const text = `${bodies[format]}${rest}${format === "openmetrics" ? "# EOF\n" : ""}`
      const read = (piece: string) => {
        const attach = { sourceLabel: "instance", source: "h/app", labels: [] }
        const parsed = parseDump(utf8.encode(piece), {
          format,
          attach,
          limits: defaultParseLimits,
          timestamps: "scrape",
          time: 0
        })
        if (isRefusal(parsed)) throw new Error(`${parsed.reason}: ${parsed.detail} in ${piece}`)
        return parsed
      }
      const keyOf = ({ name, type, help, conforms }: Family) => JSON.stringify([name, type, help, conforms])
      const whole = read(text)
      for (const budget of [250, 400, 1000]) {
        const lines = new Map<string, string>()
        let series = 0
        for (const piece of pieces(text, format, budget).map(read)) {
          series += piece.series
          for (const family of piece.families) {
            const key = keyOf(family)
            lines.set(key, (lines.get(key) ?? "") + decode(family.bytes))
          }
        }
        const expected = [...whole.families].map((family) => [keyOf(family), decode(family.bytes)] as const)
        assert.deepStrictEqual([...lines].sort(), [...new Map(expected)].sort())
        assert.strictEqual(series, whole.series)
      }
    }
  })

  it("a line that no piece can carry is left out and named, and the rest is sent", () => {
    const long = (name: string) => `${name}{l="${"x".repeat(100)}"} 1\n`
    const cut = (text: string) => {
      const { chunks, leftOut } = chunk(utf8.encode(text), "text", 50)
      return { chunks: chunks.map(decode), leftOut }
    }
    assert.deepStrictEqual(cut(`a 1\n${long("b")}c 3\n`), {
      chunks: ["a 1\n", "c 3\n"],
      leftOut: { lines: 1, line: 2, bytes: 110 }
    })
    assert.deepStrictEqual(cut(`# TYPE b gauge\n${long("b")}b 1\n${long("b")}`), {
      chunks: ["# TYPE b gauge\nb 1\n"],
      leftOut: { lines: 2, line: 2, bytes: 110 }
    })
    assert.deepStrictEqual(cut(`# HELP a ${"x".repeat(100)}\na 1\n`), {
      chunks: ["a 1\n"],
      leftOut: { lines: 1, line: 1, bytes: 110 }
    })
    assert.deepStrictEqual(cut(long("b")), { chunks: [], leftOut: { lines: 1, line: 1, bytes: 110 } })
  })

  it("a family that goes on after others is in one piece, with metadata that comes late", () => {
    const text = "a_bucket 1\nb 1\na_count 2\n# TYPE b gauge\n# TYPE a histogram\nc 1\n"
    assert.deepStrictEqual(pieces(text, "text", 45), [
      "a_bucket 1\na_count 2\n# TYPE a histogram\n",
      "b 1\n# TYPE b gauge\nc 1\n"
    ])
  })

  it("nothing is copied where nothing was moved or added", () => {
    const bytes = utf8.encode(
      render(
        [...Array(50)].map((_, i) => ({ typed: true, help: "h", unit: false, values: [1, i], labels: "" })),
        "text"
      )
    )
    const { chunks } = chunk(bytes, "text", 500)
    assert.isAbove(chunks.length, 5)
    for (const piece of chunks) assert.strictEqual(piece.buffer, bytes.buffer)
  })

  it("a label value that holds line feeds is not cut there, and a quote that is not closed takes no other line along", () => {
    const spanning = 'a{l="x\nb 1\n# TYPE b counter\n",m="y"} 1\n'
    assert.deepStrictEqual(pieces(`${spanning}c 1\nb 2\nc 2\n`, "text", 45), [`${spanning}`, "c 1\nc 2\nb 2\n"])
    const closed = 'a{l="x\n# TYPE a gauge\na{l="x} 1\n'
    assert.deepStrictEqual(pieces(`${closed}b 1\na 2\n`, "text", 34), [
      '# TYPE a gauge\na{l="x\na{l="x} 1\n',
      "# TYPE a gauge\na 2\nb 1\n"
    ])
    const open = 'a{l="x} 1\nb{l="y"} 1\nc 1\na 1\nb 2\n'
    assert.deepStrictEqual(pieces(open, "text", 20), ['a{l="x} 1\na 1\n', 'b{l="y"} 1\nb 2\nc 1\n'])
  })
})
