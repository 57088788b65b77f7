/**
 * UnreadableBytes: the verdict that bytes of a batch mean nothing to anyone. Thrown only for what the bytes themselves say, so that
 * every reader throws it at the same place; what fails for want of memory or time is any other error.
 */
import type { UnreadableReason } from "../../Transport.ts"

export class UnreadableBytes extends Error {
  readonly reason: UnreadableReason

  constructor(reason: UnreadableReason, detail: string) {
    super(detail)
    this.reason = reason
  }
}

export const cutOff = (detail: string): UnreadableBytes => new UnreadableBytes("cut-off", detail)
export const malformed = (detail: string): UnreadableBytes => new UnreadableBytes("malformed", detail)
