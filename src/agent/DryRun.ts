/**
 * DryRun: what an agent with these options would send, for who sets one up: each file that matches and each endpoint with its id, its
 * job and its size, what rules drop and pods would not show of it, and what no file matches. It reads files as the agent does, asks each
 * endpoint once and no broker, and writes nothing anywhere.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Clock, Effect, Layer, Logger } from "effect"
import { Relabeller } from "../metrics/relabel/Relabeller.ts"
import { ruleOfAll } from "../metrics/relabel/RelabelRule.ts"
import { quoted } from "../metrics/rounds/Record.ts"
import type { InputFormat } from "../metrics/text/Dump.ts"
import { SelfMetrics } from "../SelfMetrics.ts"
import type { AgentOptions } from "./AgentOptions.ts"
import type { Round, RoundSink } from "./AgentSource.ts"
import { checkDump, type DumpCheck } from "./dump/DumpCheck.ts"
import * as DumpSource from "./dump/DumpSource.ts"
import { encodeRound } from "./dump/RoundRecord.ts"
import { readEpoch } from "./Epoch.ts"
import { baseFile, keepProblem, readNumber } from "./StateDir.ts"
import * as ScrapeSource from "./scrape/ScrapeSource.ts"

export interface Findings {
  /** What matches nothing, what may not be listed: for people. */
  readonly troubles: ReadonlyArray<string>
  readonly sources: ReadonlyArray<SourceFinding>
  readonly state: { readonly text: string; readonly isWrong: boolean }
}

export interface SourceFinding {
  /** The file's path, or the endpoint's URL without its secrets. */
  readonly origin: string
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
  /** Series that metric_relabel_configs leave out. */
  readonly dropped: number
  readonly check: DumpCheck
}

/** Text for people, and whether all that was named would be sent and shown whole. */
export interface DryRun {
  readonly text: string
  readonly isWell: boolean
}

export const dryRun = (options: AgentOptions): Effect.Effect<DryRun> => Effect.map(find(options), report)

/** Ms: what a file that is being written, or cut off, is given. */
const patience = 20_000

/** The agent's own source, until each file is taken or was given the time to be written. What it logs is in the findings. */
const find = (options: AgentOptions): Effect.Effect<Findings> =>
  Effect.gen(function* () {
    const dumps = new Map<string, { readonly dump: DumpFinding | undefined; readonly why: string }>()
    // Where the agent keeps what files hold nothing is written.
    const stateDir = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "k2p-dry-run-"))),
      (dir) => Effect.promise(() => rm(dir, { recursive: true, force: true }))
    )
    const scrapes = yield* ScrapeSource.make(options)
    const source = yield* DumpSource.make({
      ...options,
      stateDir,
      taken: scrapes.targets().map((target) => [target.source, target.url] as const)
    })
    const now = yield* Clock.currentTimeMillis
    const relabeller = new Relabeller(ruleOfAll(options.relabel))
    const sink: RoundSink = {
      room: () => true,
      gone: () => {},
      offer: (round) => Effect.sync(() => void dumps.set(round.origin, judged(round, relabeller, options, now)))
    }
    const settled = Effect.andThen(source.look(sink), Effect.sleep(options.poll)).pipe(
      Effect.repeat({
        until: () => source.areKnown() && source.files().every(({ state }) => state !== "settling")
      })
    )
    const looked = Effect.raceFirst(
      source.lastLook,
      Effect.forever(Effect.andThen(source.look(sink), Effect.sleep(options.poll)))
    ).pipe(Effect.andThen(settled), Effect.timeoutOption(patience))
    yield* Effect.all([looked, scrapes.once(sink)], { concurrency: "unbounded" })
    return {
      troubles: source.troubles(),
      sources: [
        ...source.files().map(({ path, source: id, state, why }) => ({
          ...{ origin: path, source: id, dump: undefined },
          ...(dumps.get(path) ?? { why: state === "settling" ? "it is written again and again without a pause" : why })
        })),
        ...scrapes.targets().map(({ url, source: id, why }) => ({
          ...{ origin: url, source: id, dump: undefined },
          ...(dumps.get(url) ?? { why })
        }))
      ],
      state: yield* Effect.promise(() => stateOf(options))
    }
  }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(SelfMetrics.layerBare, Logger.layer([]))))

const judged = (
  read: Round,
  relabeller: Relabeller,
  { labels, expiry, maxRequestBytes }: AgentOptions,
  now: number
): { readonly dump: DumpFinding | undefined; readonly why: string } => {
  const { text, dropped, nameless } = relabeller.relabel(read.source, read.text, read.format)
  const round = { ...read, text }
  const encoded = encodeRound(round, `${now}.1`, labels, maxRequestBytes)
  if (encoded.kind === "refused") return { dump: undefined, why: encoded.why }
  const { format, time } = round
  const job = round.labels?.job ?? labels.job ?? round.job
  const chunks = encoded.round.chunks.length
  const check = checkDump(text, format)
  const dump = { job, format, bytes: text.length, chunks, dropped: dropped + nameless, check }
  const age = now - time
  const isOld = age >= expiry / 2
  return { dump, why: isOld ? `it was written ${Math.round(age / 1000)} s ago: the next dump is waited for` : "" }
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
    const problem = await keepProblem(stateDir)
    if (problem !== "") return { text: `${where}: ${problem}`, isWrong: true }
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
export const report = ({ troubles, sources, state }: Findings): DryRun => {
  const lines: Array<string> = []
  for (const trouble of troubles) lines.push(shown(trouble))
  let whole = 0
  let partly = 0
  for (const { origin, source, why, dump } of sources) {
    lines.push(`${shown(origin)}: source ${shown(source)}${dump === undefined ? "" : `, ${sizeOf(dump)}`}`)
    if (dump !== undefined && dump.dropped > 0)
      lines.push(`  ${dump.dropped} series are left out by metric_relabel_configs`)
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
  const rest = sources.length - whole - partly
  lines.push(
    state.text,
    `${sources.length} source${sources.length === 1 ? "" : "s"}: ${whole} would be shown whole, ${partly} in part, ${rest} not at all. Nothing was sent.`
  )
  const isWell = whole === sources.length && !state.isWrong && troubles.length === 0
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
