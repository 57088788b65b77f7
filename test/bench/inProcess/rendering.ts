/**
 * Rendering alone: 400 sources with 1,000 series each into one body, chunks taken and thrown away: as text 0.0.4, as OpenMetrics, and as
 * text with gzip as the endpoint packs it.
 *
 * Not measured: the cut, its proof, HTTP and the socket (see the scrape under ingest). Why it does not favour us: every source has
 * its own lines, none is rendered twice in a pass.
 */

import { GzipOutlet } from "../../../src/http/Gzip.ts"
import { render } from "../../../src/metrics/body/Renderer.ts"
import type { Stage } from "../../support/processes.ts"
import { MB, type Table } from "../Bench.ts"
import { mixedService, sourceName } from "../dumps/mixed.ts"
import { paceOf } from "./stopwatch.ts"
import { dumpOf } from "./subject.ts"

const sizeOf = (chunks: Iterable<Uint8Array>): number => {
  let size = 0
  for (const chunk of chunks) size += chunk.length
  return size
}

export const rendering = async (_: Stage, quick: boolean): Promise<ReadonlyArray<Table>> => {
  const sources = quick ? 40 : 400
  const rounds = Array.from({ length: sources }, (_, i) => mixedService(i).round())
  const dumps = rounds.map((round, i) => dumpOf(sourceName(i), round))
  const stamped = rounds.map((round, i) => dumpOf(sourceName(i), round, "event"))
  const seconds = quick ? 0.2 : 3
  let packed = 0
  const gzipped = async (): Promise<number> => {
    packed = 0
    let plain = 0
    const counted = function* () {
      for (const chunk of render(dumps, "text")) {
        plain += chunk.length
        yield chunk
      }
    }
    const gzip = new GzipOutlet({
      put: async (bytes) => {
        packed += bytes.length
      },
      whenTaken: (then) => then(),
      end: async () => {},
      close: () => {}
    })
    for (const chunk of counted()) await gzip.put(chunk)
    await gzip.end()
    return plain
  }
  const body = sizeOf(render(dumps, "text"))
  const rows = []
  for (const [name, pass] of [
    ["text 0.0.4", () => sizeOf(render(dumps, "text"))],
    ["OpenMetrics 1.0", () => sizeOf(render(dumps, "openmetrics"))],
    ["text 0.0.4, event mode", () => sizeOf(render(stamped, "text"))],
    ["OpenMetrics 1.0, event mode", () => sizeOf(render(stamped, "openmetrics"))],
    ["text 0.0.4, gzip", gzipped]
  ] as const) {
    const { megabytesPerCpuSecond, cpuNsPerByte, passMs } = await paceOf(pass, seconds)
    rows.push({ name, cells: [megabytesPerCpuSecond, cpuNsPerByte, passMs] })
  }
  return [
    {
      title: `Rendering alone: ${sources} sources × 1,000 series, a body of ${(body / MB).toFixed(1)} MB`,
      columns: [
        { name: "MB per CPU second", better: "more", digits: 0 },
        { name: "CPU ns per byte", better: "less", digits: 2 },
        { name: "wall ms a body", better: "less", digits: 1 }
      ],
      rows,
      notes: [`Bytes are the body's before gzip, which makes ${(packed / MB).toFixed(1)} MB of it.`]
    }
  ]
}
