/**
 * DryRun: what an agent with these options would send, for who sets one up: each file that matches with its id, its job and its
 * size, what pods would not show of it, and what no file matches. It reads files as the agent does, asks no broker, and writes
 * nothing anywhere.
 */
import { constants } from "node:fs"
import { access, glob, readdir } from "node:fs/promises"
import { resolve } from "node:path"
import { Clock, Effect, Logger } from "effect"
import { quoted } from "../metrics/rounds/Record.ts"
import type { InputFormat } from "../metrics/text/Dump.ts"
import type { AgentOptions } from "./AgentOptions.ts"
import type { Round, RoundSink } from "./AgentSource.ts"
import { checkDump, type DumpCheck } from "./dump/DumpCheck.ts"
import { patience } from "./dump/DumpFile.ts"
import * as DumpSource from "./dump/DumpSource.ts"
import { encodeRound } from "./dump/RoundRecord.ts"
import { readEpoch } from "./Epoch.ts"
import { fixedBase } from "./SourceName.ts"
import { baseFile, readNumber } from "./StateDir.ts"
import { shownUrl } from "./scrape/ScrapeTarget.ts"

export interface Findings {
  readonly globs: ReadonlyArray<{ readonly glob: string /** "" where files match. */; readonly problem: string }>
  /** Endpoints to scrape, for people: they are not asked. */
  readonly targets: ReadonlyArray<string>
  readonly files: ReadonlyArray<FileFinding>
  readonly state: { readonly text: string; readonly isWrong: boolean }
}

export interface FileFinding {
  readonly path: string
  readonly source: string
  /** Why nothing of it would be sent; "" where something would. */
  readonly why: string
  readonly dump: DumpFinding | undefined
}

export interface DumpFinding {
  readonly job: string
  readonly format: InputFormat
  readonly bytes: number
  readonly chunks: number
  readonly check: DumpCheck
}

/** Text for people, and whether all that was named would be sent and shown whole. */
export interface DryRun {
  readonly text: string
  readonly isWell: boolean
}

export const dryRun = (options: AgentOptions): Effect.Effect<DryRun> => Effect.map(find(options), report)

/** The agent's own source, until each file is taken or was given the time to be written. What it logs is in the findings. */
const find = (options: AgentOptions): Effect.Effect<Findings> =>
  Effect.gen(function* () {
    const dumps = new Map<string, { readonly dump: DumpFinding | undefined; readonly why: string }>()
    const source = DumpSource.make({
      globs: options.dumps,
      host: options.host,
      taken: new Map(),
      maxBytes: options.maxDumpBytes,
      globEvery: options.globEvery
    })
    const now = yield* Clock.currentTimeMillis
    const sink: RoundSink = {
      room: () => true,
      gone: () => {},
      offer: (round) => Effect.sync(() => void dumps.set(round.source, judged(round, options, now)))
    }
    const settled = Effect.andThen(source.look(sink), Effect.sleep(options.poll)).pipe(
      Effect.repeat({ until: () => source.files().every(({ state }) => state !== "settling") })
    )
    yield* Effect.timeoutOption(settled, patience + 4 * options.poll)
    return {
      globs: yield* Effect.forEach(options.dumps, (pattern) =>
        Effect.map(
          Effect.promise(() => problemOf(pattern)),
          (problem) => ({ glob: pattern, problem })
        )
      ),
      targets: options.targets.map(({ url }) => shownUrl(url)),
      files: source.files().map(({ path, source: id, state, why }) => ({
        ...{ path, source: id, dump: undefined },
        ...(dumps.get(id) ?? { why: state === "settling" ? "it is written again and again without a pause" : why })
      })),
      state: yield* Effect.promise(() => stateOf(options))
    }
  }).pipe(Effect.provide(Logger.layer([])))

const judged = (
  round: Round,
  { labels, expiry, maxRequestBytes }: AgentOptions,
  now: number
): { readonly dump: DumpFinding | undefined; readonly why: string } => {
  const encoded = encodeRound(round, `${now}.1`, labels, maxRequestBytes)
  if (encoded.kind === "refused") return { dump: undefined, why: encoded.why }
  const { job, format, text, time } = round
  const chunks = encoded.round.chunks.length
  const dump = { job: labels.job ?? job, format, bytes: text.length, chunks, check: checkDump(text, format) }
  const age = now - time
  const isOld = age >= expiry / 2
  return { dump, why: isOld ? `it was written ${Math.round(age / 1000)} s ago: the next dump is waited for` : "" }
}

