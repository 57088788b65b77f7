/**
 * Span: which bytes of which stream a log record covers, as its header says it: `k2p-span: <stream>.<from>-<to>`. A stream is one life of
 * one file; positions are bytes from its beginning, `to` is exclusive. They may be further apart than the value is long: the last line
 * end is not in the value, nor is what was cut off a line. Pure.
 */
import { randomBytes } from "node:crypto"

export interface Span {
  /** An agent's are 128 bits, in hexadecimal digits, drawn by chance when the life is first seen. */
  readonly stream: string
  readonly from: number
  readonly to: number
}

export const newStream = (): string => randomBytes(16).toString("hex")

/** What agents draw; others may call theirs by anything that `parseSpan` reads. */
export const isStream = (text: string): boolean => /^[0-9a-f]{32}$/.test(text)

export const formatSpan = ({ stream, from, to }: Span): string => `${stream}.${from}-${to}`

const pattern = /^([A-Za-z0-9_-]{1,64})\.(\d{1,16})-(\d{1,16})$/

/** Undefined where the text is no span: the record counts as one without. */
export const parseSpan = (text: string): Span | undefined => {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [from, to] = [Number(match[2]), Number(match[3])]
  return Number.isSafeInteger(to) && from < to ? { stream: match[1]!, from, to } : undefined
}
