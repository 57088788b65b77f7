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
import type { ActorHost } from "./Actor.ts"
import { Assignor } from "./Assignor.ts"
import { Backpressure } from "./Backpressure.ts"
import { makeCommitter } from "./Committer.ts"
import { type Cut, Engine, EngineFailed } from "./Engine.ts"
import { type FetcherHost, runFetcher } from "./Fetcher.ts"
import { Growth } from "./Growth.ts"
import { type HandoffAction, type HandoffEvent, type HandoffState, initial, step } from "./Handoff.ts"
import { HandoffLog } from "./HandoffLog.ts"
import { leaseValid } from "./Lease.ts"
import { Loads } from "./Loads.ts"
import {
  bury,
  heartbeatLoop,
  joinLoop,
  loadLoop,
  type MembershipHost,
  monotonicMillis,
  prove,
  topologyLoop
} from "./Membership.ts"
import type { EngineOptions } from "./Options.ts"
import { Ownerships } from "./Ownerships.ts"
import type { Partition } from "./Partition.ts"
import { PartitionProcessor } from "./PartitionProcessor.ts"
import { shardStatus } from "./ShardStatus.ts"
import { Signal } from "./Signal.ts"
import { Topology } from "./Topology.ts"

/** How often the topics' partitions are looked at, ms. */
const topologyInterval = 30_000

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
    const client = yield* transport.groupClient({ group: options.group, clientId: options.clientId })
    const context = yield* Effect.context<never>()
    // Not the Layer's own Scope: evictions must still be able to start while that one closes.
    const shard = yield* Scope.make()

    let state: HandoffState = initial
    let leader = false
    let staleTopology = true
    let settingsDiffer: ReadonlyArray<string> = []
    /** What partitions start with: a switch of the whole pod holds for those that come later, too. */
    let strategy = backpressure.initial
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

    const growth = new Growth({
      client,
      options,
      now,
      partitions,
      signal,
      wake: committer.wake,
      grown: () => {
        if (state.phase === "member") dispatch({ type: "rejoin" })
      },
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
    const press = (p: Partition): void => {
      const { queue } = p
      const pressure = {
        records: queue.records,
        bytes: queue.bytes,
        maxRecords: options.queueRecords,
        maxBytes: options.queueBytes,
        lag: p.lag,
        dropping: p.dropping
      }
      const decision = backpressure.decide(p.strategy, pressure, p.paused)
      p.dropping = decision === "drop"
      if (decision === "drop") {
        const dropped = queue.dropFront(options.queueRecords, options.queueBytes)
        if (dropped > 0) {
          p.dropped += dropped
          metrics.recordsDropped.inc({ topic: p.tp.topic, partition: String(p.tp.partition) }, dropped)
        }
      }
      const resumed = p.paused && decision !== "pause"
      p.paused = decision === "pause"
      if (resumed) signal.notify()
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
        press(p)
        log.noteShown(p, now())
        if (p.reservationShort) committer.wake()
        signal.notify()
      },
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
      }
    }

    const membership: MembershipHost = {
      client,
      options,
      metrics,
      assignor,
      topology,
      growth,
      now,
      state: () => state,
      dispatch,
      signal,
      loads: new Loads(() => ownerships.loads()),
      leads: () => leader,
      leading: (leads, settings) => {
        leader = leads
        settingsDiffer = settings.filter((s) => s !== options.settingsHash)
        metrics.settingsDiffer.set(settingsDiffer.length)
        if (settingsDiffer.length > 0)
          fork(Effect.logWarning(`${settingsDiffer.length} members run with other settings than this pod: see status`))
      }
    }
    const fetcher: FetcherHost = {
      client,
      options,
      metrics,
      topology,
      partitions,
      signal,
      arrived: (p) => {
        press(p)
        p.signal.notify()
      },
      stale
    }

    const work = Effect.all(
      [
        Effect.andThen(bury(client, options), joinLoop(membership)),
        heartbeatLoop(membership),
        loadLoop(membership),
        committer.loop,
        growth.loop,
        runFetcher(fetcher),
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
              duration: options.sessionTimeout / 2,
              orElse: () => Effect.logWarning("leaving without having evicted everything in time")
            })
          )
        const memberId = state.memberId
        if (memberId !== "" && state.owned.size === 0)
          yield* client.leaveGroup(memberId).pipe(
            Effect.timeoutOption(options.sessionTimeout / 4),
            Effect.catch((error: TransportError) => Effect.logWarning(`leaving the group: ${error.message}`))
          )
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
      const positions = shown.map((p) => ({ p, incarnation: p.incarnation, position: p.position }))
      return {
        generation,
        partitions: positions.map(({ p, position }) => ({ tp: p.tp, key: p.key, position })),
        prove: shown.length === 0 ? Effect.void : prove(membership, memberId),
        delivered: () => {
          for (const { p, incarnation, position } of positions)
            if (p.incarnation === incarnation) p.scraped = Math.max(p.scraped, position)
        }
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
          bounds,
          now: now(),
          partitions: [...partitions()],
          handoffs: log.entries
        }),
      setBackpressure: (wanted, tp) => {
        if (tp === undefined) strategy = wanted
        const chosen = [...partitions()].filter((p) => tp === undefined || p.key === partitionKey(tp))
        for (const p of chosen) {
          p.strategy = wanted
          press(p)
        }
        return tp === undefined || chosen.length > 0
      },
      caughtUp: (tp, offset) =>
        signal.until(() => {
          const p = ownerships.get(tp)
          return p?.visible === true && p.position >= offset
        }),
      memberChanged: (known) =>
        Effect.map(
          signal.until(() => state.memberId !== known),
          () => state.memberId
        ),
      failed: Deferred.await(failed)
    })
  })

export const layer = (
  options: EngineOptions
): Layer.Layer<Engine, TransportError, Transport | PartitionProcessor | Backpressure | Assignor | SelfMetrics> =>
  Layer.effect(Engine, make(options))
