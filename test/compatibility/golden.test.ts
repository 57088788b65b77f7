/**
 * What pods and agents of one version say to those of another, byte by byte: `golden.json` was written by an older build, is written alike by this
 * one, and is read as it was meant. Real pods of both versions in one group: `npm run test:versions`.
 */
import { assert, describe, it } from "@effect/vitest"
import { thisBuild } from "./builds.ts"
import golden from "./golden.json" with { type: "json" }
import { openCache } from "./openCache.ts"
import { assignments, claims, commits, counts, rounds, type Wire, written } from "./Wire.ts"

const { commit, ...wire } = golden
const older: Wire = wire

describe(`what the build of ${commit} writes`, () => {
  it("is written by this one, byte by byte", () => {
    assert.deepStrictEqual(written(thisBuild), older)
  })

  it("in the group, is read by this one", () => {
    for (const [what, said] of Object.entries(older.subscriptions)) {
      const bytes = Buffer.from(said, "base64")
      assert.deepStrictEqual(thisBuild.decodeClaims(bytes), claims[what])
      assert.deepStrictEqual(thisBuild.claimedCounts(bytes), counts)
    }
    for (const [what, told] of Object.entries(older.assignments)) {
      const bytes = Buffer.from(told, "base64")
      assert.deepStrictEqual(thisBuild.decodeAssignment(bytes), assignments[what])
      assert.deepStrictEqual(thisBuild.assignedCounts(bytes), counts)
    }
    for (const [what, kept] of Object.entries(older.commits))
      assert.deepStrictEqual(thisBuild.decodeCommitMetadata(kept), commits[what])
  })

  it("as records, is shown by this one", () => {
    for (const [what, records] of Object.entries(older.records)) {
      const cache = openCache()
      for (const [offset, { key, headers, value }] of records.entries())
        cache.take(
          {
            ...{ offset, timestamp: 0, key: Buffer.from(key), value: Buffer.from(value) },
            headers: Object.fromEntries(Object.entries(headers).map(([name, said]) => [name, Buffer.from(said)]))
          },
          0
        )
      assert.deepStrictEqual(cache.refused(), [])
      const [{ text, job, labels: own }, , labels] = rounds[what]!
      const attached = Object.entries({ job, ...labels, ...own, instance: "edge-7/shop ß" })
      const lines = cache.lines()
      const sent = Buffer.from(text)
        .toString()
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"))
      assert.strictEqual(lines.length, sent.length)
      for (const line of lines) for (const [name, word] of attached) assert.include(line, `${name}="${word}"`)
    }
  })
})
