/** Pages: what stands in Markdown between fences, with the line on which it begins. */

export interface Block {
  readonly language: string
  /** Of its first line, 1-based. */
  readonly line: number
  readonly text: string
}

export const blocksOf = (page: string): ReadonlyArray<Block> =>
  Array.from(page.matchAll(/^( *)```(\w+)\n([\s\S]*?)^ *```$/gm), ({ index, 1: indent, 2: language, 3: text }) => ({
    language: language!,
    line: page.slice(0, index).split("\n").length + 1,
    text: text!.replaceAll(new RegExp(`^${indent}`, "gm"), "")
  }))

/** Where a page's links lead, those to other sites and to places on the page itself left out. */
export const linksOf = (page: string): ReadonlyArray<string> =>
  Array.from(page.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g), ([, path]) => path!).filter((path) => !/^\w+:/.test(path))
