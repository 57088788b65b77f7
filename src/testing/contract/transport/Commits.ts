/** Commits: the rules of the transport contract about what is stored, who may write it, and who may not. */
import { Effect, Fiber } from "effect"
import { type Member, partitionKey, type TopicPartition } from "../../../transport/Transport.ts"
import { must } from "../Must.ts"
import {
  asMember,
  codeOf,
  form,
  type GroupMember,
  joinRequest,
  partition,
  rejoinAll,
  syncAll,
  untilFails
} from "./Groups.ts"
import { Harness, type Rule } from "./Harness.ts"

/** A stable group of this many members, whose sessions outlast the test, and a topic of four partitions. */
const setup = (members: number) =>
  Effect.gen(function* () {
    const { sessionTimeout } = yield* Harness
    const join = { sessionTimeout: Math.max(sessionTimeout, 20_000), rebalanceTimeout: 30_000 }
    const topic = yield* Harness.topic(4)
    const group = Harness.unique("group")
    const clients = []
    for (let i = 0; i < members; i++) clients.push(yield* Harness.client(group))
    return { join, group, topic, tp: partition(topic, 0), members: yield* form(clients, join) }
  })

const commit = ({ client }: GroupMember, member: Member, tp: TopicPartition, offset: number, metadata = "") =>
  codeOf(client.offsetCommit(member, [{ tp, offset, metadata }]))

