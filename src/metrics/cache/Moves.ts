/**
 * Moves: what becomes of a partition's sources when its topic grows: which records are left out, and what has to go of what is held.
 * Arrivals judges; here is what follows.
 */
import type { Homes } from "../../engine/growth/Homes.ts"
import type { LogRecord } from "../../transport/Transport.ts"
import type { Now } from "../rounds/Ages.ts"
import type { Envelope } from "../rounds/Record.ts"
import { Arrivals, awayRefusal } from "./Arrivals.ts"
import type { Books } from "./Books.ts"
import type { Contents } from "./Contents.ts"

export class Moves {
  private readonly arrivals: Arrivals
  private readonly contents: Contents
  private readonly books: Books

  constructor(homes: Homes, contents: Contents, books: Books) {
    this.arrivals = new Arrivals(homes)
    this.contents = contents
    this.books = books
  }

  isHome(source: string): boolean {
    return this.contents.get(source)?.number === undefined && this.arrivals.isHome(source)
  }

  /**
   * A record of a source that is not shown here, or not yet, because its topic grew: as if it had not come. What is held of the source
   * was asked about before; that a source ended shows nothing older, wherever it is said.
   */
  leavesOut({ source, number, ended }: Envelope, record: LogRecord, now: Now): boolean {
    if (number !== undefined) return false
    if (record.key === null) {
      if (record.headers["k2p-source"] !== undefined) this.arrivals.withoutKey(source)
      return false
    }
    if (ended || !this.arrivals.asks) return false
    const held = this.contents.get(source)
    if (held !== undefined && held.number === undefined) return false
    const why = this.arrivals.away(source, record.key, record.offset)
    if (why === undefined) return false
    this.books.away(why, awayRefusal(why), source, record.offset, now)
    return true
  }

  /** More is known of the topic's partitions: what is not at home here any more goes at once. */
  grown(now: Now): void {
    for (const [source, content] of this.contents.all()) {
      const { shown, number } = content
      if (number !== undefined) continue
      const first = shown.mode === "samples" ? shown.series.first : content.first
      const why = this.arrivals.mustGo(source, first)
      if (why === undefined) continue
      this.contents.remove(source)
      this.books.away(why, awayRefusal(why), source, content.stamp.offset, now)
    }
  }

  /** Of what is held, the keys by which producers placed it. */
  keys(): ReadonlyArray<Uint8Array> {
    const keys: Array<Uint8Array> = []
    for (const [source, { number }] of this.contents.all())
      if (number === undefined && this.arrivals.isPlaced(source)) keys.push(Buffer.from(source))
    return keys
  }
}
