/**
 * Stream: one life of one file, from its first byte to where it was truncated, replaced or removed, whatever it is called meanwhile. It
 * knows how far it was read, how far the log has it, and how its file is known again. `read` runs ahead of `position` by what
 * one request carries, never more. State without I/O: who reads is Reading, who decides is Tailer.
 */

import { type Head, noHead, noTail } from "./Fingerprint.ts"
import type { Fate } from "./Kin.ts"
import type { Piece } from "./Lines.ts"
import type { LogFile } from "./LogFile.ts"

/** What the state directory keeps of a stream. */
export interface Place {
  readonly stream: string
  readonly source: string
  readonly path: string
  readonly position: number
  readonly head: Head
  /** Of the kilobyte before the position, or of all before it. */
  readonly tail: string
  /** Files that hold it, see `idOf`: its own, and copies and packed ones. */
  readonly ids: ReadonlyArray<string>
  /** The last of them is a packed file, whose size says nothing. */
  readonly isPacked: boolean
  /** Another life of its file has begun, and a copy may hold the rest of this one. */
  readonly isTruncated: boolean
  /** Its file was read to its end and is not there any more, or goes on no more. */
  readonly isOver: boolean
}

export class Stream {
  readonly stream: string
  readonly source: string
  /** The newest one is its file's, the others' bytes are the same as far as they were read. */
  readonly ids: Array<string>
  path: string | undefined
  lastPath: string
  position: number
  tail: string
  head: Head
  read: number
  readAt = Number.NEGATIVE_INFINITY
  readTail: string
  /** As it was seen last: bytes, and when it was written, ms since the Unix epoch. */
  size = 0
  mtime = 0
  /** Ms, monotonic: when it was seen to change last, to have bytes first, and when a read that began then found its end. */
  changedAt: number
  readonly bornAt: number
  endSeenAt = Number.NEGATIVE_INFINITY
  /** Ms, monotonic: when it was seen to have changed last. */
  noticedAt: number
  /** Ms, monotonic: since when it is not where it was; undefined while it is. */
  lostAt: number | undefined
  isTruncated: boolean
  /** Meanwhile: how often it was looked for, and when it is to be again, ms, monotonic. */
  sought = 0
  seekAt = 0
  /** Nothing is added any more: a last line without an end is a line. */
  isFinal: boolean
  isPacked: boolean
  isOver: boolean
  /** The head that the state directory has; undefined: it does not know the stream. */
  private keptHead: string | undefined
  file: LogFile | undefined
  /** Of a line over the limit of which the end is looked for: up to where it was. */
  scanned = 0
  linesCut = 0
  /** For people; "" where nothing is wrong. */
  why = ""

  constructor(place: Place, now: number, isKept: boolean) {
    this.stream = place.stream
    this.source = place.source
    this.ids = [...place.ids]
    this.lastPath = place.path
    this.position = this.read = place.position
    this.head = place.head
    this.tail = this.readTail = place.tail
    this.isPacked = place.isPacked
    // What is packed goes on no more.
    this.isFinal = place.isPacked
    this.isTruncated = place.isTruncated
    this.isOver = place.isOver
    this.size = place.position
    this.keptHead = isKept ? place.head.hash : undefined
    this.bornAt = this.changedAt = this.noticedAt = now
  }

  /** A life that begins. */
  static begin(stream: string, source: string, path: string, id: string, now: number): Stream {
    const place = {
      stream,
      source,
      path,
      position: 0,
      head: noHead,
      tail: noTail,
      ids: [id],
      isPacked: false,
      isTruncated: false,
      isOver: false
    }
    return new Stream(place, now, false)
  }

  get id(): string {
    return this.ids[this.ids.length - 1]!
  }

  /**
   * The state directory knows it, and how it begins. Before that nothing of it is sent: after a crash it would have another name, or, truncated
   * meanwhile, the name and positions of other bytes.
   */
  get isKept(): boolean {
    return this.keptHead === this.head.hash
  }

  kept(place: Place): void {
    this.keptHead = place.head.hash
  }

  get fate(): Fate {
    return this.isTruncated ? "truncated" : this.lostAt === undefined ? "there" : "lost"
  }

  /** Bytes that the log does not have, as far as is known. */
  get behind(): number {
    return this.isOver ? 0 : Math.max(0, this.size - this.position)
  }

  get place(): Place {
    const { stream, source, lastPath: path, position, head, tail, ids, isPacked, isTruncated, isOver } = this
    return { stream, source, path, position, head, tail, ids, isPacked, isTruncated, isOver }
  }

  /** Its file is not where it was. */
  lose(now: number): void {
    this.lostAt = now
    this.sought = this.seekAt = 0
  }

  /** Read up to `to`; `tail` is of what is before it. */
  took(to: number, tail: string, pieces: ReadonlyArray<Piece>): void {
    if (to === this.read) return
    this.read = to
    this.readAt = performance.now()
    this.readTail = tail
    this.scanned = 0
    for (const { isCut } of pieces) if (isCut) this.linesCut++
  }

  /** The log has all that was read. */
  acknowledged(): void {
    this.position = this.read
    this.tail = this.readTail
  }
}
