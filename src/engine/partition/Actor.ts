/**
 * Actor: the supervised fiber that owns one partition. It finds out where to start, opens the processor, takes from its
 * bounded queue and processes, in order, never past what may be exposed. Nobody else processes this partition.
 *
 * Let it crash: a failure or defect closes the incarnation (its content leaves the scrapes with it) and a new one starts from
 * the last commit, after a growing pause, hidden until it is past everything the earlier one exposed. Other partitions do
 * not notice. After `maxRestarts` within `restartWindow` it gives the partition up, loudly: dark, and tried again after that window.
 */
import { Cause, Effect, Exit, type Scope } from "effect"
import { Backoff, worthALine } from "../../Backoff.ts"
import { labelsOf } from "../Counters.ts"
import { NotProven } from "../Engine.ts"
import { prove } from "../group/Proof.ts"
import type { Growth } from "../growth/Growth.ts"
import type { Member } from "../Member.ts"
import { type Batch, type Opening, type Processing, ProcessorError } from "../PartitionProcessor.ts"
import { guarded } from "./GuardedProcessing.ts"
import type { Fault, Partition } from "./Partition.ts"
import { endOf, holds, prepareRetrying } from "./Preparation.ts"
import { quarantined } from "./Quarantine.ts"
import type { Relief } from "./Relief.ts"
import { askedQuickly, timeOf } from "./Timekeeper.ts"
import { Trouble } from "./Trouble.ts"
import { type Witness, witnessOf } from "./Witness.ts"

const afterReread = new Backoff(50, 2_000)
const afterFailure = new Backoff(50, 5_000)

/** Bytes taken from the queue at a time: small enough that a scrape never waits long for the thread. */
const takeBytes = 1024 * 1024

export interface ActorHost {
  readonly member: Member
  readonly growth: Growth
  readonly relief: Relief
}

/** A processor's own mistake is found by its name. */
const faultError = ({ module, function: name, cause }: Fault): ProcessorError =>
  new ProcessorError({
    message: `${name} of ${module} failed: ${cause instanceof Error ? cause.message : cause}`,
    cause
  })

/** What a processor is told of its ownership, for as long as that lasts. */
const ownership = (member: Member, p: Partition): Pick<Opening, "owned" | "prove"> => {
  const owned = () => member.owns(p)
  const proven = Effect.suspend(() =>
    owned() ? Effect.void : Effect.fail(new NotProven({ message: `${p.key} is not owned any more` }))
  )
  const heard = Effect.suspend(() => prove(member, member.state.memberId))
  return { owned, prove: Effect.andThen(proven, Effect.andThen(heard, proven)) }
}

/** The queue shrank or the position moved: back pressure decides, waiters look again. */
const moved = ({ member, relief }: ActorHost, p: Partition): void => {
  relief.press(p)
  member.handoffs.noteShown(p, member.now())
  if (p.commitUrgent) member.wantCommit()
  member.signal.notify()
}

const work = (host: ActorHost, p: Partition): Effect.Effect<void, ProcessorError> =>
  Effect.gen(function* () {
    const { member } = host
    const processing = p.processing!
    const labels = labelsOf(p.tp)
    while (!p.stops) {
      const item = p.queue.take(takeBytes)
      if (item === undefined) {
        yield* p.signal.until(() => !p.queue.empty || p.stops)
        continue
      }
      if (item.next > p.allowed) {
        p.wanted = item.next
        member.wantCommit()
        yield* p.signal.until(() => item.next <= p.allowed || p.stops)
        if (p.stops) return
      }
      p.reaching = item.next
      if (item.type === "dropped") {
        p.calling = "gap"
        if (item.gap !== undefined) yield* item.gap.pass(item.next, p.fence)
      } else {
        p.calling = "unreadable"
        for (const stretch of item.unreadable) yield* processing.unreadable?.(stretch) ?? Effect.void
        p.calling = "process"
        const batch: Batch = { records: item.records, next: item.next, fence: p.fence }
        yield* processing.process(batch)
        const newest = item.records.findLast((r) => r.tooLarge === undefined)
        if (newest !== undefined && newest.offset > (p.witness?.offset ?? -1)) p.knows(witnessOf(newest))
        member.metrics.recordsConsumed.inc(labels, item.records.length)
        member.metrics.bytesConsumed.inc(labels, item.bytes)
        p.load.consumed(item.records.length, item.bytes)
        if (processing.borrows === true) item.loan.giveBack()
      }
      p.position = item.next
      p.movedSinceReread = true
      p.serveFrom(member.now())
      moved(host, p)
    }
  })

/** Whatever it is that its processor has not made durable yet. How long that may take is the eviction's to know, which interrupts it. */
const drain = (
  { metrics, processor: { name } }: Member,
  p: Partition,
  effect: NonNullable<Processing["drain"]>
): Effect.Effect<void> =>
  effect.pipe(
    Effect.withSpan("drain", { attributes: { partition: p.key, module: name } }),
    Effect.catchCause((cause) => {
      metrics.moduleFailures.inc({ module: name, function: "drain" })
      return Effect.logError(
        `the processor ${name} of ${p.key} failed to make durable what it held: its next owner reads it again`,
        cause
      )
    }),
    Effect.andThen(
      Effect.sync(() => {
        p.drained = true
        p.signal.notify()
      })
    )
  )

