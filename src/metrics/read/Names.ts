/**
 * Names: the sample names that a source has sent, each once, by a small number that its lines carry. Not the families: which
 * one a name belongs to is what the metadata lines say (see Families).
 *
 * A name gets its number with the first line that is good: what names bad lines have takes nothing. Numbers never change;
 * a branch begins with the names of another one and adds its own to itself alone. A name is its bytes and two integers: a source may
 * have as many names as lines, so there is no object for one, and its text is made when somebody asks.
 */
import { hashOfSample, mixed } from "../text/Hash.ts"
import { isReserved } from "../text/ReservedNames.ts"
import { ascii, decode, encode, escapeValue, isText, sameBytes } from "../text/Syntax.ts"

/** The name of a line at hand. */
export interface SampleName {
  /** -1 until it is kept. */
  id: number
  /** Unescaped. */
  readonly text: string
  /** A line begins with `{"name"`, not with the name. */
  readonly quoted: boolean
  readonly hash: number
}

/** What a name takes besides its text: its integers, its place in the table, and what is free of both. */
const NAME_BYTES = 20

const LEGACY = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/

/** Whether a metric of that name can be written without quotes. */
export const isLegacyName = (name: string): boolean => LEGACY.test(name)

/** What a canonical line of a name that must stand in quotes begins with. */
export const quotedBytes = (name: string): Uint8Array => encode(`{"${escapeValue(name)}"`)

/** Integers of a name: where its text ends, times four, with what is to be known of it; its hash. */
const INTS = 2
const QUOTED = 1
const RESERVED = 2
const FLAG_BITS = 2
/** Whoever sends the names chooses their hashes: what finds no room near its own is in a map. */
const MAX_PROBES = 48
const LEAST = 16
const none = new Int32Array(0)
const noText = new Uint8Array(0)

export class Names {
  size = 0
  /** Some of them are reserved. */
  hasReserved = false
  private ints = none
  private text = noText
  /** By hash: a name + 1, 0 is free. Made when a name is looked for. */
  private table = none
  /** Those that found no room in it. */
  private crowd: Map<string, number> | undefined
  /** Others have the integers and the text, too. */
  private isShared = false

  /** What they take. */
  get bytes(): number {
    return this.size * NAME_BYTES + this.endOf(this.size - 1)
  }

  textOf(id: number): string {
    const [start, end] = [this.endOf(id - 1), this.endOf(id)]
    return (this.flagsOf(id) & QUOTED) === 0 ? ascii(this.text, start, end) : decode(this.text, start, end)
  }

  /** Whether its text is this one. */
  isCalled(id: number, text: string): boolean {
    if ((this.flagsOf(id) & QUOTED) !== 0) return this.textOf(id) === text
    return isText(this.text, this.endOf(id - 1), this.endOf(id), text)
  }

  hashOf(id: number): number {
    return this.ints[id * INTS + 1]!
  }

  /** Prometheus itself writes series of that name (see ReservedNames). */
  isReserved(id: number): boolean {
    return (this.flagsOf(id) & RESERVED) !== 0
  }

  /** What it takes. */
  sizeOf(id: number): number {
    return NAME_BYTES + this.endOf(id) - this.endOf(id - 1)
  }

  /** Of the bytes of a legacy name. It is not kept yet where no line had it. */
  ofBytes(b: Uint8Array, start: number, end: number): SampleName {
    const hash = hashOfSample(b, start, end)
    return { id: this.find(hash, b, start, end), text: ascii(b, start, end), quoted: false, hash }
  }

  /** Of a name that was in quotes, unescaped. */
  ofText(text: string): SampleName {
    const quoted = !isLegacyName(text)
    const bytes = encode(text)
    const canonical = quoted ? quotedBytes(text) : bytes
    const hash = hashOfSample(canonical, 0, canonical.length)
    return { id: this.find(hash, bytes, 0, bytes.length), text, quoted, hash }
  }

  /** Some line has it. */
  keep(name: SampleName): number {
    if (name.id >= 0) return name.id
    const { text, quoted, hash } = name
    const bytes = quoted ? encode(text) : asciiBytes(text)
    const flags = (quoted ? QUOTED : 0) | (isReserved(text) ? RESERVED : 0)
    name.id = this.append(bytes, 0, quoted ? bytes.length : text.length, hash, flags)
    return name.id
  }

  /** One of others' names; answers its number here. */
  adopt(from: Names, name: number): number {
    const [start, end, hash] = [from.endOf(name - 1), from.endOf(name), from.hashOf(name)]
    const id = this.find(hash, from.text, start, end)
    return id >= 0 ? id : this.append(from.text, start, end, hash, from.flagsOf(name))
  }

