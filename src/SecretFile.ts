/**
 * SecretFile: a secret that stands in a file, alone. It is read anew whenever it is used, so that a rotated one counts without a restart.
 * The file is read at once: such files are small and local. What it holds is in no message.
 */
import { readFileSync, statSync } from "node:fs"

const maxBytes = 64 * 1024

/** The file's text without the line end behind it. Throws what node throws, and where the file holds nothing or too much. */
export const readSecretFile = (path: string): string => {
  if (statSync(path).size > maxBytes) throw new Error("it is larger than 64 KiB")
  const text = readFileSync(path, "utf8").replace(/\r?\n$/, "")
  // As one is that is being written.
  if (text === "") throw new Error("it is empty")
  return text
}
