/**
 * Failure: why the line at hand is not shown. One for a reader, written over by the next bad line: nothing is thrown and nothing
 * is made for a line that is good.
 */
import type { LineReason } from "../text/Dump.ts"

/** Of a detail, which may quote what anybody sent. */
const MAX_DETAIL = 200

/** Names in quotes may hold any. */
const CONTROLS = /[\0-\x1f\x7f-\x9f\u2028\u2029]/g

export class Failure {
  reason: LineReason = "syntax"
  detail = ""
  /** Of reasons that were told already in this text nobody asks for a detail. */
  readonly told = new Set<LineReason>()

  /** Answers -1, where a position is expected. */
  because(reason: LineReason, detail: string | (() => string)): -1 {
    this.reason = reason
    if (this.told.has(reason)) return -1
    const text = typeof detail === "string" ? detail : detail()
    const short = text.length > MAX_DETAIL ? `${text.slice(0, MAX_DETAIL - 1)}…` : text
    this.detail = short.replace(CONTROLS, "?")
    return -1
  }
}
