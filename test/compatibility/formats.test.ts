/**
 * Pods that know a later version of the record format beside pods that do not, in turn the owners of a partition: whoever shows it, no round is older
 * than one that was shown before. A pod that knows it is one that is not told of the header.
 */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { type Sent, toRecord } from "../metrics/records.ts"
import { openCache } from "./openCache.ts"

const sent = fc.record({
  round: fc.integer({ min: 1, max: 9 }),
  chunk: fc.constantFrom(undefined, "1/2", "2/2"),
  later: fc.boolean()
})
const owner = fc.record({ reads: fc.integer({ min: 1, max: 6 }), knows: fc.boolean() })

describe("owners that know different versions of the format", () => {
  it("show nothing older in turn, and what a later version replaces is not shown again", () => {
    let shownByBoth = 0
    fc.assert(
      fc.property(
        fc.array(sent, { minLength: 1, maxLength: 16 }),
        fc.array(owner, { minLength: 2, maxLength: 5 }),
        (log, owners) => {
          let [next, highest] = [0, 0]
          const by = new Set<boolean>()
          for (const { reads, knows } of owners) {
            const cache = openCache()
            const fence = next
            next = Math.min(log.length, next + reads)
            for (let offset = 0; offset <= next; offset++) {
              if (offset >= fence)
                for (const line of cache.lines()) {
                  const round = Number(line.split(" ")[1])
                  assert.isAtLeast(round, highest)
                  highest = round
                  by.add(knows)
                }
              if (offset === next) break
              const { round, chunk, later } = log[offset]!
              const record: Sent = {
                ...{ v: `1.${round}`, text: `a${chunk?.[0] ?? ""} ${round}\n` },
                ...(chunk === undefined ? {} : { chunk }),
                headers: later && !knows ? { "k2p-format": "2" } : {}
              }
              cache.take(toRecord(offset, record), fence)
            }
          }
          if (by.size === 2) shownByBoth += 1
        }
      ),
      { numRuns: 2_000 }
    )
    assert.isAbove(shownByBoth, 100)
  })
})
