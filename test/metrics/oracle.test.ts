/**
 * A pod shows of a dump what Prometheus would have stored of a direct scrape; where Prometheus would refuse the scrape for some lines, the
 * others. The oracle is Prometheus' own parser; what it is asked about are dumps as people sent them (`field/central`), dumps of real
 * clients, short texts around each rule of the parsers, and random mutations of all of them.
 *
 * `K2P_RUNS` makes the mutations so many times as many, `K2P_SEED` plays one of them again.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert } from "@effect/vitest"
import { Counter, collectDefaultMetrics, Histogram, type OpenMetricsContentType, Registry } from "prom-client"
import { afterAll, beforeAll, describe, it } from "vitest"
import { histograms } from "../bench/dumps/histograms.ts"
import { jvm } from "../bench/dumps/jvm.ts"
import { kubeState } from "../bench/dumps/kubeState.ts"
import { mixedService } from "../bench/dumps/mixed.ts"
import { nodeExporter } from "../bench/dumps/nodeExporter.ts"
import { openMetricsType, textType } from "../support/onePod.ts"
import { Oracle } from "../support/oracle.ts"
import { describeWith } from "../support/tools.ts"
import { kinds, type Timestamps } from "./oracle/Differences.ts"
import { describeFaults, type Judged, judge, judgeInPython } from "./oracle/Judge.ts"
import { mutated, type Text } from "./oracle/Mutations.ts"
import { inOpenMetrics, inText, openMetricsEnds, twice } from "./oracle/neighbours.ts"

const runs = 1000 * Number(process.env.K2P_RUNS ?? 1)
const firstSeed = Number(process.env.K2P_SEED ?? 1)

const folder = (name: string): string => join(import.meta.dirname, name)
const read = (file: string): string => readFileSync(file, "latin1")
const typeOf = (file: string): string => (/\.om$|openmetrics/.test(file) ? openMetricsType : textType)

const field: ReadonlyArray<Text> = readdirSync(folder("field/central"))
  .filter((name) => /\.(prom|om)$/.test(name))
  .map((name) => ({ name, text: read(folder(`field/central/${name}`)), contentType: typeOf(name) }))

const recorded: ReadonlyArray<Text> = readdirSync(folder("../support/dumps")).map((name) => ({
  ...{ name, text: read(folder(`../support/dumps/${name}`)), contentType: typeOf(name) }
}))

/** Metrics of an application as prom-client writes them in both formats, with those of its process, which are others each time. */
const promClient = async ({ ofProcess }: { readonly ofProcess: boolean }): Promise<ReadonlyArray<Text>> => {
  const written: Array<Text> = []
  for (const contentType of [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE]) {
    const register = new Registry<OpenMetricsContentType>()
    register.setContentType(contentType as OpenMetricsContentType)
    if (ofProcess) collectDefaultMetrics({ register: register as unknown as Registry })
    const registers = [register]
    const jobs = new Counter({ name: "jobs_total", help: 'Jobs "done".\nAll.', labelNames: ["queue"], registers })
    jobs.inc({ queue: 'a"\n\\' }, 2)
    const latency = new Histogram({ name: "latency_seconds", help: "h", labelNames: ["path"], registers })
    for (const path of ["/a", "/b"]) latency.observe({ path }, 3)
    const text = Buffer.from(await register.metrics(), "utf8").toString("latin1")
    written.push({ name: `prom-client, ${contentType.slice(0, 16)}`, text, contentType })
    register.clear()
  }
  return written
}

const synthetic: ReadonlyArray<Text> = [jvm, nodeExporter, kubeState, histograms, mixedService].map((make) => ({
  ...{ name: make.name, text: make(1).round().toString("latin1"), contentType: textType }
}))

const between = (piece: string, contentType: string): Text => {
  const openMetrics = contentType === openMetricsType
  return {
    name: JSON.stringify(piece),
    text: `before 1\n${piece.endsWith("\n") ? piece : `${piece}\n`}after 2\n${openMetrics ? "# EOF\n" : ""}`,
    contentType
  }
}

const neighbours: ReadonlyArray<Text> = [
  ...[...inText, ...twice].map((piece) => between(piece, textType)),
  ...inText.map((text) => ({ name: `${JSON.stringify(text)} alone`, text, contentType: textType })),
  ...inOpenMetrics.map((piece) => between(piece, openMetricsType)),
  ...openMetricsEnds.map((text) => ({ name: JSON.stringify(text), text, contentType: openMetricsType }))
]

const modes: ReadonlyArray<Timestamps> = ["scrape", "event"]

const assertNone = (all: ReadonlyArray<Judged>, of: string): void => {
  const faulty = all.filter(({ faults }) => faults.length > 0)
  const shown = faulty.slice(0, 5).map(describeFaults)
  if (faulty.length > 0) assert.fail(`${faulty.length} of ${all.length} ${of}, such as\n\n${shown.join("\n\n")}`)
}

