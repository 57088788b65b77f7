/**
 * Checks: what pods would not show of each file, as the newest dump of it that was looked at says. Reading a dump as a pod does
 * takes some 50 ns a byte, so of a file one dump a minute is read; those between are taken to be like it.
 */
import type { InputFormat } from "../../metrics/text/Dump.ts"
import { checkDump, type DumpCheck } from "../dump/DumpCheck.ts"
import type { Check, Refused } from "./Wire.ts"

/** Between two dumps of a file that are read, ms. */
const every = 60_000

/** `now`: ms, monotonic. What is known of a file goes with it. */
export const checks = (now: () => number): Check => {
  const known = new WeakMap<object, { readonly at: number; readonly refused: Refused }>()
  return (file, text, format) => {
    const before = known.get(file)
    if (before !== undefined && now() - before.at < every) return before.refused
    const refused = refusedOf(text, format)
    known.set(file, { at: now(), refused })
    return refused
  }
}

const refusedOf = (text: Uint8Array, format: InputFormat): Refused => {
  const { samples, refusal, refused, advice = "" } = checkDump(text, format)
  const lines = refused.reduce((sum, { count }) => sum + count, 0)
  return { shown: samples, lines, first: first(refusal ?? refused[0]), advice }
}

const first = (place: DumpCheck["refused"][number] | DumpCheck["refusal"]): Refused["first"] =>
  place === undefined ? undefined : { reason: place.reason, line: place.line, detail: place.detail }
