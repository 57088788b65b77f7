/**
 * cost: what a text costs a byte, in times of an ordinary dump's in the same process: CPU to read it, after the texts before it and without
 * them, and memory that what was read keeps. The quickest of some times: others run, too.
 */

import type { ReadOptions } from "../../../src/metrics/read/Memory.ts"
import type { Page } from "../../../src/metrics/read/Page.ts"
import { readSnapshot } from "../../../src/metrics/read/Snapshot.ts"
import { isRefusal } from "../../support/parse.ts"
import type { Chain } from "./grammar.ts"
import { resolveLimits } from "./limits.ts"
import { ordinary, recordsOf } from "./rounds.ts"

const attach = { sourceLabel: "instance", source: "s", labels: [] }
const options: ReadOptions = { format: "text", attach, limits: resolveLimits(false), timestamps: "scrape", time: 0 }

/** Less says more of the clock than of the text. */
export const LEAST = 16 * 1024
const gc = (globalThis as { gc?: () => void }).gc

const chainOfOne: Chain = {
  seed: -1,
  mode: "snapshot",
  texts: [{ bytes: recordsOf(ordinary, 1)[0]!.value!, options }]
}

const last = ({ texts }: Chain) => texts.at(-1)!

const pageBefore = ({ texts }: Chain): Page | undefined => {
  let page: Page | undefined
  for (const { bytes, options } of texts.slice(0, -1)) {
    const read = readSnapshot(bytes, options, page)
    if (!isRefusal(read)) page = read
  }
  return page
}

/** Nanoseconds of a byte. */
const cpuOf = (chain: Chain, page: Page | undefined): number => {
  const { bytes, options } = last(chain)
  const times = Math.max(1, Math.ceil((128 * 1024) / bytes.length))
  let best = Number.POSITIVE_INFINITY
  for (let k = 0; k < 5; k++) {
    const start = process.cpuUsage()
    for (let i = 0; i < times; i++) readSnapshot(bytes, options, page)
    const { user, system } = process.cpuUsage(start)
    best = Math.min(best, ((user + system) * 1000) / (times * bytes.length))
  }
  return best
}

const held = (): number => {
  for (let i = 0; i < 3; i++) gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Bytes of a byte, and what is counted of them. */
const growthOf = (chain: Chain): { readonly growth: number; readonly counted: number } => {
  const { bytes, options } = last(chain)
  const pages: Array<Page> = []
  const times = Math.max(1, Math.ceil((512 * 1024) / bytes.length))
  const before = held()
  for (let i = 0; i < times; i++) {
    const read = readSnapshot(bytes, options, pageBefore(chain))
    if (!isRefusal(read)) pages.push(read)
  }
  const grown = held() - before
  const counted = pages.reduce((sum, { dump }) => sum + dump.bytes + 512, 0)
  return { growth: grown / (times * bytes.length), counted: pages.length === 0 ? 1 : counted / grown }
}

export interface Cost {
  readonly first: number
  readonly next: number
  /** Of a process with --expose-gc alone. */
  readonly growth: number | undefined
  readonly counted: number | undefined
}

let usual: { readonly cpu: number; readonly growth: number } | undefined

/** Undefined where the text is too short to say anything. */
export const costOf = (chain: Chain, weighs: boolean): Cost | undefined => {
  if (last(chain).bytes.length < LEAST) return undefined
  for (let i = 0; usual === undefined && i < 20; i++) cpuOf(chainOfOne, undefined)
  usual ??= { cpu: cpuOf(chainOfOne, undefined), growth: gc === undefined ? 1 : growthOf(chainOfOne).growth }
  const first = cpuOf(chain, undefined) / usual.cpu
  const next = cpuOf(chain, pageBefore(chain)) / usual.cpu
  if (gc === undefined || !weighs) return { first, next, growth: undefined, counted: undefined }
  const { growth, counted } = growthOf(chain)
  return { first, next, growth: growth / usual.growth, counted }
}
