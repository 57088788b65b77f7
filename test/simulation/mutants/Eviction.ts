/** Eviction: mutants of rules 1 and 6: who holds a partition, and when it is really let go. */
import { Effect } from "effect"
import type { Claims } from "../../../src/engine/group/Claims.ts"
import type { Standing, Wish } from "../../../src/engine/group/Grant.ts"
import type { Ownership } from "../../../src/engine/group/Handoff.ts"
import type { Member } from "../../../src/engine/Member.ts"
import type { Ownerships } from "../../../src/engine/partition/Ownerships.ts"
import type { Partition } from "../../../src/engine/partition/Partition.ts"
import { partitionKey, type TopicPartition } from "../../../src/transport/Transport.ts"
import { type Mutant, patching, replacing, stepping } from "./Mutant.ts"
import { evictsSlowly, getsItBack, hearsLate, lagsAndLetsGo, lostWhileDraining, telling } from "./Stories.ts"

interface Hiding {
  readonly hide: (tp: TopicPartition, commit: boolean) => void
}

/** Whatever is wished for is given at once. */
const granting = (
  of: (wish: Wish, memberIds: ReadonlyArray<string>) => (key: string, i: number) => string | undefined
) =>
  replacing("engine/group/Grant", {
    grant:
      () =>
      (wish: Wish, { kept }: Standing, all: ReadonlyArray<TopicPartition>) => {
        const ids = kept.map(({ memberId }) => memberId).sort()
        const to = of(wish, ids)
        const assignments = new Map(ids.map((id) => [id, all.filter((tp, i) => to(partitionKey(tp), i) === id)]))
        return { assignments, moves: 0 }
      }
  })

export const evictionMutants: ReadonlyArray<Mutant> = [
  {
    rule: "1 evict before letting go",
    breaks: "the member says that it let go, and evicts a second later",
    found: "older",
    histories: telling(lagsAndLetsGo),
    modules: () => {
      let hide: Hiding["hide"] = () => {}
      return [
        patching("engine/Member", (prototype) => {
          hide = (prototype as unknown as Hiding).hide
          prototype.hide = () => {}
        }),
        patching("engine/partition/Ownerships", (prototype) => {
          const { evict } = prototype as unknown as Pick<Ownerships, "evict">
          prototype.evict = function (this: Ownerships, tp: TopicPartition, why: string) {
            const { member } = (this as unknown as { readonly actors: { readonly member: Member } }).actors
            const late = Effect.sync(() => {
              hide.call(member, tp, true)
              evict.call(this, tp, why)
            })
            member.fibers.run(Effect.delay(late, 1_000))
            member.report({ type: "evicted", key: partitionKey(tp) })
          } as never
        })
      ]
    }
  },
  {
    rule: "1 evict before letting go",
    breaks: "what is still being evicted is not claimed",
    found: "older",
    histories: telling(evictsSlowly),
    modules: () => [
      replacing("engine/group/Handoff", {
        claims:
          (real: (...args: ReadonlyArray<unknown>) => Claims) =>
          (...args: ReadonlyArray<unknown>) => ({ ...real(...args), evicting: [] })
      })
    ]
  },
  {
    rule: "1 drained, then committed",
    breaks: "the last commit is computed before the drain",
    found: "durable",
    profile: "handedOver",
    modules: () => [
      patching("engine/partition/Partition", (prototype) => {
        const { hide, commit } = prototype as unknown as Pick<Partition, "hide" | "commit">
        const early = new WeakMap<Partition, ReturnType<Partition["commit"]>>()
        prototype.hide = function (this: Partition, exposable: boolean) {
          early.set(this, commit.call(this, exposable, this.sentAt))
          hide.call(this, exposable)
        } as never
        prototype.commit = function (this: Partition, exposable: boolean, now: number) {
          return early.has(this) ? early.get(this) : commit.call(this, exposable, now)
        } as never
      })
    ]
  },
  {
    rule: "1 a loss ends the drain",
    breaks: "what is lost while it drains is drained to the end, and committed",
    found: "durable",
    profile: "durable",
    histories: telling(lostWhileDraining),
    modules: () => [
      patching("engine/Member", (prototype) => {
        const { hide } = prototype as unknown as Hiding
        prototype.hide = function (this: unknown, tp: TopicPartition) {
          hide.call(this, tp, true)
        } as never
      })
    ]
  },
  {
    rule: "5 taken up in its own generation",
    breaks: "what comes back to a member while it evicts it is taken up at once",
    found: "older",
    histories: telling(getsItBack, { pods: 2 }),
    modules: () => [
      stepping((real) => (s, e) => {
        const [next, actions] = real(s, e)
        interface Returning extends Ownership {
          readonly returns?: true
        }
        if (e.type === "synced") {
          const owned = new Map<string, Returning>(next.owned)
          for (const tp of e.assigned) {
            const o = owned.get(partitionKey(tp))
            if (o?.phase === "evicting") owned.set(partitionKey(tp), { ...o, returns: true })
          }
          return [{ ...next, owned }, actions]
        }
        const before: Returning | undefined = e.type === "evicted" ? s.owned.get(e.key) : undefined
        if (e.type !== "evicted" || before?.returns !== true || s.memberId === "" || s.leaving) return [next, actions]
        const owned = new Map(next.owned)
        owned.set(e.key, { tp: before.tp, phase: "live" })
        return [{ ...next, owned, wantJoin: s.wantJoin }, [...actions, { type: "acquire", tp: before.tp }]]
      })
    ]
  },
  {
    rule: "6 two steps",
    breaks: "the leader ignores the members' claims",
    found: "older",
    histories: telling(hearsLate),
    modules: () => [granting((_, ids) => (_key, i) => ids[i % ids.length])]
  },
  {
    rule: "6 two steps",
    breaks: "the leader hands over in one step, to the same owners as in two",
    found: "older",
    histories: telling(hearsLate),
    modules: () => [granting((wish) => (key) => wish.get(key))]
  },
  {
    rule: "6 the second step",
    breaks: "the last eviction asks for no new generation",
    found: "absent",
    profile: "calm",
    modules: () => [
      stepping((real) => (s, e) => {
        const [next, actions] = real(s, e)
        return [e.type === "evicted" && s.memberId !== "" ? { ...next, wantJoin: s.wantJoin } : next, actions]
      })
    ]
  },
  {
    rule: "6 what stays is untouched",
    breaks: "every member gives everything up for every rebalance",
    found: "absent",
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
  }
]
