/**
 * MakingSteps: the order in which a page is made of a reading: steps over items of their own, lines, families, statements. A small text's
 * page is made at once, a large one's so many items at a time; both go through the same steps, so they come to the same.
 */
import { Making } from "./Making.ts"
import type { Page } from "./Page.ts"
import { placeLines, placing } from "./Placing.ts"
import type { Reading } from "./Reading.ts"
import { repeated, sameLines } from "./SameLines.ts"

/** What is worked off in one turn: bytes of a text, new lines of it; bytes of its lines, about, and lines, names or families. */
export interface Portion {
  readonly bytes: number
  readonly items: number
}

/** `before`: the page that the text was read by. Lines of the reading that are not shown are refused in it. */
export const pageOf = (reading: Reading, before: Page | undefined): Page => {
  const same = sameLines(reading, before)
  if (same !== undefined) return repeated(reading, same, placeLines(reading, same.layout.arrangement.order))
  const making = new Making(reading, before)
  for (const { items, take } of steps) take(making, 0, items(making))
  return making.page()
}

/** The same, a slice at a time. */
export function* pageInSlices(
  reading: Reading,
  before: Page | undefined,
  { bytes, items: most }: Portion
): Generator<undefined, Page, unknown> {
  const atOnce = Math.min(most, Math.ceil(((reading.count + 1) * bytes) / (reading.lines.length + 1)))
  const same = sameLines(reading, before)
  if (same !== undefined) {
    const { place, placed } = placing(reading, same.layout.arrangement.order)
    for (let at = 0; at < reading.count; at += atOnce) {
      yield
      place(at, Math.min(reading.count, at + atOnce))
    }
    return repeated(reading, same, placed)
  }
  const making = new Making(reading, before)
  for (const { items, take } of steps) {
    const all = items(making)
    for (let at = 0; at < all; at += atOnce) {
      yield
      take(making, at, Math.min(all, at + atOnce))
    }
  }
  yield
  return making.page()
}

/** How many items, and how some of them are taken: all in their order, each once. */
interface Step {
  readonly items: (making: Making) => number
  readonly take: (making: Making, from: number, to: number) => void
}

const linesIn = ({ reading }: Making): number => reading.count
const familiesIn = ({ arrangement }: Making): number => arrangement.size
const once = (take: (making: Making) => void): Step => ({ items: () => 1, take })

const steps: ReadonlyArray<Step> = [
  { items: linesIn, take: ({ reading }, from, to) => reading.complete(from, to) },
  { items: linesIn, take: (making, from, to) => making.countNames(from, to) },
  once((making) => making.settleNames()),
  {
    items: ({ numbers, reading }) => (numbers === undefined ? 0 : reading.count),
    take: (making, from, to) => making.renumber(from, to)
  },
  once((making) => making.readComments()),
  {
    items: ({ resolving }) => resolving?.statements.length ?? 0,
    take: ({ resolving }, from, to) => resolving?.declare(from, to)
  },
  {
    items: ({ resolving }) => resolving?.names.size ?? 0,
    take: ({ resolving }, from, to) => resolving?.place(from, to)
  },
  once((making) => making.findRepeats()),
  { items: linesIn, take: ({ repeats }, from, to) => repeats.enter(from, to) },
  { items: linesIn, take: ({ repeats }, from, to) => repeats.look(from, to) },
  { items: linesIn, take: ({ repeats }, from, to) => repeats.again(from, to) },
  once((making) => making.beginArrangement()),
  { items: linesIn, take: ({ arranging }, from, to) => arranging.group(from, to) },
  once(({ arranging }) => arranging.weave()),
  { items: ({ arranging }) => arranging.size, take: ({ arranging }, from, to) => arranging.describe(from, to) },
  once((making) => making.settle()),
  { items: familiesIn, take: (making, from, to) => making.compare(from, to) },
  { items: linesIn, take: (making, from, to) => making.judge(from, to) },
  once((making) => making.copyRecords()),
  { items: linesIn, take: ({ rawKeeping }, from, to) => rawKeeping.keep(from, to) },
  { items: linesIn, take: ({ placing }, from, to) => placing.place(from, to) },
  { items: familiesIn, take: (making, from, to) => making.describe(from, to) }
]
