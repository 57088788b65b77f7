/**
 * Refusals: what a person is told of dumps that are sent and that pods would not show whole: one line when that begins or has another
 * reason, one when it ends, and one line for many files at once. Pure: it makes lines, whoever holds it logs them.
 */
import { type Line, namesOf, of, singly } from "./Telling.ts"
import type { Refused } from "./Wire.ts"

export interface Judged {
  readonly path: string
  readonly source: string
  /** Undefined where no dump was looked at yet. */
  readonly refused: Refused | undefined
  /** What was told of it last; "" where nothing was, or that it is well. */
  toldRefusal: string
}

/** A word for what is wrong, the same while it stays so; "" where nothing is. */
export const kindOf = ({ shown, first }: Refused): string =>
  first === undefined ? (shown === 0 ? "empty" : "") : `${shown === 0 ? "all" : "lines"} ${first.reason}`

/** For people; of a dump of which not all would be shown. */
export const sentenceOf = ({ shown, lines, first, advice }: Refused): string => {
  const what =
    first === undefined
      ? "pods show nothing of it, it has no samples"
      : lines === 0
        ? `pods refuse it (${first.reason}): ${placed(first)}`
        : `pods leave out ${lines} line${lines === 1 ? "" : "s"} of it${shown === 0 ? ", and show nothing" : ""} (${first.reason}), first ${placed(first)}`
  return advice === "" ? what : `${what}; ${advice}`
}

const placed = ({ line, detail }: NonNullable<Refused["first"]>): string =>
  line > 0 ? `line ${line}: ${detail}` : detail

/** The lines for files of which a dump was judged since they were told of; notes what was told. */
export const tellRefusals = (judged: Iterable<Judged>): ReadonlyArray<Line> => {
  const begun: Array<Judged> = []
  const ended: Array<Judged> = []
  for (const file of judged) {
    const kind = file.refused === undefined ? "" : kindOf(file.refused)
    if (kind === file.toldRefusal) continue
    if (kind === "") ended.push(file)
    else begun.push(file)
    file.toldRefusal = kind
  }
  return [
    ...lined("warning", begun, "are sent and not shown whole", (file) => `is sent, but ${sentenceOf(file.refused!)}`),
    ...lined("info", ended, "are shown whole again", () => "is shown whole again")
  ]
}

const lined = (
  level: Line["level"],
  files: ReadonlyArray<Judged>,
  many: string,
  one: (file: Judged) => string
): ReadonlyArray<Line> => {
  if (files.length <= singly) return files.map((file) => ({ level, text: `${of(file)} ${one(file)}` }))
  const such = level === "warning" ? `; such as: ${of(files[0]!)} ${one(files[0]!)}` : ""
  return [{ level, text: `${files.length} dump files ${many}: ${namesOf(files)}${such}` }]
}
