/**
 * EngineLayer: the Layer behind Engine: composes one member of the consumer group and runs it. All state is touched on one thread between
 * Effect steps, so a cut, an eviction's first step (hiding) and a commit's preparation are each one instant.
 *
 * Its Scope is the membership: closing it evicts and commits everything, leaves the group, then stops the fibers.
 */
import { Clock, Effect, Layer } from "effect"
import { SelfMetrics } from "../SelfMetrics.ts"
import { partitionKey, Transport, type TransportError } from "../transport/Transport.ts"
import { Backpressure } from "./Backpressure.ts"
import { countMember } from "./Counters.ts"
import { type Cut, Engine } from "./Engine.ts"
import { Fibers } from "./Fibers.ts"
import { Assignor } from "./group/Assignor.ts"
import { farewellLoop, leaveAll } from "./group/Farewells.ts"
import type { HandoffAction } from "./group/Handoff.ts"
import { joinLoop } from "./group/Joining.ts"
import { Membership } from "./group/Membership.ts"
import { heartbeatLoop, prove } from "./group/Proof.ts"
import { loadLoop, topologyLoop } from "./group/Watch.ts"
import { Growth } from "./growth/Growth.ts"
import { Member, monotonicMillis } from "./Member.ts"
import { memberStatus } from "./MemberStatus.ts"
import type { EngineOptions } from "./Options.ts"
import { PartitionProcessor } from "./PartitionProcessor.ts"
import { makeCommitter } from "./partition/Committer.ts"
import { runFetcher } from "./partition/Fetcher.ts"
import { Ownerships } from "./partition/Ownerships.ts"
import { makeRelief } from "./partition/Relief.ts"
import { keepTime } from "./partition/Timekeeper.ts"

/** What follows from the member's state, see Member. Starts it, and does not wait for it. */
const carryOut = (member: Member, ownerships: Ownerships, action: HandoffAction): void => {
  const { client, fibers, metrics, options } = member
  switch (action.type) {
    case "acquire":
      ownerships.start(action.tp)
      break
    case "evict":
      ownerships.evict(action.tp, action.why)
      break
    case "abandon":
      fibers.run(client.abandon)
      break
    case "forget":
      metrics.farewells.inc({ outcome: "forgotten" })
      fibers.say(
        Effect.logWarning(
          `too many member ids of this pod wait to leave group ${options.group}: ${action.memberId} is left to its session`
        )
      )
  }
}

/** Evicts everything, leaves the group, and stops what runs. Bounded. */
const leave = (member: Member): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { group, sessionTimeout } = member.options
    member.report({ type: "leave" })
    yield* member.signal
      .until(() => member.state.owned.size === 0)
      .pipe(
        Effect.timeoutOrElse({
          // Half of it for the evictions, a quarter for what they drain.
          duration: (sessionTimeout * 3) / 4,
          orElse: () => Effect.logWarning("leaving without having evicted everything in time")
        })
      )
    yield* leaveAll(member)
    member.report({ type: "left" })
    yield* member.fibers.close
    yield* Effect.logInfo(`left group ${group}`)
  })

/** Rule 7. What is in it counts as exposed. */
const takeCut = (member: Member, ago: number): Cut => {
  const { memberId, generation, leaving } = member.state
  const arrivedAt = member.now() - ago
  const owned = member.leaseValid && !leaving ? [...member.partitions.values()] : []
  const shown = owned.filter((p) => p.visible && p.acquiredAt <= arrivedAt)
  for (const p of shown) p.exposed = Math.max(p.exposed, p.reaching)
  return {
    generation,
    partitions: shown.map((p) => ({ tp: p.tp, key: p.key, position: p.position })),
    prove: shown.length === 0 ? Effect.void : prove(member, memberId)
  }
}

const make = (options: EngineOptions) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const { initial, strategies } = yield* Backpressure
    const clock = yield* Clock.clockWith(Effect.succeed)
    const member = new Member({
      client: yield* transport.groupClient({
        group: options.group,
        clientId: options.clientId,
        maxRecordBytes: options.maxRecordBytes
      }),
      options,
      metrics: yield* SelfMetrics,
      processor: yield* PartitionProcessor,
      fibers: new Fibers(yield* Effect.context<never>()),
      now: yield* monotonicMillis,
      wallClock: () => clock.currentTimeMillisUnsafe(),
      strategy: strategies.get(initial)!
    })
    countMember(member, strategies.keys())
    const growth = new Growth(member)
    const membership = new Membership(member, growth, yield* Assignor)
    const relief = makeRelief(member)
    const committer = yield* makeCommitter(member)
    const ownerships = new Ownerships({ member, growth, relief }, committer)

    const carryingOut = Effect.map(member.todo, (actions) => {
      for (const action of actions) carryOut(member, ownerships, action)
    }).pipe(Effect.forever({ disableYield: true }))
    const work = Effect.all(
      [
        joinLoop(membership),
        farewellLoop(member),
        heartbeatLoop(membership),
        loadLoop(membership),
        committer.loop,
        growth.loop,
        runFetcher(member, relief),
        keepTime(member),
        relief.looks,
        topologyLoop(membership)
      ],
      { concurrency: "unbounded", discard: true }
    )
    // By itself: whatever else stops on a defect, what is held is still evicted.
    member.fibers.run(carryingOut)
    member.fibers.run(work)
    // Added last, so it runs first: heartbeats go on while everything is evicted.
    yield* Effect.addFinalizer(() => leave(member))

    return Engine.of({
      cut: (ago = 0) => takeCut(member, ago),
      status: () => memberStatus(membership),
      setBackpressure: (name, tp) => {
        const wanted = strategies.get(name)
        if (wanted === undefined) return false
        if (tp === undefined) member.strategy = wanted
        const key = tp === undefined ? undefined : partitionKey(tp)
        const chosen = [...member.partitions.values()].filter((p) => key === undefined || p.key === key)
        for (const p of chosen) relief.switchTo(p, wanted)
        return key === undefined || chosen.length > 0
      },
      caughtUp: (tp, offset) =>
        member.signal.until(() => {
          const p = member.partitions.get(partitionKey(tp))
          if (p === undefined || p.position < offset) return false
          return p.needs.shows ? p.visible : p.serves
        }),
      idsChanged: (known) =>
        Effect.map(
          member.signal.until(() => {
            const { ids } = member
            return ids.length !== known.length || ids.some((id, i) => id !== known[i])
          }),
          () => member.ids
        ),
      failed: member.fibers.failed
    })
  })

/** A member of the group for as long as the Layer lives: it joins while the Layer is built, and leaves in order at its end. Fails where the log lets nobody in. @stable */
export const layer = (
  options: EngineOptions
): Layer.Layer<Engine, TransportError, Transport | PartitionProcessor | Backpressure | Assignor | SelfMetrics> =>
  Layer.effect(Engine, make(options))
