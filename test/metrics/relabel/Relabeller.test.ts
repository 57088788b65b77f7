/** Rules on the bytes of dumps: what stays, what goes, where it stands then, and that a memory changes nothing. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { KnownSeries } from "../../../src/metrics/relabel/KnownSeries.ts"
import { Relabeller } from "../../../src/metrics/relabel/Relabeller.ts"
import { ruleOfAll } from "../../../src/metrics/relabel/RelabelRule.ts"
import type { InputFormat } from "../../../src/metrics/text/Dump.ts"
import { random } from "../../../src/testing/Random.ts"
import { type RawRule, rulesOf } from "./rules.ts"

const relabel = (text: string, rules: ReadonlyArray<RawRule>, format: InputFormat = "text") => {
  const {
    text: after,
    first: _,
    ...counts
  } = new Relabeller(ruleOfAll(rulesOf(...rules))).relabel("s", Buffer.from(text), format)
  return { after: Buffer.from(after).toString(), ...counts }
}
const name = (regex: string, action: string): RawRule => ({ source_labels: ["__name__"], regex, action })
const rename = (regex: string, replacement: string): RawRule => ({
  source_labels: ["__name__"],
  regex,
  target_label: "__name__",
  replacement
})

describe("Relabeller", () => {
  it("a dump of which no series is changed is the same memory", () => {
    const dump = Buffer.from('# a comment\n# TYPE a gauge\na{b="c"} 1\n\n  d 2 3 \n')
    const { text, dropped } = new Relabeller(ruleOfAll(rulesOf(name("x", "drop")))).relabel("s", dump, "text")
    assert.strictEqual(text, dump)
    assert.strictEqual(dropped, 0)
  })

  it("a family whose series are all dropped loses its metadata, one that keeps some does not", () => {
    const dump =
      "# HELP a A.\n# TYPE a histogram\n" +
      'a_bucket{le="1"} 1\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n' +
      "# HELP b B.\n# TYPE b counter\nb 1\n# TYPE b_count gauge\nb_count 2\n# TYPE empty gauge\n"
    assert.deepStrictEqual(relabel(dump, [name("a_.*|b", "drop")]), {
      after: "# TYPE b_count gauge\nb_count 2\n# TYPE empty gauge\n",
      dropped: 5,
      nameless: 0
    })
    assert.strictEqual(
      relabel(dump, [name("a_bucket|b_count", "drop")]).after,
      "# HELP a A.\n# TYPE a histogram\na_sum 1\na_count 1\n# HELP b B.\n# TYPE b counter\nb 1\n# TYPE empty gauge\n"
    )
  })

  it("value, timestamp and exemplar stay with their series, whatever becomes of its labels", () => {
    const dump = '# TYPE a counter\na_total{b="x",c="y"} 1 1.5 # {trace="t"} 0.5 1.2\n# EOF\n'
    assert.strictEqual(
      relabel(dump, [{ regex: "b", action: "labeldrop" }], "openmetrics").after,
      '# TYPE a counter\na_total{c="y"} 1 1.5 # {trace="t"} 0.5 1.2\n# EOF\n'
    )
  })

  it("a series with a new name stands at the end, with others of that name, before # EOF", () => {
    const dump =
      "# TYPE a gauge\n" +
      'a{x="1"} 1\na{x="2"} 2\n# TYPE b gauge\nb 3\n# TYPE new gauge\nnew 4\n# TYPE c gauge\nc 5\n# EOF\n'
    assert.strictEqual(
      relabel(dump, [rename("a|c", "new"), { regex: "x", replacement: "y.z", action: "labelmap" }], "openmetrics")
        .after,
      "# TYPE b gauge\nb 3\n# TYPE new gauge\nnew 4\n" +
        'new{x="1","y.z"="1"} 1\nnew{x="2","y.z"="2"} 2\nnew 5\n# EOF\n'
    )
  })

  it("names that need quotes are read and written", () => {
    assert.strictEqual(
      relabel('{"http.requests",a="b"} 1\n', [{ source_labels: ["a"], target_label: "é" }]).after,
      '{"http.requests",a="b","é"="b"} 1\n'
    )
    assert.strictEqual(relabel('a{b="c"} 1\n', [rename("a", "x.y")]).after, '{"x.y",b="c"} 1\n')
    assert.strictEqual(relabel('{"x.y",b="c"} 1\n', [rename("x.y", "a")]).after, 'a{b="c"} 1\n')
    assert.strictEqual(relabel('{"x.y"} 1\n', [rename("x.y", "a")]).after, "a 1\n")
  })

  it("what is escaped in a value is escaped again", () => {
    assert.strictEqual(
      relabel('a{b="q\\"\\\\\\n"} 1\n', [{ source_labels: ["b"], target_label: "c" }]).after,
      'a{b="q\\"\\\\\\n",c="q\\"\\\\\\n"} 1\n'
    )
  })

  it("a series that is left without a name goes and is counted", () => {
    assert.deepStrictEqual(
      relabel("a 1\nb 2\n", [{ source_labels: ["__name__"], regex: "a", target_label: "__name__", replacement: "" }]),
      {
        after: "b 2\n",
        dropped: 0,
        nameless: 1
      }
    )
  })

  it("a dump of which nothing is left is not empty: that would end its source", () => {
    assert.deepStrictEqual(relabel("# TYPE a gauge\na 1\n", [name(".*", "drop")]), {
      after: "\n",
      dropped: 1,
      nameless: 0
    })
    assert.strictEqual(relabel("a 1\n# EOF\n", [name(".*", "drop")], "openmetrics").after, "# EOF\n")
  })

  it("a line that is no series stays for the pods to refuse", () => {
    const bad = 'a{b=c} 1\na{b="c" 1\n1a 2\na{b="c",b="d"} 1\n# TYPE\na{b="\\\n} 1\na{="x"} 1\n'
    assert.strictEqual(relabel(`${bad}ok 1\n`, [name(".*", "drop")]).after, bad)
  })

  it("a value in quotes that spans lines is one series", () => {
    const dump = 'a{b="x\nok 1\ny"} 1\nok 2\n'
    assert.strictEqual(relabel(dump, [name("ok", "drop")]).after, 'a{b="x\nok 1\ny"} 1\n')
    assert.strictEqual(relabel(dump, [name("a", "drop")]).after, "ok 2\n")
  })

  it("blanks where parsers allow them change nothing", () => {
    const dump = 'a {b="c"} 1\n a\t{ b = "c" , }2\na{}3\n'
    assert.strictEqual(relabel(dump, [{ source_labels: ["b"], regex: "c", action: "drop" }]).after, "a{}3\n")
    assert.strictEqual(
      relabel(dump, [{ target_label: "z", replacement: "1" }]).after,
      'a{b="c",z="1"} 1\na{b="c",z="1"} 2\na{z="1"} 3\n'
    )
  })

  it("series that end like known ones are other series", () => {
    const rules = rulesOf({ source_labels: ["__name__", "x"], regex: "a;", action: "drop" })
    const relabeller = new Relabeller(ruleOfAll(rules))
    const rounds = ["a 1\n", "ab 1\n", "a 1\n", 'a {x="1"} 1\n', "a 2\n", "a\t3\n", 'a{x="1"} 1\n']
    const after = rounds.map((text) => Buffer.from(relabeller.relabel("s", Buffer.from(text), "text").text).toString())
    assert.deepStrictEqual(after, ["\n", "ab 1\n", "\n", 'a {x="1"} 1\n', "\n", "\n", 'a{x="1"} 1\n'])
  })

  it("whatever bytes a service writes, nothing is thrown, and rules that meet nothing leave them as they are", () => {
    const pieces = [
      "a",
      "b_total",
      "{",
      "}",
      '"',
      "=",
      ",",
      " ",
      "\n",
      "\\",
      "# TYPE a gauge\n",
      "# EOF\n",
      'a{b="c"} 1\n',
      "\xff",
      "\0",
      "é"
    ]
    const r = random(11)
    const rules = rulesOf(rename("a", "new"), { regex: "b", action: "labeldrop" }, name("b_total", "drop"))
    const meets = new Relabeller(ruleOfAll(rules))
    const meetsNothing = new Relabeller(ruleOfAll(rulesOf(name("x", "drop"))))
    for (let round = 0; round < 20_000; round++) {
      const text = Buffer.from(
        Array.from({ length: r.int(0, 20) }, () => r.pick(pieces)).join(""),
        r.chance(0.5) ? "latin1" : "utf8"
      )
      const format = r.chance(0.5) ? ("text" as const) : ("openmetrics" as const)
      assert.strictEqual(meetsNothing.relabel("s", text, format).text, text)
      meets.relabel("s", text, format)
    }
  })

  it("with a memory each dump comes to what it comes to without one", () => {
    const rules = [
      name(".*_sum", "drop"),
      { regex: "method|cpu", action: "labeldrop" },
      rename("(.*)_seconds(.*)", "$1$2"),
      { source_labels: ["le"], target_label: "bound" }
    ]
    const r = random(7)
    const files = ["node-exporter.txt", "jvm-simpleclient.txt", "java-client.openmetrics.txt"]
    const lines = files.map((file) =>
      readFileSync(new URL(`../../support/dumps/${file}`, import.meta.url), "utf8").split("\n")
    )
    const remembers = new Relabeller(ruleOfAll(rulesOf(...rules)))
    for (let round = 0; round < 400; round++) {
      const which = r.int(0, 2)
      const kept = lines[which]!
      const change = r.int(0, 5)
      const at = r.int(0, kept.length - 1)
      if (change === 0) kept.splice(at, 1)
      else if (change === 1) kept.splice(at, 0, r.pick(kept))
      else if (change === 2) kept[at] = kept[at]!.replace(/[a-z]/, r.pick(["x", "_", " ", '"', "{"]))
      else if (change === 3) kept.push(...kept.splice(0, at))
      const text = Buffer.from(`${kept.join("\n")}\n`)
      const format = which === 2 ? ("openmetrics" as const) : ("text" as const)
      const fresh = new Relabeller(ruleOfAll(rulesOf(...rules))).relabel("s", text, format)
      const known = remembers.relabel(files[which]!, text, format)
      assert.deepStrictEqual(
        { ...known, text: Buffer.from(known.text).toString() },
        { ...fresh, text: Buffer.from(fresh.text).toString() }
      )
    }
  })
})

describe("KnownSeries", () => {
  const line = (text: string) => Buffer.from(`${text} 1\n`)
  const dump = (known: KnownSeries, series: ReadonlyArray<string>) => {
    let decided = 0
    known.begin()
    for (const text of series) {
      const b = line(text)
      if (known.expected(b, 0) === undefined)
        known.find(b, 0, text.length, () => {
          decided++
          return { kind: "same", name: text }
        })
    }
    known.finish()
    return decided
  }

  it("only what is new is decided; what is gone is forgotten, and takes no room", () => {
    const share = { limit: 1e6, bytes: 0 }
    const known = new KnownSeries(share)
    assert.strictEqual(dump(known, ["a", "b", "c", "d"]), 4)
    const full = share.bytes
    assert.strictEqual(dump(known, ["a", "b", "c", "d"]), 0)
    assert.strictEqual(dump(known, ["a", "x", "b", "d", "c"]), 1)
    assert.strictEqual(dump(known, ["a", "b"]), 0)
    assert.strictEqual(share.bytes, full / 2)
    assert.strictEqual(dump(known, ["x"]), 1)
    known.clear()
    assert.strictEqual(share.bytes, 0)
  })

  it("beyond the bound of all sources nothing is remembered", () => {
    const share = { limit: 600, bytes: 0 }
    const known = new KnownSeries(share)
    assert.strictEqual(dump(known, ["a", "b", "c", "d"]), 4)
    assert.strictEqual(dump(known, ["a", "b", "c", "d"]), 2)
    assert.isAtMost(share.bytes, share.limit)
  })
})
