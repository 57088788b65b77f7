/** Fence: mutants of rules 2 and 3 on the side of the new owner: where it begins to read, and from where on it shows. */
import { Effect } from "effect"
import { topic } from "../../../src/testing/simulation/SimAgent.ts"
import type { Committed, GroupClient, LogRecord } from "../../../src/transport/Transport.ts"
import { type Mutant, overClient, patching, planning, type Replaced, without } from "./Mutant.ts"
import { diesRejoining, floodedAndMoved, telling } from "./Stories.ts"

const all = Array.from({ length: 12 }, (_, partition) => ({ topic, partition }))

/** Nobody can read what an owner wrote beside its offset. */
const unreadable: Replaced = {
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

/** Before each join something is read, and used after the sync. */
const readBefore = <A>(
  none: A,
  read: (c: GroupClient) => Effect.Effect<A, unknown>,
  use: (c: GroupClient, early: () => A) => Partial<GroupClient>
) =>
  overClient((c) => {
    let early = none
    const first = Effect.match(read(c), {
      onSuccess: (found) => {
        early = found
      },
      onFailure: () => {}
    })
    return { ...c, joinGroup: (request) => Effect.andThen(first, c.joinGroup(request)), ...use(c, () => early) }
  })

export const fenceMutants: ReadonlyArray<Mutant> = [
  {
    rule: "2 fence",
    breaks: "no fence: a new owner shows from its first record on",
    found: "older",
    modules: () => planning((plan) => ({ ...plan, fence: plan.start }))
  },
  {
    rule: "2 fence",
    breaks: "the fence is the committed offset",
    found: "older",
    modules: () => planning((plan) => ({ ...plan, fence: Math.max(plan.start, plan.committed) }))
  },
  {
    rule: "2 fence",
    breaks: "a restarted actor takes no fence anew",
    found: "older",
    often: ["failActor"],
    modules: () => planning((plan, i) => (i.exposed > 0 ? { ...plan, fence: plan.start } : plan))
  },
  {
    rule: "2 fence without metadata",
    breaks: "where the commit carries nothing readable the fence is the committed offset",
    found: "older",
    // Without L a replay begins at the lookback, and knows nothing of rounds before it.
    histories: without((fault) => fault.type === "repeat" || fault.type === "lateEcho"),
    // Without metadata a partition is in quarantine, too, which hides what the fence does not.
    modules: () =>
      planning((plan, i) =>
        i.committed === null ? plan : { ...plan, fence: Math.max(plan.start, plan.committed), quarantine: null }
      ),
    ...unreadable,
    baseline: { ...unreadable, modules: () => planning((plan) => ({ ...plan, quarantine: null })) }
  },
  {
    rule: "2 read after the sync",
    breaks: "C, R and L are read before the join",
    found: "older",
    histories: telling(diesRejoining),
    parts: {
      transport: readBefore<ReadonlyMap<string, Committed>>(
        new Map(),
        (c) => c.offsetFetch(all),
        (_, early) => ({
          offsetFetch: () => Effect.sync(early)
        })
      )
    }
  },
  {
    rule: "2 read after the sync",
    breaks: "the log's end is read before the join",
    found: "older",
    parts: {
      transport: readBefore<ReadonlyMap<string, number>>(
        new Map(),
        (c) =>
          Effect.flatMap(c.metadata([topic]), (topics) =>
            c.listOffsets(
              topics.flatMap((t) => t.partitions.map(({ partition }) => ({ topic, partition }))),
              "end"
            )
          ),
        (c, early) => ({
          listOffsets: (tps, at) =>
            Effect.map(c.listOffsets(tps, at), (now) =>
              at === "end" ? new Map([...now].map(([key, end]) => [key, early().get(key) ?? end])) : now
            )
        })
      )
    }
  },
  {
    rule: "2 refused in the replay",
    breaks: "a record refused below the fence leaves the round before it in place",
    found: "older",
    often: ["rollout", "wide"],
    histories: (made) => ({ ...made, mixedLimits: true }),
    modules: () => [
      patching("metrics/cache/PartitionCache", (prototype) => {
        const refuse = prototype.refuse as (why: unknown, source: unknown, stamp: object, now: unknown) => void
        prototype.refuse = function (this: unknown, why: unknown, source: unknown, stamp: object, now: unknown) {
          refuse.call(this, why, source, { ...stamp, replayed: false }, now)
        } as never
      })
    ]
  },
  {
    rule: "2 dropped in the replay",
    breaks: "a record dropped below the fence leaves the round before it in place",
    found: "older",
    histories: telling(floodedAndMoved, { backpressure: "drop-front" }),
    modules: () => [
      patching("metrics/cache/PartitionCache", (prototype) => {
        const drop = prototype.drop as (record: LogRecord, stretch: unknown, fence: number, now: unknown) => void
        prototype.drop = function (this: unknown, record: LogRecord, stretch: unknown, _fence: number, now: unknown) {
          drop.call(this, record, stretch, -1, now)
        } as never
      })
    ]
  },
  {
    rule: "3 warm start",
    breaks: "a new owner starts at C instead of min(L, C)",
    found: "absent",
    profile: "calm",
    modules: () => planning((plan) => ({ ...plan, start: Math.max(plan.start, plan.committed) }))
  }
]
