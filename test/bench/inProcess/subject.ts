/**
 * Subject: what the benchmarks inside one process take from src, in one place. The parser is asked through `parseRound` where the
 * checkout has it (it may use what it knows of the source's last round), else through `parseDump`, so that the same benchmark runs on
 * either and two runs can be compared.
 */

import type { CacheOptions } from "../../../src/metrics/cache/CacheOptions.ts"
import { defaultCacheLimits } from "../../../src/metrics/cache/MetricsProcessor.ts"
import * as Parser from "../../../src/metrics/parse/Parser.ts"
import { type Dump, defaultParseLimits, type ParseOptions, type Refusal } from "../../../src/metrics/text/Dump.ts"

type Timestamps = CacheOptions["timestamps"]

export const cacheOptions = (timestamps: Timestamps): CacheOptions => ({
  expiry: 90_000,
  timestamps,
  sourceLabel: "instance",
  limits: { ...defaultParseLimits, ...defaultCacheLimits }
})

const optionsFor = (source: string, timestamps: Timestamps = "scrape"): ParseOptions => ({
  format: "text",
  attach: { sourceLabel: "instance", source, labels: [["job", "checkout"]] },
  limits: defaultParseLimits,
  timestamps,
  time: 1_700_000_000_123
})

const accepted = (result: Dump | Refusal): Dump => {
  if ("reason" in result) throw new Error(`the parser refused a dump of the benchmark: ${result.detail}`)
  return result
}

/** A round of a source that nothing is known of. */
export const parseFirst = (source: string, bytes: Uint8Array, timestamps: Timestamps = "scrape"): Dump =>
  accepted(Parser.parseDump(bytes, optionsFor(source, timestamps)))

type ParseRound = (
  bytes: Uint8Array,
  options: ParseOptions,
  before: unknown
) => { readonly dump: Dump; readonly known: unknown } | Refusal

const parseRound = (Parser as { readonly parseRound?: ParseRound }).parseRound

/** One source's rounds, one after the other: whatever a parser keeps from round to round is kept. */
export const parserOf = (source: string): ((bytes: Uint8Array) => Dump) => {
  const options = optionsFor(source)
  if (parseRound === undefined) return (bytes) => accepted(Parser.parseDump(bytes, options))
  let known: unknown
  return (bytes) => {
    const result = parseRound(bytes, options, known)
    if ("reason" in result) throw new Error(`the parser refused a dump of the benchmark: ${result.detail}`)
    known = result.known
    return result.dump
  }
}
