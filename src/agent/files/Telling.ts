/**
 * Telling: what a person is told of dump files: one line when trouble begins and one when it ends, and one line for many files of which the
 * same is true at the same moment. Pure: it makes lines, whoever holds it logs them.
 */
import type { FileState } from "./Wire.ts"

export interface Line {
  readonly level: "info" | "warning" | "error"
  readonly text: string
}

export interface Subject {
  readonly path: string
  readonly source: string
  readonly state: FileState
  readonly why: string
  /** What was told of it last; "" where nothing was, or that it is well. */
  told: FileState | ""
}

/** Files that are told one by one; of more the first ones are named. */
export const singly = 5
const named = 3

const quiet: ReadonlySet<FileState> = new Set(["settling", "taken", "hung"])

export const consequence: Readonly<Record<FileState, string>> = {
  settling: "",
  taken: "",
  hung: "",
  stale: "as if the service no longer wrote it; its series leave the endpoint until it is written again",
  restless: "nothing of it is sent until it rests, or is renamed into place whole; its last round expires",
  "no-room": "its newest dump is read when there is room again",
  incomplete: "nothing of it is sent until it is written whole; its last round expires",
  unknown: "nothing of it is sent until it grows again or is replaced; its last round expires",
  "too-large": "it is not sent; raise --max-dump-bytes or split the registry",
  unreadable: "it is tried again; until then its last round expires",
  duplicate:
    "it is not sent; rename one of them, or name both with one --dump glob whose fixed directory is above both",
  gone: "its series leave the endpoint with the expiry"
}

const level = (state: FileState): Line["level"] =>
  state === "duplicate" ? "error" : state === "gone" ? "info" : "warning"

interface Named {
  readonly path: string
  readonly source: string
}

export const of = ({ path, source }: Named): string => `${path} (source ${source})`

export const namesOf = (all: ReadonlyArray<Named>): string =>
  `${all.slice(0, named).map(of).join(", ")} and ${all.length - named} more`

/** The lines for files that changed since they were told of; notes what was told. */
export const tell = (changed: Iterable<Subject>): ReadonlyArray<Line> => {
  const begun = new Map<FileState, Array<Subject>>()
  const ended = new Map<FileState, Array<Subject>>()
  for (const file of changed) {
    const now = quiet.has(file.state) ? "" : file.state
    // Settling ends nothing: it may come to the same again.
    if (now === file.told || (now === "" && file.state !== "taken")) continue
    const [lists, key] = now === "" ? [ended, file.told as FileState] : [begun, now]
    lists.set(key, [...(lists.get(key) ?? []), file])
    file.told = now
  }
  const lines: Array<Line> = []
  for (const [state, files] of begun) {
    const end = consequence[state]
    if (files.length > singly)
      lines.push({
        level: level(state),
        text: `${files.length} dump files are ${state}: ${namesOf(files)}; of each: ${files[0]!.why === "" ? end : `such as "${files[0]!.why}"; ${end}`}`
      })
    else
      for (const file of files)
        lines.push({
          level: level(state),
          text: `${of(file)} is ${state}${file.why === "" ? "" : `: ${file.why}`}; ${end}`
        })
  }
  for (const [state, files] of ended) {
    if (files.length > singly)
      lines.push({
        level: "info",
        text: `${files.length} dump files are read again that were ${state}: ${namesOf(files)}`
      })
    else for (const file of files) lines.push({ level: "info", text: `${of(file)} is read again, it was ${state}` })
  }
  return lines
}
