/**
 * measure: what the worst records really cost, beside ordinary dumps in the same run, and what the cache says that it takes.
 *
 *     node --expose-gc test/metrics/worst/measure.ts [words of kinds]
 *
 * CPU is of a byte of input, growth of a byte of what is kept in the end, both in times of an ordinary dump's; `counted` is the
 * cache's own count in times of the growth. With `--json` for programs.
 */
import type { ReadOptions } from "../../../src/metrics/read/Memory.ts"
import { readSnapshot } from "../../../src/metrics/read/Snapshot.ts"
import { defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { bytesIn, type Kind, kinds, ordinary, recordsOf } from "./rounds.ts"
import { Subject } from "./subject.ts"
import { texts } from "./texts.ts"

export interface Measured {
  readonly name: string
  readonly records: number
  /** Nanoseconds of CPU of a byte of input, bytes of growth of a byte of what is kept. */
  readonly cpu: number
  readonly growth: number
  readonly counted: number
  readonly grown: number
  /** The reader threw. */
  readonly defects: number
  readonly refused: Readonly<Record<string, number>>
}

const gc = (globalThis as { gc?: () => void }).gc
const held = (): number => {
  for (let i = 0; i < 4; i++) gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const attach = { sourceLabel: "instance", source: "s", labels: [] }
const nothing: ReadOptions = { format: "text", attach, limits: defaultParseLimits, timestamps: "scrape", time: 0 }

/** Less says nothing: what the process itself needs now and then is more. */
const LEAST = 64 * 1024
/** What is small is taken in several times: a reader's own memory, which it keeps, may be as much. */
const MUCH = 512 * 1024
const MOST_TIMES = 4

export const measure = (kind: Kind, count: number): Measured => {
  const records = recordsOf(kind, count)
  const sizes = records.map(bytesIn)
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  const kept = sizes.slice(-(kind.held ?? sizes.length)).reduce((sum, size) => sum + size, 0)
  const times = Math.max(1, Math.min(MOST_TIMES, Math.ceil(MUCH / kept)))
  const subjects = Array.from({ length: times }, () => new Subject())
  // The reader holds what samples were read by until it reads something else.
  readSnapshot(new Uint8Array(0), nothing, undefined)
  const before = held()
  const start = process.cpuUsage()
  for (const subject of subjects) subject.take(records)
  const { user, system } = process.cpuUsage(start)
  const grown = (held() - before) / times
  // Alive until here.
  const counted = subjects.reduce((sum, subject) => sum + subject.bytes, 0) / times + 0 * records.length
  const { defects, refused } = subjects[0]!.cache.takeTally()
  return {
    name: kind.name,
    records: count,
    cpu: ((user + system) * 1000) / (bytes * times),
    growth: grown / kept,
    counted: grown < LEAST && counted < LEAST ? 1 : counted / grown,
    grown,
    defects: defects.length,
    refused: Object.fromEntries(refused)
  }
}

/** What comes first pays for the compiler, and for what a reader keeps to work with. The quickest of some. */
export const measureOften = (kind: Kind, count: number, times = 1): Measured => {
  measure(kind, kinds.includes(kind) ? Math.ceil(count / 4) : count)
  let best = measure(kind, count)
  for (let i = 1; i < times; i++) {
    const again = measure(kind, count)
    if (again.cpu < best.cpu) best = again
  }
  return best
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const json = process.argv.includes("--json")
  const words = process.argv.slice(2).filter((arg) => !arg.startsWith("--"))
  const usual = measureOften(ordinary, ordinary.count, 3)
  const all = [usual]
  for (const kind of [...kinds, ...texts].filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word))
  ))
    for (const times of [1, 2]) all.push(measureOften(kind, times * kind.count))
  if (json) process.stdout.write(JSON.stringify(all))
  else
    console.table(
      all.map(({ name, records, cpu, growth, counted, grown, defects, refused }) => ({
        name,
        records,
        "ns/B": cpu.toFixed(1),
        "x CPU": (cpu / usual.cpu).toFixed(1),
        "x growth": (growth / usual.growth).toFixed(1),
        "grown/record": Math.round(grown / records),
        counted: counted.toFixed(2),
        refused: [...(defects > 0 ? [`DEFECTS: ${defects}`] : []), ...Object.keys(refused)].join()
      }))
    )
}
