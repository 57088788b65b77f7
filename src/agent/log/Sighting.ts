/**
 * Sighting: what it means that at some paths files were seen, or none: which stream goes on where, which was renamed, truncated or lost, and
 * which file is new. A file is what it is (device, inode, time of birth), never what it is called. Whether its bytes are still those that
 * were read is not asked here: reading tells. Pure.
 */

/** What was at a path. */
export interface Seen {
  /** See `idOf`. */
  readonly id: string
  readonly size: number
  /** When it was written last, ms since the Unix epoch. */
  readonly mtime: number
  /** When it was asked, ms, monotonic. */
  readonly at: number
}

/** A stream, as far as looks matter. */
export interface Known {
  readonly id: string
  /** Where it was seen last; undefined where it is not seen now. */
  readonly path: string | undefined
  /** Bytes of it that were read. */
  readonly read: number
  /** When that was read last, ms, monotonic: what was asked before says nothing of it. */
  readonly readAt: number
  /** Its file is a packed one: its size says nothing. */
  readonly isPacked: boolean
}

export type Verdict<K extends Known> =
  /** It is there; `path` may be another one than before. */
  | { readonly kind: "there"; readonly stream: K; readonly path: string; readonly seen: Seen }
  /** It is shorter than what was read of it: another life of the file begins. */
  | { readonly kind: "truncated"; readonly stream: K; readonly path: string; readonly seen: Seen }
  /** It is not where it was. */
  | { readonly kind: "lost"; readonly stream: K }
  | { readonly kind: "new"; readonly path: string; readonly seen: Seen }

/** Device, inode and time of birth; a file system that knows no births says 0. */
export const idOf = (file: { readonly dev: bigint; readonly ino: bigint; readonly birthNs: bigint }): string =>
  `${file.dev}:${file.ino}:${file.birthNs}`

/** The same after a restart of the machine, which may number its devices anew. */
export const withoutDevice = (id: string): string => id.slice(id.indexOf(":") + 1)

export interface Knowledge<K extends Known> {
  readonly ofId: (id: string) => K | undefined
  readonly ofPath: (path: string) => K | undefined
}

/**
 * `looked`: by path, undefined where no file is. Of a file that is at several of them the path that it had stays, else the first one counts. A
 * new file without bytes is none yet: what it will be is not to be seen.
 */
export const sight = <K extends Known>(
  looked: ReadonlyMap<string, Seen | undefined>,
  { ofId, ofPath }: Knowledge<K>
): ReadonlyArray<Verdict<K>> => {
  const verdicts: Array<Verdict<K>> = []
  const there = new Set<K>()
  const fresh = new Set<string>()
  /** It may have a second name; one that was not looked at now may be its old one. */
  const isStill = ({ path, id }: K) => path !== undefined && looked.get(path)?.id === id
  for (const [path, seen] of looked) {
    if (seen === undefined) continue
    const stream = ofId(seen.id)
    if (stream === undefined) {
      if (seen.size > 0 && !fresh.has(seen.id)) verdicts.push({ kind: "new", path, seen })
      fresh.add(seen.id)
      continue
    }
    if (there.has(stream) || (stream.path !== path && isStill(stream))) continue
    there.add(stream)
    const isShort = !stream.isPacked && seen.size < stream.read && seen.at >= stream.readAt
    verdicts.push({ kind: isShort ? "truncated" : "there", stream, path, seen })
  }
  for (const path of looked.keys()) {
    const stream = ofPath(path)
    if (stream !== undefined && !there.has(stream) && stream.path === path) verdicts.push({ kind: "lost", stream })
  }
  return verdicts
}
