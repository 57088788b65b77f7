/**
 * Attachment: the labels that every series of a dump gets, encoded once a dump. It knows their names as bytes, so that
 * the parser can tell, label by label, whether a series has one already.
 */
import type { Attach, ParseLimits, Refusal } from "./Dump.ts"
import { hashOf } from "./Hash.ts"
import { decode, encode, escapeValue, isLabelName } from "./Syntax.ts"

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
  readonly text: Uint8Array
  readonly hash: number
  /** An upper bound of what a line can grow by. */
  readonly growth: number
}

/** Names that carry meaning for a histogram or a summary cannot be attached: they would make its lines others. */
const RESERVED = new Set(["le", "quantile"])

const decodeText = (bytes: Uint8Array): string => decode(bytes, 0, bytes.length)

export const prepareAttachment = (attach: Attach, limits: ParseLimits): Attachment | Refusal => {
  const refuse = (detail: string): Refusal => ({ reason: "bad-header", detail, line: 0 })
  const seen = new Set<string>()
  const labels: Array<AttachedLabel> = []
  for (const [name, value] of [[attach.sourceLabel, attach.source] as const, ...attach.labels]) {
    const shown = JSON.stringify(name.slice(0, 40))
    if (!isLabelName(name) || name.startsWith("__") || RESERVED.has(name))
      return refuse(`${shown} cannot be attached as a label: it is reserved or no label name`)
    if (name.length > limits.maxLabelValue) return refuse(`the name of attached label ${shown} is too long`)
    // An empty label is a missing one. The source label may not be missing: it keeps sources apart.
    if (value === "" && name === attach.sourceLabel) return refuse("the source id is empty")
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(value) || !value.isWellFormed())
      return refuse(`the value of attached label ${shown} has control characters or broken surrogates`)
    if (value === "" || seen.has(name)) continue
    seen.add(name)
    const encoded = encode(escapeValue(value))
    if (encoded.length > limits.maxLabelValue)
      return refuse(
        `the value of attached label ${shown} has ${encoded.length} bytes, the limit is ${limits.maxLabelValue}`
      )
    const bytes = encode(name)
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
  const text = encode(labels.map(({ name, value }) => `${decodeText(name)}="${decodeText(value)}"`).join())
  const hash = labels.reduce((sum, label) => (sum + label.hash) | 0, 0)
  return { source, labels, text, hash, growth }
}
