/**
 * Interned: one object for equal texts of different dumps. Thousands of sources of one kind bring the same names and helps
 * every round: shared, they cost memory once, and merging families compares references. So do their comments. Bounded, and
 * only ever a saving: nothing may depend on two equal texts being one object.
 */
const MAX_ENTRIES = 100_000
const MAX_CHARACTERS = 16 * 1024 * 1024

const texts = new Map<string, string>()
const lists = new Map<string, ReadonlyArray<string>>()
const blocks = new Map<string, Uint8Array>()
const MAX_BLOCKS = 4 * 1024 * 1024
let characters = 0
let blockBytes = 0

export const intern = (text: string): string => {
  const known = texts.get(text)
  if (known !== undefined) return known
  makeRoom(text.length)
  texts.set(text, text)
  return text
}

/** For texts without line feeds. */
export const internList = (list: ReadonlyArray<string>): ReadonlyArray<string> => {
  const key = list.length === 1 ? list[0]! : list.join("\n")
  const known = lists.get(key)
  if (known !== undefined) return known
  makeRoom(key.length)
  const interned = list.map(intern)
  lists.set(key, interned)
  return interned
}

/** Starting afresh is enough: what is in use comes back with the next rounds. */
const makeRoom = (size: number): void => {
  characters += size
  if (texts.size + lists.size < MAX_ENTRIES && characters <= MAX_CHARACTERS) return
  texts.clear()
  lists.clear()
  characters = size
}

/** Bytes that nobody changes. */
export const internBytes = (bytes: Buffer): Uint8Array => {
  const key = bytes.toString("latin1")
  const known = blocks.get(key)
  if (known !== undefined) return known
  blockBytes += bytes.length
  if (blockBytes > MAX_BLOCKS) {
    blocks.clear()
    blockBytes = bytes.length
  }
  const block = new Uint8Array(bytes)
  blocks.set(key, block)
  return block
}
