/**
 * FileNames: names that are bytes, as file systems have them. One that is UTF-8 is a string; another one is shown as Latin-1 and keeps
 * its bytes, so that its file can be opened. Pure.
 */

/** A path to give to the system. */
export type RawPath = string | Buffer

export interface FileName {
  /** For people, patterns and source ids. */
  readonly text: string
  /** Where the text is not what the file is called. */
  readonly raw: Buffer | undefined
}

export const readName = (bytes: Buffer): FileName => {
  const text = bytes.toString("utf8")
  if (!text.includes("\uFFFD") || Buffer.from(text).equals(bytes)) return { text, raw: undefined }
  return { text: bytes.toString("latin1"), raw: bytes }
}

export const below = (dir: string, name: string): string => (dir === "/" ? `/${name}` : `${dir}/${name}`)

export const rawBelow = (dir: RawPath, name: FileName): RawPath =>
  typeof dir === "string" && name.raw === undefined
    ? below(dir, name.text)
    : Buffer.concat([Buffer.from(dir), Buffer.from("/"), name.raw ?? Buffer.from(name.text)])
