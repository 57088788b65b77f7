/**
 * agree: what a chain of texts must come to, whatever is in it: nothing is thrown, each text is what it would be without those before,
 * and what is shown is one line a series, each in a family of its own name. Answers what is wrong.
 */

import type { Page } from "../../../src/metrics/read/Page.ts"
import { noSamples, reader, readSnapshot } from "../../../src/metrics/read/Snapshot.ts"
import { Ages } from "../../../src/metrics/rounds/Ages.ts"
import { SampleSeries } from "../../../src/metrics/samples/SampleSeries.ts"
import type { Dump } from "../../../src/metrics/text/Dump.ts"
import { eachSeries, floatLabelsOf } from "../../../src/metrics/text/Series.ts"
import { isRefusal } from "../../support/parse.ts"
import type { Chain } from "./grammar.ts"

const now = { wall: 0, mono: 0 }
const ages = new Ages(() => undefined)

const shown = ({ families, series, bytes, refused }: Dump): string =>
  JSON.stringify(
    {
      families: [...families].map((family) => ({
        ...family,
        gather: undefined,
        bytes: Buffer.from(family.bytes).toString("latin1")
      })),
      series,
      bytes,
      refused
    },
    null,
    1
  )

const wrongOf = (dump: Dump): string | undefined => {
  const names = new Set<string>()
  const keys = new Set<string>()
  let series = 0
  for (const family of dump.families) {
    if (names.has(family.textName)) return `family ${family.textName} twice`
    names.add(family.textName)
    let lines = 0
    let twice = ""
    eachSeries(family, floatLabelsOf(family.type), ({ key }) => {
      if (keys.has(key)) twice = key
      keys.add(key)
      lines++
    })
    if (twice !== "") return `series ${twice} twice`
    if (lines !== family.series) return `${family.series} series, ${lines} lines of ${family.textName}`
    series += lines
  }
  return series === dump.series ? undefined : `${dump.series} series, ${series} lines`
}

/** The first difference of two texts, with what stands before it. */
const difference = (a: string, b: string): string => {
  let i = 0
  while (i < a.length && a[i] === b[i]) i++
  return `${a.slice(Math.max(0, i - 200), i + 100)}\n--- without\n${b.slice(Math.max(0, i - 200), i + 100)}`
}

const snapshots = ({ texts }: Chain): string | undefined => {
  let page: Page | undefined
  for (const [round, { bytes, options }] of texts.entries()) {
    const known = readSnapshot(bytes, options, page)
    const alone = readSnapshot(bytes, options, undefined)
    if (isRefusal(known) || isRefusal(alone)) {
      if (JSON.stringify(known) !== JSON.stringify(alone) || !isRefusal(known))
        return `text ${round}: refused one way only`
      continue
    }
    const [mine, others] = [shown(known.dump), shown(alone.dump)]
    if (mine !== others) return `text ${round}: ${difference(mine, others)}`
    const wrong = wrongOf(known.dump)
    if (wrong !== undefined) return `text ${round}: ${wrong}`
    page = known
  }
  return undefined
}

const samples = ({ texts }: Chain): string | undefined => {
  const both = [new SampleSeries(), new SampleSeries()]
  for (const [round, { bytes, options }] of texts.entries()) {
    const stamp = { offset: round, timestamp: round, mono: 0, replayed: false }
    const told = both.map((series, k) => {
      const reading = reader.read(bytes, options, k === 0 ? series.memory() : undefined)
      if (isRefusal(reading)) return JSON.stringify(reading)
      reading.dropReserved()
      const why = noSamples(reading) ?? reading.refused()
      const size = series.measure(reading)
      if (reading.count > 0) series.add(reading, stamp)
      return JSON.stringify([why, size])
    })
    if (told[0] !== told[1]) return `text ${round}: ${difference(told[0]!, told[1]!)}`
    const [mine, others] = both.map((series) => series.look(ages, now, 1000)?.dump)
    if (mine === undefined || others === undefined) {
      if (mine !== others) return `text ${round}: shown one way only`
      continue
    }
    if (shown(mine) !== shown(others)) return `text ${round}: ${difference(shown(mine), shown(others))}`
    const wrong = wrongOf(mine)
    if (wrong !== undefined) return `text ${round}: ${wrong}`
  }
  return undefined
}

export const wrongWith = (chain: Chain): string | undefined => {
  try {
    return chain.mode === "snapshot" ? snapshots(chain) : samples(chain)
  } catch (defect) {
    return `thrown: ${(defect as Error).stack}`
  }
}
