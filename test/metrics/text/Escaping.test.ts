/** Names for those who cannot read them, and who is given which: the same as Prometheus' Go library says. */
import { assert } from "@effect/vitest"
import fc from "fast-check"
import { describe, it } from "vitest"
import { escapeLabel, escapeMetric, quotedMetric, shownNames } from "../../../src/metrics/text/Escaping.ts"
import { negotiate } from "../../../src/metrics/text/Negotiation.ts"
import { askGo } from "../../support/bodyReaders.ts"
import { describeWith } from "../../support/tools.ts"

const word = fc.constantFrom("a", "B", "_", "__", ".", ":", "7", "é", "😀", " ", "-", '"', "\\", "total", "U__", "\n")
const names = fc.array(word, { minLength: 1, maxLength: 8 }).map((words) => words.join(""))

const mediaType = fc.constantFrom(
  "text/plain",
  "application/openmetrics-text",
  "application/vnd.google.protobuf",
  "text/html"
)
const clause = fc
  .tuple(
    mediaType,
    fc.constantFrom("", ";version=0.0.4", ";version=1.0.0", ";version=0.0.1", ";version=2.0.0"),
    fc.constantFrom(
      "",
      ";escaping=allow-utf-8",
      ";escaping=underscores",
      ";escaping=dots",
      ";escaping=values",
      ";escaping=x"
    )
  )
  .map((parts) => parts.join(""))
/** Of one quality none is asked: the Go library's order of those is chance. */
const accepts = fc
  .uniqueArray(fc.oneof({ weight: 9, arbitrary: clause }, fc.constant("*/*")), { minLength: 1, maxLength: 5 })
  .map((clauses) => clauses.map((text, i) => `${text};q=0.${9 - i}`).join(","))

describeWith(["go"], "names and Accept headers", () => {
  it("become what the Go library makes of them", async () => {
    const asked = {
      names: fc.sample(names, { numRuns: 3_000, seed: 5 }),
      accepts: fc.sample(accepts, { numRuns: 1_000, seed: 6 })
    }
    const go = await askGo(asked)
    for (const [i, name] of asked.names.entries()) {
      const [underscores, dots, values] = go.names[i]!
      // It escapes families whose name is not of the old characters, and leaves the others.
      const plain = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)
      assert.strictEqual(escapeMetric(name, "underscores"), plain ? name : underscores)
      assert.strictEqual(escapeMetric(name, "dots"), plain ? name : dots)
      assert.strictEqual(escapeMetric(name, "values"), plain ? name : values)
      if (name.includes(":") || plain) continue
      assert.strictEqual(escapeLabel(name, "underscores"), underscores)
      assert.strictEqual(escapeLabel(name, "dots"), dots)
      assert.strictEqual(escapeLabel(name, "values"), values)
    }
    for (const [i, accept] of asked.accepts.entries())
      assert.strictEqual(negotiate(accept).contentType, go.accepts[i], accept)
  })
})

describe("a name in quotes", () => {
  it("stays where UTF-8 is allowed, and is in quotes in metadata", () => {
    assert.strictEqual(escapeMetric("a.b", "allow-utf-8"), "a.b")
    assert.strictEqual(quotedMetric('a "b"\\'), '"a \\"b\\"\\\\"')
    assert.strictEqual(quotedMetric("a:b"), "a:b")
  })

  it("of a label has no colon left, which no parser reads", () => {
    assert.strictEqual(escapeLabel("a:b", "underscores"), "a_b")
    assert.strictEqual(escapeLabel("a:b", "values"), "U__a_3a_b")
  })

  it("of a family is escaped before its suffixes come", () => {
    const histogram = {
      name: "a.b",
      textName: "a.b",
      sampleNames: ["a.b_bucket", "a.b_count"],
      quoted: true
    }
    assert.deepStrictEqual(shownNames(histogram, "dots").samples, ["a_dot_b_bucket", "a_dot_b_count"])
    const counter = { name: "a.b", textName: "a.b_total", sampleNames: ["a.b_total", "a.b_created"], quoted: true }
    assert.deepStrictEqual(shownNames(counter, "dots"), {
      name: "a_dot_b_",
      textName: "a_dot_b__total",
      samples: ["a_dot_b__total", "a_dot_b__created"]
    })
  })
})
