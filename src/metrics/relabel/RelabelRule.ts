/**
 * RelabelRule: one of Prometheus' relabelling rules, as model/relabel of Prometheus 3 reads, checks and applies it: its fields, its defaults,
 * its words where one is wrong. `name_validation_scheme` is utf8. Pure.
 */
import { createHash } from "node:crypto"
import { lowerCase, upperCase } from "./GoCase.ts"
import { GoRegexp } from "./GoRegexp.ts"
import { LabelSet } from "./LabelSet.ts"
import type { SeriesRule } from "./Verdict.ts"

export const actions = [
  ...(["replace", "keep", "drop", "keepequal", "dropequal", "hashmod"] as const),
  ...(["labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase"] as const)
]
export type Action = (typeof actions)[number]

/** What was given; the rest is Prometheus' default. @stable */
export interface RelabelSettings {
  /** Labels whose values are joined. Default: none. */
  readonly sourceLabels: ReadonlyArray<string> | undefined
  /** Between them. Default: `;`. */
  readonly separator: string | undefined
  /** RE2, of the whole joined value. Default: `(.*)`. */
  readonly regex: string | undefined
  /** Of `hashmod`, which needs one above 0. */
  readonly modulus: bigint | undefined
  /** What is set, or compared. */
  readonly targetLabel: string | undefined
  /** With `$1` for groups of the regex. Default: `$1`. */
  readonly replacement: string | undefined
  /** In any case of letters. Default: `replace`. */
  readonly action: string | undefined
}

/** Whether the series stays. @experimental */
export type RelabelRule = (labels: LabelSet) => boolean

const isLabelName = (name: string): boolean => name !== "" && name.isWellFormed()
const quoted = (text: string): string => JSON.stringify(text)

const needTarget: ReadonlySet<Action> = new Set([
  "replace",
  "hashmod",
  "lowercase",
  "uppercase",
  "keepequal",
  "dropequal"
])
const fixedReplacement: ReadonlySet<Action> = new Set(["lowercase", "uppercase", "keepequal", "dropequal"])

/** What Prometheus' Config.Validate says, "" where it is content. */
const problemOf = (s: RelabelSettings, action: Action, sourceLabel: string): string => {
  const target = s.targetLabel ?? ""
  const replacement = s.replacement ?? "$1"
  const isPlain = (s.modulus ?? 0n) === 0n && (s.separator ?? ";") === ";" && replacement === "$1"
  if (action === "hashmod" && (s.modulus ?? 0n) === 0n)
    return "relabel configuration for hashmod requires non-zero modulus"
  if (needTarget.has(action) && target === "")
    return `relabel configuration for ${action} action requires 'target_label' value`
  if (needTarget.has(action) && !isLabelName(target))
    return `${quoted(target)} is invalid 'target_label' for ${action} action`
  if (fixedReplacement.has(action) && replacement !== "$1") return `'replacement' can not be set for ${action} action`
  if (action === "labelmap" && !isLabelName(replacement))
    return `${quoted(replacement)} is invalid 'replacement' for ${action} action`
  if ((action === "keepequal" || action === "dropequal") && (s.regex !== undefined || !isPlain))
    return `${action} action requires only 'source_labels' and \`target_label\`, and no other fields`
  if ((action === "labeldrop" || action === "labelkeep") && (s.sourceLabels !== undefined || target !== "" || !isPlain))
    return `${action} action requires only 'regex', and no other fields`
  // Ours: the pods set it, and it tells sources apart.
  if (target === sourceLabel) return `${sourceLabel} cannot be a 'target_label': the pods set it to the source id`
  return ""
}

/** `sourceLabel`: the label that no rule may name as its target. */
export const relabelRule = (s: RelabelSettings, sourceLabel = "instance"): RelabelRule | { readonly wrong: string } => {
  const given = s.action?.toLowerCase() ?? "replace"
  const action = actions.find((known) => known === given)
  if (action === undefined) return { wrong: `unknown relabel action ${quoted(given)}` }
  const unnamed = s.sourceLabels?.find((name) => !isLabelName(name))
  if (unnamed !== undefined) return { wrong: `${quoted(unnamed)} is not a valid label name` }
  const problem = problemOf(s, action, sourceLabel)
  if (problem !== "") return { wrong: problem }
  try {
    return ruleOf(s, action, new GoRegexp(s.regex ?? "(.*)"))
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) }
  }
}

/** Of the last eight bytes, as all of Prometheus' versions have it. */
const hashMod = (text: string, modulus: bigint): string =>
  String(createHash("md5").update(text).digest().readBigUInt64BE(8) % modulus)

const ruleOf = (s: RelabelSettings, action: Action, regex: GoRegexp): RelabelRule => {
  const sources = s.sourceLabels ?? []
  const separator = s.separator ?? ";"
  const target = s.targetLabel ?? ""
  const replacement = s.replacement ?? "$1"
  const joined = (labels: LabelSet): string => sources.map((name) => labels.get(name)).join(separator)
  const setting =
    (value: (text: string) => string): RelabelRule =>
    (labels) => {
      labels.set(target, value(joined(labels)))
      return true
    }
  const each =
    (work: (labels: LabelSet, name: string, value: string) => void): RelabelRule =>
    (labels) => {
      for (const [name, value] of labels.all()) work(labels, name, value)
      return true
    }
  switch (action) {
    case "drop":
      return (labels) => !regex.matches(joined(labels))
    case "keep":
      return (labels) => regex.matches(joined(labels))
    case "dropequal":
      return (labels) => labels.get(target) !== joined(labels)
    case "keepequal":
      return (labels) => labels.get(target) === joined(labels)
    case "lowercase":
      return setting(lowerCase)
    case "uppercase":
      return setting(upperCase)
    case "hashmod":
      return setting((text) => hashMod(text, s.modulus!))
    case "labelmap":
      return each((labels, name, value) => {
        if (regex.matches(name)) labels.set(regex.replaceAll(name, replacement), value)
      })
    case "labeldrop":
      return each((labels, name) => {
        if (regex.matches(name)) labels.delete(name)
      })
    case "labelkeep":
      return each((labels, name) => {
        if (!regex.matches(name)) labels.delete(name)
      })
    case "replace":
      return (labels) => {
        const filled = regex.expand(joined(labels), [target, replacement])
        if (filled !== undefined && isLabelName(filled[0]!)) labels.set(filled[0]!, filled[1]!)
        return true
      }
  }
}

/** All of them in their order, until one drops the series. */
export const ruleOfAll =
  (rules: ReadonlyArray<RelabelRule>): SeriesRule =>
  (series) => {
    const labels = new LabelSet(series)
    return rules.every((rule) => rule(labels)) ? labels.all() : undefined
  }
