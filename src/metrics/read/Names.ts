/**
 * Names: the sample names that a source has sent, each once, by a small number that its lines carry. Not the families: which
 * one a name belongs to is what the metadata lines say (see Families).
 *
 * A name gets its number with the first line that is good: what names bad lines have takes nothing. Numbers never change;
 * a branch begins with the names of another one and adds its own to itself alone.
 */
import { hashOfSample } from "../text/Hash.ts"
import { intern } from "../text/Interned.ts"
import { isReserved } from "../text/ReservedNames.ts"
import { ascii, encode, escapeValue } from "../text/Syntax.ts"

export interface SampleName {
  /** -1 until it is kept. */
  readonly id: number
  /** Unescaped. */
  readonly text: string
  /** A line begins with `{"name"`, not with the name. */
  readonly quoted: boolean
  readonly hash: number
  /** Prometheus itself writes series of that name (see ReservedNames). */
  readonly reserved: boolean
}

/** What a name takes besides its text (`node --expose-gc test/metrics/worst/measure.ts name`). */
const NAME_BYTES = 160

const LEGACY = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/

/** Whether a metric of that name can be written without quotes. */
export const isLegacyName = (name: string): boolean => LEGACY.test(name)

/** What a canonical line of a name that must stand in quotes begins with. */
export const quotedBytes = (name: string): Uint8Array => encode(`{"${escapeValue(name)}"`)

/** What it takes. */
export const sizeOfName = (text: string): number => NAME_BYTES + text.length

export class Names {
  list: ReadonlyArray<SampleName> = []
  /** What they take. */
  bytes = 0
  /** Some of them are reserved. */
  hasReserved = false
  private byText = new Map<string, SampleName>()
  /** Others have the list and the map, too. */
  private isShared = false

  get size(): number {
    return this.list.length
  }

  /** Of the bytes of a legacy name. It is not kept yet where no line had it. */
  ofBytes(b: Uint8Array, start: number, end: number): SampleName {
    const text = ascii(b, start, end)
    return this.byText.get(text) ?? named(text, false, hashOfSample(b, start, end))
  }

  /** Of a name that was in quotes, unescaped. */
  ofText(text: string): SampleName {
    const known = this.byText.get(text)
    if (known !== undefined) return known
    const quoted = !isLegacyName(text)
    const bytes = quoted ? quotedBytes(text) : encode(text)
    return named(text, quoted, hashOfSample(bytes, 0, bytes.length))
  }

  /** Some line has it. */
  keep(name: SampleName): SampleName {
    if (name.id >= 0) return name
    if (this.isShared) {
      this.list = [...this.list]
      this.byText = new Map(this.byText)
      this.isShared = false
    }
    const kept = { ...name, id: this.list.length, text: intern(name.text) }
    if (kept.reserved) this.hasReserved = true
    ;(this.list as Array<SampleName>).push(kept)
    this.byText.set(kept.text, kept)
    this.bytes += sizeOfName(kept.text)
    return kept
  }

  /** The same names; what is added to it is its own. */
  branch(): Names {
    const branch = new Names()
    branch.list = this.list
    branch.byText = this.byText
    branch.bytes = this.bytes
    branch.hasReserved = this.hasReserved
    branch.isShared = this.isShared = true
    return branch
  }

  /** Those of `live` alone, by new numbers; answers, by the old one, the new. */
  compact(live: Uint32Array): { readonly names: Names; readonly numbers: Uint32Array } {
    const names = new Names()
    const numbers = new Uint32Array(this.size)
    for (const name of this.list) if ((live[name.id] ?? 0) > 0) numbers[name.id] = names.keep({ ...name, id: -1 }).id
    return { names, numbers }
  }
}

const named = (text: string, quoted: boolean, hash: number): SampleName => ({
  id: -1,
  text,
  quoted,
  hash,
  reserved: isReserved(text)
})
