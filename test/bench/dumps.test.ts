import { assert, describe, it } from "@effect/vitest"
import { openStage } from "../support/processes.ts"
import { corpora } from "./dumps/corpus.ts"
import { mixedSeries, mixedService } from "./dumps/mixed.ts"
import { formatNumber } from "./dumps/service.ts"
import { dumpOf } from "./inProcess/subject.ts"

const lines = (text: Buffer): ReadonlyArray<string> => text.toString("utf8").split("\n")

describe("the benchmarks' dumps", () => {
  it("are taken by the parser, are of one size, and move as real ones do", async () => {
    const stage = await openStage()
    try {
      for (const { name, sources } of await corpora(stage, 1, 3)) {
        if (name.includes("comes or goes")) continue
        const [before, now] = sources[0]!.slice(-2).map(lines)
        dumpOf("a/1", sources[0]![0]!)
        assert.isAbove(sources[0]![0]!.length, 98_000, name)
        assert.isBelow(sources[0]![0]!.length, 126_000, name)
        assert.strictEqual(before!.length, now!.length, name)
        const moved = now!.filter((line, i) => line !== before![i])
        const grown = now!.filter((line, i) => line.length !== before![i]!.length)
        assert.isAbove(moved.length, now!.length * 0.1, `${name}: values move`)
        assert.isBelow(moved.length, now!.length * 0.8, `${name}: some stand still`)
        assert.isAbove(grown.length, 10, `${name}: some change their length`)
      }
    } finally {
      await stage.close()
    }
  })
  it("let most counters move from round to round, and some not", () => {
    const service = mixedService(5)
    const counters = () => lines(service.round()).filter((line) => line.startsWith("http_server_requests_total"))
    const [before, now] = [counters(), counters()]
    const moved = now.filter((line, i) => line !== before[i]).length / now.length
    assert.isAbove(moved, 0.5)
    assert.isBelow(moved, 0.7)
  })
  it("are the same on every run", () => {
    assert.isTrue(mixedService(3).round().equals(mixedService(3).round()))
    assert.isFalse(mixedService(3).round().equals(mixedService(4).round()))
  })
  it("of the whole-pod benchmarks have 1,000 series, which differ between sources by a label of their own", () => {
    const dump = dumpOf("a/1", mixedService(1).round())
    assert.strictEqual(dump.series, mixedSeries)
    const identities = new Set(
      [1, 2].flatMap((i) =>
        mixedService(i)
          .lines()
          .map((line) => line.slice(0, line.lastIndexOf(" ")))
      )
    )
    assert.strictEqual(identities.size, 2 * mixedSeries)
  })
  it("write numbers as the client libraries of their kind", () => {
    assert.deepStrictEqual(
      [1234567, 0.00001, 12.5, 0].map((n) => formatNumber(n, "go")),
      ["1.234567e+06", "1e-05", "12.5", "0"]
    )
    assert.deepStrictEqual(
      [15728640, 3, 0.0001, 0].map((n) => formatNumber(n, "java")),
      ["1.572864E7", "3.0", "1.0E-4", "0.0"]
    )
  })
})
