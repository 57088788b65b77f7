/**
 * worst: the dearest records that a sender can think of cost the same each, however many came before, and what the cache says that
 * it keeps is what the process grows by. Steps are counted, not time; `measure.ts` prints the time.
 */
import { execFileSync } from "node:child_process"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Chain } from "../../../src/metrics/rounds/Chain.ts"
import { Ranking } from "../../../src/metrics/rounds/Ranking.ts"
import { VersionMemory } from "../../../src/metrics/rounds/VersionMemory.ts"
import type { Measured } from "./measure.ts"
import { kinds, recordsOf } from "./rounds.ts"
import { Subject } from "./subject.ts"

/** All that is ever walked, moved or asked on the way of a record, but for the reading of its text. */
const counted: ReadonlyArray<readonly [prototype: object, method: string]> = [
  [Chain.prototype, "push"],
  [Chain.prototype, "unlink"],
  [Ranking.prototype, "move"],
  [VersionMemory.prototype, "lowest"]
]

let steps = 0
const restore: Array<() => void> = []

beforeAll(() => {
  for (const [prototype, method] of counted) {
    const methods = prototype as Record<string, (...args: Array<unknown>) => unknown>
    const real = methods[method]!
    methods[method] = function (this: unknown, ...args) {
      steps++
      return real.apply(this, args)
    }
    restore.push(() => {
      methods[method] = real
    })
  }
})
afterAll(() => {
  for (const back of restore) back()
})

const stepsOf = (kind: (typeof kinds)[number], count: number, subject = new Subject()): number => {
  const records = recordsOf(kind, count)
  steps = 0
  subject.take(records)
  return steps / count
}

describe("a record costs the same, however many came before", () => {
  for (const kind of kinds)
    it(kind.name, () => {
      const [once, twice] = [stepsOf(kind, 2_000), stepsOf(kind, 4_000)]
      assert.isAtMost(once, 40)
      // A heap's logarithm.
      assert.isAtMost(twice, once + 4)
    })

  it("also where there is no room for what came before", () => {
    for (const kind of kinds) {
      const limits = { maxSources: 100, rememberedSources: 400, gatherBytes: 400_000, podGatherBytes: 200_000 }
      const bytes = { podBytes: 1_000_000, partitionBytes: 1_000_000 }
      const few = stepsOf(kind, 2_000, new Subject({ ...limits, ...bytes }))
      const many = stepsOf(kind, 4_000, new Subject({ ...limits, ...bytes }))
      assert.isAtMost(few, 60, kind.name)
      assert.isAtMost(many, few + 4, kind.name)
    }
  })
})

describe("memory", () => {
  it("of what waits for a round that never comes complete stays within its limits", () => {
    const limits = { gatherBytes: 2_000_000, podGatherBytes: 300_000 }
    for (const kind of kinds.filter(({ name }) => name.includes("chunk"))) {
      const subject = new Subject(limits)
      subject.take(recordsOf(kind, 4_000))
      // What is remembered of the sources themselves has a bound of its own.
      assert.isAtMost(subject.cache.kept.bytes, 300_000 + 2_000_000 + 4_000 * 1_100, kind.name)
    }
  })

  it("that is kept besides content is counted by what it really takes", () => {
    const measure = new URL("measure.ts", import.meta.url).pathname
    const all = ["first chunks", "would be ignored", "another count", "labels"].flatMap((word) => {
      const text = execFileSync(process.execPath, ["--expose-gc", measure, word, "--json"], { encoding: "utf8" })
      return (JSON.parse(text) as ReadonlyArray<Measured>).slice(1)
    })
    assert.isAtLeast(all.length, 14)
    for (const { name, counted, records } of all) {
      assert.isAtLeast(counted, 1 / 1.5, `${records} ${name}`)
      assert.isAtMost(counted, 1.5, `${records} ${name}`)
    }
  })
})
