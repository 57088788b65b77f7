/**
 * CommitMetadata: the few numbers that travel with a committed offset to the next owner, and the processor's memo, in the metadata
 * string of the commit. Pure codec. Anything it cannot read decodes to null, and the next owner then takes the careful path (fence = log end).
 * It stays under 1,024 bytes, which is all that Event Hubs keeps: marks give way, as far as they must.
 */
import { decodeHomes, encodeHomes, type HomesNote } from "../growth/Homes.ts"
import { leastTelling, type MarkAgo, maxMarks } from "./Marks.ts"
import type { Quarantine } from "./Quarantine.ts"
import type { Witness } from "./Witness.ts"

export interface CommitMetadata {
  /** R, the reservation: the offset up to which this owner may expose. */
  readonly reservation: number
  /** L: the lowest offset whose content is still in the cache. */
  readonly lowest: number
  /** By which the next owner recognizes the log; null while nothing was read of it. */
  readonly witness: Witness | null
  /** The partition's time, down to L; empty in commits of versions that had none. */
  readonly marks: ReadonlyArray<MarkAgo>
  /** Until L has passed it; null where there is none. */
  readonly quarantine: Quarantine | null
  /** Under which settings the owner judged what can be read (`judgedBy`); "" in commits of versions that did not say. */
  readonly judgedBy: string
  /** Where batches end, from L on, that were unreadable already when the first owner came to them: nobody ever showed anything of them. */
  readonly unread: ReadonlyArray<number>
  /** The counts of partitions that the topic had, and how keys are placed, as far as the owner knew; absent where it knew none. */
  readonly homes?: HomesNote
  /** The processor's own, of C; "" where it has none. */
  readonly memo: string
}

/** Bytes of all that a commit carries. */
export const maxMetadata = 1_023

/** Bytes of a memo, as it is written in JSON and UTF-8. */
export const maxMemo = 256

/** What a memo takes of them. */
export const memoBytes = (memo: string): number => Buffer.byteLength(JSON.stringify(memo)) - 2

/** Of more the first ones are told: a batch that is not among them puts the next owner in quarantine. */
export const maxUnread = 8

/** Short: it is only compared. */
export const judgedBy = (settingsHash: string): string => settingsHash.slice(0, 8)

export const encodeCommitMetadata = (m: CommitMetadata): string => {
  const marks = [...m.marks]
  for (;;) {
    const text = write({ ...m, marks })
    if (Buffer.byteLength(text) <= maxMetadata || marks.length === 0) return text
    marks.splice(leastTelling(marks.map(({ ago }) => -ago)), 1)
  }
}

const write = (m: CommitMetadata): string =>
  JSON.stringify({
    v: 1,
    r: m.reservation,
    l: m.lowest,
    ...(m.witness === null ? {} : { w: [m.witness.offset, m.witness.crc] }),
    ...(m.marks.length === 0 ? {} : { m: packMarks(m.marks) }),
    ...(m.quarantine === null ? {} : { q: m.quarantine.until ?? -1 }),
    ...(m.judgedBy === "" ? {} : { s: m.judgedBy }),
    ...(m.unread.length === 0 ? {} : { u: m.unread }),
    ...(m.homes === undefined ? {} : { n: encodeHomes(m.homes) }),
    ...(m.memo === "" ? {} : { p: m.memo })
  })

/** Three numbers a mark, each the difference to the one before: end, how far reading was behind it, ms ago. */
const packMarks = (marks: ReadonlyArray<MarkAgo>): ReadonlyArray<number> => {
  const packed: Array<number> = []
  let [lastEnd, lastAgo] = [0, 0]
  for (const { end, read, ago } of marks) {
    packed.push(end - lastEnd, end - read, lastAgo - ago)
    lastEnd = end
    lastAgo = ago
  }
  return packed
}

const unpackMarks = (packed: unknown): ReadonlyArray<MarkAgo> | null => {
  if (packed === undefined) return []
  if (!Array.isArray(packed) || packed.length % 3 !== 0 || packed.length > 3 * maxMarks) return null
  if (!packed.every(Number.isSafeInteger)) return null
  const numbers = packed as ReadonlyArray<number>
  const marks: Array<MarkAgo> = []
  let [end, ago, read] = [0, 0, 0]
  for (let i = 0; i < numbers.length; i += 3) {
    const nextAgo = ago - numbers[i + 2]!
    const [nextEnd, nextRead] = [end + numbers[i]!, end + numbers[i]! - numbers[i + 1]!]
    if (nextEnd < end || nextRead < read || nextAgo < 0 || (i > 0 && nextAgo > ago)) return null
    ;[end, read, ago] = [nextEnd, nextRead, nextAgo]
    marks.push({ end, read, ago })
  }
  return marks
}

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
  const { v, r, l, w, m, q, s, u, n, p } = json as Record<string, unknown>
  if (v !== 1 || !isOffset(r) || !isOffset(l)) return null
  const witness = w === undefined ? null : unpackWitness(w)
  const marks = unpackMarks(m)
  if (witness === undefined || marks === null) return null
  if (q !== undefined && q !== -1 && !isOffset(q)) return null
  const quarantine = q === undefined ? null : { until: q === -1 ? null : q }
  const judgedBy = typeof s === "string" ? s : ""
  const unread = Array.isArray(u) && u.every(isOffset) ? u.slice(0, maxUnread) : []
  // Versions before had no memo, and pass over one that they find.
  const memo = typeof p === "string" && memoBytes(p) <= maxMemo ? p : ""
  return { reservation: r, lowest: l, witness, marks, quarantine, judgedBy, unread, memo, ...readHomes(n) }
}

const unpackWitness = (w: unknown): Witness | undefined => {
  if (!Array.isArray(w)) return undefined
  const [offset, crc] = w as ReadonlyArray<unknown>
  return isOffset(offset) && isCrc(crc) ? { offset, crc } : undefined
}

/** What cannot be read is as if it were not there: the partition then names no count. */
const readHomes = (n: unknown): { readonly homes?: HomesNote } => {
  const homes = decodeHomes(n)
  return homes === undefined ? {} : { homes }
}
