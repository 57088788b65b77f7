/** The rules against Prometheus' own model/relabel: random rules on random labels, what it refuses, Go's upper and lower case, real dumps. */
import { readFileSync } from "node:fs"
import { afterAll, assert, beforeAll, it } from "vitest"
import { lowerCase, upperCase } from "../../../src/metrics/relabel/GoCase.ts"
import { LabelSet } from "../../../src/metrics/relabel/LabelSet.ts"
import { Relabeller } from "../../../src/metrics/relabel/Relabeller.ts"
import { ruleOfAll } from "../../../src/metrics/relabel/RelabelRule.ts"
import { type Random, random } from "../../../src/testing/Random.ts"
import { type LabelPairs, Oracle } from "../../support/oracle.ts"
import { describeWith } from "../../support/tools.ts"
import { type RawRule, readRules, rulesOf } from "./rules.ts"

const names = ["__name__", "a", "b", "le", "method", "__tmp_x", "x.y", "é", "a_b", "A"]
const values = [
  "",
  "1",
  "0.5",
  "GET",
  "get",
  "http_requests_total",
  "go_gc",
  "a;b",
  "a\nb",
  'q"\\',
  "ΑΣ ß İ",
  "x=1,y=2",
  "😀"
]
const regexes = [
  ...[
    "(.*)",
    "",
    ".*",
    "a",
    "a|b",
    "(a)|(b)",
    "(?i:get)",
    "go_.*",
    "(.+)_(.+)",
    "(?P<n>[a-z]+)(?P<m>.*)",
    "[^;]*;?(.*)"
  ],
  ...[
    "^a$",
    "a)|(b",
    "\\d+(\\.\\d+)?",
    "(a+)+$",
    "[[:alpha:]_]+",
    "\\pL+",
    "\\Qa;b\\E",
    "(?s:a.b)",
    ".",
    "x\\.y",
    "(?-s:.*)",
    "()(.*)"
  ],
  ...["(", "[z-a]", "a**", "(?=a)", "\\8"]
]
const templates = [
  "$1",
  `\${1}`,
  "$2$1",
  "x",
  "",
  "$$",
  "$",
  `\${n}_$m`,
  "$1x",
  `\${1}x`,
  "a$",
  "${",
  "${1",
  "$01",
  "$n",
  "-",
  "x.$1",
  "instance_"
]
const separators = [";", "", ",", "\n"]
const actions = [
  ...["replace", "keep", "drop", "keepequal", "dropequal", "hashmod", "labelmap", "labeldrop", "labelkeep"],
  ...["lowercase", "uppercase", "Replace", "DROP", "nonsense"]
]

