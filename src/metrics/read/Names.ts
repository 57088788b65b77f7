/**
 * Names: the sample names that a source has sent, each once, by a small number that its lines carry. Not the families: which
 * one a name belongs to is what the metadata lines say (see Families).
 */
import { hashOfSample } from "../text/Hash.ts"
import { intern } from "../text/Interned.ts"
import { reservedNames } from "../text/ReservedNames.ts"
import { ascii, encode, escapeValue } from "../text/Syntax.ts"

export interface SampleName {
  readonly id: number
  /** Unescaped. */
  readonly text: string
  /** What a canonical line begins with: the name, or `{"name"` where it must stand in quotes. */
  readonly bytes: Uint8Array
  readonly quoted: boolean
  readonly hash: number
  /** Prometheus itself writes series of that name (see ReservedNames). */
  readonly reserved: boolean
}

const LEGACY = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/

/** Whether a metric of that name can be written without quotes. */
export const isLegacyName = (name: string): boolean => LEGACY.test(name)

export class Names {
  readonly list: Array<SampleName> = []
  /** Some of them are reserved. */
  hasReserved = false
  private readonly byText = new Map<string, SampleName>()

  get size(): number {
    return this.list.length
  }

  /** Of the bytes of a legacy name. */
  ofBytes(b: Uint8Array, start: number, end: number): SampleName {
    const text = ascii(b, start, end)
    return this.byText.get(text) ?? this.add(text, false)
  }

  /** Of a name that was in quotes, unescaped. */
  ofText(text: string): SampleName {
    return this.byText.get(text) ?? this.add(text, !isLegacyName(text))
  }

  /** Those of `live` alone, by new numbers; answers, by the old one, the new. */
  compact(live: Uint32Array): { readonly names: Names; readonly numbers: Uint32Array } {
    const names = new Names()
    const numbers = new Uint32Array(this.size)
    for (const { id, text, quoted } of this.list)
      if ((live[id] ?? 0) > 0) numbers[id] = (names.byText.get(text) ?? names.add(text, quoted)).id
    return { names, numbers }
  }

  private add(name: string, quoted: boolean): SampleName {
    const text = intern(name)
    const bytes = encode(quoted ? `{"${escapeValue(text)}"` : text)
    const hash = hashOfSample(bytes, 0, bytes.length)
    const added = { id: this.list.length, text, bytes, quoted, hash, reserved: reservedNames.has(text) }
    if (added.reserved) this.hasReserved = true
    this.list.push(added)
    this.byText.set(text, added)
    return added
  }
}
