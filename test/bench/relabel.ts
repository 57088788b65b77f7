/**
 * What relabelling costs (`node --expose-gc test/bench/relabel.ts`): ns for a byte of a dump of 20,000 series, when it is new and when it is like
 * the one before, the best of many; and the bytes that a remembered series takes besides its text.
 */
import { KnownSeries } from "../../src/metrics/relabel/KnownSeries.ts"
import { Relabeller } from "../../src/metrics/relabel/Relabeller.ts"
import { ruleOfAll } from "../../src/metrics/relabel/RelabelRule.ts"
import { random } from "../../src/testing/Random.ts"
import { type RawRule, rulesOf } from "../metrics/relabel/rules.ts"

const name = (regex: string, action: string): RawRule => ({ source_labels: ["__name__"], regex, action })
const sets: Readonly<Record<string, ReadonlyArray<RawRule>>> = {
  "a drop that meets nothing": [name("nothing_.*", "drop")],
  "a drop of half": [name("app_f\\d+[02468]_.*", "drop")],
  "every series renamed, a label dropped, one made": [
    { regex: "id|uri", action: "labeldrop" },
    { source_labels: ["method"], target_label: "verb" },
    { source_labels: ["__name__"], regex: "(.*)_seconds", target_label: "__name__", replacement: "$1" }
  ]
}

const r = random(1)
let text = ""
for (let f = 0; f < 200; f++) {
  text += `# HELP app_f${f}_seconds help of it\n# TYPE app_f${f}_seconds gauge\n`
  for (let i = 0; i < 100; i++)
    text += `app_f${f}_seconds{method="GET",uri="/api/v1/things/${i}",status="200",id="i-${f}-${i}"} ${r.next()}\n`
}
const dump = Buffer.from(text)

const timed = (work: () => void): number => {
  const started = performance.now()
  work()
  return ((performance.now() - started) * 1e6) / dump.length
}
for (const [what, rules] of Object.entries(sets)) {
  const relabeller = new Relabeller(ruleOfAll(rulesOf(...rules)))
  const relabel = () => relabeller.relabel("s", dump, "text")
  const cold = timed(relabel)
  const warm = Math.min(...Array.from({ length: 60 }, () => timed(relabel)))
  console.log(`${what}: new ${cold.toFixed(0)} ns/byte, known ${warm.toFixed(1)} ns/byte`)
}

const gc = (globalThis as { gc?: () => void }).gc ?? (() => {})
const lines = Array.from({ length: 200_000 }, (_, i) => Buffer.from(`some_metric_name{id="${i}"} 1\n`))
const known = new KnownSeries({ limit: Number.POSITIVE_INFINITY, bytes: 0 })
gc()
const before = process.memoryUsage().heapUsed
known.begin()
let letters = 0
for (const line of lines) {
  letters += line.length - 3
  known.find(line, 0, line.length - 3, () => ({ kind: "same", name: "some_metric_name" }))
}
known.finish()
gc()
const bytes = (process.memoryUsage().heapUsed - before - letters) / lines.length
console.log(`a remembered series: its text and ${bytes.toFixed(0)} bytes`)
