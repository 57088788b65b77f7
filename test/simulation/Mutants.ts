/**
 * Mutants: the test of the tests. Each breaks exactly one rule of the handoff, by a module of the engine with one function
 * replaced, or by a part of the pod with one behaviour replaced, and says which histories must find it. Nothing here
 * is known to the engine.
 *
 * Where a second guard hides a broken first one, the mutant takes the second away too, and `baseline` says that this
 * alone breaks nothing: the rule is tested by itself.
 */
import { Deferred, Effect, Layer } from "effect"
import { vi } from "vitest"
import { Assignor, type Claimant } from "../../src/engine/Assignor.ts"
import type { HandoffEvent, HandoffState } from "../../src/engine/Handoff.ts"
import type { Ownerships } from "../../src/engine/Ownerships.ts"
import type { PlanInput, StartPlan } from "../../src/engine/StartPlan.ts"
import type { Now } from "../../src/exposition/Ages.ts"
import {
  type Committed,
  type GroupClient,
  type LogRecord,
  partitionKey,
  type TopicPartition,
  type Transport
} from "../../src/transport/Transport.ts"
import type { VirtualTime } from "../support/virtualTime.ts"
import type { Fault, Profile } from "./Schedule.ts"
import { topic } from "./SimAgent.ts"
import { type Parts, simExpiry } from "./SimPod.ts"

export interface Mutant {
  readonly rule: string
  readonly breaks: string
  readonly profile?: Profile
  /** Replaces modules until they are disposed of. */
  readonly modules?: () => ReadonlyArray<Disposable>
  readonly parts?: Parts
  /** Faults that its histories do without. */
  readonly without?: (fault: Fault) => boolean
  /** What is replaced besides the rule itself, and breaks nothing. */
  readonly baseline?: Pick<Mutant, "modules" | "parts">
}

type Plan = (i: PlanInput) => StartPlan
const planning = (change: (plan: StartPlan, i: PlanInput) => StartPlan): ReadonlyArray<Disposable> => [
  vi.doMock("../../src/engine/StartPlan.ts", async (original) => {
    const m = await original<{ readonly planStart: Plan }>()
    return { ...m, planStart: (i: PlanInput) => change(m.planStart(i), i) }
  })
]

type Module = Record<string, unknown>
/** Replaces one function of a module, given the real one. */
const replacing = (path: string, name: string, change: (real: never) => unknown): Disposable =>
  vi.doMock(path, async (original) => {
    const m = await original<Module>()
    return { ...m, [name]: change(m[name] as never) }
  })

/** Replaces a method of a class of a module that was loaded anew. */
const patching = (path: string, name: string, change: (prototype: Record<string, unknown>) => void): Disposable =>
  vi.doMock(path, async (original) => {
    const m = await original<Module>()
    change((m[name] as { readonly prototype: Record<string, unknown> }).prototype)
    return m
  })

type Step = (s: HandoffState, e: HandoffEvent) => readonly [HandoffState, ReadonlyArray<{ readonly type: string }>]
const handoff = "../../src/engine/Handoff.ts"
const stepping = (change: (step: Step) => Step): Disposable => replacing(handoff, "step", change)

const unproven = (): Disposable => replacing("../../src/engine/Membership.ts", "prove", () => () => Effect.void)

/** Knows the virtual clock of the world that plays now. */
const watchingTime = (): { readonly mock: Disposable; readonly now: () => number } => {
  let current: VirtualTime | undefined
  const mock = vi.doMock("../support/virtualTime.ts", async (original) => {
    const m = await original<{ readonly VirtualTime: typeof VirtualTime }>()
    class Watched extends m.VirtualTime {
      constructor() {
        super()
        current = this
      }
    }
    return { VirtualTime: Watched }
  })
  return { mock, now: () => current?.now ?? 0 }
}

const overClient =
  (change: (c: GroupClient) => GroupClient): NonNullable<Parts["transport"]> =>
  (transport: Transport["Service"]) => ({
    ...transport,
    groupClient: (options) => Effect.map(transport.groupClient(options), change)
  })

const ownerships = "../../src/engine/Ownerships.ts"
interface OwnershipsInside {
  readonly host: {
    readonly evicted: (key: string) => void
    readonly run: (effect: Effect.Effect<unknown>) => void
  }
  readonly owned: Map<string, { last: { offset: number; metadata: string; r: number } | undefined }>
}

const suspends = (fault: Fault): boolean => (fault.type === "freeze" || fault.type === "zombie") && fault.suspend

