/** What an admission lets by, as a partition's cache shows and counts it: of snapshots and samples, whole, in chunks, read ahead. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { relabelRules } from "../../../src/config/RelabelSettings.ts"
import { Admission } from "../../../src/metrics/admission/Admission.ts"
import { Gate } from "../../../src/metrics/admission/Gate.ts"
import { Budget } from "../../../src/metrics/cache/Budget.ts"
import { defaultCacheLimits } from "../../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../../src/metrics/cache/PartitionCache.ts"
import type { Ahead } from "../../../src/metrics/cache/ReadAhead.ts"
import type { SeriesLabels } from "../../../src/metrics/relabel/SeriesReader.ts"
import type { Envelope } from "../../../src/metrics/rounds/Record.ts"
import { defaultParseLimits, type ParseLimits } from "../../../src/metrics/text/Dump.ts"
import { noTime } from "../../../src/testing/NoTime.ts"
import { random } from "../../../src/testing/Random.ts"
import { linesOf, type Sent, spoil, toRecord } from "../records.ts"
import type { RawRule } from "../relabel/rules.ts"

const now = { wall: 0, mono: 0 }

const relabel = (rules: ReadonlyArray<RawRule>, refusedSources?: string): Admission["Service"] => {
  const reading = relabelRules.read(rules.map((rule) => JSON.stringify(rule)))
  assert.isTrue("value" in reading)
  if (!("value" in reading)) throw new Error()
  const layer = Admission.relabel({ rules: reading.value, refusedSources, sourceLabel: "instance" })
  return Effect.runSync(Effect.scoped(Effect.map(Layer.build(layer), Context.get(Admission))))
}

const cacheWith = (admission: Admission["Service"] | undefined, limits: Partial<ParseLimits> = {}) => {
  const options = {
    ...{ expiry: 90_000, timestamps: "scrape" as const, sourceLabel: "instance", admission },
    limits: { ...defaultParseLimits, ...defaultCacheLimits, ...limits }
  }
  const pod = new Budget("pod", { series: 1e9, bytes: 1e12 })
  const cache = new PartitionCache({ topic: "metrics", partition: 0 }, noTime, options, pod)
  let next = 0
  const take = (...all: ReadonlyArray<Sent>) => {
    for (const sent of all) {
      const record = toRecord(next++, sent)
      const work = cache.ahead.of(record)
      let ahead: Ahead | undefined
      while (work !== undefined && ahead === undefined) {
        const step = work.next()
        if (step.done === true) ahead = step.value
      }
      cache.take(record, 0, now, ahead)
      spoil(record)
      cache.reached(next, 0, now)
    }
  }
  const content = cache.content(() => now)
  const refusals = () => content.refusals().map(({ source, reason, count }) => `${source} ${reason} ${count}`)
  return { cache, take, refusals, log: () => content.refusals(), lines: () => linesOf(content.look().dumps) }
}

const name = (regex: string, action: string): RawRule => ({ source_labels: ["__name__"], regex, action })
const labels = { "k2p-labels": '{"job":"shop","dc":"eu"}' }

for (const mode of ["snapshot", "samples"] as const)
  describe(`rules on ${mode}`, () => {
    const told = (text: string, rules: ReadonlyArray<RawRule>, headers: Readonly<Record<string, string>> = labels) => {
      const pod = cacheWith(relabel(rules))
      pod.take({ mode, text, headers })
      return pod
    }

    it("leave series out, which are counted and named with the first line", () => {
      const pod = told('# TYPE go_a gauge\nup_a 1\ngo_a{x="1"} 2\ngo_b 3\n', [name("go_.*", "drop")], {})
      assert.deepStrictEqual(pod.lines(), ['up_a{instance="s"} 1'])
      assert.deepInclude(pod.log()[0], {
        source: "s",
        reason: "admission",
        count: 2,
        sample: 'go_a{x="1"} 2',
        detail: "line 3: the admission relabel left out 2 series of this record"
      })
      assert.strictEqual(pod.cache.takeTally().refusedLines.get("admission"), 2)
    })

    it("see and change what the record attaches", () => {
      const rules = [
        { source_labels: ["job", "instance"], regex: "(.*);s", target_label: "service", replacement: "$1-1" },
        { source_labels: ["dc"], target_label: "job", replacement: "j-$1" },
        { regex: "dc", action: "labeldrop" }
      ]
      assert.deepStrictEqual(told('a{b="c"} 1\n', rules).lines(), [
        'a{b="c",job="j-eu",service="shop-1",instance="s"} 1'
      ])
    })

    it("cannot change the source label, nor take it away, nor that of another source", () => {
      const rules = [
        { regex: "instance", action: "labeldrop" },
        { source_labels: ["b"], regex: "(.*)", target_label: "x_instance" },
        { regex: "x_(.*)", action: "labelmap" }
      ]
      assert.deepStrictEqual(told('a{b="c",instance="other"} 1\n', rules, {}).lines(), [
        'a{b="c",exported_instance="other",x_instance="c",instance="s"} 1'
      ])
      const own = cacheWith({ name: "own", series: () => [["__name__", "b"], ["instance", "else"]] }) // biome-ignore format: one line
      own.take({ mode, text: "a 1\n" })
      assert.deepStrictEqual(own.lines(), ['b{instance="s"} 1'])
    })

    it("that change nothing leave all as it is without them", () => {
      const text = 'a{b="c",instance="other",job=""} 1\n# TYPE b counter\nb_total 2\n'
      const bare = cacheWith(undefined)
      bare.take({ mode, text, headers: labels })
      const labelsSorted = (lines: ReadonlyArray<string>) => lines.map((line) => line.split(/[{},]/).toSorted())
      assert.deepStrictEqual(labelsSorted(told(text, [name("x", "drop")]).lines()), labelsSorted(bare.lines()))
    })

    it("work on each record anew: on other labels, and on known lines with other values", () => {
      const pod = cacheWith(relabel([name("b", "drop"), { source_labels: ["job"], target_label: "of" }]))
      for (const [n, job] of ["x", "x", "y"].entries())
        pod.take({ mode, text: `a ${n}\nb ${n}\n`, headers: { "k2p-labels": `{"job":"${job}"}` } })
      const of = (job: string, n: number) => `a{job="${job}",of="${job}",instance="s"} ${n}`
      assert.deepStrictEqual(pod.lines(), mode === "snapshot" ? [of("y", 2)] : [of("x", 1), of("y", 2)])
      assert.deepStrictEqual(pod.refusals(), ["s admission 3"])
    })

    it("that leave nothing of a text leave nothing of any text", () => {
      const pod = cacheWith(relabel([name(".*", "drop")]), { maxLabelValue: 1024 * 1024, maxLabels: 2000 })
      const pieces = [
        ...["a", "b_total", "{", "}", '"', "=", ",", " ", "\n", "\\", "\t", "\r\n", "# TYPE a gauge\n", "# EOF\n"],
        ...['a{b="c"} 1\n', '{"x.y",b="c"} 1\n', '{"x"} 2', 'a{"q.r"="\n"} 1\n', "\xff", "\0", "é", "a 1\n", "NaN"],
        ...[`a{b="${"v".repeat(100_000)}"} 1\n`, `a{${Array.from({ length: 400 }, (_, i) => `l${i}="1"`)}} 1\n`]
      ]
      const r = random(7)
      for (let round = 0; round < 1_000; round++) {
        const text = Array.from({ length: r.int(1, 12) }, () => r.pick(pieces)).join("")
        const openmetrics = { "content-type": "application/openmetrics-text; version=1.0.0" }
        pod.take({ mode, text, headers: r.chance(0.5) ? labels : { ...labels, ...openmetrics } })
        assert.deepStrictEqual(pod.lines(), [], JSON.stringify(text))
      }
    })
  })

describe("a source that is not taken", () => {
  it("is refused with its name and reason, each record, and keeps its order", () => {
    const pod = cacheWith(relabel([], "test-.*"))
    pod.take({ source: "test-1", v: "1.2", text: "a 1\n" }, { source: "test-1", v: "1.1", text: "a 1\n" })
    pod.take({ source: "test-1", text: "a 1\n" }, { source: "s", v: "1.1", text: "a 1\n" })
    pod.take({ source: "a test-1", v: "1.1", text: "a 1\n" })
    assert.deepStrictEqual(pod.lines(), ['a{instance="a test-1"} 1', 'a{instance="s"} 1'])
    assert.deepInclude(pod.log()[0], {
      source: "test-1",
      reason: "admission",
      detail: "the source id matches --refuse-sources test-.*"
    })
    const { refused, ignored } = pod.cache.takeTally()
    assert.deepStrictEqual([refused.get("admission"), ignored.get("older")], [2, 1])
  })
})

describe("what was decided", () => {
  it("is remembered, of samples and chunks beyond their record, and forgotten when there is no more room", () => {
    const decided: Array<string> = []
    const none: Envelope["labels"] = []
    const series = (labels: SeriesLabels) => {
      decided.push(labels.map(([, value]) => value).join(" "))
      return labels
    }
    const memory = { limit: 128 * 1024, bytes: 0 }
    const gate = new Gate(
      { name: "own", series },
      { sourceLabel: "instance", limits: defaultParseLimits, maxSources: 2 },
      memory
    )
    const pass = (source: string, text: string, more: Partial<Envelope> = {}) => {
      decided.length = 0
      const plain = {
        number: undefined,
        index: 1,
        count: 1,
        time: 0,
        labels: none,
        format: "text",
        ended: false
      } as const
      gate.pass({ ...plain, source, mode: "samples", ...more }, Buffer.from(text))
      return decided.join()
    }
    assert.strictEqual(pass("s", "a 1\n"), "a s")
    assert.strictEqual(pass("s", "b 1\n"), "b s")
    assert.strictEqual(pass("s", "a 2\nb 2\n"), "")
    const snapshot = { mode: "snapshot", number: { epoch: 1, round: 1 } } as const
    for (const index of [1, 2]) assert.notStrictEqual(pass("t", `c${index} 1\n`, { ...snapshot, index, count: 2 }), "")
    for (const index of [1, 2]) assert.strictEqual(pass("t", `c${index} 1\n`, { ...snapshot, index, count: 2 }), "")
    assert.strictEqual(pass("u", "a 1\n", snapshot), "a u")
    assert.strictEqual(pass("u", "b 1\n", snapshot), "b u")
    assert.strictEqual(pass("u", "a 1\n", snapshot), "a u")
    // Two sources are remembered.
    assert.strictEqual(pass("s", "a 1\n"), "a s")
    for (let i = 0; i < 1000; i++) pass("s", `m${i} 1\n`)
    assert.isBelow(memory.bytes, memory.limit)
    assert.strictEqual(pass("s", "a 1\n"), "a s")
    gate.clear()
    assert.strictEqual(memory.bytes, 0)
  })
})

describe("a text that is not whole", () => {
  it("is refused though the rules would leave its last line out", () => {
    const pod = cacheWith(relabel([name("go_.*", "drop")]))
    pod.take({ v: "1.1", text: "a 1\ngo_b 1" })
    assert.deepStrictEqual([pod.lines(), pod.refusals()], [[], ["s no-eof 1"]])
  })

  it("of many lines is shown whatever its last one becomes, where it need not end", () => {
    const pod = cacheWith(relabel([{ ...name("(a|b)", "replace"), target_label: "__name__", replacement: "x_$1" }]))
    pod.take({ mode: "snapshot", text: "b 1\na 1\nb 2" }, { mode: "samples", source: "t", text: "b 2" })
    assert.deepStrictEqual(pod.lines(), ['x_a{instance="s"} 1', 'x_b{instance="s"} 1', 'x_b{instance="t"} 2'])
  })
})

describe("a large text", () => {
  it("comes to the same in slices, in chunks and as samples", () => {
    const text = (from: number) =>
      Array.from({ length: 30_000 }, (_, i) => `m${(from + i) % 7}{i="${from + i}",path="/some/where/else"} 1\n`).join(
        ""
      )
    const rules = relabel([name("m3", "drop"), { regex: "path", action: "labeldrop" }])
    const expected = Array.from({ length: 60_000 }, (_, i) => `m${i % 7}{i="${i}",job="j",instance="s"} 1`)
      .filter((line) => !line.startsWith("m3"))
      .toSorted()
    const headers = { "k2p-labels": '{"job":"j"}' }
    for (const sent of [
      [{ v: "1.1", text: text(0) + text(30_000), headers }],
      [{ mode: "samples" as const, text: text(0) + text(30_000), headers }],
      [1, 2].map((k) => ({ v: "1.1", chunk: `${k}/2`, text: text(30_000 * (k - 1)), headers }))
    ]) {
      const pod = cacheWith(rules)
      pod.take(...sent)
      assert.isTrue(pod.lines().join() === expected.join())
      assert.deepStrictEqual(pod.refusals(), [`s admission ${60_000 - expected.length}`])
    }
  })
})

describe("a large text that is new", () => {
  it("leaves turns to others while the rules work on it", () => {
    const text = Array.from({ length: 60_000 }, (_, i) => `m{i="${i}",path="/some/where/else"} 1\n`).join("")
    const slices = (admission: Admission["Service"] | undefined) => {
      const work = cacheWith(admission).cache.ahead.of(toRecord(0, { v: "1.1", text }))
      let all = 0
      while (work !== undefined && work.next().done !== true) all++
      return all
    }
    assert.isAtLeast(slices(relabel([name("x", "drop")])) - slices(undefined), Math.floor(text.length / (128 * 1024)))
  })
})

describe("an admission that throws", () => {
  it("says whose it is", () => {
    const series = () => {
      throw new Error("a team's mistake")
    }
    const pod = cacheWith({ name: "ours", series })
    assert.throws(() => pod.take({ text: "a 1\n" }), "the admission ours failed on a record of s")
  })
})
