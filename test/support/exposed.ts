/**
 * Exposed: what a scraper sees and concludes from it. Reads bodies in text 0.0.4 by itself, sharing no code with the
 * renderer; the judge looks at scrapes in the order in which they were made, one after the other from whichever pod, and
 * notes every value that is older than one shown before. It knows the metrics of service.ts.
 */
export interface Body {
  /** Series with its labels, as written, to its value. */
  readonly samples: ReadonlyMap<string, number>
  /** Series that may never decrease. */
  readonly monotone: ReadonlySet<string>
  /** The round that is shown of each source, by its instance label. */
  readonly rounds: ReadonlyMap<string, number>
}

const instance = (series: string): string | undefined => /[{,]instance="([^"]*)"/.exec(series)?.[1]

export const readBody = (text: string): Body => {
  const samples = new Map<string, number>()
  const monotone = new Set<string>()
  const rounds = new Map<string, number>()
  const types = new Map<string, string>()
  for (const line of text.split("\n")) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line)
    if (type !== null) types.set(type[1]!, type[2]!)
    if (line === "" || line.startsWith("#")) continue
    const sample = /^([^{ ]+(?:\{.*\})?) (\S+)(?: \d+)?$/.exec(line)
    if (sample === null) throw new Error(`no sample line: ${line}`)
    const [series, value] = [sample[1]!, Number(sample[2])]
    if (samples.has(series)) throw new Error(`twice in one body: ${series}`)
    samples.set(series, value)
    const name = /^[^{]*/.exec(series)![0]
    const family = name.replace(/_(bucket|count)$/, "")
    if (types.get(name) === "counter" || (family !== name && types.get(family) === "histogram")) monotone.add(series)
    if (name === "test_round") rounds.set(instance(series) ?? "", value)
  }
  return { samples, monotone, rounds }
}

export class Judge {
  private readonly highest = new Map<string, { value: number; pod: string }>()
  /** One sentence for each value that should not have been shown. */
  readonly wrong: Array<string> = []
  scrapes = 0
  values = 0

  judge(pod: string, body: Body): void {
    this.scrapes += 1
    for (const series of body.monotone) this.notBelow(pod, series, body.samples.get(series)!)
    for (const [source, round] of body.rounds) this.notBelow(pod, `round of ${source}`, round)
    for (const [series, value] of body.samples) {
      if (!series.startsWith("test_rounds_total{")) continue
      const source = instance(series) ?? ""
      if (body.rounds.get(source) !== value)
        this.wrong.push(`${pod} shows two rounds of ${source} at once: ${body.rounds.get(source)} and ${value}`)
    }
  }

  private notBelow(pod: string, series: string, value: number): void {
    this.values += 1
    const before = this.highest.get(series)
    if (before !== undefined && value < before.value)
      this.wrong.push(`${pod} shows ${value} of ${series} after ${before.pod} showed ${before.value}`)
    else this.highest.set(series, { value, pod })
  }
}
