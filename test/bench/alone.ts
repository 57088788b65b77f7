/** The benchmarks without Kafka, each in a fresh process, so that none finds another's garbage or compiled code. */
import type { Bench, Table } from "./Bench.ts"

const main = new URL("inProcess/main.ts", import.meta.url).pathname

const alone = (name: string, about: string): Bench => ({
  name,
  about,
  run: async ({ stage, quick }) => {
    const running = stage.run(name, process.execPath, [main, name, quick ? "quick" : "full"])
    const { code, signal } = await running.ended
    if (code !== 0) throw new Error(`${name} ended with ${signal ?? code}:\n${running.out.stderr}`)
    return JSON.parse(running.out.stdout) as ReadonlyArray<Table>
  }
})

export const aloneBenches: ReadonlyArray<Bench> = [
  alone("parser", "parser alone: five kinds of dumps, first time and next round"),
  alone("cache", "a record into the cache, up to the accepted round"),
  alone("render", "the body of 400,000 series: text, OpenMetrics, gzip"),
  alone("embedded-log", "records through the in-memory log")
]
