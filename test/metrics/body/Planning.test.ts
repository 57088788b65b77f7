/** The work over a scrape's families: in slices, and in proportion to how many they are, whatever sources say of them. */
import { assert, describe, it } from "@effect/vitest"
import { planning } from "../../../src/metrics/body/BodyPlan.ts"
import { digesting } from "../../../src/metrics/body/Digest.ts"
import { answering } from "../../../src/metrics/body/Renderer.ts"
import type { Dump, Family, MetricType } from "../../../src/metrics/text/Dump.ts"

const familyOf = (name: string, type: MetricType, source: string): Family => {
  const sample = type === "summary" ? `${name}_count` : name
  return {
    name,
    textName: name,
    type,
    help: "",
    unit: "",
    series: 1,
    sampleNames: [sample],
    bytes: Buffer.from(`${sample}{instance="${source}"} 1\n`),
    conforms: true,
    conformsText: true,
    quoted: false,
    exemplars: false,
    floatLabels: false,
    timestamps: false
  }
}

const dumpOf = (count: number, type: MetricType, source: string, suffix = ""): Dump => ({
  source,
  families: Array.from({ length: count }, (_, i) => familyOf(`f_${(i * 7_919) % count}${suffix}`, type, source)),
  series: count,
  bytes: 0
})

/** How many slices it takes, and what they find. */
const slicesOf = (dumps: ReadonlyArray<Dump>, format: "text" | "openmetrics") => {
  let slices = 0
  const through = <A>(work: Generator<undefined, A, unknown>): A => {
    for (let step = work.next(); ; step = work.next()) {
      if (step.done === true) return step.value
      slices += 1
    }
  }
  const digest = through(digesting(dumps))
  const work = planning([digest.entries], { format, escaping: "underscores" })
  for (let step = work.next(); ; ) {
    if (step.done === true) return { slices, plan: step.value }
    slices += 1
    step = work.next(step.value?.map((questions) => through(answering(digest, questions))))
  }
}

describe("families beyond number", () => {
  const cases: ReadonlyArray<readonly [string, (count: number) => ReadonlyArray<Dump>]> = [
    ["of one source", (count) => [dumpOf(count, "gauge", "a")]],
    [
      "of which two sources say different things",
      (count) => [dumpOf(count, "gauge", "a"), dumpOf(count, "counter", "b")]
    ],
    [
      "whose names another source claims",
      (count) => [dumpOf(count, "summary", "a"), dumpOf(count, "gauge", "b", "_count")]
    ]
  ]
  for (const [what, make] of cases)
    it(`${what} are planned in slices, twice as many for twice the families`, () => {
      for (const format of ["text", "openmetrics"] as const) {
        const [small, large] = [slicesOf(make(10_000), format), slicesOf(make(20_000), format)]
        assert.isAbove(small.slices, 100)
        // The order of names takes a little more than that.
        assert.isBelow(large.slices, 2.5 * small.slices)
        assert.isAtMost(large.plan.conflicts.length, 20)
        assert.strictEqual(large.plan.heads.length, 20_000)
      }
    })

  it("of whatever many sources name five of each side", () => {
    const dumps = Array.from({ length: 40 }, (_, i) => dumpOf(1, i % 4 === 0 ? "gauge" : "counter", `s-${i}`))
    const { plan } = slicesOf(dumps, "text")
    assert.deepStrictEqual(
      plan.conflicts.map(({ shown, sides }) => [shown, ...sides.map(({ sources, names }) => [sources, names.length])]),
      [["counter", [30, 5], [10, 5]]]
    )
  })
})
