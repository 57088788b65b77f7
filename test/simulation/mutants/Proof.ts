/** Proof: mutants of rules 4 and 7: that a pod still owns what it shows, and that a scrape is one cut. */
import { Clock, Deferred, Effect } from "effect"
import { vi } from "vitest"
import type { Heard, Heartbeats } from "../../../src/engine/group/Heartbeats.ts"
import type { LeaseBounds, LeaseTimes } from "../../../src/engine/group/Lease.ts"
import type { Member } from "../../../src/engine/Member.ts"
import type { TransportError } from "../../../src/transport/Transport.ts"
import type { VirtualTime } from "../../support/virtualTime.ts"
import { type Mutant, overClient, patching, type Replaced, replacing, stepping } from "./Mutant.ts"
import { answeredWhenAwake, cutOffAndPutBack, deposed, fadesOut, joinsTooLate, suspended, telling } from "./Stories.ts"

/** The proof hides what is wrong with the lease. */
const unproven = (): Disposable => replacing("engine/group/Proof", { prove: () => () => Effect.void })
const withoutProof: Replaced = { modules: () => [unproven()] }

/** Knows the virtual clock of the world that plays now. */
const watchingTime = (): { readonly mock: Disposable; readonly now: () => number } => {
  let current: VirtualTime | undefined
  const mock = vi.doMock("../../support/virtualTime.ts", async (original) => {
    const m = await original<{ readonly VirtualTime: typeof VirtualTime }>()
    class Watched extends m.VirtualTime {
      constructor(...given: ConstructorParameters<typeof VirtualTime>) {
        super(...given)
        current = this
      }
    }
    return { VirtualTime: Watched }
  })
  return { mock, now: () => current?.now ?? 0 }
}

type Beating = Pick<Heartbeats, "following" | "send">

export const proofMutants: ReadonlyArray<Mutant> = [
  {
    rule: "4 proof of ownership",
    breaks: "no heartbeat between cut and body",
    found: "older",
    histories: telling(suspended),
    modules: () => [unproven()]
  },
  {
    rule: "4 proof of ownership",
    breaks: "any answer to the heartbeat is a proof, a refusal too",
    found: "older",
    histories: telling(suspended),
    modules: () => [
      replacing("engine/group/Proof", {
        prove:
          () =>
          ({ client, options, state }: Member, memberId: string) =>
            client.heartbeat({ memberId, generation: state.generation }).pipe(
              Effect.catch((error: TransportError) => (error.unknownOutcome ? Effect.fail(error) : Effect.void)),
              Effect.timeout(options.sessionTimeout / 3)
            )
      })
    ]
  },
  {
    rule: "4 proof of ownership",
    breaks: "a heartbeat that was already under way proves a later cut",
    found: "older",
    histories: telling(answeredWhenAwake),
    modules: () => [
      patching("engine/group/Heartbeats", (prototype) => {
        const { following, send } = prototype as unknown as Beating
        const underWay = new WeakMap<object, Deferred.Deferred<Heard>>()
        Object.assign(prototype, {
          send(this: Beating & { readonly next: Deferred.Deferred<Heard> }, beat: Effect.Effect<Heard>) {
            return Effect.suspend(() => {
              underWay.set(this, this.next)
              return Effect.ensuring(
                send.call(this, beat),
                Effect.sync(() => underWay.delete(this))
              )
            })
          },
          following(this: Beating) {
            return Effect.suspend(() => {
              const sent = underWay.get(this)
              return sent === undefined ? following.call(this) : Deferred.await(sent)
            })
          }
        })
      })
    ]
  },
  {
    rule: "4 lease",
    breaks: "the lease counts from the answer's arrival",
    found: "older",
    histories: telling(fadesOut),
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
    },
    baseline: withoutProof
  },
  {
    rule: "4 lease",
    breaks: "REBALANCE_IN_PROGRESS renews the lease for as long as a success does",
    found: "older",
    histories: telling(joinsTooLate, { pods: 2 }),
    modules: () => [
      unproven(),
      replacing("engine/group/Lease", {
        heardAt:
          (real: (t: LeaseTimes, sentAt: number, success: boolean) => LeaseTimes) => (t: LeaseTimes, sentAt: number) =>
            real(t, sentAt, true)
      })
    ],
    baseline: withoutProof
  },
  {
    rule: "4 lease",
    breaks: "the lease is on the wall clock",
    found: "older",
    histories: telling(cutOffAndPutBack),
    modules: () => [
      unproven(),
      replacing("engine/Member", {
        monotonicMillis: () => Clock.clockWith((clock) => Effect.succeed(() => clock.currentTimeMillisUnsafe()))
      })
    ],
    baseline: withoutProof
  },
  {
    rule: "4 lease",
    breaks: "the lease needs no commit: heartbeats of a deposed coordinator will do",
    found: "older",
    histories: telling(deposed),
    modules: () => [
      replacing("engine/group/Lease", {
        leaseValid:
          (real: (t: LeaseTimes, b: LeaseBounds, now: number) => boolean) =>
          (t: LeaseTimes, b: LeaseBounds, now: number) =>
            real({ ...t, committed: Number.POSITIVE_INFINITY }, b, now)
      })
    ]
  },
  {
    rule: "4 heartbeats while joining",
    breaks: "heartbeats wait behind a pending join, as over one connection",
    found: "absent",
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
    rule: "7 one cut",
    breaks: "partitions that were acquired meanwhile are added to a running scrape",
    found: "older",
    parts: {
      scrape: (pod) => ({
        cut: pod.engine.cut(),
        content: () => pod.cache.collect(pod.engine.cut().partitions.map((p) => p.key))
      })
    }
  },
  {
    rule: "7 one cut",
    breaks: "what is processed while a scrape runs is in its body",
    found: "older",
    parts: {
      scrape: (pod) => {
        const cut = pod.engine.cut()
        return { cut, content: () => pod.cache.collect(cut.partitions.map((p) => p.key)) }
      }
    }
  }
]
