/** NameUses: how many lines of a source have each sample name, by its number. */
export class NameUses {
  counts = new Uint32Array(8)
  /** Names that some line has. */
  used = 0

  add(name: number): void {
    if (name >= this.counts.length) {
      const grown = new Uint32Array(2 * name)
      grown.set(this.counts)
      this.counts = grown
    }
    if (this.counts[name]!++ === 0) this.used++
  }

  remove(name: number): void {
    if (--this.counts[name]! === 0) this.used--
  }

  clear(): void {
    this.counts = new Uint32Array(8)
    this.used = 0
  }
}
