/** One body of several shards' lines: as if one shard had them all, and still a body when a shard is lost half-way. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { joinBody } from "../../../src/metrics/body/Body.ts"
import { type BodyPlan, planning } from "../../../src/metrics/body/BodyPlan.ts"
import { type Digest, digesting } from "../../../src/metrics/body/Digest.ts"
import type { LineChunk } from "../../../src/metrics/body/LineChunks.ts"
import { answering, nextChunk, planAlone, render, renderLines } from "../../../src/metrics/body/Renderer.ts"
import { type Dump, defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import type { OutputFormat } from "../../../src/metrics/text/Negotiation.ts"
import { atOnce } from "../../../src/metrics/text/Slices.ts"
import { dumps, type ModelDump } from "../../support/arbitraries.ts"
import { isRefusal, parseDump } from "../../support/parse.ts"
import { parseInPython } from "../../support/python.ts"
import { describeWith } from "../../support/tools.ts"

const formats = ["text", "openmetrics"] as const
const digestOf = (all: ReadonlyArray<Dump>): Digest => atOnce(digesting(all))
const outputOf = (format: OutputFormat) => ({ format, escaping: "underscores" }) as const

const parse = ({ text, format }: Pick<ModelDump, "text" | "format">, source: number): Dump => {
  const result = parseDump(Buffer.from(text), {
    format,
    attach: { sourceLabel: "instance", source: `s-${source}`, labels: [] },
    limits: defaultParseLimits,
    timestamps: source % 3 === 0 ? "event" : "scrape",
    time: 1_700_000_000_123
  })
  if (isRefusal(result)) assert.fail(result.detail)
  return result
}

/** `lasts`: how many chunks each shard gives before it is lost. */
const join = (plan: BodyPlan, digests: ReadonlyArray<Digest>, lasts: ReadonlyArray<number> = []): string => {
  const lines = digests.map((digest, i) => renderLines(digest, plan.shards[i]!))
  const given = digests.map(() => 0)
  const body = joinBody(plan)
  const pieces: Array<Uint8Array> = []
  const chunkOf = (shard: number): LineChunk | undefined => {
    given[shard]! += 1
    return given[shard]! > (lasts[shard] ?? Number.POSITIVE_INFINITY) ? undefined : nextChunk(lines[shard]!)
  }
  for (let step = body.next(); step.done !== true; ) {
    if (typeof step.value === "number") step = body.next(chunkOf(step.value))
    else {
      pieces.push(step.value)
      step = body.next()
    }
  }
  return Buffer.concat(pieces).toString()
}

const joined = (shards: ReadonlyArray<ReadonlyArray<Dump>>, format: OutputFormat, lasts?: ReadonlyArray<number>) => {
  const digests = shards.map(digestOf)
  // As it is on the other side of a port.
  const entries = digests.map((digest) => structuredClone(digest.entries))
  const work = planning(entries, outputOf(format))
  let step = work.next()
  while (step.done !== true) {
    const asked = structuredClone(step.value)
    step = work.next(asked?.map((questions, i) => atOnce(answering(digests[i]!, questions))))
  }
  const plan = step.value
  return { plan, body: join(structuredClone(plan), digests, lasts) }
}

const alone = (all: ReadonlyArray<Dump>, format: OutputFormat): string =>
  Buffer.concat([...render(all, format)]).toString()

/** What stands above the lines, in order, and the lines below each: their order among sources is nobody's business. */
const outline = (body: string): ReadonlyArray<readonly [head: string, lines: ReadonlyArray<string>]> => {
  const families: Array<[string, Array<string>]> = []
  let head: Array<string> = []
  for (const line of body.split("\n")) {
    if (line.startsWith("#")) head.push(line)
    else {
      if (head.length > 0) families.push([head.join("\n"), []])
      head = []
      families.at(-1)?.[1].push(line)
    }
  }
  return [...families.map(([h, lines]) => [h, lines.sort()] as const), [head.join("\n"), []]]
}

/** Some dumps, and which shard each belongs to. */
const spread = fc.array(fc.tuple(dumps, fc.nat(3)), { minLength: 1, maxLength: 6 })
const shardsOf = (models: ReadonlyArray<readonly [ModelDump, number]>): ReadonlyArray<ReadonlyArray<Dump>> => {
  const shards: Array<Array<Dump>> = [[], [], [], []]
  for (const [source, [model, shard]] of models.entries()) shards[shard]!.push(parse(model, source))
  return shards
}

