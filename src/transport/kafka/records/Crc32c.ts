/**
 * Crc32c: the checksum of record batches (Castagnoli's polynomial), which Node's zlib does not have. Every batch is checked before anything of
 * it is believed, so this is a hot path: by SIMD, some four times as fast as by tables.
 *
 * A CRC is linear: 128 bytes are worth, as far as the checksum goes, some other 128 bytes that stand 128 bytes later, which can be put
 * together from each byte's halves by table (a `swizzle` looks up sixteen at once) and added to what is there. So a message
 * shrinks block by block to 128 bytes, which are then summed up by table. Where the machine has no SIMD, tables do it all.
 */
import { foldModule, TABLES } from "./Crc32cModule.ts"

const POLYNOMIAL = 0x82f63b78
/** What is folded at a time. A byte and those 32, 64 and 96 bytes after it are folded together: `PLANES` of them. */
const BLOCK = 128
const PLANES = 4
const PLANE = BLOCK / PLANES
/** Copied into the module's memory at a time: stays in the processor's own. */
const CHUNK = 32 * 1024
const STATE = TABLES
const INPUT = STATE + BLOCK
/** Less is faster by table. */
const LEAST = 4 * BLOCK

const table = new Int32Array(256)
for (let i = 0; i < 256; i++) {
  let crc = i
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL
  table[i] = crc
}

/** Goes on from a checksum that was neither begun nor ended by inversion. */
const byTable = (bytes: Uint8Array, from: number, crc: number): number => {
  let sum = crc
  for (let at = from; at < bytes.length; at++) sum = (sum >>> 8) ^ table[(sum ^ bytes[at]!) & 0xff]!
  return sum
}

/** What a byte adds to the checksum of a message that ends so many bytes after it. */
const shareOf = (byte: number, after: number): number => {
  let crc = table[byte]!
  for (let i = 0; i < after; i++) crc = (crc >>> 8) ^ table[crc & 0xff]!
  return crc
}

/**
 * Tables by plane, half and plane: what the half of a byte of one plane is worth in each plane of the next block. The bits of the four
 * planes span all checksums, so there is exactly one answer; it is found by elimination.
 */
const foldTables = (): Uint8Array => {
  const rows = Array.from({ length: 8 * PLANES }, (_, i) => ({
    share: shareOf(1 << (i & 7), PLANE * (PLANES - 1 - (i >> 3))),
    made: 1n << BigInt(i)
  }))
  for (let bit = 0; bit < 32; bit++) {
    const found = rows.findIndex((row, i) => i >= bit && ((row.share >>> bit) & 1) === 1)
    const pivot = rows[found]!
    rows[found] = rows[bit]!
    rows[bit] = pivot
    for (const [i, row] of rows.entries())
      if (i !== bit && ((row.share >>> bit) & 1) === 1)
        rows[i] = { share: row.share ^ pivot.share, made: row.made ^ pivot.made }
  }
  const tables = new Uint8Array(TABLES)
  for (let from = 0; from < PLANES; from++)
    for (let half = 0; half < 2; half++)
      for (let value = 0; value < 16; value++) {
        const share = shareOf(value << (4 * half), PLANE * (PLANES - 1 - from) + BLOCK)
        let made = 0n
        for (let bit = 0; bit < 32; bit++) if (((share >>> bit) & 1) === 1) made ^= rows[bit]!.made
        for (let to = 0; to < PLANES; to++)
          tables[16 * ((from * 2 + half) * PLANES + to) + value] = Number((made >> BigInt(8 * to)) & 0xffn)
      }
  return tables
}

interface Folding {
  /** Folds the input's blocks onto the state. */
  readonly fold: (from: number, to: number) => void
  readonly state: Uint8Array
  readonly input: Uint8Array
}

/** What is used of it: Node's own types do not name it. */
declare const WebAssembly: {
  readonly validate: (module: Uint8Array) => boolean
  readonly Module: new (module: Uint8Array) => object
  readonly Instance: new (
    module: object
  ) => { readonly exports: Pick<Folding, "fold"> & { readonly memory: { readonly buffer: ArrayBuffer } } }
}

const folding = (): Folding | undefined => {
  if (!WebAssembly.validate(foldModule)) return undefined
  const instance = new WebAssembly.Instance(new WebAssembly.Module(foldModule))
  const { fold, memory } = instance.exports
  new Uint8Array(memory.buffer, 0, TABLES).set(foldTables())
  return {
    fold,
    state: new Uint8Array(memory.buffer, STATE, BLOCK),
    input: new Uint8Array(memory.buffer, INPUT, CHUNK)
  }
}

const simd = folding()

/** As an unsigned number. */
export const crc32c = (bytes: Uint8Array): number => {
  if (simd === undefined || bytes.length < LEAST) return ~byTable(bytes, 0, -1) >>> 0
  const { fold, input, state } = simd
  state.fill(0)
  const whole = bytes.length - (bytes.length % BLOCK)
  for (let at = 0; at < whole; at += CHUNK) {
    const size = Math.min(CHUNK, whole - at)
    input.set(bytes.subarray(at, at + size))
    // The inversion that a checksum begins with, put into the message.
    if (at === 0) for (let i = 0; i < 4; i++) input[i]! ^= 0xff
    fold(INPUT, INPUT + size)
  }
  return ~byTable(bytes, whole, byTable(state, 0, 0)) >>> 0
}
