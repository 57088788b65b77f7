/**
 * worst: the dearest records that a sender can think of cost the same each, however many came before, and what the cache says that
 * it keeps is what the process grows by. Steps are counted, not time; `measure.ts` prints the time.
 */
import { execFileSync } from "node:child_process"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Chain } from "../../../src/metrics/rounds/Chain.ts"
import { Ranking } from "../../../src/metrics/rounds/Ranking.ts"
import { VersionMemory } from "../../../src/metrics/rounds/VersionMemory.ts"
import { toRecord } from "../records.ts"
import type { Measured } from "./measure.ts"
import { bytesIn, kinds, recordsOf } from "./rounds.ts"
import { Subject } from "./subject.ts"
import { texts } from "./texts.ts"

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

/** Nanoseconds of CPU of a byte, the quickest of some readings of the whole case. */
const cpuOf = (kind: (typeof kinds)[number], count: number, times: number): number => {
  const records = recordsOf(kind, count)
  const bytes = records.reduce((sum, record) => sum + bytesIn(record), 0)
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < times; i++) {
    const subject = new Subject()
    const start = process.cpuUsage()
    subject.take(records)
    const { user, system } = process.cpuUsage(start)
    best = Math.min(best, ((user + system) * 1000) / bytes)
    assert.deepStrictEqual(subject.cache.takeTally().defects, [], kind.name)
  }
  return best
}

describe("a byte of a text costs the same, however long the text is", () => {
  // Steps cannot be counted where most of them are the platform's: a quarter of the lines against all of them, both in this process.
  // What grows with the square costs four times as much.
  for (const kind of texts)
    it(kind.name, { timeout: 60_000 }, () => {
      for (let times = 2; ; times += 3) {
        const [few, many] = [cpuOf(kind, 1_000, 4 * times), cpuOf(kind, 4_000, times)]
        if (many < 2.5 * few + 5) return
        if (times > 10) assert.fail(`${few.toFixed(1)} ns a byte, then ${many.toFixed(1)}`)
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

  it("of chunks whose families were cut holds each line once", () => {
    const chunk = (c: number) =>
      `cut ${c}\n${Array.from({ length: 4000 }, (_, i) => `cut{b="${c * 4000 + i}"} 1\n`).join("")}own_${c} 1\n`
    const records = [1, 2].map((c) => toRecord(c, { v: "1.1", chunk: `${c}/2`, text: chunk(c) }))
    const { cache } = new Subject().take(records)
    const [dump] = cache.content(() => ({ wall: 0, mono: 1 })).look().dumps
    assert.strictEqual(dump!.series, 8003)
    const lines = [...dump!.families].reduce((sum, { bytes }) => sum + bytes.length, 0)
    // A line's record and its place.
    assert.isBelow(cache.size().bytes, lines + 40 * 8003 + 10_000)
  })

  it("is counted by what it really takes, besides content and of it", { timeout: 240_000 }, () => {
    const measure = new URL("measure.ts", import.meta.url).pathname
    const words = [
      "first chunks of",
      "first chunks without",
      "would be ignored",
      "another count",
      "headers of labels",
      "a round of a source each",
      "a line of a source each",
      "first: tiny lines of one name",
      "first: a tiny name each",
      "first: many attached labels",
      "samples: a tiny name each",
      "samples: series of equal hashes",
      "next: lines in another order",
      "next: new names each time",
      "next: timestamps everywhere",
      "chunks: tiny lines of one name"
    ]
    const text = execFileSync(process.execPath, ["--expose-gc", measure, ...words, "--json"], { encoding: "utf8" })
    const all = (JSON.parse(text) as ReadonlyArray<Measured>).slice(1)
    assert.isAtLeast(all.length, 2 * words.length)
    for (const { name, counted, records } of all) {
      assert.isAtLeast(counted, 1 / 1.5, `${records} ${name}`)
      assert.isAtMost(counted, 1.5, `${records} ${name}`)
    }
  })
})
