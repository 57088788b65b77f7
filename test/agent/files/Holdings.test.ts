import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { type Held, type Place, placeOf, readFrom, whatItHolds } from "../../../src/agent/files/Holdings.ts"

const maxBytes = 1_000

/** A file through its life, as it is looked at: each look reads what it has to. */
class File {
  place: Place | undefined
  private expectEof = false

  look(text: string, ino = "1"): string {
    const bytes = Buffer.from(text)
    let place = this.place
    for (;;) {
      const offset = readFrom(place, ino, bytes.length, maxBytes)
      const part = { bytes: bytes.subarray(offset), offset }
      assert.isAtMost(part.bytes.length, 2 * maxBytes)
      const held: Held = whatItHolds(part, ino, place, this.expectEof, maxBytes)
      if (held.kind === "rewritten") {
        place = { ...place!, ino: "" }
        continue
      }
      this.place = placeOf(part, ino, held, maxBytes) ?? this.place
      if (held.kind !== "dump") return held.kind === "unknown" ? `unknown: ${held.why}` : held.kind
      this.expectEof = held.format === "openmetrics"
      return bytes.subarray(held.start).toString()
    }
  }
}

const one = "# HELP a A.\n# TYPE a counter\na 1\n# TYPE b gauge\nb 1\n"
const two = "# HELP a A.\n# TYPE a counter\na 2\n# TYPE b gauge\nb 2\n"

