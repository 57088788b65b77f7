/** The example of a threshold with a webhook: over the real processor of metrics, with a real webhook on loopback. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { PartitionProcessor } from "kafka2prom/engine"
import { type Alert, layer } from "../../docs/examples/threshold-webhook/extension.ts"
import { MetricsCache } from "../../src/metrics/cache/MetricsCache.ts"
import * as MetricsProcessor from "../../src/metrics/cache/MetricsProcessor.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { openingOf } from "../../src/testing/TestOpening.ts"
import { type Sent, toRecord } from "../metrics/records.ts"

/** A webhook that answers these, then 200. */
const hook = (answers: ReadonlyArray<number> = []) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const alerts: Array<Alert> = []
      const left = [...answers]
      const server = createServer((request, response) => {
        let body = ""
        request.on("data", (part) => {
          body += part
        })
        request.on("end", () => {
          const status = left.shift() ?? 200
          if (status === 200) alerts.push(...(JSON.parse(body) as ReadonlyArray<Alert>))
          response.writeHead(status).end()
        })
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return { server, alerts, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
    }),
    ({ server }) => Effect.promise(() => new Promise((resolve) => server.close(resolve)))
  )

const thresholds = [{ name: "queue_depth", above: true, bound: 10 }]

/** The records go through a pod's processor with the example over it. */
const process = (url: string, sent: ReadonlyArray<Sent>, committed = 0) =>
  Effect.gen(function* () {
    const processor = yield* PartitionProcessor
    const processing = yield* processor.open(
      openingOf(
        { topic: "metrics", partition: 0 },
        {
          plan: {
            start: 0,
            fence: sent.length,
            committed,
            logEnd: sent.length,
            logStart: 0,
            restarted: false,
            memo: ""
          }
        }
      )
    )
    yield* processing.process({ records: sent.map((s, i) => toRecord(i, s)), next: sent.length, fence: sent.length })
  }).pipe(
    Effect.scoped,
    Effect.provide(
      MetricsProcessor.layer(MetricsProcessor.defaultMetricsOptions).pipe(
        Layer.provideMerge(
          Layer.mergeAll(
            MetricsCache.layer,
            SelfMetrics.layerBare,
            layer({ webhook: url, thresholds }),
            Logger.layer([])
          )
        )
      )
    )
  )

const round = (v: string, depth: number | undefined): Sent => ({
  v,
  text: depth === undefined ? "other 1\n" : `queue_depth{q="a"} ${depth}\nqueue_depth_max 99\n`
})
const series = 'queue_depth{q="a",instance="s"}'
const told = ({ alerts }: { readonly alerts: ReadonlyArray<Alert> }) =>
  alerts.map(({ state, value }) => `${state} ${value}`)

describe("the example threshold-webhook", () => {
  it.live("calls once when a series passes its threshold and once when it is back", () =>
    Effect.gen(function* () {
      const webhook = yield* hook()
      yield* process(webhook.url, [round("1.1", 5), round("1.2", 11), round("1.3", 12), round("1.4", 7)])
      assert.deepStrictEqual(webhook.alerts, [
        { state: "firing", series, value: 11, source: "s", id: `metrics/0/1 ${series}` },
        { state: "resolved", series, value: 7, source: "s", id: `metrics/0/3 ${series}` }
      ])
    }).pipe(Effect.scoped)
  )

  it.live("resolves what left its dump, and what a source had that ended", () =>
    Effect.gen(function* () {
      const webhook = yield* hook()
      yield* process(webhook.url, [
        round("1.1", 11),
        round("1.2", undefined),
        round("1.3", 12),
        { v: "1.4", text: null }
      ])
      assert.deepStrictEqual(told(webhook), ["firing 11", "resolved 11", "firing 12", "resolved null"])
    }).pipe(Effect.scoped)
  )

  it.live("does not tell again what an earlier owner told and committed, and knows it", () =>
    Effect.gen(function* () {
      const webhook = yield* hook()
      yield* process(webhook.url, [round("1.1", 11), round("1.2", 12), round("1.3", 3)], 2)
      assert.deepStrictEqual(told(webhook), ["resolved 3"])
    }).pipe(Effect.scoped)
  )

  it.live("tries again, gives up after three tries, and goes on", () =>
    Effect.gen(function* () {
      const webhook = yield* hook([500, 503, 200, 500, 500, 500])
      yield* process(webhook.url, [round("1.1", 11), round("1.2", 1), round("1.3", 13)])
      assert.deepStrictEqual(told(webhook), ["firing 11", "firing 13"])
    }).pipe(Effect.scoped)
  )
})
