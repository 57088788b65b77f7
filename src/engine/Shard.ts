/**
 * Shard: one member of the consumer group with its partitions: the Layer behind Engine. It holds the handoff's state, carries
 * out the actions that `step` returns, and takes cuts. All state is touched on one thread between Effect steps, so a cut, an
 * eviction's first step (hiding) and a commit's preparation are each one instant.
 *
 * Its Scope is the membership: closing it evicts and commits everything, leaves the group, then stops the fibers.
 */
import { Cause, Clock, Deferred, Effect, Exit, Layer, Scope } from "effect"
import { SelfMetrics } from "../SelfMetrics.ts"
import { partitionKey, Transport, type TransportError } from "../transport/Transport.ts"
import { Backpressure } from "./Backpressure.ts"
import { type Cut, Engine, EngineFailed, NotProven } from "./Engine.ts"
import { Admission } from "./group/Admission.ts"
import { Assigning, refusedWishes } from "./group/Assigning.ts"
import { Assignor } from "./group/Assignor.ts"
import { farewellLoop, leaveAll } from "./group/Farewells.ts"
import { type HandoffAction, type HandoffEvent, type HandoffState, identities, initial, step } from "./group/Handoff.ts"
import { Heartbeats } from "./group/Heartbeats.ts"
import { leaseValid, membershipValid } from "./group/Lease.ts"
import { Loads } from "./group/Loads.ts"
import {
  heartbeatLoop,
  joinLoop,
  loadLoop,
  type MembershipHost,
  monotonicMillis,
  prove,
  topologyLoop
} from "./group/Membership.ts"
import { Topology } from "./group/Topology.ts"
import { Growth } from "./growth/Growth.ts"
import { HandoffLog } from "./HandoffLog.ts"
import type { EngineOptions } from "./Options.ts"
import { PartitionProcessor } from "./PartitionProcessor.ts"
import type { ActorHost } from "./partition/Actor.ts"
import { makeCommitter } from "./partition/Committer.ts"
import { type FetcherOptions, runFetcher } from "./partition/Fetcher.ts"
import { guardedFunctions } from "./partition/GuardedProcessing.ts"
import { Ownerships } from "./partition/Ownerships.ts"
import type { Fault, Partition } from "./partition/Partition.ts"
import { makeRelief } from "./partition/Relief.ts"
import { keepTime } from "./partition/Timekeeper.ts"
import { shardStatus } from "./ShardStatus.ts"
import { Signal } from "./Signal.ts"

/** How often the topics' partitions are looked at, ms. */
const topologyInterval = 30_000

const sameIds = (a: HandoffState, b: HandoffState): boolean =>
  a.memberId === b.memberId && a.given === b.given && a.held === b.held && a.ghosts === b.ghosts

