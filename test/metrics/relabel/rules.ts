/** Rules as they are given, for tests: objects with Prometheus' field names, or their YAML. */

import { relabelRules } from "../../../src/config/RelabelSettings.ts"
import { type RelabelRule, relabelRule } from "../../../src/metrics/relabel/RelabelRule.ts"

export type RawRule = Readonly<Record<string, unknown>>

/** The rules, or the reason of the first that is wrong. */
export const readRules = (raw: ReadonlyArray<RawRule>): ReadonlyArray<RelabelRule> | string => {
  const reading = relabelRules.read(raw.map((rule) => JSON.stringify(rule)))
  if ("wrong" in reading) return reading.wrong
  const rules: Array<RelabelRule> = []
  for (const settings of reading.value) {
    const rule = relabelRule(settings)
    if (typeof rule !== "function") return rule.wrong
    rules.push(rule)
  }
  return rules
}

export const rulesOf = (...raw: ReadonlyArray<RawRule>): ReadonlyArray<RelabelRule> => {
  const rules = readRules(raw)
  if (typeof rules === "string") throw new Error(rules)
  return rules
}
