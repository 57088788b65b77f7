/** Generations: the rules of the transport contract about how members form a group, and what the coordinator tells each of them. */
import { Effect, Fiber } from "effect"
import { must } from "../Must.ts"
import {
  asMember,
  clients,
  codeOf,
  form,
  grow,
  joinRequest,
  longOptions,
  rejoinAll,
  syncAll,
  untilFails,
  userData
} from "./Groups.ts"
import type { Rule } from "./Harness.ts"

export const generationRules = (rule: Rule): void => {
  for (const count of [1, 2, 3]) {
    rule(`${count} member(s) form a generation: the leader sees all metadata and assigns to all`, () =>
      Effect.gen(function* () {
        const all = yield* clients(count)
        const members = yield* form(all, yield* longOptions)
        const leaderId = members[0]!.joined.leaderId
        const ids = members.map(({ member }) => member.memberId)
        must.equal(new Set(ids).size, count)
        must.hold(ids.includes(leaderId), "a leader that is a member", leaderId)
        for (const { joined } of members) {
          must.equal(
            [joined.generation, joined.leaderId, joined.protocol],
            [members[0]!.joined.generation, leaderId, "k2p"]
          )
          const seen = joined.members.map((m) => [m.memberId, userData(m.metadata)])
          const expected = ids.map((id, i) => [id, i === count - 1 ? "new" : "old"])
          must.equal(seen.sort(), joined.memberId === leaderId ? expected.sort() : [])
        }
        // In a stable group a sync gives the assignment again, whatever it carries.
        must.equal(
          yield* syncAll(members),
          ids.map((id) => `for ${id}`)
        )
        for (const { client, member } of members) yield* client.heartbeat(member)
      })
    )
  }

  rule("a member that the leader leaves out gets an empty assignment", () =>
    Effect.gen(function* () {
      const [a] = yield* clients(1)
      const joined = yield* a!.joinGroup(joinRequest(yield* longOptions, "", "a"))
      const { generation, memberId, protocol } = joined
      const assignment = yield* a!.syncGroup({ memberId, generation, protocol }, [])
      must.equal(assignment.length, 0)
    })
  )

  rule("followers wait for the leader's assignment", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = yield* longOptions
      const [first] = yield* form([a!], join)
      const joining = yield* Effect.forkChild(b!.joinGroup(joinRequest(join, "", "b")))
      yield* untilFails(a!.heartbeat(first!.member), "REBALANCE_IN_PROGRESS")
      const leader = asMember(a!, yield* a!.joinGroup(joinRequest(join, first!.member.memberId, "a")))
      const follower = asMember(b!, yield* Fiber.join(joining))
      const syncing = yield* Effect.forkChild(syncAll([follower]))
      yield* b!.heartbeat(follower.member)
      must.equal(syncing.pollUnsafe(), undefined)
      yield* syncAll([leader])
      must.equal(yield* Fiber.join(syncing), [`for ${follower.member.memberId}`])
    })
  )

  rule("a heartbeat says what the coordinator thinks of the member", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = yield* longOptions
      const [first] = yield* form([a!], join)
      const { generation, memberId } = first!.member
      const beat = (member: { memberId: string; generation: number }) => codeOf(a!.heartbeat(member))
      must.equal(yield* beat({ memberId, generation }), "OK")
      must.equal(yield* beat({ memberId, generation: generation - 1 }), "ILLEGAL_GENERATION")
      must.equal(yield* beat({ memberId, generation: generation + 1 }), "ILLEGAL_GENERATION")
      must.equal(yield* beat({ memberId: "nobody", generation }), "UNKNOWN_MEMBER_ID")
      yield* Effect.forkChild(b!.joinGroup(joinRequest(join, "", "b")))
      yield* untilFails(a!.heartbeat(first!.member), "REBALANCE_IN_PROGRESS")
      must.equal(yield* codeOf(a!.syncGroup({ memberId, generation, protocol: "k2p" }, [])), "REBALANCE_IN_PROGRESS")
    })
  )

  rule("an unknown member can neither join nor sync nor leave", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = yield* longOptions
      const [first] = yield* form([a!], join)
      const { generation } = first!.member
      const stranger = { memberId: "stranger", generation, protocol: "k2p" }
      must.equal(yield* codeOf(b!.joinGroup(joinRequest(join, "stranger", "b"))), "UNKNOWN_MEMBER_ID")
      must.equal(yield* codeOf(b!.syncGroup(stranger, [])), "UNKNOWN_MEMBER_ID")
      must.equal(yield* codeOf(b!.leaveGroup("stranger")), "UNKNOWN_MEMBER_ID")
      const stale = { ...first!.member, generation: generation - 1, protocol: "k2p" }
      must.equal(yield* codeOf(a!.syncGroup(stale, [])), "ILLEGAL_GENERATION")
      yield* a!.heartbeat(first!.member)
    })
  )

  rule("a protocol that not all members offer is not chosen, one that none of them offers is refused", () =>
    Effect.gen(function* () {
      const [a, b, c] = yield* clients(3)
      const join = yield* longOptions
      const offers = (memberId: string, ...names: Array<string>) => ({
        ...joinRequest(join, memberId, ""),
        protocols: names.map((name) => joinRequest(join, "", `as ${name}`, name).protocols[0]!)
      })
      const first = yield* a!.joinGroup(offers("", "v2", "v1"))
      must.equal(first.protocol, "v2")
      yield* syncAll([asMember(a!, first)])
      must.equal(yield* codeOf(c!.joinGroup(offers("", "v3"))), "INCONSISTENT_GROUP_PROTOCOL")
      const joining = yield* Effect.forkChild(b!.joinGroup(offers("", "v1")))
      yield* untilFails(a!.heartbeat(asMember(a!, first).member), "REBALANCE_IN_PROGRESS")
      const again = yield* a!.joinGroup(offers(first.memberId, "v2", "v1"))
      const second = yield* Fiber.join(joining)
      must.equal([again.protocol, second.protocol], ["v1", "v1"])
      const metadata = (again.members.length > 0 ? again : second).members.map((m) => userData(m.metadata))
      must.equal(metadata, ["as v1", "as v1"])
    })
  )

  rule("a follower that joins again unchanged gets the present generation, changed metadata makes a new one", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = yield* longOptions
      const members = yield* form([a!, b!], join)
      const follower = members.find(({ joined }) => joined.leaderId !== joined.memberId)!
      const leader = members.find((m) => m !== follower)!
      const { generation, memberId } = follower.member
      const data = follower === members[1] ? "new" : "old"
      const same = yield* follower.client.joinGroup(joinRequest(join, memberId, data))
      must.equal([same.generation, same.memberId, same.members.length], [generation, memberId, 0])
      yield* leader.client.heartbeat(leader.member)
      const joining = yield* Effect.forkChild(follower.client.joinGroup(joinRequest(join, memberId, "changed")))
      const [rejoined] = yield* rejoinAll([leader], join)
      must.hold(
        rejoined!.joined.members.some((m) => userData(m.metadata) === "changed"),
        "the changed metadata, told to the leader",
        rejoined!.joined.members.map((m) => userData(m.metadata))
      )
      must.equal((yield* Fiber.join(joining)).generation, generation + 1)
    })
  )

  rule("a leader that joins again makes a new generation, which keeps member ids", () =>
    Effect.gen(function* () {
      const [a] = yield* clients(1)
      const join = yield* longOptions
      const [first] = yield* form([a!], join)
      const again = yield* a!.joinGroup(joinRequest(join, first!.member.memberId, "new"))
      must.equal(again.generation, first!.member.generation + 1)
      must.equal(again.memberId, first!.member.memberId)
    })
  )

  rule("a group grows and shrinks over several generations, each one later than the one before", () =>
    Effect.gen(function* () {
      const [a, b, c] = yield* clients(3)
      const join = yield* longOptions
      const one = yield* form([a!], join)
      const two = yield* grow(one, b!, join)
      const three = yield* grow(two, c!, join)
      yield* c!.leaveGroup(three[2]!.member.memberId)
      const back = yield* rejoinAll(three.slice(0, 2), join)
      const generations = [one, two, three, back].map((members) => new Set(members.map((m) => m.member.generation)))
      for (const generation of generations) must.equal(generation.size, 1)
      const numbers = generations.map((generation) => [...generation][0]!)
      must.equal(
        numbers,
        [...numbers].sort((x, y) => x - y)
      )
      must.equal(new Set(numbers).size, 4)
    })
  )
}
