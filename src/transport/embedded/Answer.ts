/**
 * Answer: what the embedded broker says to one request, and the hand it is given to. A request that must wait (a
 * join, a sync, a long poll) keeps its `Reply` and calls it later, at most once. As with Kafka it is never called where
 * the request lost its place: a member that joined again, or left while it waited for its assignment.
 */
import { retriableCodes, TransportError, type TransportErrorCode } from "../Transport.ts"

export type Refused = { readonly ok: false; readonly code: TransportErrorCode; readonly detail: string }
export type Answer<A> = { readonly ok: true; readonly value: A } | Refused
export type Reply<A> = (answer: Answer<A>) => void

export const answered = <A>(value: A): Answer<A> => ({ ok: true, value })
export const done: Answer<void> = { ok: true, value: undefined }
export const refused = (code: TransportErrorCode, detail: string): Refused => ({ ok: false, code, detail })

export const toError = (op: string, { code, detail }: Refused): TransportError =>
  new TransportError({ op, code, retriable: retriableCodes.has(code), detail })
