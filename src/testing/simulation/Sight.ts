/**
 * Sight: what a scrape of a simulated pod shows, of metrics read from the text that the real renderer makes of them. By series: `source/v` and
 * `source/w`, which must always agree. Who shows one number a source shows it in both.
 */
import { render } from "../../metrics/body/Renderer.ts"
import type { Look } from "../../metrics/cache/MetricsCache.ts"
import type { Dump } from "../../metrics/text/Dump.ts"

/** What is seen of a pod's content at one instant. */
export interface Sight {
  /** By series; `whole`: as one body, else put together from its parts, which is faster. */
  readonly values: (whole: boolean) => ReadonlyMap<string, number>
  /** Nobody looks any more. */
  readonly end: () => void
  /** A body made of it was sent whole. Absent: nobody wants to know. */
  readonly delivered?: () => void
}

export const nothingSeen: Sight = { values: () => new Map(), end: () => {} }

export const subjectSight = (shown: ReadonlyMap<string, number>): Sight => ({
  values: () =>
    new Map([...shown].flatMap(([source, n]) => [[`${source}/v`, n] as const, [`${source}/w`, n] as const])),
  end: () => {}
})

const line = /^([vw])\{[^\n]*instance="([^"]*)"[^\n]*\} (\d+)(?: \d+)?$/gm
const read = (dumps: ReadonlyArray<Dump>, into: Map<string, number>): void => {
  const text = Buffer.concat([...render(dumps, "text")]).toString()
  for (const match of text.matchAll(line)) into.set(`${match[2]}/${match[1]}`, Number(match[3]))
}

const rendered = new WeakMap<Dump, ReadonlyMap<string, number>>()
const valuesOf = (dump: Dump): ReadonlyMap<string, number> => {
  let values = rendered.get(dump) as Map<string, number> | undefined
  if (values === undefined) {
    values = new Map()
    read([dump], values)
    rendered.set(dump, values)
  }
  return values
}

export const metricsSight = ({ dumps, end, delivered }: Look): Sight => ({
  values: (whole) => {
    const values = new Map<string, number>()
    if (whole) read(dumps, values)
    else for (const dump of dumps) for (const [series, value] of valuesOf(dump)) values.set(series, value)
    return values
  },
  end,
  ...(delivered === undefined ? {} : { delivered })
})
