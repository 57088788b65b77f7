/**
 * DumpSource: the registry dumps that globs name, as rounds. A look asks every file for its state and reads those that changed
 * (how a round is recognised: DumpFile); the globs themselves are walked every `globEvery`. Files are polled: a watch of the
 * directory misses renames on some file systems and in containers' mounts, and a look costs one stat a file.
 *
 * A source that keeps failing harms only itself: it is told once per change of its state, counted in the agent's status, and looked
 * at again. A file that is deleted ends nothing: its series leave with the expiry, as a stopped service's do. Two files whose
 * names give the same source id are an error for people: the first keeps the id, the other is not sent.
 */
import { glob } from "node:fs/promises"
import { resolve } from "node:path"
import { Clock, Effect } from "effect"
import type { AgentSource, RoundSink } from "../AgentSource.ts"
import { isIgnored, jobName, sourceName } from "../SourceName.ts"
import { type Examined, examine, type FileState, settle, type Watched, watch } from "./DumpFile.ts"

export interface DumpSourceOptions {
  readonly globs: ReadonlyArray<string>
  readonly host: string
  /** Ids that are not a file's, and whose they are. */
  readonly taken: ReadonlyMap<string, string>
  /** Of one dump. */
  readonly maxBytes: number
  /** Ms between two walks of the globs: how late a new file is found. */
  readonly globEvery: number
}

export interface FileStatus {
  readonly path: string
  readonly source: string
  readonly state: FileState | "duplicate"
  readonly why: string
}

export interface DumpSource extends AgentSource {
  readonly files: () => ReadonlyArray<FileStatus>
}

/** More files than this are not tailed, and said so: an agent is for the services beside it. */
export const maxFiles = 10_000
/** Looks at once, and how long one may take: a file on a dead network mount must not hold the others. */
const concurrency = 8
const lookTimeout = 5_000

interface Tailed extends Watched {
  readonly source: string
  readonly job: string
  /** The file that has the same id; this one is not sent. */
  rival: string | null
  /** A look is still under way, also when nobody waits for it any more. */
  busy: boolean
  told: string
}

const quiet: ReadonlySet<FileState> = new Set(["settling", "taken"])

const consequence: Readonly<Record<FileState, string>> = {
  settling: "",
  taken: "",
  "no-room": "its newest dump is read when there is room again",
  incomplete: "nothing of it is sent until it is written whole; its last round expires",
  "too-large": "it is not sent; raise the limit of a dump's size or split the registry",
  unreadable: "it is tried again; until then its last round expires",
  gone: "its series leave the endpoint with the expiry"
}

const found = async (globs: ReadonlyArray<string>): Promise<Map<string, string>> => {
  const paths = new Map<string, string>()
  for (const pattern of globs) {
    const matches: Array<string> = []
    for await (const match of glob(resolve(pattern))) matches.push(match)
    // Sorted, so that which of two files with one id is sent does not depend on the directory's order.
    for (const path of matches.sort()) if (!isIgnored(path) && !paths.has(path)) paths.set(path, pattern)
  }
  return paths
}

