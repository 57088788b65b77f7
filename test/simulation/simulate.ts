/**
 * simulate: fresh seeds on all cores for as long as it is told, `npm run simulate -- --for 1h [--seed n] [--faults n] [--log-back]`.
 * A line a minute; at the first broken promise the shrunk history and exit 1.
 */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import { simulate } from "../../src/testing/simulation/Simulate.ts"
import { noTotals, sum, type Totals, tell } from "../../src/testing/simulation/Totals.ts"

interface Task {
  readonly first: number
  readonly step: number
  readonly until: number
  readonly faults: number | undefined
  readonly logBack: boolean
}

interface Report {
  readonly totals: Totals
  readonly broken: string | undefined
}

const units = { s: 1_000, m: 60_000, h: 3_600_000 } as const

const usage = (problem: string): never => {
  console.error(`${problem}\nusage: npm run simulate -- [--for 30s|10m|1h] [--seed n] [--faults n] [--log-back]`)
  process.exit(2)
}

const duration = (text: string): number => {
  const [, n, unit] = /^(\d+)(s|m|h)$/.exec(text) ?? usage(`--for takes a duration such as 10m, not ${text}`)
  return Number(n) * units[unit as keyof typeof units]
}

const whole = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const n = Number(text)
  return Number.isSafeInteger(n) && n >= 0 ? n : usage(`--${name} takes a whole number, not ${text}`)
}

const options = () => {
  try {
    return parseArgs({
      options: {
        for: { type: "string", default: "1m" },
        seed: { type: "string" },
        faults: { type: "string" },
        "log-back": { type: "boolean", default: false }
      }
    }).values
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}

const work = ({ first, step, until, faults, logBack }: Task): void => {
  for (let seed = first; Date.now() < until; seed += step) {
    const { broken, ...totals } = simulate({
      seeds: { from: seed, count: 1 },
      ...(logBack ? { profile: seed % 12 === 0 ? "calmLogBack" : "logBack" } : {}),
      ...(faults === undefined ? {} : { faults })
    })
    parentPort!.postMessage({ totals, broken: broken?.message } satisfies Report)
    if (broken !== undefined) return
  }
}

const main = (): void => {
  const given = options()
  const ms = duration(given.for)
  const seed = whole("seed", given.seed) ?? Date.now() % 1_000_000_000
  const faults = whole("faults", given.faults)
  const started = Date.now()
  const cores = availableParallelism()
  console.log(`seeds from ${seed} on ${cores} cores for ${given.for}${given["log-back"] ? ", logs go back" : ""}`)
  let totals = noTotals()
  const line = (): string => {
    const minutes = (Date.now() - started) / 60_000
    return `${minutes.toFixed(1)} min: ${tell(totals)}; a minute: ${(totals.faults / minutes).toFixed(0)} faults, ${(totals.podHours / minutes).toFixed(2)} pod-hours`
  }
  const ticking = setInterval(() => console.log(line()), 60_000)
  let left = cores
  for (let i = 0; i < cores; i++) {
    const task: Task = { first: seed + i, step: cores, until: started + ms, faults, logBack: given["log-back"] }
    const worker = new Worker(new URL(import.meta.url), { workerData: task })
    worker.on("message", (report: Report) => {
      totals = sum([totals, report.totals])
      if (report.broken === undefined) return
      console.error(report.broken)
      console.log(line())
      process.exit(1)
    })
    worker.on("error", (error) => {
      console.error(error)
      process.exit(1)
    })
    worker.on("exit", () => {
      left -= 1
      if (left > 0) return
      clearInterval(ticking)
      console.log(line())
    })
  }
}

if (isMainThread) main()
else work(workerData as Task)
