/** Deeds: how each fault of a schedule is done to the world. One that needs a pod where none runs starts one instead. */
import { Effect, type Scope } from "effect"
import type { Request } from "../../transport/embedded/Faults.ts"
import { partitionKey, type UnreadableReason } from "../../transport/Transport.ts"
import { random } from "../Random.ts"
import type { Fault } from "./Fault.ts"
import { carryOutPlot } from "./Plots.ts"
import { isGrowth } from "./Profile.ts"
import { growthWindowOf } from "./Schedule.ts"
import { rule, running, type Sim, wallNow } from "./Sim.ts"
import { type SimSource, topic } from "./SimAgent.ts"
import { SimPod, simEngine } from "./SimPod.ts"

const maxPods = 5

/** A pod as an orchestrator starts it; where its engine ends by itself, so does the process. */
export const startPod = (sim: Sim): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { schedule, log, parts } = sim
    const index = sim.pods.length
    const pod = new SimPod(`p${index}`, sim.time)
    sim.pods.push(pod)
    sim.tell(() => `${pod.name} starts`)
    const settings = {
      commit: schedule.commit,
      engine: {
        topics: [topic],
        ...(isGrowth(schedule.profile)
          ? { partitioner: schedule.partitioner ?? ("murmur2" as const), growthWindow: growthWindowOf(schedule) }
          : {})
      },
      backpressure: schedule.backpressure,
      // Unequal, so that of two who show the same one is behind.
      pace: schedule.pace * [1, 0.2, 2][index % 3]!,
      strict: schedule.mixedLimits && index % 2 === 1,
      judge: sim.actors,
      taps: sim.taps,
      durable: sim.durable && { app: sim.durable.judge.subject.app, outside: sim.durable.outside }
    }
    yield* pod.start(log.transport, settings, parts)
    const ends = Effect.catch(pod.engine.failed, (e) =>
      Effect.sync(() => {
        sim.tell(() => `${pod.name} ends by itself: ${e.message}`)
        pod.kill()
      })
    )
    yield* Effect.forkScoped(ends)
  })

const later = (ms: number, f: () => void) => Effect.forkScoped(Effect.delay(Effect.sync(f), ms))

/** Unless there are enough. */
const startSome = (sim: Sim): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => (running(sim).length < maxPods ? startPod(sim) : Effect.void))

const freeze = (sim: Sim, pod: SimPod, ms: number, suspend: boolean) =>
  Effect.andThen(
    Effect.sync(() => pod.clock.freeze(suspend)),
    later(ms, () => {
      if (pod.state === "gone") return
      sim.tell(() => `${pod.name} goes on`)
      pod.clock.thaw()
    })
  )

const strandWrite = (sim: Sim, pod: SimPod, { there, fate }: Fault & { readonly type: "strandedWrite" }) =>
  Effect.gen(function* () {
    const run = Effect.runForkWith(yield* Effect.context<Scope.Scope>())
    sim.durable?.outside.strand(pod, {
      ms: there,
      meanwhile: () => {
        sim.tell(() => `${pod.name} has sent a write, which is on its way: ${fate}`)
        if (fate === "crash") pod.kill()
        else if (fate === "freeze") run(freeze(sim, pod, there + 1_000, false))
        else rule(sim, there + 1_000, (q) => (q.clientId === pod.name ? { lose: "request" } : undefined))
      }
    })
  })

