/**
 * The scaling model's command: prints how many of everything a load takes, at that load and at ten times it, from the benchmarks'
 * figures or from the defaults in Figures.ts. With --write it puts the same between the two marks of a document; with --check it measures a
 * pod at three sizes beside what the model says (Kafka, two minutes).
 *
 * Run: npm run scaling -- [--gb-per-minute 50] [--figures results.json] [--compression none|gzip|zstd] [--dump-interval 30]
 *      [--scrape-interval 30] [--scrapers 2] [--dump-bytes 123076] [--series-per-dump 1000] [--write docs/scaling.md] [--check]
 */
import { readFile, writeFile } from "node:fs/promises"
import { parseArgs } from "node:util"
import type { Table } from "../Bench.ts"
import { check } from "./check.ts"
import { assumptions, coefficientsFrom, defaults, loadOf, settings } from "./Figures.ts"
import type { Given, Load } from "./Model.ts"
import { report } from "./tables.ts"

const { values } = parseArgs({
  options: {
    "gb-per-minute": { type: "string", default: "50" },
    figures: { type: "string" },
    compression: { type: "string", default: "none" },
    "dump-interval": { type: "string" },
    "scrape-interval": { type: "string" },
    scrapers: { type: "string" },
    "dump-bytes": { type: "string" },
    "series-per-dump": { type: "string" },
    write: { type: "string" },
    check: { type: "boolean", default: false }
  }
})

const refuse = (text: string): never => {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

const positive = (name: keyof typeof values): number | undefined => {
  const text = values[name]
  if (text === undefined) return undefined
  const value = Number(text)
  return value > 0 && Number.isFinite(value) ? value : refuse(`--${name} must be a number above 0, not ${text}`)
}

const isCompression = (text: string): text is Load["compression"] => ["none", "gzip", "zstd"].includes(text)
const compression = isCompression(values.compression)
  ? values.compression
  : refuse(`--compression must be none, gzip or zstd, not ${values.compression}`)

interface Run {
  readonly at: string
  readonly quick: boolean
  readonly machine: { readonly cpu: string; readonly cores: number; readonly commit: string }
  readonly tables: ReadonlyArray<Table>
}

const run = values.figures === undefined ? undefined : (JSON.parse(await readFile(values.figures, "utf8")) as Run)
if (run?.quick) refuse(`${values.figures} is of a --quick run: its figures mean nothing`)
const read = run === undefined ? { coefficients: defaults, kept: [] } : coefficientsFrom(run.tables)
const given: Given = { coefficients: read.coefficients, settings, assumptions }

const some = (options: { readonly [K in keyof Load]?: Load[K] | undefined }): Partial<Load> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
const load = loadOf(
  positive("gb-per-minute")!,
  some({
    compression,
    dumpInterval: positive("dump-interval"),
    scrapeInterval: positive("scrape-interval"),
    scrapers: positive("scrapers"),
    dumpBytes: positive("dump-bytes"),
    seriesPerDump: positive("series-per-dump")
  })
)

const source =
  run === undefined
    ? "Figures: the defaults of test/bench/scaling/Figures.ts.\n"
    : `Figures: the benchmarks of ${run.at} on ${run.machine.cores} × ${run.machine.cpu}, commit ${run.machine.commit}.` +
      `${read.kept.length === 0 ? "" : ` Not in that run, defaults of test/bench/scaling/Figures.ts: ${read.kept.join("; ")}.`}\n`

if (values.check) process.stdout.write(await check(given))
else {
  const text = `${source}\n${report(load, given)}\n`
  process.stdout.write(text)
  if (values.write !== undefined) {
    const [begin, end] = ["<!-- scaling: begin -->", "<!-- scaling: end -->"]
    const document = await readFile(values.write, "utf8")
    const [from, to] = [document.indexOf(begin), document.indexOf(end)]
    if (from < 0 || to < from) refuse(`${values.write} lacks the marks ${begin} and ${end}`)
    await writeFile(values.write, `${document.slice(0, from + begin.length)}\n\n${text}\n${document.slice(to)}`)
  }
}
