/**
 * LogDryRun: what an agent with these options would make of log files, for who sets one up: each file that a pattern means, with its source and how
 * far the state directory says it was sent; what cannot be read and why; lines that would be cut; and whether positions can be kept. It looks
 * as the agent does (Scout), asks no broker, and writes nothing anywhere.
 */
import { Effect } from "effect"
import { quoted } from "../../metrics/rounds/Record.ts"
import * as Disk from "../files/Disk.ts"
import { keepProblem } from "../StateDir.ts"
import { cutLines } from "./Lines.ts"
import { openLog } from "./LogFile.ts"
import type { LogOptions } from "./LogOptions.ts"
import { machineId, readPositions } from "./Positions.ts"
import { Scout } from "./Scout.ts"
import type { Seen } from "./Sighting.ts"
import type { Place } from "./Stream.ts"

/** Ms: for all looks, beyond what tells that a mount hangs, and for one file. */
const patience = 7_000
const patienceOfFile = 2_000
/** Bytes of a file's beginning in which lines over the limit are looked for. */
const looked = 1024 * 1024
const atOnce = 16

export interface LogFileFinding {
  readonly path: string
  readonly source: string
  readonly bytes: number
  readonly isPacked: boolean
  /** Of them, those that the state directory says the log has; undefined: it does not know the file. */
  readonly sent: number | undefined
  /** Its beginning has a line over the limit. */
  readonly hasLongLine: boolean
  /** Why it would not be read; "" where it would. */
  readonly why: string
}

export interface LogFindings {
  /** What matches nothing, what may not be listed: for people. */
  readonly troubles: ReadonlyArray<string>
  readonly files: ReadonlyArray<LogFileFinding>
  /** "" where positions can be read and kept. */
  readonly stateProblem: string
}

export const findLogs = (options: LogOptions): Effect.Effect<LogFindings> =>
  Effect.gen(function* () {
    const { globs, excludes, poll, globEvery, host, stateDir } = options
    const { places, problem } = yield* Effect.promise(() => kept(options))
    const troubles = new Map<string, string>()
    const seen = new Map<string, Seen>()
    const scout = yield* Effect.acquireRelease(
      Effect.sync(
        () =>
          new Scout({
            ...{ globs, excludes, poll, globEvery },
            now: () => performance.now(),
            looked: (looks) => {
              for (const [path, look] of looks) if (look !== undefined) seen.set(path, look)
            },
            trouble: (key, text) => {
              if (text === "") troubles.delete(key)
              else troubles.set(key, text)
            }
          })
      ),
      (one) => Effect.sync(() => one.close())
    )
    const look = Effect.andThen(
      Effect.sync(() => scout.tick()),
      Effect.sleep(20)
    )
    yield* look.pipe(Effect.repeat({ until: () => scout.hasSeenAll }), Effect.timeoutOption(patience))
    yield* look
    const byId = new Map(places.flatMap((place) => place.ids.map((id) => [id, place] as const)))
    const paths = [...seen].sort(([a], [b]) => (a < b ? -1 : 1))
    const files = yield* Effect.forEach(
      paths,
      ([path, { id, size }]) =>
        Effect.map(
          Effect.promise(() => readable(scout, path, options)),
          (found) => ({
            ...{ path, source: `${host}${path}`, bytes: size, sent: byId.get(id)?.position },
            ...found
          })
        ),
      { concurrency: atOnce }
    )
    const cannotKeep = yield* Effect.promise(() => keepProblem(stateDir))
    return { troubles: [...troubles.values()], files, stateProblem: problem || cannotKeep }
  }).pipe(Effect.scoped)

const kept = async ({
  stateDir,
  host
}: LogOptions): Promise<{ readonly places: ReadonlyArray<Place>; readonly problem: string }> => {
  try {
    const { streams, problem } = await readPositions(stateDir, { host, machine: await machineId() })
    return { places: streams, problem }
  } catch (error) {
    return { places: [], problem: Disk.messageOf(error) }
  }
}

const readable = async (
  scout: Scout,
  path: string,
  { maxLine }: LogOptions
): Promise<Pick<LogFileFinding, "isPacked" | "hasLongLine" | "why">> => {
  const reading = async () => {
    const file = await openLog(scout.rawOf(path), scout.runAt(path))
    try {
      const bytes = Buffer.allocUnsafe(looked)
      const begin = bytes.subarray(0, await file.read(bytes, 0))
      const { pieces, isLong } = cutLines(begin, { line: maxLine, value: looked })
      return { isPacked: file.isPacked, hasLongLine: isLong || pieces.some(({ isCut }) => isCut), why: "" }
    } finally {
      file.close()
    }
  }
  const not = (why: string) => ({ isPacked: false, hasLongLine: false, why })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<ReturnType<typeof not>>((resolve) => {
    timer = setTimeout(() => resolve(not("it does not answer")), patienceOfFile)
  })
  const found = await Promise.race([reading().catch((error: unknown) => not(Disk.messageOf(error))), late])
  clearTimeout(timer)
  return found
}

/** Names come from anybody who may make a file. */
const shown = (name: string): string => (/^[\x20-\x7e\xa0-\u2027\u2030-\ud7ff]*$/.test(name) ? name : quoted(name))

/** A line of text each. Pure. */
export const reportLogs = (
  { troubles, files, stateProblem }: LogFindings,
  { topic, maxLine, stateDir }: LogOptions
): { readonly text: string; readonly isWell: boolean } => {
  const lines = troubles.map(shown)
  let unread = 0
  for (const { path, source, bytes, isPacked, sent, hasLongLine, why } of files) {
    lines.push(`${shown(path)}: log lines of source ${shown(source)}, ${bytes} bytes`)
    if (sent !== undefined) lines.push(`  known: ${sent} bytes of it were sent`)
    if (why !== "") {
      unread++
      lines.push(`  not read: ${why}`)
    } else if (isPacked)
      lines.push("  packed: read only where it goes on with a file that was known before it was packed")
    if (hasLongLine)
      lines.push(`  its first megabyte has a line over --log-max-line (${maxLine} bytes): it would be cut`)
  }
  const state = stateProblem === "" ? "positions can be kept" : stateProblem
  lines.push(
    `state directory ${shown(stateDir)}: ${state}`,
    `${files.length} log file${files.length === 1 ? "" : "s"} for topic ${topic}, ${unread} of them not to be read. Nothing was sent.`
  )
  const isWell = unread === 0 && troubles.length === 0 && stateProblem === "" && files.length > 0
  return { text: `${lines.join("\n")}\n`, isWell }
}
