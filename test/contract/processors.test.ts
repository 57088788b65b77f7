/** The contracts of processors: kept by the metrics' own and by two small ones, and each promise that one breaks on purpose is found. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import { layer as linesTo } from "../../docs/examples/own/processor.ts"
import { MetricsCache } from "../../src/metrics/cache/MetricsCache.ts"
import * as MetricsProcessor from "../../src/metrics/cache/MetricsProcessor.ts"
import { durableContract } from "../../src/testing/contract/processor/DurableContract.ts"
import { processorContract } from "../../src/testing/contract/processor/ProcessorContract.ts"
import type { DurableSubject, Stored } from "../../src/testing/DurableSubject.ts"
import type { Subject } from "../../src/testing/Subject.ts"
import { metricsSight } from "../../src/testing/simulation/Sight.ts"
import { simExpiry } from "../../src/testing/simulation/SimPod.ts"
import { latestSubject, type Mistake } from "../testing/latest.ts"
import { type StoreMistake, storeSubject } from "../testing/store.ts"
import { eachCase, finding } from "./cases.ts"

/** Metrics as their senders speak: a numbered dump each time. */
const metrics: Subject<MetricsCache> = {
  app: MetricsProcessor.layer({
    ...MetricsProcessor.defaultMetricsOptions,
    // The simulation's senders have clocks of their own.
    timestamps: "scrape",
    expiry: simExpiry
  }).pipe(Layer.provideMerge(MetricsCache.layer)),
  says: (source, n) => ({
    value: Buffer.from(`v ${n}\n`),
    headers: { "k2p-source": Buffer.from(source), "k2p-round": Buffer.from(`1.${n}`) }
  }),
  shown: (services, keys) => {
    const sight = metricsSight(Context.get(services, MetricsCache).collect(keys))
    const values = sight.values(true)
    sight.end()
    return new Map([...values].map(([series, n]) => [series.replace("/v", ""), n]))
  }
}

/** The example of docs: a file of lines for each partition. */
const lines: Effect.Effect<DurableSubject<never>, never, Scope.Scope> = Effect.gen(function* () {
  const dir = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "k2p-lines-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const read = async (): Promise<ReadonlyArray<Stored>> => {
    const texts = await Promise.all((await readdir(dir)).map((name) => readFile(join(dir, name), "utf8")))
    const all = texts.flatMap((text) => text.split("\n").filter((line) => line !== ""))
    return all
      .map((line) => JSON.parse(line) as { readonly key: string | null; readonly value: string | null })
      .filter(({ key, value }) => key !== null && Number(value) > 0)
      .map(({ key, value }) => ({ source: key!, n: Number(value) }))
  }
  return {
    app: linesTo(dir),
    says: (_, n) => ({ value: Buffer.from(`${n}`) }),
    stored: Effect.promise(read),
    // An owner that was replaced writes on for as long as its proof is good.
    once: false
  }
})

describe("the metrics' processor", () => eachCase(processorContract(metrics)))
describe("a processor that keeps the last number", () => eachCase(processorContract(latestSubject())))

describe("a processor that shows something", () => {
  const broken: ReadonlyArray<readonly [Mistake, RegExp]> = [
    ["keeps what was dropped", /below the fence was dropped/],
    ["shows what is only to be remembered", /time\.shownFrom/],
    ["stays when it is evicted", /Scope has closed/],
    ["names its own position as L", /begins at L or C/],
    ["shows the first", /what it said last/],
    ["fails on what it cannot read", /whatever a sender writes/],
    ["keeps views of lent bytes", /what it said last/]
  ]
  for (const [mistake, rule] of broken)
    it(`and ${mistake} is found`, { timeout: 300_000 }, async () => {
      const { message } = await finding(processorContract(latestSubject(mistake)), rule)
      assert.match(message, /expected|what/)
    })
})

it("a processor that names its own position as L is found in whole pods, too, and the history is said", {
  timeout: 300_000
}, async () => {
  const broken = processorContract(latestSubject("names its own position as L"))
  const { message } = await finding(broken, /whole pods that come and go/)
  assert.match(message, /in no body from|body of cut/)
  assert.match(message, /simulate\(\{ seeds: \{ from: \d+, count: 1 \}, profile: "calm"/)
})

describe("the example that writes lines to files", () => eachCase(durableContract(lines)))
describe("a processor that writes to a store", () => eachCase(durableContract(storeSubject())))

describe("a processor that makes something durable", () => {
  const broken: ReadonlyArray<readonly [StoreMistake, RegExp]> = [
    ["commits before it writes", /not durable, after any batch/],
    ["forgets the rest when it is drained", /what was drained/],
    ["writes whoever may have written", /an owner that was replaced/]
  ]
  for (const [mistake, rule] of broken)
    it(`and ${mistake} is found`, { timeout: 300_000 }, async () => {
      const { message } = await finding(durableContract(storeSubject(mistake)), rule)
      assert.match(message, /expected|what/)
    })
})
