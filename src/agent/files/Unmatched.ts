/** Unmatched: what a person is told of a pattern that matches no file: its option, and what may be wrong with it. Pure. */
import type { Glob } from "./Glob.ts"

/** `isMissing`: there is no directory where it begins. */
export const unmatched = (option: string, { text, base }: Glob, isMissing: boolean): string => {
  const missing = isMissing ? `; there is no directory ${base}` : ""
  const commas =
    text.includes(",") && !text.includes("{")
      ? "; several globs are several options, or lines of the variable, not separated by commas"
      : ""
  return `no file matches ${option} ${text} so far${missing}${commas}`
}