const incarnation = (host: ActorHost, p: Partition): Effect.Effect<void, ProcessorError, Scope.Scope> =>
  Effect.gen(function* () {
    const { growth, member } = host
    const { client, metrics, now, options, processor } = member
    p.prepare()
    const { plan, askedAt, knownAt } = yield* prepareRetrying(member, growth, p)
    p.takeTime(plan, knownAt)
    p.calling = "open"
    const { tp, generation, homes } = p
    const time = timeOf(p, now, options)
    const log = {
      identity: client.identify(tp.topic),
      end: endOf(member, p),
      holds: (w: Witness) => holds(member, p, w, "gone")
    }
    let works = false
    const startOver = (why: string): void => {
      if (works) member.startOver(p, why)
    }
    const told = { tp, plan, generation, time, homes, log, startOver, ...ownership(member, p) }
    const opened = yield* processor.open(told)
    const processing = guarded(opened, (name, cause) =>
      member.fail(p, { module: processor.name, function: name, cause })
    )
    // Runs before the processor's own finalizers: hidden first, then gone.
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        works = false
        p.end(p.phase === "evicting" ? "evicting" : "restarting")
        client.forget(p.tp)
      })
    )
    if (plan.lost > 0) {
      metrics.recordsLost.inc(labelsOf(p.tp), plan.lost)
      yield* Effect.logError(`${p.key}: ${plan.why}; ${plan.lost} offsets were lost to retention unread`)
    }
    if (plan.restarted) {
      metrics.logsRestarted.inc(labelsOf(p.tp))
      yield* Effect.logError(
        `${p.key}: ${plan.why}; it is read from offset ${plan.start} on, and nothing is shown that was in it before offset ${plan.fence}`
      )
    }
    p.begin(plan, processing)
    works = true
    if (p.quarantine?.until === null) yield* Effect.logWarning(quarantined(p, plan.why))
    if (askedQuickly(options, askedAt, knownAt)) p.mark(plan.logEnd, knownAt)
    p.serveFrom(now())
    growth.opened(p)
    p.load.begin(plan.logEnd, now())
    const { why, start, fence } = plan
    member.handoffs.note(p, "acquired", now() - p.acquiredAt, `${why}; start ${start}, fence ${fence}`)
    member.wantCommit()
    member.signal.notify()
    yield* work(host, p)
    if (p.fault !== undefined) return yield* faultError(p.fault)
    if (!p.drains) return
    yield* drain(member, p, processing.drain!)
    // Its content stays what it is until the last commit is made of it.
    yield* Effect.never
  })

/** Runs until interrupted: the partition is evicted. */
export const runActor = (host: ActorHost, p: Partition): Effect.Effect<never> =>
  Effect.gen(function* () {
    const { metrics, options, processor } = host.member
    const { maxRestarts, restartWindow } = options
    const exit = yield* Effect.exit(Effect.scoped(incarnation(host, p)))
    // An eviction may wait for it.
    p.signal.notify()
    if (p.reread !== undefined && Exit.isSuccess(exit)) {
      p.rereads = p.movedSinceReread ? 1 : p.rereads + 1
      p.movedSinceReread = false
      // Fetch and ListOffsets may disagree for a while (a leader that changes): not in circles, and not a line each time.
      if (worthALine(p.rereads))
        yield* Effect.logWarning(`${p.key}: ${p.reread}; its actor starts over, ${p.rereads} times in a row`)
      p.reread = undefined
      yield* afterReread.sleep(p.rereads)
      return
    }
    if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.never
    const now = host.member.now()
    p.restarts = [...p.restarts.filter((t) => now - t < restartWindow), now]
    p.restartCount += 1
    metrics.actorRestarts.inc(labelsOf(p.tp))
    const fault = p.fault ?? { module: processor.name, function: p.calling }
    metrics.moduleFailures.inc({ module: fault.module, function: fault.function })
    const times = p.restarts.length
    const what = `the actor of ${p.key} failed at offset ${p.position}`
    const where = `in ${fault.function} of ${fault.module}`
    if (times > maxRestarts) {
      // Another owner would fail at the same record: the partition is dark, and nothing else is.
      const trouble = new Trouble(now)
      trouble.again("GIVEN_UP", `${where}: ${Cause.squash(exit.cause)}`)
      p.trouble = trouble
      yield* Effect.logError(
        `${what}, ${where}, and ${times - 1} restarts did not help: nothing of it is shown, and it is tried again every ${restartWindow / 1000} s`,
        exit.cause
      )
      return yield* Effect.sleep(restartWindow)
    }
    const pause = yield* afterFailure.pause(times)
    yield* Effect.logWarning(
      `${what}, ${where}; restart ${times} of ${maxRestarts} in ${Math.round(pause)} ms`,
      exit.cause
    )
    yield* Effect.sleep(pause)
  }).pipe(Effect.forever)
