/** SaidLog: a log's records, made from a seed: three sources that say 1, 2, 3 … in turns left to chance. */
import type { LogRecord } from "../../../transport/Transport.ts"
import { type Random, random } from "../../Random.ts"
import type { Said } from "../../Subject.ts"
import { recordOf } from "./Incarnation.ts"

const sources = ["a", "b", "c"] as const

export interface Entry {
  readonly source: string
  readonly n: number
  readonly record: LogRecord
}

export class SaidLog {
  readonly entries: Array<Entry> = []
  readonly random: Random
  private readonly says: (source: string, n: number) => Said
  private readonly sources: ReadonlyArray<string>
  private readonly last = new Map<string, number>()

  /** `of`: before each source's name, so that two partitions have sources of their own. */
  constructor(says: (source: string, n: number) => Said, seed = 1, of = "") {
    this.says = says
    this.sources = sources.map((source) => `${of}${source}`)
    this.random = random(seed)
  }

  get end(): number {
    return this.entries.length
  }

  /** The next thing that the source says. */
  say(source: string): Entry {
    const n = (this.last.get(source) ?? 0) + 1
    this.last.set(source, n)
    const entry = { source, n, record: recordOf(this.end, source, this.says(source, n)) }
    this.entries.push(entry)
    return entry
  }

  /** So many more, of whichever sources. */
  grow(count: number): this {
    for (let i = 0; i < count; i++) this.say(this.random.pick(this.sources))
    return this
  }

  /** [from, to) */
  records(from: number, to = this.end): ReadonlyArray<LogRecord> {
    return this.entries.slice(from, to).map(({ record }) => record)
  }

  /** [from, to), cut at random. */
  batches(from: number, to = this.end): ReadonlyArray<ReadonlyArray<LogRecord>> {
    const batches: Array<ReadonlyArray<LogRecord>> = []
    for (let at = from; at < to; ) {
      const next = Math.min(to, at + this.random.int(1, 5))
      batches.push(this.records(at, next))
      at = next
    }
    return batches
  }

  /** What each source said last in [from, to). */
  newest(to = this.end, from = 0): ReadonlyMap<string, number> {
    return new Map(this.entries.slice(from, to).map(({ source, n }) => [source, n]))
  }
}
