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

  /** Answers -1, where a position is expected. */
  because(reason: LineReason, detail: string): -1 {
    this.reason = reason
    const short = detail.length > MAX_DETAIL ? `${detail.slice(0, MAX_DETAIL - 1)}…` : detail
    this.detail = short.replace(CONTROLS, "?")
    return -1
  }
}
