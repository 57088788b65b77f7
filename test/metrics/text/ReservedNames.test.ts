/**
 * Names that Prometheus itself writes: exactly their lines are not shown, whatever family they stand in and whichever way a record
 * is read; everything else of the record is shown, and what is not is counted.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Budget } from "../../../src/metrics/cache/Budget.ts"
import type { CacheOptions } from "../../../src/metrics/cache/CacheOptions.ts"
import { defaultCacheLimits } from "../../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../../src/metrics/cache/PartitionCache.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { reservedNames } from "../../../src/metrics/text/ReservedNames.ts"
import { noTime } from "../../../src/testing/NoTime.ts"
import { linesOf, type Sent, toRecord } from "../records.ts"

const now = { wall: 0, mono: 0 }
const expiry = 100

class Pod {
  readonly cache: PartitionCache
  fence = 0
  private next = 0

  constructor(over: Partial<CacheOptions> = {}) {
    const limits = { ...defaultParseLimits, ...defaultCacheLimits, ...over.limits }
    const options: CacheOptions = { expiry, timestamps: "scrape", sourceLabel: "instance", ...over, limits }
    this.cache = new PartitionCache(
      { topic: "t", partition: 3 },
      noTime,
      options,
      new Budget("pod", { series: 99, bytes: 1e6 })
    )
  }

  take(...sent: ReadonlyArray<Sent>): this {
    for (const each of sent) this.cache.take(toRecord(this.next++, each), this.fence, now)
    return this
  }

  get lines(): ReadonlyArray<string> {
    return linesOf(this.cache.content(() => now).look().dumps).map((line) =>
      line.replace('instance="s"', "").replace("{}", "")
    )
  }

  get refusals() {
    return this.cache.content(() => now).refusals()
  }

  counted() {
    const { refused, refusedLines, accepted } = this.cache.takeTally()
    return { refused: refused.get("reserved-name") ?? 0, lines: refusedLines.get("reserved-name") ?? 0, accepted }
  }
}

const openMetrics = { "content-type": "application/openmetrics-text; version=1.0.0" }

/** Whichever way: the first round is parsed, the next ones are read by its layout. */
const rounds = (text: string, headers: Record<string, string> = {}, pod = new Pod()): Pod =>
  pod.take({ v: "1.1", text, headers }, { v: "1.2", text, headers }, { v: "1.3", text, headers })

