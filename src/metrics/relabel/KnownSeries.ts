/**
 * KnownSeries: what was decided of the series of one source's last dump, in its order, so that a dump like the one before costs a comparison
 * for each line. A line that came, went or moved costs itself. Series that the new dump no longer has are forgotten with it, unless its texts
 * are pieces, of which each has other ones: then all are forgotten when there is no more room. All sources
 * share one bound of bytes; what finds no room there is decided anew in each dump.
 */
import { ascii, BRACE_CLOSE, BRACE_OPEN, isText, SPACE, skipBlanks, TAB } from "../text/Syntax.ts"
import type { Verdict } from "./Verdict.ts"

/** What all of them may take, and take. */
export interface MemoryShare {
  readonly limit: number
  bytes: number
}

/** What one takes besides its text (`node --expose-gc test/bench/relabel.ts`). */
const entryBytes = 250

/** With less, pieces are decided anew rather than remembered. */
const leastRoom = 64 * 1024

interface Known {
  /** The bytes of the series, each a character. */
  readonly key: string
  readonly verdict: Verdict
  index: number
  dump: number
}

/** Whether the line at `from` begins with the series, and with no longer one. */
const stands = (b: Uint8Array, from: number, { key }: Known): boolean => {
  const end = from + key.length
  if (!isText(b, from, end, key)) return false
  if (b[end - 1] === BRACE_CLOSE) return true
  return (b[end] === SPACE || b[end] === TAB) && b[skipBlanks(b, end)] !== BRACE_OPEN
}

export class KnownSeries {
  private list: ReadonlyArray<Known> = []
  private readonly byKey = new Map<string, Known>()
  private readonly share: MemoryShare
  private current: Array<Known> = []
  private dump = 0
  private next = 0
  private inOrder = true
  private isPiece = false
  /** Where the series that `expected` found ends. */
  end = 0

  constructor(share: MemoryShare) {
    this.share = share
  }

  /** Another dump, or a piece of one. */
  begin(isPiece = false): void {
    if (isPiece !== this.isPiece || (isPiece && this.share.bytes > this.share.limit - leastRoom)) this.clear()
    this.isPiece = isPiece
    this.dump++
    this.current = []
    this.next = 0
    this.inOrder = true
  }

  /** Where the line is the one that came next in the dump before. */
  expected(b: Uint8Array, from: number): Verdict | undefined {
    const known = this.list[this.next]
    if (known === undefined || !stands(b, from, known)) return undefined
    this.next++
    this.end = from + known.key.length
    return this.use(known)
  }

  /** Any other one; `decide` where it is new. */
  find(b: Uint8Array, from: number, end: number, decide: () => Verdict | undefined): Verdict | undefined {
    this.inOrder = false
    const key = ascii(b, from, end)
    const known = this.byKey.get(key)
    if (known !== undefined) {
      this.next = known.index + 1
      return this.use(known)
    }
    const verdict = decide()
    const bytes = key.length + entryBytes
    if (verdict === undefined || this.share.bytes + bytes > this.share.limit) return verdict
    this.share.bytes += bytes
    const made = { key, verdict, index: this.next, dump: this.dump }
    this.byKey.set(key, made)
    return this.use(made)
  }

  private use(known: Known): Verdict {
    known.dump = this.dump
    this.current.push(known)
    return known.verdict
  }

  /** The dump ends: its series are the known ones from now on. */
  finish(): void {
    const { list, current, dump, isPiece } = this
    this.current = []
    if (isPiece) return
    if (this.inOrder && current.length === list.length) return
    for (const known of list) if (known.dump !== dump) this.forget(known)
    for (const [i, known] of current.entries()) known.index = i
    this.list = current
  }

  /** The source has left. */
  clear(): void {
    for (const known of this.byKey.values()) this.forget(known)
    this.list = []
  }

  private forget({ key }: Known): void {
    if (this.byKey.delete(key)) this.share.bytes -= key.length + entryBytes
  }
}
