/** A body's plan, and shards that do not say what it asks. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { DigestEntry } from "../../../src/metrics/body/FamilyMeta.ts"
import { planBody } from "../../../src/metrics/scrape/Planning.ts"

const entry = (type: "counter" | "unknown", sources: number): DigestEntry => ({
  name: type === "counter" ? "jobs" : "jobs_total",
  textName: "jobs_total",
  type,
  help: "",
  unit: "",
  sampleNames: ["jobs_total"],
  conforms: true,
  conformsText: true,
  quoted: false,
  exemplars: false,
  floatLabels: false,
  timestamps: false,
  sources,
  names: []
})

const output = { format: "openmetrics", escaping: "underscores" } as const
const digests = [[entry("counter", 2)], [entry("unknown", 1)]]
const says = (...answers: ReadonlyArray<boolean>) => ({ fit: () => Effect.succeed(answers) })
const headsOf = ({ heads }: { readonly heads: ReadonlyArray<{ name: string; type: string }> }) =>
  heads.map(({ name, type }) => `${name} ${type}`)

describe("a plan", () => {
  it.effect("takes lines where their shard says that they fit, and only there", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(headsOf(yield* planBody(digests, [says(), says(true)], output, 1_000)), ["jobs counter"])
      const no = yield* planBody(digests, [says(), says(false)], output, 1_000)
      assert.deepStrictEqual(headsOf(no), ["jobs_total unknown"])
    })
  )

  it.effect("does not wait for a shard that says nothing: that is a no", () =>
    Effect.gen(function* () {
      const silent = { fit: () => Effect.never }
      const planned = yield* Effect.forkChild(planBody(digests, [says(), silent], output, 1_000))
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(headsOf(yield* Fiber.join(planned)), ["jobs_total unknown"])
    })
  )
})
