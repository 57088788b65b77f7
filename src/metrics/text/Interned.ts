/**
 * Interned: one object for equal texts of different dumps. Thousands of sources of one kind bring the same names and helps
 * every round: shared, they cost memory once, and merging families compares references. So do their comments. Bounded for each worker,
 * long texts are left alone, and only ever a saving: nothing may depend on two equal texts being one object.
 */
import { Generations } from "./Generations.ts"

/** What an entry takes besides its characters. */
const entry = 128
const maxTexts = 16 * 1024 * 1024
const maxLists = 8 * 1024 * 1024
const maxBlocks = 8 * 1024 * 1024

const texts = new Generations<string>(maxTexts, (text) => text.length + entry)
const lists = new Generations<ReadonlyArray<string>>(maxLists, (key) => key.length + 2 * entry)
/** As key and as bytes. */
const blocks = new Generations<Uint8Array>(maxBlocks, (key) => 2 * key.length + 2 * entry)

export const intern = (text: string): string => {
  const known = texts.get(text)
  if (known !== undefined) return known
  texts.set(text, text)
  return text
}

/** For texts without line feeds. */
export const internList = (list: ReadonlyArray<string>): ReadonlyArray<string> => {
  const key = list.length === 1 ? list[0]! : list.join("\n")
  const known = lists.get(key)
  if (known !== undefined) return known
  const interned = list.map(intern)
  lists.set(key, interned)
  return interned
}

/** Bytes that nobody changes. */
export const internBytes = (bytes: Buffer): Uint8Array => {
  const key = bytes.toString("latin1")
  const known = blocks.get(key)
  if (known !== undefined) return known
  const block = new Uint8Array(bytes)
  blocks.set(key, block)
  return block
}
