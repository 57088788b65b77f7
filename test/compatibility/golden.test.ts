/**
 * What pods and agents of one version say to those of another, byte by byte: `golden.json` was written by an older build, is written alike by this
 * one, and is read as it was meant. Real pods of both versions in one group: `npm run test:versions`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Budget } from "../../src/metrics/cache/Budget.ts"
import { defaultCacheLimits } from "../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../src/metrics/cache/PartitionCache.ts"
import { defaultParseLimits } from "../../src/metrics/text/Dump.ts"
import { linesOf } from "../metrics/records.ts"
import { noTime } from "../support/logTime.ts"
import { thisBuild } from "./builds.ts"
import golden from "./golden.json" with { type: "json" }
import { assignments, claims, commits, rounds, type Wire, written } from "./Wire.ts"

const { commit, ...wire } = golden
const older: Wire = wire

describe(`what the build of ${commit} writes`, () => {
  it("is written by this one, byte by byte", () => {
    assert.deepStrictEqual(written(thisBuild), older)
  })

  it("in the group, is read by this one", () => {
    for (const [what, said] of Object.entries(older.subscriptions))
      assert.deepStrictEqual(thisBuild.decodeClaims(Buffer.from(said, "base64")), claims[what])
    for (const [what, told] of Object.entries(older.assignments))
      assert.deepStrictEqual(thisBuild.decodeAssignment(Buffer.from(told, "base64")), assignments[what])
    for (const [what, kept] of Object.entries(older.commits))
      assert.deepStrictEqual(thisBuild.decodeCommitMetadata(kept), commits[what])
  })

  it("as records, is shown by this one", () => {
    const now = { wall: 0, mono: 0 }
    const limits = { ...defaultParseLimits, ...defaultCacheLimits }
    for (const [what, records] of Object.entries(older.records)) {
      const cache = new PartitionCache(
        { topic: "metrics", partition: 0 },
        noTime,
        { expiry: 90_000, timestamps: "scrape", sourceLabel: "instance", limits },
        new Budget("pod", { series: 1e9, bytes: 1e12 })
      )
      for (const [offset, { key, headers, value }] of records.entries())
        cache.take(
          {
            ...{ offset, timestamp: 0, key: Buffer.from(key), value: Buffer.from(value) },
            headers: Object.fromEntries(Object.entries(headers).map(([name, said]) => [name, Buffer.from(said)]))
          },
          0,
          now
        )
      assert.deepStrictEqual([...cache.takeTally().refused], [])
      const [{ text, job, labels: own }, , labels] = rounds[what]!
      const attached = Object.entries({ job, ...labels, ...own, instance: "edge-7/shop ß" })
      const lines = linesOf(cache.content(() => now).look().dumps)
      const sent = Buffer.from(text)
        .toString()
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"))
      assert.strictEqual(lines.length, sent.length)
      for (const line of lines) for (const [name, word] of attached) assert.include(line, `${name}="${word}"`)
    }
  })
})