describe("a name that Prometheus itself writes, or the pod", () => {
  it("is one of a list, which the README has, too", async () => {
    const list = [
      ...["ALERTS", "ALERTS_FOR_STATE", "up", "scrape_duration_seconds", "scrape_samples_scraped"],
      ...["scrape_samples_post_metric_relabeling", "scrape_series_added", "scrape_timeout_seconds"],
      ...["scrape_sample_limit", "scrape_body_size_bytes"],
      ...["k2p_source_accepted_timestamp_seconds", "k2p_source_refused_timestamp_seconds"]
    ].sort()
    assert.deepStrictEqual([...reservedNames].sort(), list)
    const readme = await readFile(join(import.meta.dirname, "../../../README.md"), "utf8")
    const [, said] = /Lines named ([\s\S]*?) are not shown/.exec(readme) ?? []
    assert.deepStrictEqual([...(said ?? "").matchAll(/`(\w+)`/g)].map(([, name]) => name!).sort(), list)
  })

  it.each([...reservedNames])("%s costs its own lines alone, and they are counted", (name) => {
    const pod = rounds(`a 1\n# HELP ${name} x\n# TYPE ${name} gauge\n${name} 0\n${name}{job="kafka2prom"} 0\nb 2\n`)
    assert.deepStrictEqual(pod.lines, ["a 1", "b 2"])
    assert.deepStrictEqual(pod.counted(), { refused: 0, lines: 6, accepted: 3 })
    const [refusal, ...others] = pod.refusals
    assert.deepStrictEqual(others, [])
    const { source, reason, count, sample, offset, partition } = refusal!
    assert.deepStrictEqual(
      { source, reason, count, sample, offset, partition },
      { source: "s", reason: "reserved-name", count: 6, sample: `${name}{instance="s"} 0`, offset: 2, partition: 3 }
    )
  })

  it("is also one that is escaped into it, with underscores", () => {
    const text = '{"scrape.duration_seconds",job="j"} 1\n{"ALERTS.FOR_STATE"} 1\n{"a.b"} 1\n'
    const pod = rounds(text)
    assert.deepStrictEqual(pod.lines, ['{"a.b",} 1'])
    assert.deepStrictEqual(pod.counted(), { refused: 0, lines: 6, accepted: 3 })
  })

  it.each([
    ["names that only look like it", "up_total 1\nups 1\nUp 1\nalerts 1\nscrape_duration 1\nscrape_x 1\nALERTS_ 1\n"],
    ["a label of that name", 'a{up="1"} 1\n'],
    ["what is left of a summary", "# TYPE up summary\nup_sum 3\nup_count 2\n"],
    ["a histogram of that name", '# TYPE up histogram\nup_bucket{le="+Inf"} 1\nup_sum 3\nup_count 1\n']
  ])("is none of %s", (_, text) => {
    const sorted = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
    const pod = rounds(text)
    assert.deepStrictEqual([...pod.lines], sorted.map((line) => line.replace('"} ', '",} ')).sort())
    assert.deepStrictEqual(pod.counted(), { refused: 0, lines: 0, accepted: 3 })
  })

  it.each([
    ["summary", 'up{quantile="0.5"} 1\nup_sum 3\nup_count 2\n'],
    ["histogram", 'up_bucket{le="+Inf"} 2\nup_sum 3\nup_count 2\nup 7\n']
  ])(
    "takes its type along: of a %s the other lines are left, and Prometheus makes no series of that name of them",
    (type, text) => {
      for (const typed of [
        `# HELP up x\n# TYPE up ${type}\n${text}`,
        `${text}# TYPE up ${type}\n# TYPE up ${type}\n# TYPE up x\n`
      ]) {
        const pod = rounds(typed)
        const { families } = pod.cache.content(() => now).look().dumps[0]!
        assert.deepStrictEqual(
          [...families].map(({ textName, type, help }) => [textName, type, help]),
          (type === "summary" ? [] : [["up_bucket", "unknown", ""]]).concat([
            ["up_sum", "unknown", ""],
            ["up_count", "unknown", ""]
          ])
        )
        assert.strictEqual(pod.counted().lines, 3)
      }
    }
  )

  it("in OpenMetrics is the gauge, not the counter, whose line is up_total", () => {
    const pod = rounds("# HELP up Times.\n# TYPE up counter\nup_total 1\nup 1\n# EOF\n", openMetrics)
    assert.deepStrictEqual(pod.lines, ["up_total 1"])
    const [family] = pod.cache.content(() => now).look().dumps[0]!.families
    assert.deepStrictEqual([family!.name, family!.type, family!.help], ["up", "counter", "Times."])
    assert.deepStrictEqual(rounds("# TYPE up gauge\nup 1\n# TYPE a gauge\na 1\n# EOF\n", openMetrics).lines, ["a 1"])
  })

  it("costs nothing more where its lines come twice, or its type does not fit", () => {
    const pod = rounds('up 1\nup 1\na 1\n# TYPE up gauge\nup{quantile="x"} 1\n')
    assert.deepStrictEqual(pod.lines, ["a 1"])
    assert.strictEqual(pod.counted().lines, 9)
  })

  it("in one chunk of a round leaves all chunks' other lines", () => {
    const pod = new Pod().take(
      { v: "1.1", chunk: "1/2", text: "a 1\nup 1\n" },
      { v: "1.1", chunk: "2/2", text: "up 2\nb 1\n" }
    )
    assert.deepStrictEqual(pod.lines, ["a 1", "b 1"])
    assert.strictEqual(pod.counted().lines, 2)
  })

  it("alone in a round leaves an empty one: what left the dump leaves the endpoint", () => {
    const pod = new Pod().take({ v: "1.1", text: "a 1\n" }, { v: "1.2", text: "up 1\n" })
    assert.deepStrictEqual([...pod.lines], [])
    assert.deepStrictEqual(pod.counted(), { refused: 0, lines: 1, accepted: 2 })
  })

  it("does not use up the series of its source", () => {
    const limits = { ...defaultParseLimits, ...defaultCacheLimits, maxSeries: 1 }
    assert.deepStrictEqual(rounds("up 1\nALERTS 1\na 1\n", {}, new Pod({ limits })).lines, ["a 1"])
  })

  it("with the option is a name like any other", () => {
    const pod = rounds('# TYPE up gauge\nup{job="node"} 1\nALERTS 1\n', {}, new Pod({ allowReservedNames: true }))
    assert.deepStrictEqual(pod.lines, ["ALERTS 1", 'up{job="node",} 1'])
    pod.take({ source: "x", text: "a 1" }, { source: "x", text: "up 3" }, { source: "x", text: "up 4" })
    assert.include(pod.lines, 'up{instance="x"} 4')
    assert.deepStrictEqual(pod.counted(), { refused: 0, lines: 0, accepted: 6 })
  })
})

describe("a single line of such a name", () => {
  it("is refused and counted, and leaves its source's other series and their age alone", () => {
    const pod = new Pod().take({ text: "up 1" }, { text: "a 1" }, { text: "up 1" }, { text: "up 2\nb 1" })
    assert.deepStrictEqual(pod.lines, ["a 1", "b 1"])
    assert.deepStrictEqual(pod.counted(), { refused: 2, lines: 3, accepted: 2 })
    assert.deepStrictEqual(
      pod.refusals.map(({ count, sample }) => [count, sample]),
      [[3, 'up{instance="s"} 2']]
    )
  })

  it("makes no source and takes no snapshot away", () => {
    const pod = new Pod().take({ text: "up 1", source: "x" }, { v: "1.1", text: "a 1\n" }, { text: "up 1" })
    assert.deepStrictEqual([pod.lines, pod.cache.size().sources], [["a 1"], 1])
  })

  it("takes nothing out below the fence, for no owner shows it", () => {
    const pod = new Pod()
    pod.fence = 100
    pod.take({ text: "a 1" }, { text: "up 1" }, { text: "up 2\nb 1" })
    assert.deepStrictEqual(pod.lines, ["a 1", "b 1"])
  })
})
