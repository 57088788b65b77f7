/** A scraper that throws the body away: what it costs is the server's. One connection a scrape. */
import { get } from "node:http"

export interface Scraped {
  /** Milliseconds from the request to the answer's first and last byte. */
  readonly first: number
  readonly last: number
  /** As they came, compressed or not. */
  readonly bytes: number
}

export const asText = { accept: "text/plain;version=0.0.4" } as const

/** What Prometheus sends by default. */
export const asPrometheus = {
  accept:
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
  "accept-encoding": "gzip",
  "x-prometheus-scrape-timeout-seconds": "10"
} as const

export const scrape = (url: string, headers: Readonly<Record<string, string>>): Promise<Scraped> =>
  new Promise((resolve, reject) => {
    const sent = performance.now()
    const request = get(url, { headers: { ...headers }, agent: false, timeout: 120_000 }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${url} answered ${response.statusCode}`))
      let first: number | undefined
      let bytes = 0
      response.on("data", (chunk: Buffer) => {
        first ??= performance.now() - sent
        bytes += chunk.length
      })
      response.on("end", () => resolve({ first: first ?? 0, last: performance.now() - sent, bytes }))
      response.on("error", reject)
    })
    request.on("timeout", () => request.destroy(new Error(`${url} did not answer for 120 s`)))
    request.on("error", reject)
  })
