/**
 * Findings: what is asked of a Prometheus after a run, and the tables made of the answers. Everything is told of a span in which nothing
 * started or stopped but what the run itself stopped.
 */
import { type Prometheus, type Ranges, ruleEvery } from "./Prometheus.ts"
import { perSecond, type Service, vanishing } from "./Services.ts"

/** `from` and `to` in seconds since the epoch. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface Mode {
  /** As the names of its scrape jobs begin. */
  readonly name: string
  readonly title: string
}

export interface Plan {
  readonly dumps: ReadonlyArray<number>
  readonly scrapes: ReadonlyArray<number>
  readonly windows: ReadonlyArray<string>
  readonly modes: ReadonlyArray<Mode>
  /** Those of which the rates are told. */
  readonly rated: ReadonlyArray<Mode>
  readonly pairs: ReadonlyArray<Mode>
  readonly pairScrape: number
  readonly steady: number
}

export const markdown = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("")

interface Spread {
  readonly min: number
  readonly max: number
  /** Mean distance from the truth, as a share of it. */
  readonly off: number
  /** Of the moments, those without a value. */
  readonly missing: number
}

/** By mode, dump and scrape interval, for one window. */
type Spreads = ReadonlyMap<string, Spread>

const spreadsOf = async (
  prometheus: Prometheus,
  series: string,
  { from, to }: Span,
  steady: number
): Promise<Spreads> => {
  const range = `[${Math.round(to - from)}s:${ruleEvery}s]`
  const ask = (expression: string) => prometheus.query(expression, to)
  const [mins, maxes, offs, counts] = await Promise.all([
    ask(`min by (via, dump) (min_over_time(${series}${range}))`),
    ask(`max by (via, dump) (max_over_time(${series}${range}))`),
    ask(`sum by (via, dump) (sum_over_time(abs(${series} - ${perSecond})${range}))`),
    ask(`sum by (via, dump) (count_over_time(${series}${range}))`)
  ])
  const key = (labels: Readonly<Record<string, string>>) => `${labels.via} ${labels.dump}`
  const at = (found: typeof mins) => new Map(found.map(({ labels, value }) => [key(labels), value]))
  const [min, max, off] = [at(mins), at(maxes), at(offs)]
  const expected = steady * Math.floor((to - from) / ruleEvery)
  return new Map(
    counts.map(({ labels, value: count }) => {
      const k = key(labels)
      const missing = Math.max(0, 1 - count / expected)
      return [k, { min: min.get(k)!, max: max.get(k)!, off: off.get(k)! / count / perSecond, missing }]
    })
  )
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`

const cell = (spread: Spread | undefined): string => {
  if (spread === undefined || spread.missing > 0.95) return "no value"
  const { min, max, off, missing } = spread
  return `${percent(off)} (${min.toFixed(2)}–${max.toFixed(2)})${missing < 0.01 ? "" : `, ${Math.round(100 * missing)} % without`}`
}

export interface Rates {
  readonly window: string
  /** As rules and alerts saw it at the moment. */
  readonly live: Spreads
  /** The same moments, asked for when all samples were there, as a graph does. */
  readonly later: Spreads
}

export const ratesOf = async (
  prometheus: Prometheus,
  plan: Plan,
  window: string,
  { from, to }: Span
): Promise<Rates> => {
  const lag = Math.max(...plan.dumps) + Math.max(...plan.scrapes) + 10
  return {
    window,
    live: await spreadsOf(prometheus, `{__name__="live:rate:${window}"}`, { from, to }, plan.steady),
    later: await spreadsOf(prometheus, `rate(ticks_total[${window}])`, { from, to: to - lag }, plan.steady)
  }
}

/** Of every pair of intervals: mean error, and the least and greatest value. */
export const rateTable = (plan: Plan, all: ReadonlyArray<Rates>, when: "live" | "later"): string => {
  const columns = all.flatMap((rates) => plan.rated.map((mode) => ({ rates, mode })))
  const rows = plan.dumps.flatMap((dump) =>
    plan.scrapes.map((scrape) => [
      `${dump} s`,
      `${scrape} s`,
      ...columns.map(({ rates, mode }) => cell(rates[when].get(`${mode.name}-${scrape} ${dump}`)))
    ])
  )
  return markdown(["dump", "scrape", ...columns.map(({ rates, mode }) => `[${rates.window}] ${mode.title}`)], rows)
}

export const directTable = (plan: Plan, all: ReadonlyArray<Rates>): string =>
  markdown(
    ["scrape", ...all.map(({ window }) => `[${window}] direct scrape`)],
    plan.scrapes.map((scrape) => [
      `${scrape} s`,
      ...all.map(({ live }) => cell(live.get(`direct-${scrape} ${plan.dumps[0]}`)))
    ])
  )

/** Over all pairs of intervals of which two dumps and a scrape fit into the window: its mean error and the worst. */
export const summary = (plan: Plan, all: ReadonlyArray<Rates>): string => {
  const pairs = (window: string) =>
    plan.dumps.flatMap((dump) =>
      plan.scrapes.filter((s) => 2 * dump + s <= secondsOf(window) && s <= dump).map((scrape) => ({ dump, scrape }))
    )
  const told = ({ window, ...rates }: Rates, when: "live" | "later", mode: string): string => {
    const found = pairs(window).flatMap(({ dump, scrape }) => rates[when].get(`${mode}-${scrape} ${dump}`) ?? [])
    if (found.length === 0) return "–"
    const mean = found.reduce((sum, { off }) => sum + off, 0) / found.length
    const [min, max] = [Math.min(...found.map((f) => f.min)), Math.max(...found.map((f) => f.max))]
    return `${percent(mean)} (${min.toFixed(2)}–${max.toFixed(2)})`
  }
  const rows = all.flatMap((rates) =>
    (["live", "later"] as const).map((when) => [
      `[${rates.window}], ${when === "live" ? "at the moment" : "later"}`,
      ...plan.rated.map(({ name }) => told(rates, when, name))
    ])
  )
  return markdown(["", ...plan.rated.map(({ title }) => title)], rows)
}

export const secondsOf = (window: string): number => Number.parseInt(window, 10) * (window.endsWith("m") ? 60 : 1)

/** How long a query still showed what was gone. */
export const lingering = async (
  prometheus: Prometheus,
  plan: Plan,
  services: ReadonlyArray<Service>,
  { from, to }: Span
): Promise<string> => {
  const range = `${Math.round(to - from)}s`
  const last = await prometheus.query(`max_over_time((time() + 0 * vanishing)[${range}:1s])`, to)
  const goneAt = new Map(services.map(({ name, goneAt }) => [name, goneAt / 1000]))
  const rows = vanishing.flatMap((kind) =>
    plan.dumps.flatMap((dump) =>
      plan.scrapes.map((scrape) => [
        kind,
        `${dump} s`,
        `${scrape} s`,
        ...plan.modes.map(({ name }) => {
          const seen = last
            .filter(
              ({ labels }) => labels.kind === kind && labels.dump === String(dump) && labels.via === `${name}-${scrape}`
            )
            .map(({ labels, value }) => Math.round(value - goneAt.get(labels.instance!.split("/").at(-1)!)!))
          if (seen.length === 0) return "not seen"
          const [min, max] = [Math.min(...seen), Math.max(...seen)]
          return min === max ? `${min} s` : `${min}–${max} s`
        })
      ])
    )
  )
  return markdown(["", "dump", "scrape", ...plan.modes.map(({ title }) => title)], rows)
}

/** Stretches of more than a step without a value, in seconds, between the first and the last of a span. */
const holes = (ranges: Ranges, { from, to }: Span, step: number): ReadonlyArray<number> =>
  ranges.flatMap(({ points }) => {
    const times = [from - step, ...points.map(([at]) => at), to + step]
    return times.slice(1).flatMap((at, i) => (at - times[i]! > 1.5 * step ? [at - times[i]! - step] : []))
  })

const told = (ranges: Ranges, expected: number, span: Span, step: number): string => {
  if (ranges.length < expected) return `nothing found of ${expected - ranges.length} series`
  const lengths = holes(ranges, span, step)
  if (lengths.length === 0) return "none"
  const sorted = lengths.toSorted((a, b) => a - b)
  return `${lengths.length}: p50 ${sorted[sorted.length >> 1]} s, max ${sorted.at(-1)} s`
}

/** What became of the series that two pods show by turns. */
export const handoffs = async (
  prometheus: Prometheus,
  plan: Plan,
  rates: ReadonlyArray<Rates>,
  span: Span,
  stops: number
): Promise<string> => {
  const [from, to] = [Math.ceil(span.from / ruleEvery) * ruleEvery, Math.floor(span.to / ruleEvery) * ruleEvery]
  const services = plan.steady * plan.dumps.length
  const columns = await Promise.all(
    plan.pairs.map(async ({ name }) => {
      const via = `${name}-${plan.pairScrape}`
      const range = `${Math.round(to - from)}s`
      const [resets] = await prometheus.query(`sum(resets(ticks_total{via="${via}"}[${range}]))`, to)
      const later = await prometheus.range(`0 * ticks_total{via="${via}"}`, from, to, 1)
      const live = await prometheus.range(`max_over_time(live:shown{via="${via}"}[${ruleEvery}s])`, from, to, ruleEvery)
      const refused = prometheus.refused(new RegExp(`^${via}$`))
      return [
        String(resets?.value ?? "nothing found"),
        told(later, services, { from, to }, 1),
        told(live, services, { from, to }, ruleEvery),
        ...Object.values(refused).map(String),
        ...rates.flatMap(({ live }) => plan.dumps.map((dump) => cell(live.get(`${via} ${dump}`))))
      ]
    })
  )
  const names = [
    "counter resets",
    "holes, as a graph shows them later",
    "holes, as rules saw them",
    "samples refused: out of order",
    "samples refused: same time, other value",
    "samples refused: out of bounds",
    ...plan.windows.flatMap((w) => plan.dumps.map((dump) => `rate[${w}], dumps every ${dump} s`))
  ]
  const rows = names.map((name, row) => [name, ...columns.map((column) => column[row]!)])
  return markdown([`${stops} × a pod stopped and started`, ...plan.pairs.map(({ title }) => title)], rows)
}

/** Samples that were refused while nothing moved. */
export const quietRefusals = (prometheus: Prometheus, plan: Plan): string => {
  const rows = plan.modes.map(({ name, title }) => [
    title,
    ...Object.values(prometheus.refused(new RegExp(`^${name}-\\d+$`))).map(String)
  ])
  return markdown(["", "out of order", "same time, other value", "out of bounds"], rows)
}