export const commitRules = (rule: Rule): void => {
  rule("commits are read back with their metadata, by anybody; what was never committed is absent", () =>
    Effect.gen(function* () {
      const { group, members, topic } = yield* setup(1)
      const { client, member } = members[0]!
      const long = `{"r":12,"text":"ä€😀"}`.padEnd(3_900, ".")
      yield* client.offsetCommit(member, [
        { tp: partition(topic, 0), offset: 7, metadata: long },
        { tp: partition(topic, 2), offset: 0, metadata: "" },
        { tp: partition(topic, 3), offset: Number.MAX_SAFE_INTEGER, metadata: "large" }
      ])
      const expected = new Map([
        [`${topic}/0`, { offset: 7, metadata: long }],
        [`${topic}/2`, { offset: 0, metadata: "" }],
        [`${topic}/3`, { offset: Number.MAX_SAFE_INTEGER, metadata: "large" }]
      ])
      const all = [0, 1, 2, 3].map((index) => partition(topic, index))
      must.equal(yield* client.offsetFetch(all), expected)
      const reader = yield* Harness.client(group)
      must.equal(yield* reader.offsetFetch(all), expected)
      const stranger = yield* Harness.client()
      must.equal(yield* stranger.offsetFetch(all), new Map())
    })
  )

  rule("the last commit of a partition stands, a lower one too", () =>
    Effect.gen(function* () {
      const { members, tp } = yield* setup(1)
      const { client, member } = members[0]!
      for (const [offset, metadata] of [
        [5, "a"],
        [9, "b"],
        [3, "c"]
      ] as const) {
        yield* client.offsetCommit(member, [{ tp, offset, metadata }])
        must.equal((yield* client.offsetFetch([tp])).get(partitionKey(tp)), { offset, metadata })
      }
    })
  )

  rule("commits of one client are stored in the order in which they were sent", () =>
    Effect.gen(function* () {
      const { members, tp } = yield* setup(1)
      const { client, member } = members[0]!
      const sent = []
      for (let i = 1; i <= 20; i++) {
        sent.push(
          yield* Effect.forkChild(client.offsetCommit(member, [{ tp, offset: i, metadata: "" }]), {
            startImmediately: true
          })
        )
      }
      for (const request of sent) yield* Fiber.join(request)
      must.equal((yield* client.offsetFetch([tp])).get(partitionKey(tp))?.offset, 20)
    })
  )

  rule("a commit by a member that owns nothing of the partition is stored: no broker asks", () =>
    Effect.gen(function* () {
      const { members, tp } = yield* setup(2)
      must.equal(yield* commit(members[0]!, members[0]!.member, tp, 10), "OK")
      must.equal(yield* commit(members[1]!, members[1]!.member, tp, 4, "backwards"), "OK")
      const stored = yield* members[0]!.client.offsetFetch([tp])
      must.equal(stored.get(partitionKey(tp)), { offset: 4, metadata: "backwards" })
    })
  )

  rule("a stale generation and an unknown member cannot commit", () =>
    Effect.gen(function* () {
      const { join, members, tp } = yield* setup(1)
      const [old] = members
      const { generation, memberId } = old!.member
      must.equal(yield* commit(old!, old!.member, tp, 1), "OK")
      must.equal(yield* commit(old!, { memberId: "nobody", generation }, tp, 2), "UNKNOWN_MEMBER_ID")
      must.equal(yield* commit(old!, { memberId, generation: generation + 1 }, tp, 3), "ILLEGAL_GENERATION")
      const next = asMember(old!.client, yield* old!.client.joinGroup(joinRequest(join, memberId, "next")))
      must.equal(yield* commit(next, old!.member, tp, 4), "ILLEGAL_GENERATION")
      must.equal(yield* commit(next, next.member, tp, 5), "REBALANCE_IN_PROGRESS", "between join and sync")
      yield* syncAll([next])
      must.equal(yield* commit(next, old!.member, tp, 6), "ILLEGAL_GENERATION")
      must.equal((yield* next.client.offsetFetch([tp])).get(partitionKey(tp))?.offset, 1)
      must.equal(yield* commit(next, next.member, tp, 7), "OK")
      must.equal((yield* next.client.offsetFetch([tp])).get(partitionKey(tp))?.offset, 7)
    })
  )

  rule("a member of the generation before may commit while the next one forms", () =>
    Effect.gen(function* () {
      const { group, join, members, tp } = yield* setup(1)
      const newcomer = yield* Harness.client(group)
      const joining = yield* Effect.forkChild(newcomer.joinGroup(joinRequest(join, "", "new")))
      yield* untilFails(members[0]!.client.heartbeat(members[0]!.member), "REBALANCE_IN_PROGRESS")
      must.equal(yield* commit(members[0]!, members[0]!.member, tp, 11), "OK")
      yield* members[0]!.client.joinGroup(joinRequest(join, members[0]!.member.memberId, "old"))
      yield* Fiber.join(joining)
      must.equal(yield* commit(members[0]!, members[0]!.member, tp, 12), "ILLEGAL_GENERATION")
      must.equal((yield* newcomer.offsetFetch([tp])).get(partitionKey(tp))?.offset, 11)
    })
  )

  rule("a member that left cannot commit, neither to the others' group nor to an empty one", () =>
    Effect.gen(function* () {
      const { join, members, tp } = yield* setup(2)
      const [a, b] = members
      must.equal(yield* commit(b!, b!.member, tp, 1), "OK")
      yield* b!.client.leaveGroup(b!.member.memberId)
      must.equal(yield* commit(b!, b!.member, tp, 2), "UNKNOWN_MEMBER_ID")
      const [alone] = yield* rejoinAll([a!], join)
      must.equal(yield* commit(b!, b!.member, tp, 3), "UNKNOWN_MEMBER_ID")
      yield* alone!.client.leaveGroup(alone!.member.memberId)
      must.equal(yield* commit(alone!, alone!.member, tp, 4), "UNKNOWN_MEMBER_ID")
      must.equal((yield* a!.client.offsetFetch([tp])).get(partitionKey(tp))?.offset, 1, "commits outlive members")
    })
  )

  rule("a generation of a group that nobody ever joined cannot commit", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const client = yield* Harness.client()
      const stranger = { memberId: "stranger", generation: 1 }
      must.equal(yield* codeOf(client.offsetCommit(stranger, [{ tp, offset: 1, metadata: "" }])), "ILLEGAL_GENERATION")
      must.equal(yield* codeOf(client.heartbeat(stranger)), "UNKNOWN_MEMBER_ID")
    })
  )

  rule("a commit for a partition that does not exist fails the call", () =>
    Effect.gen(function* () {
      const { members, topic } = yield* setup(1)
      must.equal(yield* commit(members[0]!, members[0]!.member, partition(topic, 99), 1), "UNKNOWN_TOPIC_OR_PARTITION")
    })
  )
}
