/**
 * CommitMetadata: the few numbers that travel with a committed offset to the next owner, in the metadata string of the
 * commit. Pure codec. Anything it cannot read decodes to null, and the next owner then takes the careful path (fence = log end).
 */
import { decodeHomes, encodeHomes, type HomesNote } from "./Homes.ts"
import type { Witness } from "./Witness.ts"

export interface CommitMetadata {
  /** R, the reservation: the offset up to which this owner may expose. */
  readonly reservation: number
  /** L: the lowest offset whose content is still in the cache. */
  readonly lowest: number
  /** By which the next owner recognizes the log; null while nothing was read of it. */
  readonly witness: Witness | null
  /** The counts of partitions that the topic had, and how keys are placed, as far as the owner knew; absent where it knew none. */
  readonly homes?: HomesNote
}

export const encodeCommitMetadata = (m: CommitMetadata): string =>
  JSON.stringify({
    v: 1,
    r: m.reservation,
    l: m.lowest,
    ...(m.witness === null ? {} : { w: [m.witness.offset, m.witness.crc] }),
    ...(m.homes === undefined ? {} : { n: encodeHomes(m.homes) })
  })

const isOffset = (n: unknown): n is number => typeof n === "number" && Number.isSafeInteger(n) && n >= 0
const isCrc = (n: unknown): n is number => isOffset(n) && n <= 0xffff_ffff

export const decodeCommitMetadata = (text: string): CommitMetadata | null => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    // Not ours (another tool reset the offset, say): the caller treats it as absent.
    return null
  }
  if (typeof json !== "object" || json === null) return null
  const { v, r, l, w, n } = json as Record<string, unknown>
  if (v !== 1 || !isOffset(r) || !isOffset(l)) return null
  const homes = readHomes(n)
  if (w === undefined) return { reservation: r, lowest: l, witness: null, ...homes }
  if (!Array.isArray(w)) return null
  const [offset, crc] = w as ReadonlyArray<unknown>
  return isOffset(offset) && isCrc(crc) ? { reservation: r, lowest: l, witness: { offset, crc }, ...homes } : null
}

/** What cannot be read is as if it were not there: the partition then names no count. */
const readHomes = (n: unknown): { readonly homes?: HomesNote } => {
  const homes = decodeHomes(n)
  return homes === undefined ? {} : { homes }
}