/** Why a glob matches nothing; "" where it matches. */
const problemOf = async (pattern: string): Promise<string> => {
  const base = fixedBase(pattern)
  try {
    for await (const _ of glob(resolve(pattern))) return ""
    await readdir(base)
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined
    if (code === "ENOENT") return `there is no directory ${shown(base)}`
    if (code === "EACCES" || code === "EPERM") return `this user may not look into ${shown(base)}: permission denied`
    return error instanceof Error ? error.message : String(error)
  }
  return "no file matches"
}

const stateOf = async ({ stateDir, topic, partitionBase }: AgentOptions): Promise<Findings["state"]> => {
  const where = `state directory ${shown(stateDir)}`
  try {
    const base = await readNumber(stateDir, baseFile(topic))
    const epoch = await readEpoch(stateDir)
    if (base === "damaged" && partitionBase === 0)
      return {
        text: `${where}: ${baseFile(topic)} is damaged: give --partition-base as other agents have it`,
        isWrong: true
      }
    const exists = await access(stateDir).then(
      () => true,
      () => false
    )
    if (exists) await access(stateDir, constants.W_OK | constants.X_OK)
    const last = epoch === null ? "no agent ran with it yet" : `the last epoch is ${epoch}`
    const spread =
      partitionBase !== 0 || base === null
        ? `sources are spread over ${partitionBase !== 0 ? partitionBase : "the topic's"} partitions`
        : `sources are spread over ${base} partitions`
    return { text: `${where}: ${last}; ${spread}`, isWrong: false }
  } catch (error) {
    return { text: `${where}: ${error instanceof Error ? error.message : String(error)}`, isWrong: true }
  }
}

/** Names come from anybody who may make a file. */
const shown = (name: string): string => (/^[\x20-\x7e\xa0-\u2027\u2030-\ud7ff]*$/.test(name) ? name : quoted(name))

/** Pure. */
export const report = ({ globs, targets, files, state }: Findings): DryRun => {
  const lines: Array<string> = []
  for (const { glob: pattern, problem } of globs) if (problem !== "") lines.push(`--dump ${shown(pattern)}: ${problem}`)
  for (const target of targets) lines.push(`--scrape ${target}: not asked by a dry run`)
  let whole = 0
  let partly = 0
  for (const { path, source, why, dump } of files) {
    lines.push(`${shown(path)}: source ${shown(source)}${dump === undefined ? "" : `, ${sizeOf(dump)}`}`)
    const refusal = dump?.check.refusal
    const lost = (dump?.check.refused ?? []).filter(({ reason }) => reason !== "metadata")
    if (why !== "") lines.push(`  not sent: ${why}`)
    else if (refusal !== undefined) lines.push(`  sent, and refused by the pods: ${placeOf(refusal)}`)
    else if (dump?.check.samples === 0) lines.push("  sent, and nothing is shown of it")
    else if (lost.length > 0) partly++
    else whole++
    for (const { count, reason, ...place } of dump?.check.refused ?? [])
      lines.push(`  left out: ${count} line${count === 1 ? "" : "s"} (${reason}), first ${placeOf(place)}`)
    if (dump?.check.advice !== undefined) lines.push(`  ${dump.check.advice}`)
  }
  const rest = files.length - whole - partly
  lines.push(
    state.text,
    `${files.length} file${files.length === 1 ? "" : "s"}: ${whole} would be shown whole, ${partly} in part, ${rest} not at all. Nothing was sent.`
  )
  const isWell = whole === files.length && !state.isWrong && globs.every(({ problem }) => problem === "")
  return { text: `${lines.join("\n")}\n`, isWell }
}

const sizeOf = ({ job, format, bytes, chunks, check }: DumpFinding): string =>
  `job ${shown(job)}, ${format === "text" ? "text" : "OpenMetrics"}, ${check.samples} samples, ${bytes} bytes, ${chunks} chunk${chunks === 1 ? "" : "s"}`

const placeOf = ({
  line,
  detail,
  text
}: {
  readonly line: number
  readonly detail: string
  readonly text: string
}): string => `${line > 0 ? `line ${line}: ` : ""}${shown(detail)}${text === "" ? "" : `: ${quoted(text)}`}`
