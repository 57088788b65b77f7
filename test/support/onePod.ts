/**
 * What one pod shows of one record: the real cache of a partition takes it, and both bodies of `/metrics` are rendered from that. No
 * broker, no clock: the record is as fresh as can be.
 */

import { render } from "../../src/metrics/body/Renderer.ts"
import { Budget } from "../../src/metrics/cache/Budget.ts"
import type { RefusalStatus } from "../../src/metrics/cache/MetricsCache.ts"
import { defaultCacheLimits } from "../../src/metrics/cache/MetricsProcessor.ts"
import { PartitionCache } from "../../src/metrics/cache/PartitionCache.ts"
import { defaultParseLimits } from "../../src/metrics/text/Dump.ts"
import { noTime } from "../../src/testing/NoTime.ts"

/** The source, which every series gets as its `instance`. */
export const source = "oracle:1"
/** When the record came, and whose time its samples have where they say none. */
export const arrival = 1_795_780_000_000

export const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"
export const textType = "text/plain; version=0.0.4; charset=utf-8"

export interface Shown {
  readonly text: Buffer
  readonly openmetrics: Buffer
  readonly refusals: ReadonlyArray<RefusalStatus>
}

const utf8 = new TextEncoder()

/** `more`: headers besides the content type. */
export const shownOf = (
  value: Uint8Array,
  contentType: string,
  timestamps: "scrape" | "event",
  more: Readonly<Record<string, string>> = {}
): Shown => {
  const now = { wall: arrival, mono: 0 }
  const cache = new PartitionCache(
    { topic: "metrics", partition: 0 },
    noTime,
    {
      expiry: 90_000,
      timestamps,
      sourceLabel: "instance",
      limits: { ...defaultParseLimits, ...defaultCacheLimits }
    },
    new Budget("pod", { series: 1e9, bytes: 1e12 })
  )
  const headers = { ...more, "k2p-mode": "snapshot", ...(contentType === "" ? {} : { "content-type": contentType }) }
  cache.take(
    {
      offset: 0,
      timestamp: arrival,
      key: utf8.encode(source),
      // The bytes are the log's, and a cache may keep none of them.
      value: new Uint8Array(value),
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, utf8.encode(text)]))
    },
    0,
    now
  )
  cache.reached(1, 0, now)
  const content = cache.content(() => now)
  const dumps = content.look().dumps
  return {
    text: Buffer.concat([...render(dumps, "text", "allow-utf-8")]),
    openmetrics: Buffer.concat([...render(dumps, "openmetrics", "allow-utf-8")]),
    refusals: content.refusals()
  }
}
