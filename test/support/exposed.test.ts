/** The judge of the system tests finds what it is there to find. */
import { assert, describe, it } from "@effect/vitest"
import { Judge, readBody } from "./exposed.ts"

const body = (round: number, gauge = 1, buckets: readonly [number, number] = [1, 2], counted = round) =>
  readBody(
    [
      "# TYPE test_round gauge",
      `test_round{instance="s",job="j"} ${round}`,
      "# TYPE test_rounds_total counter",
      `test_rounds_total{instance="s",job="j"} ${counted}`,
      "# TYPE load gauge",
      `load{instance="s"} ${gauge}`,
      "# TYPE t histogram",
      `t_bucket{instance="s",le="1"} ${buckets[0]}`,
      `t_bucket{instance="s",le="+Inf"} ${buckets[1]}`,
      `t_sum{instance="s"} ${gauge}`,
      `t_count{instance="s"} ${buckets[1]}`,
      ""
    ].join("\n")
  )

const wrong = (...bodies: ReadonlyArray<ReturnType<typeof body>>): ReadonlyArray<string> => {
  const judge = new Judge()
  for (const [i, b] of bodies.entries()) judge.judge(`pod-${i}`, b)
  return judge.wrong
}

describe("the judge", () => {
  it("has nothing against values that grow, stay, or belong to gauges and sums", () => {
    assert.deepStrictEqual(wrong(body(3, 9), body(3, 2), body(4, 1)), [])
  })

  it("notes an older round, counter or bucket, wherever the newer one was shown", () => {
    assert.lengthOf(wrong(body(3), body(4), body(3)), 2)
    assert.deepStrictEqual(wrong(body(3, 1, [2, 2]), body(3, 1, [1, 2])), [
      'pod-1 shows 1 of t_bucket{instance="s",le="1"} after pod-0 showed 2'
    ])
    assert.lengthOf(wrong(body(3, 1, [1, 3]), body(3, 1, [1, 2])), 2)
  })

  it("notes a body that shows two rounds of one source", () => {
    assert.deepStrictEqual(wrong(body(3, 1, [1, 2], 4)), ["pod-0 shows two rounds of s at once: 3 and 4"])
  })

  it("reads values with and without a timestamp behind them", () => {
    const { samples, rounds } = readBody('a 1 1700000000123\nb{l="} 2 3"} 4\ntest_round{instance="s"} 5 6\n')
    assert.deepStrictEqual(
      [...samples.entries()],
      [
        ["a", 1],
        ['b{l="} 2 3"}', 4],
        ['test_round{instance="s"}', 5]
      ]
    )
    assert.strictEqual(rounds.get("s"), 5)
  })

  it("refuses a body that shows a series twice, and a line that is no sample", () => {
    assert.throws(() => readBody("a 1\na 1\n"), /twice in one body: a/)
    assert.throws(() => readBody("a\n"), /no sample line: a/)
  })
})