/** What is done to one pod. */
const toPod = (
  sim: Sim,
  pod: SimPod,
  fault: Fault & { readonly pod: number }
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const of = (request: Request) => request.clientId === pod.name
    switch (fault.type) {
      case "leave":
        // Detached: a pod that dies while it leaves never finishes leaving.
        yield* Effect.forkDetach(pod.stop)
        break
      case "crash":
        pod.kill()
        break
      case "freeze":
        yield* freeze(sim, pod, fault.ms, fault.suspend)
        break
      case "cut":
        rule(sim, fault.ms, (q) => (of(q) ? { lose: fault.lose === "both" ? "request" : fault.lose } : undefined))
        break
      case "strandedWrite":
        yield* strandWrite(sim, pod, fault)
        break
      case "delay":
        rule(sim, fault.ms, (q) =>
          of(q) ? (fault.side === "request" ? { delayRequest: fault.by } : { delayAnswer: fault.by }) : undefined
        )
        break
      case "loseHeartbeats":
        rule(sim, fault.ms, (q) => (of(q) && q.op === "heartbeat" ? { lose: "request" } : undefined))
        break
      case "lateCommit":
        rule(sim, fault.ms, (q) =>
          of(q) && q.op === "offsetCommit" ? { delayRequest: fault.by, disconnect: true } : undefined
        )
        break
      case "lostCommitAnswers":
        rule(sim, fault.ms, (q) => (of(q) && q.op === "offsetCommit" ? { lose: "answer" } : undefined))
        break
      case "failSync":
        rule(
          sim,
          20_000,
          (q) => {
            if (!of(q) || q.op !== "syncGroup") return undefined
            if (fault.how === "late") return { delayAnswer: 3_000 }
            if (fault.how === "refused") return { fail: "REBALANCE_IN_PROGRESS" }
            return { lose: fault.how === "lost" ? "request" : "answer" }
          },
          1
        )
        break
      case "loseJoin":
        rule(sim, 20_000, (q) => (of(q) && q.op === "joinGroup" ? { lose: fault.lose } : undefined), 1)
        break
      case "slowJoin":
        rule(sim, 10_000, (q) => (of(q) && q.op === "joinGroup" ? { delayRequest: fault.by } : undefined), 1)
        break
      case "slowEviction":
        pod.evictionDelay = fault.ms
        break
      case "slowPod":
        pod.recordDelay = fault.perRecord
        yield* later(fault.ms, () => {
          pod.recordDelay = 0
        })
        break
      case "strategy":
        pod.engine.setBackpressure(fault.strategy)
        break
      case "failActor":
        pod.failures = fault.times
        break
      case "deposed":
        pod.deposedUntil = sim.time.now + fault.ms
        break
      case "zombie":
      case "doubt":
      case "relay":
      case "dieRejoining":
      case "fadeOut":
      case "rollout":
        yield* carryOutPlot(sim, pod, fault, { startPod: startSome(sim) })
        break
      case "wallJump":
        pod.clock.wallOffset += fault.by
        break
    }
  })

const flood = (sim: Sim, { ms, every }: Fault & { readonly type: "flood" }) =>
  Effect.gen(function* () {
    const until = sim.time.now + ms
    while (sim.time.now < until) {
      for (const source of sim.sources)
        if (sim.time.now >= source.silentUntil) yield* source.dump(sim.producer, wallNow(sim))
      yield* Effect.sleep(every)
    }
  })
/** Each producer asks for the partitions at a time of its own, and hears what there is then. */
const hearLate = (sim: Sim): Effect.Effect<void, never, Scope.Scope> => {
  const { metadataAge } = sim.schedule
  if (metadataAge === undefined) return Effect.void
  const r = random(sim.schedule.seed * 23 + sim.faults).next
  return Effect.forEach(
    sim.sources.filter((source) => source.kind === "plain"),
    (source) => later(metadataAge * r(), () => source.placeAmong(sim.partitions)),
    { discard: true }
  )
}

const logBack = (sim: Sim, fault: Fault & { readonly type: "logBack" }): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { log, sources, oracle } = sim
    const tp = { topic, partition: fault.partition % sim.schedule.partitions }
    const hit = sources.filter((s) => fault.how === "recreate" || s.partition === tp.partition)
    // A healthy owner notices at once and then P1 holds without any exception.
    if (!sim.healthy) oracle.logWentBack(hit.flatMap((s) => s.series))
    if (fault.how === "recreate") yield* log.recreate(topic)
    else yield* log.truncate(tp, Math.max(log.start(tp), log.end(tp) - fault.by))
  })

const unreadable = (sim: Sim, source: SimSource, reason: UnreadableReason): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { actors, log, producer } = sim
    const tp = { topic, partition: source.partition }
    const from = log.end(tp)
    yield* log.breakNext(tp, reason)
    // Told before it is read.
    actors.nobodyReads(partitionKey(tp), from, from + (source.kind === "chunked" ? 2 : 1))
    yield* source.unseen(producer, wallNow(sim))
  })

