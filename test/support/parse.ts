/** A text read as a snapshot's record, without anything that was read before: what a pod makes of it. */
import type { ReadOptions } from "../../src/metrics/read/Memory.ts"
import { noText, readSnapshot } from "../../src/metrics/read/Snapshot.ts"
import type { Dump, Refusal } from "../../src/metrics/text/Dump.ts"

export const isRefusal = (result: object): result is Refusal => "reason" in result

export const parseDump = (bytes: Uint8Array, options: ReadOptions): Dump | Refusal => {
  const page = readSnapshot(bytes, options, undefined)
  if (isRefusal(page)) return page
  return (page.dump.series === 0 ? noText(page.dump.refused ?? []) : undefined) ?? page.dump
}