export const mutants: ReadonlyArray<Mutant> = [
  {
    rule: "1 evict before letting go",
    breaks: "the member says that it let go, and evicts a second later",
    modules: () => [
      patching(ownerships, "Ownerships", (prototype) => {
        const { hide, evict } = prototype as unknown as Pick<Ownerships, "hide" | "evict">
        prototype.hide = () => {}
        prototype.evict = function (this: Ownerships, ...[tp, committer, why]: Parameters<Ownerships["evict"]>) {
          const { host } = this as unknown as OwnershipsInside
          const late = Effect.sync(() => {
            hide.call(this, tp, true)
            evict.call(this, tp, committer, why)
          })
          host.run(Effect.delay(late, 1_000))
          host.evicted(partitionKey(tp))
        }
      })
    ]
  },
  {
    rule: "2 fence",
    breaks: "no fence: a new owner shows from its first record on",
    modules: () => planning((plan) => ({ ...plan, fence: plan.start }))
  },
  {
    rule: "2 fence",
    breaks: "the fence is the committed offset",
    modules: () => planning((plan) => ({ ...plan, fence: Math.max(plan.start, plan.committed) }))
  },
  {
    rule: "2 fence without metadata",
    // Without L a replay begins at the lookback, and knows nothing of rounds before it.
    without: (fault) => fault.type === "repeat" || fault.type === "lateEcho",
    breaks: "without readable metadata the fence is the committed offset",
    modules: () =>
      planning((plan, i) => (i.committed === null ? plan : { ...plan, fence: Math.max(plan.start, plan.committed) })),
    parts: {
      transport: overClient((c) => ({
        ...c,
        offsetFetch: (tps) =>
          Effect.map(
            c.offsetFetch(tps),
            (found) => new Map([...found].map(([key, { offset }]) => [key, { offset, metadata: "" }] as const))
          )
      }))
    },
    baseline: {
      parts: {
        transport: overClient((c) => ({
          ...c,
          offsetFetch: (tps) =>
            Effect.map(
              c.offsetFetch(tps),
              (found) => new Map([...found].map(([key, { offset }]) => [key, { offset, metadata: "" }] as const))
            )
        }))
      }
    }
  },
  {
    rule: "2 reservation",
    breaks: "R counts when its commit is sent, not when it is answered",
    modules: () => [
      replacing(
        "../../src/engine/Reservation.ts",
        "exposeLimit",
        () => (s: { readonly sent: number }) => (s.sent === 0 ? -1 : s.sent)
      )
    ]
  },
  {
    rule: "2 reservation",
    breaks: "a commit of unknown outcome is taken for refused: it may arrive late",
    modules: () => [
      replacing(
        "../../src/engine/Reservation.ts",
        "commitAnswered",
        (real: (s: unknown, outcome: string) => unknown) => (s: unknown, outcome: string) =>
          real(s, outcome === "unknown" ? "refused" : outcome)
      )
    ]
  },
  {
    rule: "2 reservation",
    breaks: "a round that was begun before R is finished and shown beyond it",
    modules: () => [
      patching("../../src/engine/Partition.ts", "Partition", (prototype) => {
        interface Inside {
          readonly position: number
          readonly processing: { readonly committable: (position: number) => number } | undefined
        }
        for (const [name, beyond] of [["allowed", Number.POSITIVE_INFINITY] as const, ["visible", true] as const]) {
          const real = Object.getOwnPropertyDescriptor(prototype, name)!.get!
          Object.defineProperty(prototype, name, {
            get(this: Inside) {
              const { position, processing } = this
              const begun = processing !== undefined && processing.committable(position) < position
              const own = real.call(this)
              if (name === "allowed") return begun ? beyond : own
              const serving = (this as unknown as { readonly phase: string }).phase === "serving"
              return own || (serving && processing !== undefined)
            }
          })
        }
      })
    ]
  },
  {
    rule: "2 every commit carries R",
    breaks: "a clean handoff lowers R to C",
    modules: () => [
      patching(ownerships, "Ownerships", (prototype) => {
        const { hide } = prototype as unknown as Pick<Ownerships, "hide">
        prototype.hide = function (this: Ownerships, tp: TopicPartition, commit: boolean) {
          hide.call(this, tp, commit)
          const o = (this as unknown as OwnershipsInside).owned.get(partitionKey(tp))
          if (o?.last === undefined) return
          const { l } = JSON.parse(o.last.metadata) as { readonly l: number }
          o.last = { ...o.last, metadata: JSON.stringify({ v: 1, r: o.last.offset, l }) }
        }
      })
    ]
  },
  {
    rule: "2 every commit carries R",
    breaks: "an owner that is still behind its fence reserves less than the fence",
    modules: () => [
      replacing(
        "../../src/engine/Reservation.ts",
        "nextReservation",
        () => (s: { readonly sent: number }, _fence: number, exposed: number, wanted: number) =>
          Math.max(s.sent, exposed, wanted)
      )
    ]
  },
  {
    rule: "2 read after the sync",
    breaks: "C, R and L are read before the join",
    parts: {
      transport: overClient((c) => {
        const all = Array.from({ length: 12 }, (_, partition) => ({ topic, partition }))
        let early: ReadonlyMap<string, Committed> = new Map()
        return {
          ...c,
          joinGroup: (request) =>
            c.offsetFetch(all).pipe(
              Effect.tap((found) =>
                Effect.sync(() => {
                  early = found
                })
              ),
              Effect.andThen(c.joinGroup(request))
            ),
          offsetFetch: () => Effect.sync(() => early)
        }
      })
    }
  },
  {
    rule: "2 refused in the replay",
    breaks: "a record refused below the fence leaves the round before it in place",
    modules: () => [
      patching("../../src/exposition/PartitionCache.ts", "PartitionCache", (prototype) => {
        const refuse = prototype.refuse as (why: unknown, source: unknown, stamp: object, now: unknown) => void
        prototype.refuse = function (why: unknown, source: unknown, stamp: object, now: unknown) {
          refuse.call(this, why, source, { ...stamp, replayed: false }, now)
        }
      })
    ]
  },
  {
    rule: "2 dropped in the replay",
    breaks: "a record dropped below the fence leaves the round before it in place",
    modules: () => [
      patching("../../src/exposition/PartitionCache.ts", "PartitionCache", (prototype) => {
        const drop = prototype.drop as (record: LogRecord, fence: number, now: Now) => void
        prototype.drop = function (record: LogRecord, _fence: number, now: Now) {
          drop.call(this, record, -1, now)
        }
      })
    ]
  },
  {
    rule: "3 warm start",
    breaks: "a new owner starts at C instead of min(L, C)",
    profile: "calm",
    modules: () => planning((plan) => ({ ...plan, start: Math.max(plan.start, plan.committed) }))
  },
  {
    rule: "4 proof of ownership",
    breaks: "no heartbeat between cut and body",
    modules: () => [unproven()]
  },
  {
    rule: "4 lease",
    breaks: "the lease counts from the answer's arrival (scrapes without proof, machines never suspended)",
    without: suspends,
    baseline: { modules: () => [unproven()] },
    modules: () => {
      const { mock, now } = watchingTime()
      return [
        mock,
        unproven(),
        stepping(
          (real) => (s, e) =>
            real(s, e.type === "heard" || e.type === "synced" || e.type === "committed" ? { ...e, sentAt: now() } : e)
        )
      ]
    }
  },
  {
    rule: "4 heartbeats while joining",
    breaks: "heartbeats wait behind a pending join, as over one connection",
    profile: "calm",
    parts: {
      transport: overClient((c) => {
        let joining = Effect.void
        return {
          ...c,
          joinGroup: (request) =>
            Effect.gen(function* () {
              const answered = yield* Deferred.make<void>()
              joining = Deferred.await(answered)
              return yield* Effect.ensuring(
                c.joinGroup(request),
                Effect.suspend(() => {
                  joining = Effect.void
                  return Deferred.succeed(answered, undefined)
                })
              )
            }),
          heartbeat: (member) =>
            Effect.andThen(
              Effect.suspend(() => joining),
              c.heartbeat(member)
            )
        }
      })
    }
  },
  {
    rule: "5 generations",
    breaks: "a lost member keeps what the next assignment gives it again",
    modules: () => [
      vi.doMock(handoff, async (original) => {
        const m = await original<{ readonly step: Step; readonly mayJoin: (s: HandoffState) => boolean }>()
        return {
          ...m,
          step: ((s, e) => {
            if (e.type !== "lost") return m.step(s, e)
            const [next, actions] = m.step(s, e)
            return [{ ...next, owned: s.owned }, actions.filter((a) => a.type !== "evict")]
          }) satisfies Step,
          mayJoin: (s: HandoffState) => m.mayJoin(s.memberId === "" ? { ...s, owned: new Map() } : s)
        }
      })
    ]
  },
  {
    rule: "5 commits of a lost owner",
    breaks: "a lost member is back while it still evicts, and commits what it had",
    modules: () => [
      vi.doMock(handoff, async (original) => {
        const m = await original<{ readonly step: Step; readonly mayJoin: (s: HandoffState) => boolean }>()
        return {
          ...m,
          step: ((s, e) => {
            const [next, actions] = m.step(s, e)
            return [
              next,
              e.type === "lost" ? actions.map((a) => (a.type === "evict" ? { ...a, commit: true } : a)) : actions
            ]
          }) satisfies Step,
          mayJoin: (s: HandoffState) => m.mayJoin(s.memberId === "" ? { ...s, owned: new Map() } : s)
        }
      })
    ]
  },
  {
    rule: "6 two steps",
    breaks: "the leader ignores the members' claims",
    parts: {
      assignor: Layer.succeed(Assignor, {
        protocol: "k2p-mutant",
        assign: (members: ReadonlyArray<Claimant>, partitions: ReadonlyArray<TopicPartition>) => {
          const ids = members.map((m) => m.memberId).sort()
          return new Map(ids.map((id, i) => [id, partitions.filter((_, k) => k % ids.length === i)]))
        }
      })
    }
  },
  {
    rule: "6 what stays is untouched",
    breaks: "every member gives everything up for every rebalance",
    profile: "calm",
    modules: () => [
      stepping((real) => (s, e) => {
        const [next, actions] = real(s, e)
        if (e.type !== "joinSent" || s.owned.size === 0) return [next, actions]
        const owned = new Map([...s.owned].map(([key, o]) => [key, { ...o, phase: "evicting" as const }]))
        const evictions = [...s.owned.values()]
          .filter((o) => o.phase === "live")
          .map((o) => ({ type: "evict", tp: o.tp, commit: true, why: "a rebalance" }))
        return [{ ...next, owned }, [...actions, ...evictions]]
      })
    ]
  },
  {
    rule: "7 one cut",
    breaks: "partitions that were acquired meanwhile are added to a running scrape",
    parts: {
      scrape: (pod) => ({
        cut: pod.engine.cut(),
        content: () => pod.cache.collect(pod.engine.cut().partitions.map((p) => p.key))
      })
    }
  },
  {
    rule: "8 rounds are numbered",
    breaks: "a round that is not newer is accepted",
    modules: () => [
      replacing("../../src/exposition/SourceContent.ts", "isOlder", () => () => false),
      patching("../../src/exposition/VersionMemory.ts", "VersionMemory", (prototype) => {
        prototype.arrive = () => undefined
      })
    ]
  },
  {
    rule: "8 chunks by round",
    breaks: "chunks of different rounds make one round",
    modules: () => [
      replacing(
        "../../src/exposition/VersionMemory.ts",
        "compareRounds",
        () => (a: { readonly epoch: number }, b: { readonly epoch: number }) => a.epoch - b.epoch
      )
    ]
  },
  {
    rule: "8 decisions replay",
    breaks: "the pod's clock decides: what fell silent is forgotten",
    modules: () => [
      patching("../../src/exposition/PartitionCache.ts", "PartitionCache", (prototype) => {
        interface Inside {
          readonly rounds: { readonly sources: Map<string, unknown> }
          heard?: Map<string, number>
        }
        const take = prototype.take as (record: LogRecord, fence: number, now: Now) => void
        prototype.take = function (this: Inside, record: LogRecord, fence: number, now: Now) {
          const source = Buffer.from(record.key ?? []).toString()
          this.heard ??= new Map()
          if (now.wall - (this.heard.get(source) ?? now.wall) > simExpiry) this.rounds.sources.delete(source)
          this.heard.set(source, record.timestamp)
          take.call(this, record, fence, now)
        }
      })
    ]
  },
  {
    rule: "9 the log went back",
    breaks: "a log that went back is read on like any other",
    profile: "calmLogBack",
    modules: () =>
      planning((plan, i) => (plan.restarted ? { ...plan, start: i.logStart, fence: i.logEnd, restarted: false } : plan))
  },
  {
    rule: "P2 commit after exposure",
    breaks: "what no scrape has shown yet is committed",
    modules: () => [
      patching("../../src/engine/Partition.ts", "Partition", (prototype) => {
        const commit = prototype.commit as (exposable: boolean, mode: string) => unknown
        prototype.commit = function (exposable: boolean) {
          return commit.call(this, exposable, "visible")
        }
      })
    ]
  }
]
