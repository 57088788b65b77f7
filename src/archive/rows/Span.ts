/**
 * Span: which bytes of which life of which file a record's value covers, as its header `k2p-span` says: `<stream>.<from>-<to>`. Pure.
 */
export interface Span {
  readonly stream: string
  /** Byte positions in the file, [from, to). */
  readonly from: number
  readonly to: number
}

const pattern = /^([A-Za-z0-9_-]{1,64})\.(\d{1,16})-(\d{1,16})$/

/** Undefined for what is no span: the record counts as one without. */
export const parseSpan = (text: string): Span | undefined => {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [from, to] = [Number(match[2]), Number(match[3])]
  return Number.isSafeInteger(to) && from < to ? { stream: match[1]!, from, to } : undefined
}