  /** The same names; what is added to it is its own. */
  branch(): Names {
    const branch = new Names()
    branch.size = this.size
    branch.ints = this.ints
    branch.text = this.text
    branch.hasReserved = this.hasReserved
    branch.isShared = this.isShared = true
    return branch
  }

  /** Those of `live` alone, by new numbers; answers, by the old one, the new. */
  compact(live: Uint32Array): { readonly names: Names; readonly numbers: Uint32Array } {
    const names = new Names()
    const numbers = new Uint32Array(this.size)
    for (let id = 0; id < this.size; id++)
      if (live[id]! > 0)
        numbers[id] = names.append(this.text, this.endOf(id - 1), this.endOf(id), this.hashOf(id), this.flagsOf(id))
    return { names, numbers }
  }

  /** In memory of their size: no more are to come. */
  trim(): void {
    this.table = none
    this.crowd = undefined
    if (this.isShared) return
    if (this.ints.length > this.size * INTS) this.ints = this.ints.slice(0, this.size * INTS)
    const length = this.endOf(this.size - 1)
    if (this.text.length > length) this.text = this.text.slice(0, length)
  }

  private append(b: Uint8Array, from: number, to: number, hash: number, flags: number): number {
    const id = this.size
    const start = this.endOf(id - 1)
    const end = start + to - from
    this.makeRoom(id + 1, end)
    const { text, ints } = this
    for (let i = start, k = from; i < end; i++, k++) text[i] = b[k]!
    ints[id * INTS] = (end << FLAG_BITS) | flags
    ints[id * INTS + 1] = hash
    if ((flags & RESERVED) !== 0) this.hasReserved = true
    this.size++
    if (2 * this.size > this.table.length) this.makeTable(4 * this.size)
    else this.enter(id)
    return id
  }

  private endOf(id: number): number {
    return id < 0 ? 0 : this.ints[id * INTS]! >>> FLAG_BITS
  }

  private flagsOf(id: number): number {
    return this.ints[id * INTS]! & (QUOTED | RESERVED)
  }

  /** Whose text, of that hash, these bytes are; -1 where it is none's. */
  private find(hash: number, b: Uint8Array, start: number, end: number): number {
    if (this.size === 0) return -1
    if (this.table.length === 0) this.makeTable(2 * this.size)
    const { table, ints, text } = this
    const mask = table.length - 1
    for (
      let at = mixed(hash) & mask, probes = 0;
      table[at] !== 0 && probes < MAX_PROBES;
      at = (at + 1) & mask, probes++
    ) {
      const id = table[at]! - 1
      if (ints[id * INTS + 1] === hash && sameBytes(text, this.endOf(id - 1), this.endOf(id), b, start, end)) return id
    }
    return this.crowd?.get(decode(b, start, end)) ?? -1
  }

  private enter(id: number): void {
    const { table } = this
    const mask = table.length - 1
    let at = mixed(this.hashOf(id)) & mask
    for (let probes = 0; table[at] !== 0; at = (at + 1) & mask)
      if (++probes === MAX_PROBES) {
        this.crowd ??= new Map()
        this.crowd.set(this.textOf(id), id)
        return
      }
    table[at] = id + 1
  }

  private makeTable(slots: number): void {
    this.table = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(LEAST, slots))))
    this.crowd = undefined
    for (let id = 0; id < this.size; id++) this.enter(id)
  }

  private makeRoom(names: number, length: number): void {
    const { ints, text, isShared } = this
    if (isShared || ints.length < names * INTS) {
      this.ints = new Int32Array(Math.max(LEAST, Math.ceil(names * INTS * 1.5)))
      this.ints.set(ints.subarray(0, this.size * INTS))
    }
    if (isShared || text.length < length) {
      this.text = new Uint8Array(Math.max(4 * LEAST, Math.ceil(length * 1.5)))
      this.text.set(text.subarray(0, this.endOf(this.size - 1)))
    }
    this.isShared = false
  }
}

let scratch = new Uint8Array(256)

/** Good until the next call, and longer than the text: an encoder costs more than a short name. */
const asciiBytes = (text: string): Uint8Array => {
  if (scratch.length < text.length) scratch = new Uint8Array(2 * text.length)
  for (let i = 0; i < text.length; i++) scratch[i] = text.charCodeAt(i)
  return scratch
}

/** One of a source's names, for messages: its text is made where it is asked for. */
export class KnownName {
  names: Names | undefined
  id = -1

  get text(): string {
    return this.names!.textOf(this.id)
  }
}
