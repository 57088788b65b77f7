/**
 * What hostile or sloppy senders found out about the reader, and what it does since then. The findings:
 *
 * - F1 an exemplar that is no UTF-8 was shown behind a line that was known, and refused behind a new one.
 * - F2 a name in quotes that spans lines was shown where it was known, also in a text that had used up its attempts at such names.
 * - F3 `foo_total_created` was woven in among the lines of counter `foo_total`, in the place of `foo_created`, which was lost; the
 *   first line of the text was shown in its stead, twice.
 * - F4 the names of lines that are refused stayed in the memory of their source, and those that no line has any more.
 * - F5 only what a comment's text takes was counted, some hundred times less than the comment.
 * - F6 the index of a page ran beyond the beginning of a line whose value touches its name, `a-1`, and never came back.
 * - F7 such a line, `a+1`, was taken for one of a longer name, `ab 1`, by its `a`.
 * - F8 a page without comments shared the list in which the next text's were noted.
 * - F9 of three lines of a series with timestamps, of which two were known, none was shown.
 * - F10 bounds that were two stayed two where their family became a histogram.
 */
import { assert, describe, it } from "vitest"
import type { ReadOptions } from "../../../src/metrics/read/Memory.ts"
import type { Page } from "../../../src/metrics/read/Page.ts"
import { readSnapshot } from "../../../src/metrics/read/Snapshot.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { isRefusal } from "../../support/parse.ts"

const attach = { sourceLabel: "instance", source: "s", labels: [] }
const options: ReadOptions = { format: "text", attach, limits: defaultParseLimits, timestamps: "scrape", time: 5000 }

const read = (text: string, before?: Page, with_ = options): Page => {
  const page = readSnapshot(Buffer.from(text, "latin1"), with_, before)
  return isRefusal(page) ? assert.fail(page.detail) : page
}

const linesOf = ({ dump }: Page): string =>
  [...dump.families].map((family) => Buffer.from(family.bytes).toString("latin1")).join("")

/** The last of some texts, read by those before it and by itself. */
const bothWays = (texts: ReadonlyArray<string>, with_ = options) => {
  let page: Page | undefined
  for (const text of texts) page = read(text, page, with_)
  return [page!, read(texts.at(-1)!, undefined, with_)] as const
}

const assertSame = (known: Page, alone: Page) => {
  assert.deepStrictEqual(known.dump.refused, alone.dump.refused)
  assert.strictEqual(linesOf(known), linesOf(alone))
  const saidOf = ({ dump }: Page) => [...dump.families].map(({ bytes, ...said }) => said)
  assert.deepStrictEqual(saidOf(known), saidOf(alone))
  assert.strictEqual(known.dump.bytes, alone.dump.bytes)
}

describe("a known line", () => {
  it("is not shown with an exemplar that is no UTF-8", () => {
    const text = (exemplar: string) => `# TYPE a counter\na_total 1 # {t="${exemplar}"} 1\nb 1\n# EOF\n`
    const [known, alone] = bothWays([text("x"), text("\xff")], { ...options, format: "openmetrics" })
    assertSame(known, alone)
    assert.deepStrictEqual(
      known.dump.refused?.map(({ reason }) => reason),
      ["not-utf8"]
    )
  })

  it("is not shown with a name that spans lines, where it would not be if it were new", () => {
    const spans = '{"a\nb"} 1\n'
    const attempts = '{\\"\n'.repeat(1000)
    const [known, alone] = bothWays([spans, attempts + spans + spans])
    assertSame(known, alone)
    assertSame(...bothWays([spans, spans]))
    // Nor is a label's.
    const label = 'a{"x\ny"="1"} 1\n'
    assertSame(...bothWays([label, `${attempts}b 1\n${label}`]))
  })
})

describe("a text after another one", () => {
  it.each([
    ["whose values touch their names, in another order", ["a-1\nb+2\nc 1\n", "c 1\nb+2\nd 1\na-1\nb+2\n"]],
    ["with a name that goes on where a value was", ["a+1\t7\n", "a1 5\n", 'ab{c="1"} 1\n']],
    ["that has the first TYPE", ["a 1\nb 2\n", "b 2\n# TYPE b gauge\na 1\n"]],
    [
      "that has bounds of a histogram now",
      ['h_bucket{le="1"} 1\nh_bucket{le="1.0"} 2\n', '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="1.0"} 2\n']
    ]
  ])("%s is what it is alone", (_, texts) => {
    for (let length = 1; length <= texts.length; length++) assertSame(...bothWays(texts.slice(0, length)))
  })

  it("with three lines of a series, two of them known, shows the latest", () => {
    const texts = ["a 1 26\n", "a 1 26\n\ta 2\na 1 680\n"]
    const [known, alone] = bothWays(texts, { ...options, timestamps: "event" })
    assertSame(known, alone)
    assert.strictEqual(known.dump.series, 1)
  })
})

describe("creation times", () => {
  it("belong to the counter that OpenMetrics names as they do", () => {
    const text =
      "# TYPE foo_total counter\nfoo_total 1\n# TYPE foo_created gauge\nfoo_created 2\n# TYPE foo_total_created gauge\nfoo_total_created 3\n"
    const { dump } = read(text)
    assert.deepStrictEqual(
      [...dump.families].map(({ name, sampleNames }) => [name, ...sampleNames]),
      [
        ["foo", "foo_total", "foo_created"],
        ["foo_total_created", "foo_total_created"]
      ]
    )
    assert.strictEqual(linesOf(read(text)).match(/foo_created/g)?.length, 1)
    assert.strictEqual(linesOf(read(text)).split("\n").length, 4)
  })
})

const namesOf = ({ names }: Page) => Array.from({ length: names.size }, (_, name) => names.textOf(name))

describe("what is remembered", () => {
  const bad = Array.from({ length: 5000 }, (_, i) => `bad_${i} x\n`).join("")

  it("has no names of lines that are refused", () => {
    const page = read(`a 1\n${bad}`)
    assert.deepStrictEqual(namesOf(page), ["a"])
    assert.strictEqual(page.dump.bytes, read("a 1\n").dump.bytes)
  })

  it("has no names that no line has any more, and leaves the ones of the round before alone", () => {
    const before = read("a 1\nb 1\n")
    const page = read("b 2\nc 1\n", before)
    assert.deepStrictEqual(namesOf(page), ["b", "c"])
    assert.deepStrictEqual(namesOf(before), ["a", "b"])
    assert.strictEqual(linesOf(read("a 2\nc 3\nb 4\n", page)), linesOf(read("a 2\nc 3\nb 4\n")))
  })

  it("is counted, comments and what they say too", () => {
    const comments = (count: number) => Array.from({ length: count }, (_, i) => `#${i}\na{b="${i}"} 1\n`).join("")
    const lines = (count: number) => Array.from({ length: count }, (_, i) => `a{b="${i}"} 1\n`).join("")
    assert.isAbove(read(comments(1000)).dump.bytes - read(lines(1000)).dump.bytes, 1000 * 200)
    const types = Array.from({ length: 1000 }, (_, i) => `# TYPE a${i} gauge\n`).join("")
    assert.isAbove(read(`a 1\n${types}`).dump.bytes, 1000 * 80)
  })

  it("of statements that say nothing is the first", () => {
    const page = read(`# a\n${"# TYPE -\n".repeat(1000)}a 1\n`)
    const [refused] = page.dump.refused ?? []
    assert.deepStrictEqual(
      [refused?.reason, refused?.count, refused?.line, refused?.sample],
      ["metadata", 1000, 2, "# TYPE -"]
    )
    assert.deepStrictEqual(page.comments.statements, [])
  })
})
