/**
 * Attachment: the labels that every series of a dump gets, encoded once a dump. It knows their names as bytes, so that
 * the parser can tell, label by label, whether a series has one already.
 */
import type { Attach, ParseLimits, Refusal } from "./Dump.ts"
import { hashOf } from "./Hash.ts"
import { COMMA, EQUALS, encode, escapeValue, isLabelName, QUOTE } from "./Syntax.ts"

export interface AttachedLabel {
  readonly name: Uint8Array
  /** Escaped, as between quotes. */
  readonly value: Uint8Array
  readonly hash: number
}

export interface Attachment {
  readonly source: AttachedLabel
  /** The source label first, then the others. */
  readonly labels: ReadonlyArray<AttachedLabel>
  /** All of them as they are written, `a="b",c="d"`, and the sum of their hashes. */
  readonly text: DataView
  readonly hash: number
  /** An upper bound of what a line can grow by. */
  readonly growth: number
}

/** Names that carry meaning for a histogram or a summary cannot be attached: they would make its lines others. */
const RESERVED = new Set(["le", "quantile"])

const asciiBytes = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

export const prepareAttachment = (attach: Attach, limits: ParseLimits): Attachment | Refusal => {
  const refuse = (detail: string): Refusal => ({ reason: "bad-header", detail, line: 0 })
  const seen = new Set<string>()
  const labels: Array<AttachedLabel> = []
  for (const [name, value] of [[attach.sourceLabel, attach.source] as const, ...attach.labels]) {
    const shown = (): string => JSON.stringify(name.slice(0, 40))
    if (!isLabelName(name) || name.startsWith("__") || RESERVED.has(name))
      return refuse(`${shown()} cannot be attached as a label: it is reserved or no label name`)
    if (name.length > limits.maxLabelValue) return refuse(`the name of attached label ${shown()} is too long`)
    // An empty label is a missing one. The source label may not be missing: it keeps sources apart.
    if (value === "" && name === attach.sourceLabel) return refuse("the source id is empty")
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(value) || !value.isWellFormed())
      return refuse(`the value of attached label ${shown()} has control characters or broken surrogates`)
    if (value === "" || seen.has(name)) continue
    seen.add(name)
    const encoded = encode(escapeValue(value))
    if (encoded.length > limits.maxLabelValue)
      return refuse(
        `the value of attached label ${shown()} has ${encoded.length} bytes, the limit is ${limits.maxLabelValue}`
      )
    const bytes = asciiBytes(name)
    labels.push({ name: bytes, value: encoded, hash: hashOf(bytes, encoded) })
  }
  if (labels.length > limits.maxLabels)
    return refuse(`${labels.length} labels to attach, the limit is ${limits.maxLabels} a series`)
  const source = labels[0]!
  // A timestamp, canonical numbers and the blanks of the canonical form.
  let growth = 64
  for (const label of labels) growth += label.name.length + label.value.length + 4
  // A renamed label: "exported_" at most once more than there are labels.
  growth += (limits.maxLabels + 2) * "exported_".length
  const text = textOf(labels)
  const hash = labels.reduce((sum, label) => (sum + label.hash) | 0, 0)
  return { source, labels, text, hash, growth }
}

const textOf = (labels: ReadonlyArray<AttachedLabel>): DataView => {
  const text = new Uint8Array(labels.reduce((sum, { name, value }) => sum + name.length + value.length + 4, -1))
  let at = 0
  for (const { name, value } of labels) {
    if (at > 0) text[at++] = COMMA
    text.set(name, at)
    at += name.length
    text[at++] = EQUALS
    text[at++] = QUOTE
    text.set(value, at)
    at += value.length
    text[at++] = QUOTE
  }
  return new DataView(text.buffer)
}
