/**
 * Settling: when a file that changed is whole. Pure.
 *
 * One that was renamed into place is: its inode was written before. The rename shows where it changed the inode (`ctime`) after its
 * last write; where it does not, the open file is watched, not the path: it is whole when it has rested, whatever is at its
 * path by then. So a file that is replaced ten times a second is taken, and one that is written in place is not read in the
 * middle, as long as its writer does not pause for longer than it must rest.
 */
import type { Look } from "./Disk.ts"

export const same = (a: Look | undefined, b: Look | undefined): boolean =>
  a !== undefined && b !== undefined && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs

/** To compare with after a restart of the looker. */
export const textOf = ({ ino, size, mtimeNs }: Look): string => `${ino}.${size}.${mtimeNs}`

/** Of an inode that was not there at the last look. */
export const wasRenamed = (look: Look): boolean => look.ctimeNs > look.mtimeNs

/** What a file that lacks its end, or does not rest, is given before its owner is told, ms. */
export const patience = 10_000

const second = 1_000_000_000n

/** Ms after which the file is to be read again: its time is in whole seconds, and may be the same after another write. */
export const doubtful = ({ mtimeNs }: Look, wall: number): number | undefined => {
  if (mtimeNs % second !== 0n) return undefined
  const since = wall - Number(mtimeNs / 1_000_000n)
  return since >= 0 && since < 2_000 ? 2_000 - since : undefined
}