const make = (options: EngineOptions) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const processor = yield* PartitionProcessor
    const backpressure = yield* Backpressure
    const assignor = yield* Assignor
    const metrics = yield* SelfMetrics
    const clock = yield* Clock.clockWith(Effect.succeed)
    const now = yield* monotonicMillis
    const failed = yield* Deferred.make<never, EngineFailed>()
    const client = yield* transport.groupClient({
      group: options.group,
      clientId: options.clientId,
      maxRecordBytes: options.maxRecordBytes
    })
    const context = yield* Effect.context<never>()
    // Not the Layer's own Scope: evictions must still be able to start while that one closes.
    const shard = yield* Scope.make()

    let state: HandoffState = { ...initial, ghosts: new Set(options.predecessors) }
    let ids: ReadonlyArray<string> = identities(state)
    const admission = new Admission(metrics, now, options.hasBeenIn)
    let leader = false
    let staleTopology = true
    let settingsDiffer: ReadonlyArray<string> = []
    /** What partitions start with: a switch of the whole pod holds for those that come later, too. */
    let strategy = backpressure.strategies.get(backpressure.initial)!
    // What may happen is counted from zero.
    for (const name of backpressure.strategies.keys()) {
      metrics.strategyDrops.inc({ strategy: name }, 0)
      metrics.moduleFailures.inc({ module: name, function: "decide" }, 0)
    }
    for (const name of guardedFunctions) metrics.moduleFailures.inc({ module: processor.name, function: name }, 0)
    const signal = new Signal()
    const topology = new Topology(client, options.topics, (topic, count) => growth.counted(topic, count))
    const bounds = {
      sessionTimeout: options.sessionTimeout,
      rebalanceTimeout: options.rebalanceTimeout,
      margin: options.leaseMargin
    }
    const lease = () => leaseValid(state.lease, bounds, now())
    const fork = Effect.runForkWith(context)
    const fail = (error: EngineFailed) => Deferred.fail(failed, error)
    /** Starts it now, owned by the scope; a defect in it ends the shard instead of being swallowed. */
    const runIn = (scope: Scope.Scope, effect: Effect.Effect<unknown, EngineFailed>): void => {
      const watched = effect.pipe(
        Effect.catchCause((cause) => {
          if (Cause.hasInterruptsOnly(cause)) return Effect.void
          const error = cause.reasons.find((r) => r._tag === "Fail")?.error
          if (error !== undefined) return fail(error)
          return Effect.andThen(
            Effect.logError("the engine stopped on a defect", cause),
            fail(new EngineFailed({ message: "a defect in the engine, see the log" }))
          )
        })
      )
      fork(Effect.forkIn(watched, scope, { startImmediately: true }))
    }

    const dispatch = (event: HandoffEvent): void => {
      const [next, actions] = step(state, event)
      // All waiters ask for it, at every step of every partition.
      if (!sameIds(state, next)) ids = identities(next)
      state = next
      if (event.type === "lost") metrics.membershipsLost.inc({ reason: event.reason.split(":").pop()!.trim() })
      // Hiding comes first, for all of them, before anything else can run.
      for (const action of actions) if (action.type === "evict") ownerships.hide(action.tp, action.commit)
      // All are owned before the first one starts: a start may bring the loss of all.
      for (const action of actions) if (action.type === "acquire") ownerships.acquire(action.tp)
      for (const action of actions) carryOut(action)
      signal.notify()
    }

    const log = new HandoffLog(
      metrics,
      () => clock.currentTimeMillisUnsafe(),
      () => state.generation
    )
    const ownerships = new Ownerships({
      options,
      metrics,
      now,
      leaseValid: lease,
      strategy: () => strategy,
      needs: processor.needs,
      module: processor.name,
      generation: () => state.synced,
      log,
      run: (effect, scope = shard) => runIn(scope, effect),
      evicted: (key) => dispatch({ type: "evicted", key })
    })
    const partitions = () => ownerships.partitions()
    const committer = yield* makeCommitter({
      client,
      options,
      metrics,
      now,
      state: () => state,
      dispatch,
      partitions,
      leaseValid: lease,
      changed: () => {
        for (const p of partitions()) {
          p.signal.notify()
          log.noteShown(p, now())
        }
        signal.notify()
      }
    })

    /** It is in no cut and no commit from here on; the first mistake is the one that is told. */
    const fault = (p: Partition, mistake: Fault): void => {
      p.fault ??= mistake
      ownerships.nudge(p)
    }
    const relief = makeRelief({
      client,
      options,
      metrics,
      mayDrop: processor.needs.mayDrop,
      now,
      wallClock: () => clock.currentTimeMillisUnsafe(),
      partitions,
      signal,
      warn: (line) => fork(Effect.logWarning(line)),
      failed: fault
    })
    const growth = new Growth({
      client,
      options,
      now,
      partitions,
      signal,
      wake: committer.wake,
      grown: () => dispatch({ type: "rejoin" }),
      ask: () => {
        stale()
        return topology.ask()
      },
      told: (text) => fork(Effect.logInfo(text))
    })

    const stale = () => {
      staleTopology = true
      signal.notify()
    }

    const actorHost: ActorHost = {
      client,
      processor,
      options,
      metrics,
      growth,
      now,
      leader: (key) => topology.leader(key),
      stale,
      wake: committer.wake,
      moved: (p) => {
        relief.press(p)
        log.noteShown(p, now())
        if (p.reservationShort) committer.wake()
        signal.notify()
      },
      ownership: (p) => {
        // Without the lease's commit: who has made none yet may make something durable.
        const owned = () => membershipValid(state.lease, bounds, now()) && p.mayCommit && ownerships.get(p.tp) === p
        const proven = Effect.suspend(() =>
          owned() ? Effect.void : Effect.fail(new NotProven({ message: `${p.key} is not owned any more` }))
        )
        const heard = Effect.suspend(() => prove(membership, state.memberId))
        return { owned, prove: Effect.andThen(proven, Effect.andThen(heard, proven)) }
      },
      startOver: (p, why) => {
        if (p.phase === "evicting") return
        p.reread ??= why
        ownerships.nudge(p)
      },
      failed: fault,
      began: (p, plan) => {
        log.note(p, "acquired", now() - p.acquiredAt, `${plan.why}; start ${plan.start}, fence ${plan.fence}`)
        committer.wake()
        signal.notify()
      }
    }

    const carryOut = (action: HandoffAction): void => {
      switch (action.type) {
        case "acquire":
          ownerships.start(action.tp, actorHost)
          break
        case "evict":
          ownerships.evict(action.tp, committer, action.why)
          break
        case "abandon":
          runIn(shard, client.abandon)
          break
        case "forget":
          metrics.farewells.inc({ outcome: "forgotten" })
          fork(
            Effect.logWarning(
              `too many member ids of this pod wait to leave group ${options.group}: ${action.memberId} is left to its session`
            )
          )
      }
    }

    for (const reason of refusedWishes) metrics.wishesRefused.inc({ module: assignor.name, reason }, 0)
    const assigning = new Assigning(assignor, (reason, told) => {
      metrics.wishesRefused.inc({ module: assignor.name, reason })
      fork(Effect.logWarning(told))
    })
    const membership: MembershipHost = {
      client,
      options,
      metrics,
      assigning,
      topology,
      growth,
      now,
      state: () => state,
      dispatch,
      signal,
      loads: new Loads(() => ownerships.loads()),
      heartbeats: new Heartbeats(signal),
      admission,
      leads: () => leader,
      leading: (leads, settings) => {
        leader = leads
        settingsDiffer = settings.filter((s) => s !== options.settingsHash)
        metrics.settingsDiffer.set(settingsDiffer.length)
        if (settingsDiffer.length > 0)
          fork(Effect.logWarning(`${settingsDiffer.length} members run with other settings than this pod: see status`))
      }
    }
    const stampedBySenders = new Set<string>()
    const fetcher: FetcherOptions = {
      client,
      options,
      metrics,
      topology,
      partitions,
      now,
      signal,
      arrived: (p) => {
        relief.arrived(p)
        p.signal.notify()
      },
      stale,
      sendersTime: (topic) => {
        if (stampedBySenders.has(topic)) return
        stampedBySenders.add(topic)
        fork(
          Effect.logWarning(
            `topic ${topic} carries its senders' timestamps (message.timestamp.type is CreateTime). They decide nothing but the time of the sender's own samples: all promises hold. A group's first start shows a source only from its next round on; with LogAppendTime it would show at once what was sent within --lookback`
          )
        )
      }
    }

    const work = Effect.all(
      [
        joinLoop(membership),
        farewellLoop(membership),
        heartbeatLoop(membership),
        loadLoop(membership),
        committer.loop,
        growth.loop,
        runFetcher(fetcher),
        keepTime({ client, options, now, partitions, wake: committer.wake }),
        relief.looks,
        topologyLoop(membership, topologyInterval, () => {
          const stale = staleTopology
          staleTopology = false
          return stale
        })
      ],
      { concurrency: "unbounded", discard: true }
    )
    runIn(shard, work)
    // Added last, so it runs first: heartbeats go on while everything is evicted.
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        dispatch({ type: "leave" })
        yield* signal
          .until(() => state.owned.size === 0)
          .pipe(
            Effect.timeoutOrElse({
              // Half of it for the evictions, a quarter for what they drain.
              duration: (options.sessionTimeout * 3) / 4,
              orElse: () => Effect.logWarning("leaving without having evicted everything in time")
            })
          )
        yield* leaveAll(membership)
        state = { ...state, phase: "left", lease: initial.lease }
        yield* Scope.close(shard, Exit.void)
        yield* Effect.logInfo(`left group ${options.group}`)
      })
    )

    const cut = (ago = 0): Cut => {
      const { memberId, generation } = state
      const arrivedAt = now() - ago
      const shown =
        lease() && !state.leaving ? [...partitions()].filter((p) => p.visible && p.acquiredAt <= arrivedAt) : []
      for (const p of shown) p.exposed = Math.max(p.exposed, p.reaching)
      return {
        generation,
        partitions: shown.map((p) => ({ tp: p.tp, key: p.key, position: p.position })),
        prove: shown.length === 0 ? Effect.void : prove(membership, memberId)
      }
    }

    return Engine.of({
      cut,
      status: () =>
        shardStatus({
          options,
          state,
          leader,
          settingsDiffer,
          refused: admission.problem,
          wishes: { assignor: assignor.name, refused: assigning.refusals, last: assigning.lastRefusal },
          bounds,
          now: now(),
          partitions: [...partitions()],
          handoffs: log.entries,
          led: (key) => topology.leader(key) !== undefined
        }),
      setBackpressure: (name, tp) => {
        const wanted = backpressure.strategies.get(name)
        if (wanted === undefined) return false
        if (tp === undefined) strategy = wanted
        const chosen = [...partitions()].filter((p) => tp === undefined || p.key === partitionKey(tp))
        for (const p of chosen) relief.switchTo(p, wanted)
        return tp === undefined || chosen.length > 0
      },
      caughtUp: (tp, offset) =>
        signal.until(() => {
          const p = ownerships.get(tp)
          if (p === undefined || p.position < offset) return false
          return p.needs.shows ? p.visible : p.serves
        }),
      idsChanged: (known) =>
        Effect.map(
          signal.until(() => ids.length !== known.length || ids.some((id, i) => id !== known[i])),
          () => ids
        ),
      failed: Deferred.await(failed)
    })
  })

export const layer = (
  options: EngineOptions
): Layer.Layer<Engine, TransportError, Transport | PartitionProcessor | Backpressure | Assignor | SelfMetrics> =>
  Layer.effect(Engine, make(options))