describe("a body of several shards", () => {
  it("has the same families, heads and lines as if one shard had all dumps, in both formats", () =>
    fc.assert(
      fc.property(spread, fc.constantFrom(...formats), (models, format) => {
        const shards = shardsOf(models)
        const { body, plan } = joined(shards, format)
        assert.deepStrictEqual(outline(body), outline(alone(shards.flat(), format)))
        assert.strictEqual(plan.typeConflicts, planAlone([digestOf(shards.flat())], outputOf(format)).typeConflicts)
      }),
      { numRuns: 500, seed: 21 }
    ))

  it("keeps the lines of a source's family in their order", () =>
    fc.assert(
      fc.property(spread, (models) => {
        const shards = shardsOf(models)
        const { body } = joined(shards, "text")
        for (const { families } of shards.flat())
          for (const { bytes, sampleNames, exemplars } of families)
            if (sampleNames.length === 1 && !exemplars) assert.include(body, Buffer.from(bytes).toString())
      }),
      { numRuns: 200, seed: 22 }
    ))

  it("of no shards, and of shards without anything, is empty and valid", () => {
    for (const shards of [[], [[]], [[], []]]) {
      assert.strictEqual(joined(shards, "text").body, "")
      assert.strictEqual(joined(shards, "openmetrics").body, "# EOF\n")
    }
  })

  it("names sources of one kind once in a digest, however many there are", () => {
    const [model] = fc.sample(
      dumps.filter((d) => d.families.length > 3),
      { numRuns: 1, seed: 3 }
    )
    const all = Array.from({ length: 50 }, (_, source) => parse(model!, 3 * source))
    const digest = digestOf(all)
    assert.strictEqual(digest.entries.length, all[0]!.families.length)
    for (const { families } of digest.families) assert.strictEqual(families.length, all.length)
    for (const { sources, names } of digest.entries) assert.deepStrictEqual([sources, names.length], [50, 5])
  })
})

/** Histograms, summaries and gauges, of more than a chunk each. */
const large = (source: number, metrics = 300): Dump => {
  const pad = `p="${"x".repeat(200)}"`
  const lines: Array<string> = ["# TYPE h histogram"]
  for (let i = 0; i < metrics; i++) {
    for (const le of ["0.1", "1.0", "+Inf"]) lines.push(`h_bucket{${pad},i="${i}",le="${le}"} ${i}`)
    lines.push(`h_count{${pad},i="${i}"} ${i}`, `h_sum{${pad},i="${i}"} ${i}`)
  }
  lines.push("# TYPE q summary")
  for (let i = 0; i < metrics; i++)
    lines.push(
      `q{${pad},i="${i}",quantile="0.5"} 1`,
      `q{${pad},i="${i}",quantile="0.9"} 2`,
      `q_count{${pad},i="${i}"} 3`,
      `q_sum{${pad},i="${i}"} 4`
    )
  lines.push("# TYPE g gauge")
  for (let i = 0; i < 4 * metrics; i++) lines.push(`g{${pad},i="${i}"} ${i}`)
  return parse({ text: `${lines.join("\n")}\n# EOF\n`, format: "openmetrics" }, source)
}

describeWith(["python3"], "a body of which a shard is lost half-way", () => {
  it("has all lines of the others, ends where the format ends, and is valid for the formats' own parsers", async () => {
    // Source 3: with timestamps, which OpenMetrics rewrites line by line.
    const shards = [[large(1), large(3)], [large(2, 10)]]
    const bodies: Array<{ format: OutputFormat; body: string }> = []
    for (const format of formats) {
      const digests = shards.map(digestOf)
      const plan = planAlone(digests, outputOf(format))
      const chunks = [...renderLines(digests[0]!, plan.shards[0]!)].length
      assert.isAbove(chunks, 4)
      for (let lasts = 0; lasts < chunks; lasts++) {
        const { body } = joined(shards, format, [lasts])
        assert.strictEqual(body.match(/instance="s-2"/g)!.length, shards[1]![0]!.series)
        assert.strictEqual(body.endsWith("# EOF\n"), format === "openmetrics")
        bodies.push({ format, body })
      }
    }
    const whole = joined(shards, "text").body.length
    assert.isBelow(Math.min(...bodies.map(({ body }) => body.length)), whole / 2)
    for (const [k, { error }] of (await parseInPython(bodies)).entries()) assert.isUndefined(error, `body ${k}`)
  }, 60_000)
})
