/**
 * RelabelSettings: one rule of `metric_relabel_configs`, with the fields that it has in Prometheus' file, as they were given. What they mean
 * together, and whether they may stand together, is for who applies them.
 */
import type * as Kind from "./Kind.ts"
import { Fields, isPlainMap, mappings, type Plain } from "./Mapping.ts"

export interface RelabelSettings {
  readonly sourceLabels: ReadonlyArray<string> | undefined
  readonly separator: string | undefined
  readonly regex: string | undefined
  readonly modulus: bigint | undefined
  readonly targetLabel: string | undefined
  readonly replacement: string | undefined
  readonly action: string | undefined
}

const any: Kind.Kind<string> = {
  metavar: "text",
  allowed: "a text",
  many: false,
  read: ([text = ""]) => ({ value: text })
}
const modulus: Kind.Kind<bigint> = {
  metavar: "n",
  allowed: "a whole number below 2^64",
  many: false,
  read: ([text = ""]) => (/^\d{1,20}$/.test(text) && BigInt(text) < 2n ** 64n ? { value: BigInt(text) } : { wrong: "" })
}

const readItem = (item: Plain): RelabelSettings | { readonly wrong: string } => {
  if (!isPlainMap(item))
    return { wrong: "it must be a mapping, such as {source_labels: [__name__], regex: go_.*, action: drop}" }
  const fields = new Fields(item)
  const settings = {
    sourceLabels: fields.list("source_labels"),
    separator: fields.value("separator", any),
    regex: fields.value("regex", any),
    modulus: fields.value("modulus", modulus),
    targetLabel: fields.value("target_label", any),
    replacement: fields.value("replacement", any),
    action: fields.value("action", any)
  }
  fields.end()
  return fields.wrong === "" ? settings : { wrong: fields.wrong }
}

export const relabelRules = mappings("rule", "a rule as in Prometheus' metric_relabel_configs", readItem)
