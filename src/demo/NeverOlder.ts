/**
 * NeverOlder: the demo's judge. It sees only what a scraper sees: bodies in the order in which they were scraped, one
 * after the other from whichever pod. A counter (or a histogram's count or bucket) that shows less than any scrape
 * before it showed is an older value: the one thing that must never happen. Pure; reads text 0.0.4.
 */
export interface Older {
  readonly pod: string
  readonly series: string
  readonly shown: number
  readonly before: number
  readonly beforePod: string
}

export class NeverOlder {
  private readonly highest = new Map<string, { value: number; pod: string }>()
  /** Latest dump time seen per source, seconds since the epoch. */
  private readonly dumped = new Map<string, number>()
  readonly older: Array<Older> = []
  scrapes = 0
  values = 0

  get sources(): number {
    return this.dumped.size
  }

  get allSources(): Iterable<string> {
    return this.dumped.keys()
  }

  /** Answers the latencies (ms) of the rounds that this body shows for the first time, and which sources it holds. */
  judge(pod: string, body: string, now: number): { readonly latencies: Array<number>; readonly sources: Set<string> } {
    const latencies: Array<number> = []
    const sources = new Set<string>()
    let monotone = false
    this.scrapes += 1
    for (const line of body.split("\n")) {
      if (line.startsWith("# TYPE ")) monotone = / (counter|histogram)$/.test(line)
      if (line === "" || line.startsWith("#")) continue
      // Every series has labels; after the value there may be a timestamp.
      const space = line.lastIndexOf("} ") + 1
      const series = line.slice(0, space)
      const value = Number(line.slice(space + 1).split(" ", 1)[0])
      if (series.startsWith("demo_dump_timestamp_seconds")) {
        const source = /instance="([^"]*)"/.exec(series)?.[1] ?? series
        sources.add(source)
        if (value > (this.dumped.get(source) ?? 0)) {
          this.dumped.set(source, value)
          latencies.push(now - value * 1_000)
        }
      }
      // A histogram's sum may go down where observations are negative; its counts may not.
      if (!monotone || /^[^{]*_sum[{]/.test(series)) continue
      this.values += 1
      const before = this.highest.get(series)
      if (before !== undefined && value < before.value)
        this.older.push({ pod, series, shown: value, before: before.value, beforePod: before.pod })
      else this.highest.set(series, { value, pod })
    }
    return { latencies, sources }
  }
}
