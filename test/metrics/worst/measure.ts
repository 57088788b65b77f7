/**
 * measure: what the worst records really cost, beside ordinary dumps in the same run, and what the cache says that it takes.
 *
 *     node --expose-gc test/metrics/worst/measure.ts [word of a kind]
 *
 * CPU and growth are of a byte of input, in times of an ordinary dump's; `counted` is the cache's own count in times of the growth. With
 * `--json` for programs.
 */
import { bytesIn, type Kind, kinds, ordinary, recordsOf } from "./rounds.ts"
import { Subject } from "./subject.ts"

export interface Measured {
  readonly name: string
  readonly records: number
  /** Nanoseconds of CPU and bytes of growth, of a byte of input. */
  readonly cpu: number
  readonly growth: number
  readonly counted: number
  readonly grownPerRecord: number
}

const gc = (globalThis as { gc?: () => void }).gc
const held = (): number => {
  for (let i = 0; i < 4; i++) gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const measure = (kind: Kind, count: number): Measured => {
  const records = recordsOf(kind, count)
  const bytes = records.reduce((sum, record) => sum + bytesIn(record), 0)
  const subject = new Subject()
  const before = held()
  const start = process.cpuUsage()
  subject.take(records)
  const { user, system } = process.cpuUsage(start)
  const grown = held() - before
  // Alive until here.
  const counted = subject.bytes + 0 * records.length
  return {
    name: kind.name,
    records: count,
    cpu: ((user + system) * 1000) / bytes,
    growth: grown / bytes,
    counted: counted / grown,
    grownPerRecord: grown / count
  }
}

/** Twice: what comes first pays for the compiler. */
const measureTwice = (kind: Kind, count: number): Measured => {
  measure(kind, Math.ceil(count / 4))
  return measure(kind, count)
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const json = process.argv.includes("--json")
  const word = process.argv.slice(2).find((arg) => !arg.startsWith("--")) ?? ""
  const usual = measureTwice(ordinary, ordinary.count)
  const all = [usual]
  for (const kind of kinds.filter(({ name }) => name.includes(word)))
    for (const times of [1, 2]) all.push(measureTwice(kind, times * kind.count))
  if (json) process.stdout.write(JSON.stringify(all))
  else
    console.table(
      all.map(({ name, records, cpu, growth, counted, grownPerRecord }) => ({
        name,
        records,
        "ns/B": cpu.toFixed(1),
        "x CPU": (cpu / usual.cpu).toFixed(1),
        "x growth": (growth / usual.growth).toFixed(1),
        "grown/record": Math.round(grownPerRecord),
        counted: counted.toFixed(2)
      }))
    )
}