describeWith(["go", "python3"], "what a pod shows", () => {
  let oracle: Oracle
  beforeAll(async () => {
    oracle = await Oracle.start()
  })
  afterAll(() => oracle?.stop())

  const judgeAll = async (texts: ReadonlyArray<Text>): Promise<ReadonlyArray<Judged>> => {
    const all: Array<Judged> = []
    for (const text of texts) for (const timestamps of modes) all.push(await judge(oracle, text, timestamps))
    return all
  }

  it("is judged by an oracle that reads the dumps from the field as Prometheus and expfmt do", async () => {
    const rows = readFileSync(folder("field/central/expected.tsv"), "utf8").trimEnd().split("\n").slice(1)
    assert.strictEqual(rows.length, field.length)
    for (const row of rows) {
      const [name, series, expfmt, words = ""] = row.split("\t")
      const { text, contentType } = field.find((one) => one.name === name)!
      const answer = await oracle.ask({ text: Buffer.from(text, "latin1"), contentType, expfmt: true })
      assert.strictEqual(answer.refused === "" ? String(answer.read) : "refuses the scrape", series, name)
      assert.strictEqual(answer.expfmt?.error === "" ? "ok" : "refuses", expfmt, name)
      assert.isTrue(words === "" || words.startsWith(answer.refused.slice(0, 80)), `${name}: ${answer.refused}`)
    }
  })

  it("is judged by an oracle whose good lines are a scrape that Prometheus takes", async () => {
    for (const { text, contentType } of [...field, ...neighbours]) {
      const answer = await oracle.ask({ text: Buffer.from(text, "latin1"), contentType })
      if (answer.broken !== "") continue
      let left = `\n${text}`
      for (const { line } of answer.dropped)
        left = left.replace(`\n${Buffer.from(line, "base64").toString("latin1")}`, () => "\n")
      const again = await oracle.ask({ text: Buffer.from(left.slice(1), "latin1"), contentType })
      assert.deepStrictEqual([again.refused, again.dropped], ["", []], JSON.stringify(text))
      assert.deepStrictEqual(again.samples, answer.samples)
    }
  })

  it("differs by ten kinds at most", () => assert.isAtMost(kinds.length, 10))

  describe("of a dump from the field", () => {
    it.for(field.map((text) => [text.name, text] as const))("%s is what Prometheus stores", async ([, text]) =>
      assertNone(await judgeAll([text]), "ways to show it")
    )
    it("is read by prometheus_client", async () => assertNone(await judgeInPython(await judgeAll(field)), "dumps"))
  })

  describe("of a client's dump", () => {
    it.for([...recorded, ...synthetic].map((text) => [text.name, text] as const))(
      "%s is what Prometheus stores",
      async ([, text]) => {
        const all = await judgeAll([text])
        assertNone(all, "ways to show it")
        for (const { kinds } of all)
          assert.deepStrictEqual(
            [...kinds].filter((kind) => kind !== "number-label"),
            []
          )
        assertNone(await judgeInPython(all), "ways to show it")
        if (text.contentType !== textType) return
        const said = await oracle.ask({ text: Buffer.from(text.text, "latin1"), contentType: textType })
        for (const { bodies } of all) assert.deepStrictEqual(bodies[0]!.types, { ...bodies[0]!.types, ...said.types })
      }
    )
    it("of prom-client is what Prometheus stores", async () => {
      const all = await judgeAll(await promClient({ ofProcess: true }))
      assertNone(all, "ways to show it")
      assertNone(await judgeInPython(all), "ways to show it")
    })
  })

  describe("of a text around a rule of the parsers", () => {
    it("is what Prometheus stores", async () => assertNone(await judgeAll(neighbours), "texts"))
    it("is read by prometheus_client", async () => assertNone(await judgeInPython(await judgeAll(neighbours)), "texts"))
  })

  it("of mutated dumps is what Prometheus stores, and every parser reads it", async () => {
    const texts = [
      ...field.filter(({ text }) => text.length < 4000),
      ...recorded,
      ...(await promClient({ ofProcess: false })),
      ...neighbours
    ]
    const seeds =
      process.env.K2P_SEED === undefined ? Array.from({ length: runs }, (_, k) => firstSeed + k) : [firstSeed]
    const all: Array<Judged> = []
    for (const seed of seeds) {
      const text = mutated(texts, seed)
      for (const timestamps of modes)
        all.push(await judge(oracle, { ...text, name: `K2P_SEED=${seed}: ${text.name}` }, timestamps))
    }
    assertNone(all, "mutations")
    assertNone(await judgeInPython(all), "mutations")
    for (const { name } of kinds) {
      const times = all.filter((judged) => judged.kinds.has(name)).length
      console.log(`${name}: in ${times} of ${all.length}`)
    }
  })
})
