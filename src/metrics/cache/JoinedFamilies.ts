/**
 * JoinedFamilies: the families of a round's chunks as the round's own, each made when it is asked for: one that was cut in two has the
 * lines of all its parts, copied together. What it holds of a family is a few integers; the lines stay in the chunks' pages.
 */
import type { Page } from "../read/Page.ts"
import type { Family, FamilyList, MetricType } from "../text/Dump.ts"

/** Families of the chunks by one number: those of the first one, of the second one, … */
export class ChunkFamilies {
  readonly pages: ReadonlyArray<Page>
  /** By chunk: the number of its first family. */
  readonly starts: Uint32Array

  constructor(pages: ReadonlyArray<Page>) {
    this.pages = pages
    this.starts = new Uint32Array(pages.length + 1)
    for (const [c, { families }] of pages.entries()) this.starts[c + 1] = this.starts[c]! + families.length
  }

  get length(): number {
    return this.starts[this.pages.length]!
  }

  chunkOf(family: number): number {
    return firstFrom(this.starts, family + 1) - 1
  }
}

export class JoinedFamilies implements FamilyList {
  readonly length: number
  private readonly chunks: ChunkFamilies
  /** The first part of each. */
  private readonly first: Int32Array
  /** By part: the next one of its family + 1, 0 after the last. */
  private readonly next: Int32Array
  /** By chunk: the places of lines that are not shown, ascending. */
  private readonly gone: ReadonlyArray<Int32Array>

  constructor(chunks: ChunkFamilies, first: Int32Array, next: Int32Array, gone: ReadonlyArray<Int32Array>) {
    this.length = first.length
    this.chunks = chunks
    this.first = first
    this.next = next
    this.gone = gone
  }

  /** What it takes besides the pages. */
  get bytes(): number {
    return this.first.byteLength + this.next.byteLength + this.gone.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  *[Symbol.iterator](): Generator<Family, void, undefined> {
    for (const part of this.first) yield this.join(part)
  }

  private join(first: number): Family {
    const parts: Array<Family> = []
    const pieces: Array<Uint8Array> = []
    let series = 0
    for (let part = first; part >= 0; part = this.next[part]! - 1) {
      const c = this.chunks.chunkOf(part)
      const { families, layout } = this.chunks.pages[c]!
      const k = part - this.chunks.starts[c]!
      const family = families.at(k)
      const gone = this.goneWithin(c, layout.arrangement.placeOf(k), layout.arrangement.placeOf(k + 1))
      parts.push(family)
      series += family.series - gone.length
      if (gone.length === 0) {
        pieces.push(family.bytes)
        continue
      }
      let from = layout.arrangement.placeOf(k)
      for (const place of gone) {
        if (place > from) pieces.push(families.linesAt(from, place))
        from = place + 1
      }
      pieces.push(families.linesAt(from, layout.arrangement.placeOf(k + 1)))
    }
    const bytes = pieces.length === 1 ? pieces[0]! : together(pieces)
    return { ...(parts.length === 1 ? parts[0]! : saidBy(parts)), series, bytes }
  }

  private goneWithin(c: number, from: number, to: number): Int32Array {
    const gone = this.gone[c]!
    return gone.length === 0 ? gone : gone.subarray(firstFrom(gone, from), firstFrom(gone, to))
  }
}

/** Where in an ascending list the first is that is not below. */
export const firstFrom = (list: ArrayLike<number>, least: number): number => {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (list[middle]! < least) low = middle + 1
    else high = middle
  }
  return low
}

/** Of these types the order of lines says nothing. */
const orderless: ReadonlySet<MetricType> = new Set(["counter", "gauge", "unknown", "info"])

/** No type said follows what another chunk says. */
const typeOf = (parts: ReadonlyArray<Family>): MetricType => {
  const said = new Set(parts.map(({ type }) => type).filter((type) => type !== "unknown"))
  return said.size === 1 ? [...said][0]! : "unknown"
}

const saidBy = (parts: ReadonlyArray<Family>): Omit<Family, "series" | "bytes"> => {
  const type = typeOf(parts)
  const head = parts.find((part) => part.type === type) ?? parts[0]!
  return {
    name: type === "unknown" ? head.textName : head.name,
    textName: head.textName,
    type,
    help: parts.find((p) => p.help !== "")?.help ?? "",
    unit: parts.find((p) => p.unit !== "")?.unit ?? "",
    sampleNames: [...new Set(parts.flatMap((p) => p.sampleNames))],
    conforms: orderless.has(type) && parts.every((p) => p.conforms),
    conformsText: parts.every((p) => p.conformsText && (p.type === type || orderless.has(type))),
    exemplars: parts.some((p) => p.exemplars),
    floatLabels: parts.some((p) => p.floatLabels),
    quoted: parts.some((p) => p.quoted),
    timestamps: head.timestamps
  }
}

const together = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = Buffer.allocUnsafe(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}
