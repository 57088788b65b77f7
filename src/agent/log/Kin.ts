/**
 * Kin: whether a file that is no stream's yet goes on with one that is known: as the copy that copytruncate left, or packed. A wrong yes
 * loses lines, a wrong no repeats them: so bytes that are alike are never enough, the other file's fate must call for it. Pure.
 */

/** What became of the stream's own file. `truncated`: another life of it began. `lost`: it is at no path that is looked at. */
export type Fate = "there" | "truncated" | "lost"

export interface Evidence {
  /** It is packed, and what is said here is of its unpacked bytes. */
  readonly isPacked: boolean
  readonly beginsAlike: boolean
  /** It reaches the stream's position, and the kilobyte before it is the stream's; of a shorter one, its last kilobyte. */
  readonly isAlikeBefore: boolean
  readonly reaches: boolean
}

/**
 * `goes on`: what follows in it is the stream's. `wait`: it may turn out to be a copy. `other`: it is a file of its own, or, packed, none to be read.
 *
 * A plain file that is like one that is lost is none of its: either it was lost by being renamed, and then it is seen by what it is, or
 * copied and removed, and then it is read again.
 */
export const kinship = (
  fate: Fate,
  { isPacked, beginsAlike, isAlikeBefore, reaches }: Evidence
): "goes on" | "wait" | "other" => {
  if (!beginsAlike || !isAlikeBefore) return "other"
  if (fate === "there") return "wait"
  if (!reaches) return "other"
  return isPacked || fate === "truncated" ? "goes on" : "other"
}
