/** Rewriting: a text with pieces of it replaced, left out or moved to its end, in one copy. Pure. */

/** A piece of the text, and what stands there instead. Of a moved line: what stands before the piece. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: Uint8Array
}

export const nothing = new Uint8Array(0)

/** A call of `set` costs more than so many bytes. */
const short = 96

/**
 * `edits` in their order, without overlaps; `moved` stands before the `# EOF` at `eof`, or at the end. Never empty: an empty value would
 * tell the pods that the source has ended.
 */
export const rewritten = (
  text: Uint8Array,
  edits: ReadonlyArray<Edit>,
  eof: number,
  moved: ReadonlyArray<Edit>
): Uint8Array => {
  let bytes = text.length
  for (const { start, end, text: instead } of edits) bytes += instead.length - (end - start)
  for (const { start, end, text: before } of moved) bytes += before.length + end - start
  if (bytes === 0) return Buffer.from("\n")
  const out = Buffer.allocUnsafe(bytes)
  let length = 0
  const copy = (from: Uint8Array, start: number, end: number): void => {
    if (end - start > short) out.set(from.subarray(start, end), length)
    else for (let i = start, o = length; i < end; i++) out[o++] = from[i]!
    length += end - start
  }
  let at = 0
  let isPlaced = false
  const copyTo = (end: number): void => {
    if (!isPlaced && end >= eof) {
      copy(text, at, Math.max(at, eof))
      at = Math.max(at, eof)
      for (const { start, end, text: before } of moved) {
        copy(before, 0, before.length)
        copy(text, start, end)
      }
      isPlaced = true
    }
    copy(text, at, Math.max(at, end))
  }
  for (const { start, end, text: instead } of edits) {
    copyTo(start)
    copy(instead, 0, instead.length)
    at = end
  }
  copyTo(text.length)
  return out
}
