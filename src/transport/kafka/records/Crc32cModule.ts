/**
 * Crc32cModule: the inner loop of Crc32c as a WebAssembly module, put together here: no compiler is needed to build the program, and every
 * instruction can be read. One function, `fold(from, to)`, over one memory: the tables, the state, the input.
 *
 * For each block of 128 bytes: load it, add what each half of each byte of the state is worth in each plane, and make that the state.
 */

/** Bytes: of each of 4 planes 2 halves, in 4 planes, 16 values. The state comes after them. */
export const TABLES = 4 * 2 * 4 * 16

const PLANES = [0, 1, 2, 3]
/** A plane is two vectors. */
const HALVES = [0, 1]
const VECTOR = 16

type Code = ReadonlyArray<number>

const leb = (n: number): Code => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)])
const sized = (bytes: Code): Code => [...leb(bytes.length), ...bytes]
const section = (id: number, ...bytes: Code): Code => [id, ...sized(bytes)]
const name = (text: string): Code => sized([...Buffer.from(text)])

const I32 = 0x7f
const V128 = 0x7b
const get = (local: number): Code => [0x20, local]
const set = (local: number): Code => [0x21, local]
const constant = (n: number): Code => [0x41, ...leb(n)]
/** Of a vector; alignment is a hint only. */
const load = (offset: number): Code => [0xfd, 0x00, 0x04, ...leb(offset)]
const store = (offset: number): Code => [0xfd, 0x0b, 0x04, ...leb(offset)]
const and: Code = [0xfd, 0x4e]
const xor: Code = [0xfd, 0x51]
const splat: Code = [0xfd, 0x0f]
/** By 16 bits at a time: what comes over from the other byte is masked. */
const shiftRight: Code = [0xfd, 0x8d, 0x01]
/** Relaxed: all of our indices are below 16. */
const swizzle: Code = [0xfd, 0x80, 0x02]

const FROM = 0
const TO = 1
const MASK = 2
const LOW = 3
const HIGH = 4
const state = (plane: number, half: number): number => 5 + 2 * plane + half
const next = (plane: number, half: number): number => 13 + 2 * plane + half
const place = (plane: number, half: number): number => VECTOR * (2 * plane + half)

const vectors = PLANES.flatMap((plane) => HALVES.map((half) => [plane, half] as const))

const table = (from: number, nibble: number, to: number): Code => [
  ...constant(0),
  ...load(VECTOR * ((from * 2 + nibble) * 4 + to))
]

const block: Code = [
  ...vectors.flatMap(([plane, half]) => [...get(FROM), ...load(place(plane, half)), ...set(next(plane, half))]),
  ...vectors.flatMap(([plane, half]) => [
    ...[...get(state(plane, half)), ...get(MASK), ...and, ...set(LOW)],
    ...[...get(state(plane, half)), ...constant(4), ...shiftRight, ...get(MASK), ...and, ...set(HIGH)],
    ...PLANES.flatMap((to) => [
      ...get(next(to, half)),
      ...[...table(plane, 0, to), ...get(LOW), ...swizzle, ...xor],
      ...[...table(plane, 1, to), ...get(HIGH), ...swizzle, ...xor],
      ...set(next(to, half))
    ])
  ]),
  ...vectors.flatMap(([plane, half]) => [...get(next(plane, half)), ...set(state(plane, half))]),
  // from += 128
  ...[...get(FROM), 0x41, 0x80, 0x01, 0x6a, ...set(FROM)]
]

const body: Code = [
  // Two parameters; then nineteen vectors.
  ...[1, 19, V128],
  ...[...constant(15), ...splat, ...set(MASK)],
  ...vectors.flatMap(([plane, half]) => [
    ...constant(0),
    ...load(TABLES + place(plane, half)),
    ...set(state(plane, half))
  ]),
  // block { loop { if (from >= to) leave; …; again } }
  ...[0x02, 0x40, 0x03, 0x40, ...get(FROM), ...get(TO), 0x4f, 0x0d, 1, ...block, 0x0c, 0, 0x0b, 0x0b],
  ...vectors.flatMap(([plane, half]) => [
    ...constant(0),
    ...get(state(plane, half)),
    ...store(TABLES + place(plane, half))
  ]),
  0x0b
]

export const foldModule = Uint8Array.from([
  ...[0, ...Buffer.from("asm"), 1, 0, 0, 0],
  // One type: two numbers, no result. One function of it. One memory of a page.
  ...section(1, 1, 0x60, 2, I32, I32, 0),
  ...section(3, 1, 0),
  ...section(5, 1, 0, 1),
  ...section(7, 2, ...name("fold"), 0, 0, ...name("memory"), 2, 0),
  ...section(10, 1, ...sized(body))
])
