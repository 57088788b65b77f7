import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { type Found, lastDump } from "../../../src/agent/dump/DumpText.ts"

const read = (text: string, expectEof = false): Found => {
  const bytes = Buffer.from(text)
  return lastDump({ head: bytes, tail: bytes, whole: true, expectEof })
}
const windowed = (text: string, size: number): Found => {
  const bytes = Buffer.from(text)
  return lastDump({ head: bytes.subarray(0, 64), tail: bytes.subarray(-size), whole: false, expectEof: false })
}
const show = (found: Found) =>
  found.kind === "dump" ? { [found.format]: Buffer.from(found.text).toString() } : found.kind

describe("DumpText", () => {
  const one = "# HELP a A.\n# TYPE a counter\na 1\n# TYPE b gauge\nb 1\n"
  const two = "# HELP a A.\n# TYPE a counter\na 2\n# TYPE b gauge\nb 2\n"

  it("one dump is taken whole", () => assert.deepStrictEqual(show(read(one)), { text: one }))

  it("of several dumps in a file the last is taken", () => {
    assert.deepStrictEqual(show(read(one + two)), { text: two })
    assert.deepStrictEqual(show(read(`${one}# EOF\n${two}# EOF\n`)), { openmetrics: `${two}# EOF\n` })
    assert.deepStrictEqual(show(read("# EOF\na 1\n# EOF\n")), { openmetrics: "a 1\n# EOF\n" })
    assert.deepStrictEqual(show(read('a{b="}\\" x"} 1\nc 1\na{b="}\\" x"} 2\nc 2\n')), {
      text: 'a{b="}\\" x"} 2\nc 2\n'
    })
  })

  it("a family whose name begins like the first one's does not begin a dump", () => {
    const text = "a 1\na_total 1\na{} 1\n"
    assert.deepStrictEqual(show(read(text)), { text })
    const typed = "# TYPE a counter\na 1\n# TYPE a_more counter\na_more 1\n"
    assert.deepStrictEqual(show(read(typed)), { text: typed })
  })

  it("plain comments before the first family are no mark of a dump", () => {
    assert.deepStrictEqual(show(read("# made by x\na 1\nb 1\n# made by x\na 2\nb 2\n")), { text: "a 2\nb 2\n" })
  })

  it("a cut last line is never taken", () => {
    for (let end = 0; end < one.length; end++) {
      if (one[end - 1] === "\n") continue
      assert.strictEqual(show(read(one.slice(0, end))), "incomplete", JSON.stringify(one.slice(0, end)))
    }
  })

  it("no prefix of an OpenMetrics dump is taken where OpenMetrics is expected", () => {
    const text = `${one}# EOF\n`
    // The last two: without and with the newline, as parsers take both.
    for (let end = 0; end < text.length - 1; end++)
      assert.strictEqual(show(read(text.slice(0, end), true)), "incomplete")
    assert.deepStrictEqual(show(read(text, true)), { openmetrics: text })
  })

  it("what follows an # EOF is incomplete until its own comes", () => {
    assert.strictEqual(show(read(`${one}# EOF\n# HELP a A.\n`)), "incomplete")
  })

  it("an empty registry is a dump, an empty file is not", () => {
    assert.deepStrictEqual(show(read("\n")), { text: "\n" })
    assert.deepStrictEqual(show(read("# EOF\n")), { openmetrics: "# EOF\n" })
    assert.strictEqual(show(read("")), "incomplete")
  })

  it("of a file that grew beyond the limit the end is enough when the last dump is in it", () => {
    const grown = one.repeat(50) + two
    assert.deepStrictEqual(show(windowed(grown, 200)), { text: two })
    assert.deepStrictEqual(show(windowed(`${`${one}# EOF\n`.repeat(50)}${two}# EOF\n`, 200)), {
      openmetrics: `${two}# EOF\n`
    })
    assert.strictEqual(show(windowed(grown, 20)), "too-large")
    assert.strictEqual(show(windowed(`${`${one}# EOF\n`.repeat(50)}`, 20)), "too-large")
  })

  it("whatever the bytes, what is found is the end of them and complete", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "# ", "HELP a", "EOF", "\n", " 1", '{x="', '"}')),
        fc.boolean(),
        (parts, expectEof) => {
          const text = parts.join("")
          const found = read(text, expectEof)
          if (found.kind !== "dump") return
          const taken = Buffer.from(found.text).toString()
          assert.isTrue(text.endsWith(taken) && taken !== "")
          assert.isTrue(taken.endsWith("\n") || taken.endsWith("# EOF"))
          assert.isTrue(taken.length === text.length || text[text.length - taken.length - 1] === "\n")
        }
      ),
      { numRuns: 2000 }
    )
  })
})
