/**
 * NameUses: how many lines of a source have each sample name, by its number, and what the names that some line has take.
 */
import { Names } from "../read/Names.ts"

export class NameUses {
  /** What the numbers mean: as the source's readings have it. */
  names = new Names()
  counts = new Uint32Array(8)
  /** Names that some line has. */
  used = 0
  bytes = 0

  add(name: number): void {
    if (name >= this.counts.length) {
      const grown = new Uint32Array(2 * name)
      grown.set(this.counts)
      this.counts = grown
    }
    if (this.counts[name]!++ > 0) return
    this.used++
    this.bytes += this.names.sizeOf(name)
  }

  remove(name: number): void {
    if (--this.counts[name]! > 0) return
    this.used--
    this.bytes -= this.names.sizeOf(name)
  }

  /** Names get other numbers. */
  clear(names: Names): void {
    this.names = names
    this.counts = new Uint32Array(8)
    this.used = this.bytes = 0
  }
}