const toWorld = (sim: Sim, fault: Fault): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { log, time, producer, sources, schedule } = sim
    const now = wallNow(sim)
    const source = "source" in fault ? sources[fault.source % sources.length]! : sources[0]!
    const partition = "partition" in fault ? fault.partition % schedule.partitions : 0
    const tp = { topic, partition }
    switch (fault.type) {
      case "join":
        yield* startSome(sim)
        break
      case "moveCoordinator":
        yield* log.moveCoordinator("kafka2prom")
        break
      case "pauseCoordinator":
        sim.presence?.paused(time.now + fault.ms)
        yield* log.pauseCoordinators(fault.ms, fault.first)
        break
      case "moveLeader":
        yield* log.setLeader(tp, fault.node)
        break
      case "restartAll":
        for (const pod of running(sim)) pod.kill()
        yield* Effect.forkScoped(
          Effect.delay(
            Effect.forEach(Array.from({ length: fault.pods }), () => startPod(sim)),
            fault.down
          )
        )
        break
      case "toolResets":
        for (const each of running(sim)) yield* Effect.forkDetach(each.stop)
        // What was shown is not known any more: quarantine covers what an agent may send late, no more.
        for (const each of sources) each.lateness = 0.45
        yield* Effect.forkScoped(
          Effect.delay(
            Effect.andThen(
              log.stripCommits(simEngine.group),
              Effect.forEach(Array.from({ length: fault.pods }), () => startPod(sim))
            ),
            1_500 + fault.down
          )
        )
        break
      case "addPartitions":
        sim.partitions += fault.count
        yield* log.addPartitions(topic, sim.partitions)
        yield* hearLate(sim)
        break
      case "burst":
        for (let i = 0; i < fault.rounds; i++) {
          const some = sources[i % sources.length]!
          if (time.now >= some.silentUntil) yield* some.dump(producer, now)
        }
        break
      case "flood":
        for (const pod of running(sim)) {
          pod.recordDelay = fault.perRecord
          yield* later(fault.ms, () => {
            pod.recordDelay = 0
          })
        }
        yield* Effect.forkScoped(flood(sim, fault))
        break
      case "repeat":
        yield* source.repeat(producer, fault.back, now)
        break
      case "reorder":
        yield* source.reorder(producer, now)
        break
      case "wide":
        source.wideUntil = time.now + fault.ms
        yield* source.dump(producer, now)
        break
      case "restartAgent":
        source.restart(now, fault.clockBy)
        break
      case "poison":
        yield* source.poison(producer, now)
        break
      case "unreadable":
        yield* unreadable(sim, source, fault.reason)
        break
      case "oversized":
        yield* source.oversized(producer, now)
        break
      case "partialRound":
        yield* source.partial(producer, now)
        break
      case "end":
        yield* source.end(producer, now)
        break
      case "lateEcho":
        source.silentUntil = Math.max(source.silentUntil, time.now + fault.after + 2_000)
        yield* Effect.forkScoped(
          Effect.delay(
            Effect.suspend(() => source.repeat(producer, fault.back, wallNow(sim))),
            fault.after
          )
        )
        break
      case "silence":
        source.silentUntil = time.now + fault.ms
        break
      case "abortScrapes":
        sim.abortsUntil = time.now + fault.ms
        break
      case "slowScrapes":
        sim.slowScrapes = { until: time.now + fault.ms, by: fault.by }
        break
      case "retention":
        // P1 assumes that the topic keeps what consumers could read: what it forgot early limits the damage and no more.
        sim.oracle.logWentBack(sources.filter((s) => s.partition === partition).flatMap((s) => s.series))
        yield* log.deleteRecords(tp, Math.max(log.start(tp), log.end(tp) - 3))
        break
      case "logBack":
        yield* logBack(sim, fault)
        break
      case "storeTrouble":
        sim.durable?.outside.fail(fault.ms, fault.share)
        break
    }
  })

export const carryOut = (sim: Sim, planned: Fault): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => {
    const all = running(sim)
    // The last pod of a calm history stays: P3 promises nothing for a group without members.
    const needed = sim.healthy && (planned.type === "leave" || planned.type === "crash") ? 2 : 1
    const fault: Fault = "pod" in planned && all.length < needed ? { type: "join" } : planned
    const pod = "pod" in fault ? all[fault.pod % all.length]! : undefined
    sim.faults += 1
    if (fault.type === "leave" || fault.type === "crash" || fault.type === "join") sim.presence?.disturbed(sim.time.now)
    sim.tell(() => `${pod?.name ?? "-"}: ${JSON.stringify(fault)}`)
    sim.happened({ type: "fault", at: sim.time.now, pod: pod?.name, fault })
    return pod !== undefined && "pod" in fault ? toPod(sim, pod, fault) : toWorld(sim, fault)
  })
