/** What a partition's cache says in the log: who fell silent, what was refused, one line for many. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, References } from "effect"
import { CacheLog } from "../../../src/metrics/cache/CacheLog.ts"
import { newTally } from "../../../src/metrics/cache/Tally.ts"

const tp = { topic: "metrics", partition: 3 }

const said = (effect: Effect.Effect<void>): ReadonlyArray<{ readonly text: string; readonly fields: object }> => {
  const lines: Array<{ readonly text: string; readonly fields: object }> = []
  const logger = Logger.make<unknown, void>(({ fiber, message }) => {
    lines.push({ text: [message].flat().map(String).join(" "), fields: fiber.getRef(References.CurrentLogAnnotations) })
  })
  Effect.runSync(Effect.provide(effect, Logger.layer([logger])))
  return lines
}

const last = {
  ...tp,
  at: 0,
  offset: 77,
  source: "svc\n1",
  reason: "syntax",
  detail: "line 2: no value",
  sample: "a",
  count: 1
}

describe("the log of a partition's cache", () => {
  it("names sources that fell silent, some of them, with the partition as fields", () => {
    const log = new CacheLog(tp)
    const [line] = said(log.expired(["a", "b", "c", "d", "e", "f\n", "g"], 0))
    assert.match(
      line!.text,
      /^no round came of "a", "b", "c", "d", "e" and 2 more in time: they have left the endpoint/
    )
    assert.deepInclude(line!.fields, { topic: "metrics", partition: 3, sources: 7 })
    assert.deepStrictEqual(said(log.expired([], 20_000)), [])
  })

  it("tells refusals at once, then one line for many, with the latest of them", () => {
    const log = new CacheLog(tp)
    const tally = { ...newTally(), refused: new Map([["syntax", 2]]), refusedLines: new Map([["value", 3]]) }
    const [first] = said(log.refused(tally, last, 0))
    assert.match(first!.text, /^2 records and 3 lines were refused .* syntax at offset 77: line 2: no value$/)
    assert.deepInclude(first!.fields, {
      topic: "metrics",
      partition: 3,
      source: "svc\n1",
      reason: "syntax",
      offset: 77
    })
    assert.deepStrictEqual(said(log.refused(tally, last, 5_000)), [])
    assert.match(said(log.refused(tally, last, 10_000))[0]!.text, /^4 records and 6 lines/)
    assert.deepStrictEqual(said(log.refused(newTally(), last, 30_000)), [])
  })
})
