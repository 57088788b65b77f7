/**
 * Preparation: what an actor asks before it begins: the commit, the log's bounds, whether the log is still the one that was read, and, where
 * no commit tells how old records are, whose timestamps they carry. It goes on asking until all is answered; StartPlan decides.
 */
import { Clock, Effect } from "effect"
import { Backoff, worthALine } from "../../Backoff.ts"
import { TransportError } from "../../transport/Transport.ts"
import type { Growth } from "../growth/Growth.ts"
import type { Member } from "../Member.ts"
import { decodeCommitMetadata } from "./CommitMetadata.ts"
import type { Partition } from "./Partition.ts"
import { planStart, type StartPlan } from "./StartPlan.ts"
import { Trouble } from "./Trouble.ts"
import { newerWitness, type Testimony, testify, type Witness } from "./Witness.ts"

/** Of one record a leader sends its whole batch, however little is asked for. */
const witnessBytes = 1024

/** Asked again by the caller, with everything else: the log may have moved meanwhile. */
const unread = (w: Witness, p: Partition, detail: string) =>
  new TransportError({
    op: "fetch",
    code: "OTHER",
    retriable: true,
    detail: `the record at offset ${w.offset} of ${p.key}, by which the log is recognized, cannot be read: ${detail}`
  })

/**
 * Whether the log still holds the record that was read there before (rule 9). One small fetch. `outside`: what it means that the log does not reach
 * there; `unanswered` where its bounds were just read: they moved, so everything is asked again.
 */
export const holds = (
  member: Pick<Member, "client" | "topology">,
  p: Partition,
  w: Witness,
  outside: "gone" | "unanswered"
): Effect.Effect<Exclude<Testimony, "unanswered">, TransportError> =>
  Effect.gen(function* () {
    const node = member.topology.leader(p.key)
    if (node === undefined) {
      member.topology.stale()
      return yield* unread(w, p, "no leader is known")
    }
    const size = { maxWait: 0, maxBytes: witnessBytes, maxBytesPerPartition: witnessBytes }
    const [answer] = yield* member.client.fetch(node, [{ tp: p.tp, offset: w.offset }], size)
    if (answer?.error === "OFFSET_OUT_OF_RANGE" && outside === "gone") return outside
    const testimony = testify(w, answer)
    if (testimony === "unanswered") {
      member.topology.stale()
      return yield* unread(w, p, answer?.error ?? "an empty answer")
    }
    answer?.release?.()
    return testimony
  })

/** Where the log ends now. */
export const endOf = (
  { client }: Pick<Member, "client">,
  { key, tp }: Partition
): Effect.Effect<number, TransportError> =>
  Effect.flatMap(client.listOffsets([tp], "end"), (ends) => {
    const end = ends.get(key)
    if (end !== undefined) return Effect.succeed(end)
    const detail = `its leader does not tell where ${key} ends`
    return Effect.fail(new TransportError({ op: "listOffsets", code: "OTHER", retriable: true, detail }))
  })

/** Whether the stamps of the log's records are the senders': asked of one batch where nothing else tells how old records are. */
const sendersTime = (member: Member, p: Partition, offset: number): Effect.Effect<boolean, TransportError> =>
  Effect.gen(function* () {
    const node = member.topology.leader(p.key)
    if (node === undefined) {
      member.topology.stale()
      return yield* unasked(p, offset, "no leader is known")
    }
    const size = { maxWait: 0, maxBytes: witnessBytes, maxBytesPerPartition: witnessBytes }
    const [answer] = yield* member.client.fetch(node, [{ tp: p.tp, offset }], size)
    if (answer?.error !== undefined) {
      member.topology.stale()
      return yield* unasked(p, offset, answer.error)
    }
    const senders = answer?.records[0]?.sendersTime !== false
    answer?.release?.()
    return senders
  })

const unasked = (p: Partition, offset: number, detail: string) =>
  new TransportError({
    op: "fetch",
    code: "OTHER",
    retriable: true,
    detail: `the record at offset ${offset} of ${p.key}, by which it is told whose timestamps the topic has, cannot be read: ${detail}`
  })

export interface Prepared {
  readonly plan: StartPlan
  /** When the log's end was asked for, and when it was known. */
  readonly askedAt: number
  readonly knownAt: number
}

/** Reads C, R, L and the log's bounds after the sync (rule 2) and plans the start. */
const prepare = (member: Member, growth: Growth, p: Partition): Effect.Effect<Prepared, TransportError> =>
  Effect.gen(function* () {
    const { client, options } = member
    const askedAt = member.now()
    const since = (yield* Clock.currentTimeMillis) - options.lookback
    const [c, ends, starts, lookback] = yield* Effect.all(
      [
        growth.commitOf(p.tp),
        client.listOffsets([p.tp], "end"),
        client.listOffsets([p.tp], "start"),
        client.listOffsets([p.tp], { timestamp: Math.max(0, since) })
      ],
      { concurrency: "unbounded" }
    )
    const logEnd = ends.get(p.key)
    const logStart = starts.get(p.key)
    // Taken for 0 it would look like a log that went back.
    if (logEnd === undefined || logStart === undefined)
      return yield* new TransportError({
        op: "listOffsets",
        code: "OTHER",
        retriable: true,
        detail: `no answer for ${p.key}`
      })
    const metadata = c === undefined ? null : decodeCommitMetadata(c.metadata)
    // What this owner read itself counts, too: its actor may start over on a log that went back meanwhile.
    const w = newerWitness(p.witness, metadata?.witness ?? null)
    const present = w !== null && logStart <= w.offset && w.offset < logEnd
    const other = present && (yield* holds(member, p, w, "unanswered")) === "another"
    p.knows(w)
    const knownAt = member.now()
    const lookbackOffset = lookback.get(p.key) ?? logEnd
    const oldest = Math.min(lookbackOffset, logEnd - 1)
    const looksBack = p.needs.shows || p.needs.newGroup === "lookback"
    const senders = looksBack && metadata === null && oldest >= logStart && (yield* sendersTime(member, p, oldest))
    growth.begin(p, metadata?.homes)
    const plan = planStart({
      needs: p.needs,
      committed: c === undefined ? null : { offset: c.offset, metadata },
      logStart,
      logEnd,
      lookbackOffset: senders ? logEnd : lookbackOffset,
      sendersTime: senders,
      exposed: p.exposed,
      seen: Math.max(p.fence, p.fetchPosition, p.exposed, w === null ? 0 : w.offset + 1),
      replaced: other ? w.offset : null
    })
    return { plan, askedAt, knownAt }
  })

const backoff = new Backoff(100, 2_000)

export const prepareRetrying = (member: Member, growth: Growth, p: Partition): Effect.Effect<Prepared> => {
  let tries = 0
  return prepare(member, growth, p).pipe(
    Effect.timeout(member.options.sessionTimeout),
    Effect.tapError((error) => {
      tries += 1
      p.trouble ??= new Trouble(member.now())
      p.trouble.again(error._tag === "TransportError" ? error.code : "TIMEOUT", error.message)
      return worthALine(tries)
        ? Effect.logWarning(`cannot read where ${p.key} stands (${error.message}), tried ${tries} times; retrying`)
        : Effect.void
    }),
    Effect.retry(backoff.schedule),
    Effect.orDie
  )
}
