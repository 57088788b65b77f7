/**
 * What Prometheus does to samples that carry another time than their scrape's: late ones, early ones, and those of a clock that was
 * early and is put right. Nothing of kafka2prom has a part in it: a page with explicit timestamps, scraped every five seconds.
 */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import type { Stage } from "../../support/processes.ts"
import { Prometheus } from "./Prometheus.ts"

/** Seconds that the samples' time is ahead of the wall clock. */
const offsets = [0, -60, -240, -330, -1800, -4500, 30, 240, 540, 660]
const corrected = 240
const every = 5

export interface Stamped {
  readonly what: string
  readonly scraped: number
  readonly stored: number
  /** Whether an instant query of the present showed it, as an alert would have asked. */
  readonly now: boolean
}

export const stamps = async (
  stage: Stage,
  program: string,
  name: string,
  seconds: number
): Promise<ReadonlyArray<Stamped>> => {
  const start = Date.now()
  let scrapes = 0
  let afterwards = 0
  const isPutRight = () => Date.now() > start + (seconds * 1000) / 2
  const server = createServer((_, response) => {
    const now = Date.now()
    scrapes += 1
    if (isPutRight()) afterwards += 1
    const ahead = isPutRight() ? 0 : corrected
    const lines = offsets.map((s) => `stamped{ahead="${s}"} 1 ${now + s * 1000}\n`)
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4" })
    response.end(`${lines.join("")}put_right 1 ${now + ahead * 1000}\n`)
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const prometheus = await Prometheus.start(
    stage,
    program,
    name,
    [{ name: "stamps", every, targets: [{ address }] }],
    []
  )
  await delay(seconds * 1000)
  const wall = Date.now() / 1000
  const shown = await prometheus.query("stamped", wall)
  const rightNow = await prometheus.query("put_right", wall)
  server.close()
  server.closeAllConnections()
  const stored = await prometheus.query("count_over_time(stamped[3h])", wall + 900)
  const ofPutRight = await prometheus.query("count_over_time(put_right[3h])", wall + 900)
  const of = (found: typeof shown, ahead: number) => found.find(({ labels }) => labels.ahead === String(ahead))
  return [
    ...offsets.map((ahead) => ({
      ...{
        what: ahead === 0 ? "of the scrape's time" : `${Math.abs(ahead)} s ${ahead < 0 ? "late" : "early"}`,
        scraped: scrapes
      },
      ...{ stored: of(stored, ahead)?.value ?? 0, now: of(shown, ahead) !== undefined }
    })),
    {
      ...{ what: `${corrected} s early, then put right`, scraped: afterwards, now: rightNow.length > 0 },
      stored: Math.max(0, (ofPutRight[0]?.value ?? 0) - (scrapes - afterwards))
    }
  ]
}