describe("Holdings", () => {
  it("lines of HELP and TYPE that come again end nothing: every sample is taken", () => {
    const texts = [
      "# HELP a A.\n# TYPE a gauge\na 1\n# HELP a A.\n# TYPE b gauge\nb 1\nc 1\n",
      '# TYPE a gauge\na{x="1"} 1\n# TYPE a gauge\na{x="2"} 2\n# TYPE a gauge\na{x="3"} 3\n',
      'a{x="1"} 1\na{x="2"} 1\na {x="3"} 1\n'
    ]
    for (const text of texts) assert.strictEqual(new File().look(text), text)
  })

  it("a replaced file holds one dump, whatever repeats in it", () => {
    const file = new File()
    file.look(one)
    assert.strictEqual(file.look(one + two, "2"), one + two)
  })

  it("a file that became shorter, or was rewritten in place, holds one dump", () => {
    const file = new File()
    file.look(one)
    assert.strictEqual(file.look("a 1\na 2\n"), "a 1\na 2\n")
    assert.strictEqual(file.look("b 1\nb 2\n".repeat(3)), "b 1\nb 2\n".repeat(3))
  })

  it("of dumps that are appended the last one is taken, in whatever order and with whatever families it comes", () => {
    const file = new File()
    let text = ""
    for (const dump of [one, two, "# TYPE z gauge\nz 1\nb 3\na 3\n", "# by hand\nb 4\n", 'b 5\na{x="1"} 5\n']) {
      text += dump
      assert.strictEqual(file.look(text), dump)
    }
  })

  it("a dump that is written in two parts is whole with the second", () => {
    const file = new File()
    file.look(one)
    assert.strictEqual(file.look(`${one}a 2\n`), "a 2\n")
    assert.strictEqual(file.look(`${one}a 2\nb 2\n`), "a 2\nb 2\n")
  })

  it("a rewrite in place that only added lines is one dump", () => {
    const file = new File()
    file.look(one)
    assert.strictEqual(file.look(`${one}c 1\n`), `${one}c 1\n`)
  })

  it("at the first sight of several dumps nothing is taken until one more comes, and the line is told", () => {
    const file = new File()
    assert.match(file.look(one + two), /^unknown: .*a comes again in line 8$/)
    assert.match(file.look(one + two), /^unknown/)
    assert.strictEqual(file.look(one + two + one), one)
  })

  it("of two dumps that were appended between two looks none is taken, the next one is", () => {
    const file = new File()
    file.look(one)
    assert.match(file.look(one + two + one), /^unknown: .* in line 13$/)
    assert.strictEqual(file.look(one + two + one + two), two)
  })

  it("labels in another order are the same series", () => {
    const file = new File()
    assert.match(
      file.look('a{x="1",y="2"} 1\nb 1\na{y="2",x="1"} 2\n'),
      /^unknown: .*a\{x="1",y="2"\} comes again in line 3/
    )
    const other = new File()
    other.look('a{x="1",y="2"} 1\n')
    assert.strictEqual(other.look('a{x="1",y="2"} 1\nb 1\na{y="2",x="1"} 2\n'), 'b 1\na{y="2",x="1"} 2\n')
  })

  it("after a restart a kept place says where the last dump begins", () => {
    const before = new File()
    before.look(one)
    before.look(one + two)
    const after = new File()
    after.place = JSON.parse(JSON.stringify(before.place)) as Place
    assert.strictEqual(after.look(one + two), two)
    after.place = JSON.parse(JSON.stringify(before.place)) as Place
    assert.strictEqual(after.look(one + two + one), one)
  })

  it("a place whose bytes no longer stand is none", () => {
    const file = new File()
    file.look(one)
    file.look(one + two)
    const other = two + one
    assert.strictEqual(file.look(other), other)
  })

  it("of a file larger than two dumps no more than two are read", () => {
    const file = new File()
    let text = ""
    for (let i = 0; i < 200; i++) {
      text += one
      assert.strictEqual(file.look(text), one)
    }
    assert.match(new File().look(text), /^unknown/)
    assert.strictEqual(file.look("x 1\n".repeat(300)), "too-large")
  })

  it("what was added at once may be more than a dump may have: the next one is taken", () => {
    const file = new File()
    file.look(one)
    assert.match(file.look(one + two.repeat(100)), /^unknown/)
    assert.strictEqual(file.look(one + two.repeat(100) + one), one)
  })

  it("a cut last line is never taken", () => {
    for (let end = 0; end < one.length; end++)
      if (one[end - 1] !== "\n") assert.strictEqual(new File().look(one.slice(0, end)), "incomplete")
  })

  it("OpenMetrics says by # EOF where its dumps are, also at first sight and in a file beyond the limit", () => {
    const open = (text: string) => `${text}# EOF\n`
    assert.strictEqual(new File().look(open(one) + open(two)), open(two))
    assert.strictEqual(new File().look("# EOF\na 1\n# EOF\n"), "a 1\n# EOF\n")
    assert.strictEqual(new File().look(open(one).repeat(50) + open(two)), open(two))
    assert.strictEqual(new File().look(`${open(one)}# HELP a A.\n`), "incomplete")
    const file = new File()
    file.look(open(one))
    for (let end = 1; end < open(two).length - 1; end++)
      assert.strictEqual(file.look(open(two).slice(0, end), "2"), "incomplete")
  })

  it("an OpenMetrics file that was rewritten in place is one dump, though its old one began later", () => {
    const file = new File()
    file.look(`${one}# EOF\n`)
    assert.strictEqual(file.look(`${one}# EOF\n${two}# EOF\n`), `${two}# EOF\n`)
    const text = `# TYPE z gauge\n${'z{x="1"} 1\n'.repeat(20)}# EOF\n`
    assert.strictEqual(file.look(text), text)
  })

  it("an empty registry is a dump, an empty file is not", () => {
    assert.strictEqual(new File().look("\n"), "\n")
    assert.strictEqual(new File().look("# EOF\n"), "# EOF\n")
    assert.strictEqual(new File().look(""), "incomplete")
  })

  it("whatever is appended, what is taken is the end of the file from a line's beginning, and complete", () => {
    const line = fc.constantFrom(
      "a 1\n",
      "# HELP a A\n",
      "# EOF\n",
      'b{x="}"} 1\n',
      "a 2",
      "\n",
      "junk\n",
      'b{x="2"} 1\n'
    )
    fc.assert(
      fc.property(fc.array(fc.array(line, { maxLength: 6 }), { maxLength: 6 }), (pieces) => {
        const file = new File()
        let text = ""
        for (const piece of pieces) {
          text += piece.join("")
          const taken = file.look(text)
          if (["incomplete", "too-large"].includes(taken) || taken.startsWith("unknown")) continue
          assert.isTrue(text.endsWith(taken) && taken !== "")
          assert.isTrue(taken.endsWith("\n") || taken.endsWith("# EOF"))
          assert.isTrue(taken.length === text.length || text[text.length - taken.length - 1] === "\n")
        }
      }),
      { numRuns: 1000 }
    )
  })
})
