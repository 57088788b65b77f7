/**
 * Gate: what an Admission lets by of one record, before the record is read: the reader, the cache and the body know nothing of it. What
 * comes out depends on the record alone. Where the text shows itself that it is refused whole (cut off, over a limit, a header that attaches
 * what it must not), it goes on as it came, for the reader to refuse.
 */

import type { MemoryShare } from "../relabel/KnownSeries.ts"
import { Relabeller } from "../relabel/Relabeller.ts"
import { type Envelope, refusal } from "../rounds/Record.ts"
import { prepareAttachment } from "../text/Attachment.ts"
import type { ParseLimits, Refusal, RefusedLines } from "../text/Dump.ts"
import { excerpt } from "../text/Excerpt.ts"
import { atOnce } from "../text/Slices.ts"
import { LF } from "../text/Syntax.ts"
import type { Admission } from "./Admission.ts"

export interface GateOptions {
  readonly sourceLabel: string
  readonly limits: ParseLimits
  /** Sources whose series are remembered. */
  readonly maxSources: number
}

/** A record behind the gate. */
export interface Passed {
  readonly envelope: Envelope
  readonly value: Uint8Array | undefined
  /** The record is refused, with its whole round. */
  readonly why?: Refusal
  /** Series that were left out. */
  readonly left?: RefusedLines
}

const noLabels: Envelope["labels"] = []
const lineFeed = new Uint8Array([LF])

export class Gate {
  private readonly admission: Admission["Service"]
  private readonly options: GateOptions
  private readonly relabeller: Relabeller | undefined

  constructor(admission: Admission["Service"], options: GateOptions, memory: MemoryShare) {
    const { series } = admission
    this.admission = admission
    this.options = options
    this.relabeller =
      series === undefined ? undefined : new Relabeller(series, options.limits, memory, options.maxSources)
  }

  /** `value`: lent; what comes out may be it, or other memory. */
  pass(envelope: Envelope, value: Uint8Array | null): Passed {
    return atOnce(this.passInSlices(envelope, value, value === null ? 0 : value.length + 1))
  }

  /** The same, so many bytes at a time: others have their turns at each `undefined`. One record after the other. */
  *passInSlices(envelope: Envelope, value: Uint8Array | null, bytes?: number): Generator<undefined, Passed, unknown> {
    try {
      return yield* this.judge(envelope, value ?? undefined, bytes)
    } catch (cause) {
      throw new Error(`the admission ${this.admission.name} failed on a record of ${envelope.source}`, { cause })
    }
  }

  /** Its partition is another's. */
  clear(): void {
    this.relabeller?.clear()
  }

  private *judge(
    envelope: Envelope,
    value: Uint8Array | undefined,
    bytes: number | undefined
  ): Generator<undefined, Passed, unknown> {
    const { admission, relabeller } = this
    const { source, format, labels, mode, count } = envelope
    if (envelope.ended) return { envelope, value }
    const why = admission.source?.(source)
    if (why !== undefined) return { envelope, value: undefined, why: refusal("admission", why) }
    if (relabeller === undefined || value === undefined || this.isRefused(envelope, value)) return { envelope, value }
    const whole = value[value.length - 1] === LF ? value : Buffer.concat([value, lineFeed])
    const attached = { labels, source: [this.options.sourceLabel, source] as const }
    const { text, dropped, nameless, first } = yield* relabeller.relabelInSlices(
      ...([source, whole, format, attached] as const),
      mode === "samples" || count > 1,
      bytes
    )
    // What the record attaches stands in its lines now.
    const passed = { envelope: labels.length === 0 ? envelope : { ...envelope, labels: noLabels }, value: text }
    if (dropped + nameless === 0) return passed
    return { ...passed, left: this.leftOut(whole, dropped, nameless, first) }
  }

  private isRefused({ source, labels, format, number }: Envelope, value: Uint8Array): boolean {
    const { sourceLabel, limits } = this.options
    if (value.length === 0 || value.length > limits.maxBytes) return true
    if (number !== undefined && format === "text" && value[value.length - 1] !== LF) return true
    return "reason" in prepareAttachment({ sourceLabel, source, labels }, limits)
  }

  private leftOut(text: Uint8Array, dropped: number, nameless: number, first: number): RefusedLines {
    let line = 1
    for (let at = text.indexOf(LF); at >= 0 && at < first; at = text.indexOf(LF, at + 1)) line++
    const without = nameless === 0 ? "" : `, ${nameless} of them for want of a name`
    return {
      reason: "admission",
      count: dropped + nameless,
      line,
      detail: `line ${line}: the admission ${this.admission.name} left out ${dropped + nameless} series of this record${without}`,
      sample: excerpt(text.subarray(first), 1)
    }
  }
}