/** Mostly a rule that may be; sometimes any fields together. */
const randomRule = (r: Random): RawRule => {
  const action = r.pick(actions)
  const wild = r.chance(0.15)
  const low = action.toLowerCase()
  const has = (share: number, ...of: ReadonlyArray<string>): boolean =>
    wild ? r.chance(0.3) : of.includes(low) && r.chance(share)
  const matching = ["replace", "keep", "drop", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal"]
  return {
    ...(has(0.95, ...matching) ? { source_labels: Array.from({ length: r.int(0, 3) }, () => r.pick(names)) } : {}),
    ...(has(0.3, "replace", "keep", "drop", "hashmod", "lowercase", "uppercase")
      ? { separator: r.pick(separators) }
      : {}),
    ...(has(0.8, "replace", "keep", "drop", "labelmap", "labeldrop", "labelkeep") ? { regex: r.pick(regexes) } : {}),
    ...(has(0.95, "hashmod") ? { modulus: r.pick([0, 1, 7, 1000, 4294967296]) } : {}),
    ...(has(0.97, "replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal")
      ? { target_label: r.chance(0.15) ? r.pick(templates) : r.pick(names) }
      : {}),
    ...(has(0.7, "replace", "labelmap") ? { replacement: r.pick(templates) } : {}),
    ...(r.chance(0.9) || low !== "replace" ? { action } : {})
  }
}

const randomSeries = (r: Random): LabelPairs => {
  const labels = new Map<string, string>([["__name__", r.pick(values)]])
  for (let i = r.int(0, 5); i > 0; i--) labels.set(r.pick(names), r.pick(values))
  return [...labels]
}

const applied = (raw: ReadonlyArray<RawRule>, series: LabelPairs): LabelPairs | null => {
  const set = new LabelSet(series)
  return rulesOf(...raw).every((rule) => rule(set)) ? set.all().toSorted(([a], [b]) => (a < b ? -1 : 1)) : null
}

describeWith(["go"], "relabelling, by Prometheus' own package", () => {
  let oracle: Oracle
  beforeAll(async () => {
    oracle = await Oracle.start()
  }, 300_000)
  afterAll(() => oracle.stop())

  it("random rules come to the same on random labels, and the same rules are refused", async () => {
    const r = random(20261128)
    let refused = 0
    let dropped = 0
    let changed = 0
    for (let round = 0; round < 3_000; round++) {
      const raw = Array.from({ length: r.int(1, 3) }, () => randomRule(r))
      const series = Array.from({ length: 8 }, () => randomSeries(r))
      const question = { rules: JSON.stringify(raw), series }
      const theirs = await oracle.relabel(question)
      const ours = readRules(raw)
      const about = `${JSON.stringify(question)}\n${theirs.refused}`
      assert.strictEqual(
        typeof ours === "string",
        theirs.refused !== "",
        `${about} | ${typeof ours === "string" ? ours : "taken"}`
      )
      if (typeof ours === "string") {
        refused++
        continue
      }
      for (const [i, one] of series.entries()) {
        const expected = theirs.series[i]!
        assert.deepStrictEqual(applied(raw, one), expected, `${about}\n${JSON.stringify(one)}`)
        if (expected === null) dropped++
        else if (JSON.stringify(expected) !== JSON.stringify(new LabelSet(one).all())) changed++
      }
    }
    // The generator still makes all kinds.
    assert.isAbove(refused, 500)
    assert.isAbove(dropped, 2_000)
    assert.isAbove(changed, 3_000)
  }, 300_000)

  it("each refusal is in Prometheus' words", async () => {
    const wrong: ReadonlyArray<RawRule> = [
      { action: "hashmod", target_label: "a" },
      { action: "replace" },
      { action: "uppercase", target_label: "a", replacement: "x" },
      { action: "labelmap", replacement: "" },
      { action: "keepequal", target_label: "a", regex: "x" },
      { action: "labeldrop", source_labels: ["a"] },
      { action: "labelkeep", target_label: "a" },
      { action: "nonsense" },
      { regex: "a(", target_label: "a" }
    ]
    for (const rule of wrong) {
      const { refused } = await oracle.relabel({ rules: JSON.stringify([rule]), series: [] })
      assert.strictEqual(readRules([rule]), refused, JSON.stringify(rule))
    }
  })

  it("letters of all scripts change their case as Go changes it", async () => {
    const points = Array.from({ length: 0x110000 }, (_, point) => point).filter(
      (point) => point < 0xd800 || point > 0xdfff
    )
    const cases = points.map((point) => String.fromCodePoint(point))
    const { upper, lower } = await oracle.relabel({ rules: "[]", series: [], cases })
    // Each side has letters of Unicode versions that the other does not know yet.
    const differ = cases.filter((text, i) => {
      const known = upper![i] !== text || lower![i] !== text
      return known && (upperCase(text) !== upper![i] || lowerCase(text) !== lower![i])
    })
    assert.deepStrictEqual(
      differ.map((text) => text.codePointAt(0)!.toString(16)),
      []
    )
  }, 60_000)

  const dumps = ["node-exporter.txt", "jvm-simpleclient.txt", "python-client.txt", "java-client.openmetrics.txt"]
  const ruleSets: ReadonlyArray<ReadonlyArray<RawRule>> = [
    [{ source_labels: ["__name__"], regex: "go_.*|jvm_.*|python_.*|node_cpu.*", action: "drop" }],
    [{ source_labels: ["__name__"], regex: ".*(_total|_sum|_count)", action: "keep" }],
    [{ regex: "quantile|cpu|area|pool|generation|method", action: "labeldrop" }],
    [{ source_labels: ["__name__"], regex: "(.*)_seconds(.*)", target_label: "__name__", replacement: `\${1}_s$2` }],
    [
      { source_labels: ["__name__"], target_label: "of" },
      { regex: "(m.*)", replacement: "label.$1", action: "labelmap" },
      { source_labels: ["__name__"], modulus: 3, target_label: "shard", action: "hashmod" },
      { source_labels: ["shard"], regex: "0|1", action: "keep" },
      { source_labels: ["of"], target_label: "of", action: "uppercase" }
    ]
  ]
  for (const file of dumps)
    it(`what is left of ${file} is what Prometheus keeps of it`, async () => {
      const text = readFileSync(new URL(`../../support/dumps/${file}`, import.meta.url))
      const format = file.includes("openmetrics") ? ("openmetrics" as const) : ("text" as const)
      const contentType = format === "text" ? "text/plain" : "application/openmetrics-text; version=1.0.0"
      const before = await oracle.ask({ text, contentType })
      assert.isAbove(before.samples.length, 5)
      // Prometheus writes bounds anew where TYPE tells that they are some; here they stay as they were sent.
      const plain = (name: string, value: string): string =>
        name === "quantile" || name === "le" ? String(Number(value.replace("Inf", "Infinity"))) : value
      const pairs = (labels: ReadonlyArray<string>): LabelPairs =>
        Array.from({ length: labels.length / 2 }, (_, i) => [labels[2 * i]!, plain(labels[2 * i]!, labels[2 * i + 1]!)])
      for (const raw of ruleSets) {
        const relabelled = new Relabeller(ruleOfAll(rulesOf(...raw))).relabel("s", text, format)
        const after = await oracle.ask({ text: relabelled.text, contentType })
        const { series } = await oracle.relabel({
          rules: JSON.stringify(raw),
          series: before.samples.map((s) => pairs(s.labels))
        })
        const expected = new Map<string, string>()
        for (const [i, labels] of series.entries()) {
          const key = JSON.stringify(labels)
          const { value, timestamp } = before.samples[i]!
          if (labels !== null && !expected.has(key)) expected.set(key, `${value} ${timestamp}`)
        }
        const found = new Map(after.samples.map((s) => [JSON.stringify(pairs(s.labels)), `${s.value} ${s.timestamp}`]))
        const what = JSON.stringify(raw)
        assert.deepStrictEqual(after.dropped, before.dropped, what)
        // Which of two series that became one is the first depends on the order of the samples.
        assert.deepStrictEqual([...found.keys()].sort(), [...expected.keys()].sort(), what)
        if (after.duplicates === 0) assert.deepStrictEqual([...found].sort(), [...expected].sort(), what)
        assert.strictEqual(series.filter((labels) => labels === null).length, relabelled.dropped, what)
      }
    })
})