export const make = (options: DumpSourceOptions): DumpSource => {
  const files = new Map<string, Tailed>()
  const owners = new Map(options.taken)
  let walkedAt = Number.NEGATIVE_INFINITY
  let reading = 0
  let toldEmpty = false
  let toldMany = false
  let toldWalk = ""

  const tail = (path: string, pattern: string): Tailed => {
    const source = sourceName(options.host, pattern, path)
    return { ...watch(path), source, job: jobName(path), rival: null, busy: false, told: "" }
  }

  const walk = Effect.fnUntraced(function* (sink: RoundSink) {
    const paths = yield* Effect.promise(() =>
      found(options.globs).catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
    )
    if (typeof paths === "string") {
      if (paths !== toldWalk) yield* Effect.logWarning(`the dump files cannot be listed: ${paths}; trying again`)
      toldWalk = paths
      return
    }
    toldWalk = ""
    for (const file of [...files.values()]) {
      if (paths.has(file.path)) continue
      files.delete(file.path)
      if (owners.get(file.source) !== file.path) continue
      owners.delete(file.source)
      sink.gone(file.source)
      if (file.told !== "gone")
        yield* Effect.logInfo(`${file.path} (source ${file.source}) is gone; ${consequence.gone}`)
    }
    for (const [path, pattern] of paths) {
      if (files.has(path) || files.size >= maxFiles) continue
      files.set(path, tail(path, pattern))
    }
    for (const file of files.values()) {
      const owner = owners.get(file.source)
      if (owner === undefined) owners.set(file.source, file.path)
      file.rival = owner === undefined || owner === file.path ? null : owner
      if (file.rival !== null && file.told !== "duplicate") {
        file.told = "duplicate"
        yield* Effect.logError(
          `${file.path} is not sent: its source id ${file.source} is that of ${file.rival} already. ` +
            (options.taken.has(file.source)
              ? "Rename the file, or give the target another name"
              : "Rename one of them, or name both with one --dump glob whose fixed directory is above both")
        )
      }
    }
    if (paths.size > maxFiles && !toldMany)
      yield* Effect.logError(
        `${paths.size} files match --dump, only ${maxFiles} are tailed; run more agents with narrower globs`
      )
    toldMany = paths.size > maxFiles
    if (paths.size === 0 && options.globs.length > 0 && !toldEmpty)
      yield* Effect.logWarning(`no file matches --dump ${options.globs.join(" --dump ")} yet; looking on`)
    toldEmpty = paths.size === 0
  })

  const tell = Effect.fnUntraced(function* (file: Tailed) {
    const now = quiet.has(file.state) ? "" : file.state
    if (now === file.told || (now === "" && file.state === "settling")) return
    const before = file.told
    file.told = now
    if (now === "") yield* Effect.logInfo(`${file.path} (source ${file.source}) is read again, it was ${before}`)
    else
      yield* Effect.logWarning(
        `${file.path} (source ${file.source}) is ${now}: ${file.why}; ${consequence[file.state]}`
      )
  })

  const lookAt = Effect.fnUntraced(function* (file: Tailed, sink: RoundSink) {
    if (file.rival !== null || file.busy) return
    const now = Number((yield* Clock.monotonicTimeNanos) / 1_000_000n)
    let reserved = 0
    file.busy = true
    const looking = examine(file, {
      maxBytes: options.maxBytes,
      now,
      room: (bytes) => {
        if (!sink.room(file.source, bytes + reading)) return false
        reserved = bytes
        reading += bytes
        return true
      }
    }).finally(() => {
      file.busy = false
      reading -= reserved
    })
    const result = yield* Effect.promise(() => looking).pipe(
      Effect.timeoutOrElse({
        duration: lookTimeout,
        orElse: () =>
          Effect.succeed<Examined>({
            kind: "state",
            state: "unreadable",
            why: `the file system did not answer within ${lookTimeout} ms`,
            done: null
          })
      })
    )
    settle(file, result)
    if (result.kind === "round") {
      const wall = yield* Clock.currentTimeMillis
      const time = Math.min(result.time, wall)
      const { source, job, path: origin } = file
      yield* sink.offer({ source, job, origin, text: result.text, format: result.format, time, age: wall - time })
    }
    yield* tell(file)
  })

  return {
    look: Effect.fnUntraced(function* (sink) {
      const now = Number((yield* Clock.monotonicTimeNanos) / 1_000_000n)
      if (now - walkedAt >= options.globEvery) {
        walkedAt = now
        yield* walk(sink)
      }
      yield* Effect.forEach(files.values(), (file) => lookAt(file, sink), { concurrency, discard: true })
    }),
    files: () =>
      Array.from(files.values(), (file) => ({
        path: file.path,
        source: file.source,
        state: file.rival !== null ? ("duplicate" as const) : file.state,
        why: file.rival !== null ? `its source id is that of ${file.rival}` : file.why
      }))
  }
}
