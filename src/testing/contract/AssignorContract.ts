/**
 * AssignorContract: what an Assignor's wishes are to be like. The engine makes every wish safe and refuses what is none, so nothing older
 * is shown whatever it answers; but an assignor whose wishes are refused is not in force, and one that never rests moves partitions for ever.
 */
import { Context, Effect, Layer } from "effect"
import { Assignor } from "../../engine/group/Assignor.ts"
import type { Holder } from "../../engine/group/Balance.ts"
import { durable, PartitionProcessor } from "../../engine/PartitionProcessor.ts"
import { EmbeddedLog } from "../../transport/embedded/EmbeddedLog.ts"
import { testPod } from "../pods/TestPod.ts"
import { type Random, random, shuffled } from "../Random.ts"
import { virtualTime } from "../VirtualTime.ts"
import { type Case, caseOf } from "./Case.ts"
import { must } from "./Must.ts"

type Place = Assignor["Service"]["place"]

/** A group as its leader sees it. */
interface Group {
  readonly members: ReadonlyArray<Holder>
  readonly keys: ReadonlyArray<string>
  readonly loads: ReadonlyMap<string, number>
}

/** Of one to six members and up to forty partitions, held by anybody or nobody, with loads known of none, some or all. */
const groupOf = (r: Random): Group => {
  const keys = Array.from({ length: r.int(0, 40) }, (_, i) => `topic-${i % 2}/${i >> 1}`)
  const held = new Map<number, Array<string>>()
  const count = r.int(1, 6)
  for (const key of keys) {
    const who = r.int(0, count)
    held.set(who, [...(held.get(who) ?? []), key])
  }
  const known = r.pick([0, 0.5, 1])
  return {
    members: Array.from({ length: count }, (_, i) => ({ memberId: `pod-${i}-${r.hex(4)}`, keys: held.get(i) ?? [] })),
    keys,
    loads: new Map(keys.filter(() => r.chance(known)).map((key) => [key, r.pick([0, 1, 50, 1e9]) * r.next()]))
  }
}

/** Groups that each rule is tried with. */
const groups = 200

const told = ({ members, keys, loads }: Group): string =>
  `${members.length} members who hold ${members.map((m) => m.keys.length).join(", ")} of ${keys.length} partitions, ${loads.size} loads known`

const each = (check: (group: Group, r: Random) => void) =>
  Effect.sync(() => {
    for (let seed = 1; seed <= groups; seed++) {
      const r = random(seed)
      check(groupOf(r), r)
    }
  })

/** What is no wish is said by the first rule; here it stands for itself. */
const wished = (place: Place, { members, keys, loads }: Group) => [...new Map(place(members, keys, loads))].sort()

/** Generations that a group may need to come to rest, with nothing else going on. */
const restless = 64

const holding = (members: ReadonlyArray<Holder>, wish: ReadonlyMap<string, string>): ReadonlyArray<Holder> =>
  members.map(({ memberId }) => ({ memberId, keys: [...wish].flatMap(([key, to]) => (to === memberId ? [key] : [])) }))

/** Takes what comes and shows nothing: the least that there is. */
const idle = Layer.succeed(PartitionProcessor, {
  name: "idle",
  needs: durable,
  open: () =>
    Effect.succeed({
      process: () => Effect.void,
      committable: (position) => position,
      lowest: (position) => position,
      status: () => ({})
    })
})

/** Three pods, of which one comes late and one leaves; each partition comes to one of them, and no wish is refused. */
const inPods = (assignor: Layer.Layer<Assignor>) =>
  Effect.gen(function* () {
    const partitions = 9
    const log = yield* EmbeddedLog
    yield* log.createTopic("metrics", partitions)
    const start = (name: string) => testPod(name, { app: idle, assignor })
    const pods = [yield* start("a"), yield* start("b")]
    const settle = (what: string) =>
      Effect.gen(function* () {
        yield* Effect.sleep(30_000)
        const owned = pods
          .flatMap((pod) => pod.engine.status().partitions.map((p) => p.partition))
          .sort((a, b) => a - b)
        must.equal(
          owned,
          Array.from({ length: partitions }, (_, i) => i),
          `${what}: partitions that are owned`
        )
        for (const pod of pods)
          must.equal(pod.engine.status().wishes.last, null, `${what}: the last wish that was refused`)
      })
    yield* settle("two pods")
    pods.push(yield* start("c"))
    yield* settle("a third one came")
    yield* pods.shift()!.stop
    yield* settle("the first one left")
  }).pipe(Effect.provide(EmbeddedLog.layer()), Effect.scoped)

/** The Layer is built once a case. @experimental */
export const assignorContract = (layer: Layer.Layer<Assignor>): ReadonlyArray<Case> => {
  const rule = (name: string, body: (assignor: Assignor["Service"]) => Effect.Effect<void, unknown>): Case =>
    caseOf(
      "Assignor",
      name,
      Effect.flatMap(Layer.build(Layer.fresh(layer)), (c) => body(Context.get(c, Assignor)))
    )
  return [
    rule("it has a name, and a protocol that tells its group from others", ({ name, protocol }) =>
      Effect.sync(() => {
        must.hold(name !== "", "a name", name)
        must.hold(protocol !== "", "a protocol", protocol)
      })
    ),
    rule("it wishes each partition to a member of the group, and leaves none out", ({ place }) =>
      each((group) => {
        const { members, keys, loads } = group
        const wish = new Map(place(members, keys, loads))
        const ids = members.map(({ memberId }) => memberId)
        must.equal(
          keys.filter((key) => !wish.has(key)),
          [],
          `${told(group)}: left out`
        )
        must.equal(
          [...wish.values()].filter((to) => !ids.includes(to)),
          [],
          `${told(group)}: no members of the group`
        )
      })
    ),
    rule("it wishes alike in the same group, whoever leads and asks, and in whatever order it is told", ({ place }) =>
      each((group, r) => {
        const first = wished(place, group)
        must.equal(wished(place, group), first, `${told(group)}: asked again`)
        const otherwise = { ...group, members: shuffled(group.members, r), keys: shuffled(group.keys, r) }
        must.equal(wished(place, otherwise), first, `${told(group)}: in another order`)
      })
    ),
    rule("it comes to rest: where its wish is fulfilled and nothing else changes it wishes nothing new", ({ place }) =>
      each((group) => {
        let { members } = group
        for (let generation = 0; ; generation++) {
          const wish = new Map(place(members, group.keys, group.loads))
          const moved = members.flatMap(({ memberId, keys }) => keys.filter((key) => wish.get(key) !== memberId)).length
          const free = group.keys.length - members.reduce((n, m) => n + m.keys.length, 0)
          if (moved + free === 0) return
          must.hold(
            generation < restless,
            `rest within ${restless} generations`,
            `${moved} moves in another one`,
            told(group)
          )
          members = holding(members, wish)
        }
      })
    ),
    caseOf(
      "Assignor",
      "in pods that come and leave each partition comes to one of them, and none of its wishes is refused",
      Effect.suspend(() => virtualTime(inPods(layer)))
    )
  ]
}
