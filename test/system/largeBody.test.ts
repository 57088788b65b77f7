/**
 * A body of several megabytes, packed in many pieces at once, as other people's readers of gzip see it: a real Prometheus (Go's), and curl (zlib's,
 * which knows one gzip member and no second).
 */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { assert, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { chunkBytes } from "../../src/http/Outlet.ts"
import { render } from "../../src/metrics/body/Renderer.ts"
import { fakePod, gauge } from "../pod/fakePod.ts"
import { openStage } from "../support/processes.ts"
import { startPrometheus } from "../support/prometheus.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

const sources = 12
const series = 5_000
const dumps = Array.from({ length: sources }, (_, n) => gauge("large_body_value", `source-${n}`, series, n))

describeWith(["curl", "prometheus"], "a body packed in many pieces", () => {
  it.live(
    "is read whole by a real Prometheus and by curl",
    () =>
      Effect.gen(function* () {
        const pod = yield* fakePod()
        pod.dumps = dumps
        const text = Buffer.concat([...render(dumps, "text")])
        assert.isAbove(text.length, 4 * chunkBytes)
        const read = yield* Effect.promise(() =>
          promisify(execFile)("curl", ["-sS", "--fail", "--compressed", `${pod.base}/metrics`], {
            encoding: "buffer",
            maxBuffer: 100e6
          })
        )
        assert.isTrue(read.stdout.equals(text))
        const stage = yield* Effect.acquireRelease(Effect.promise(openStage), (s) => Effect.promise(() => s.close()))
        yield* Effect.promise(async () => {
          const prometheus = await startPrometheus(stage, [new URL(pod.base).host])
          let found: Array<readonly [string | undefined, number]> = []
          await until(
            async () => {
              const all = await prometheus.query("count by (instance) (large_body_value)")
              found = all.map(({ labels, value }) => [labels.instance, value] as const)
              return found.length === sources
            },
            { what: "all sources in Prometheus", every: 200 }
          )
          assert.deepStrictEqual(
            found.toSorted(),
            Array.from({ length: sources }, (_, n) => [`source-${n}`, series] as const).toSorted()
          )
          const sent = await prometheus.query("sum(large_body_value)")
          assert.strictEqual(sent[0]!.value, series * ((sources * (sources - 1)) / 2))
        })
      }).pipe(Effect.scoped, Effect.provide(Logger.layer([]))),
    60_000
  )
})
