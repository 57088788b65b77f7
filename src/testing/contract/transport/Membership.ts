/** Membership: the rules of the transport contract about join, sync, heartbeat, leave, abandon and close. */
import { Effect, Exit, Fiber, Scope } from "effect"
import type { GroupClient, TransportError } from "../../../transport/Transport.ts"
import { must } from "../Must.ts"
import {
  asMember,
  codeOf,
  form,
  grow,
  joinRequest,
  partition,
  rejoinAll,
  syncAll,
  untilFails,
  userData
} from "./Groups.ts"
import { Harness, type Rule, type TransportHarness } from "./Harness.ts"

/** A rebalance that no test waits out. */
const PATIENT = 30_000

const clients = (count: number) =>
  Effect.gen(function* () {
    const group = Harness.unique("group")
    const made: Array<GroupClient> = []
    for (let i = 0; i < count; i++) made.push(yield* Harness.client(group))
    return made
  })

const options = Effect.map(Harness, ({ sessionTimeout }) => ({ sessionTimeout, rebalanceTimeout: PATIENT }))

/** Sessions of members that a test does not keep alive must outlast it. */
const longOptions = Effect.map(Harness, ({ sessionTimeout }) => ({
  sessionTimeout: Math.max(sessionTimeout, 20_000),
  rebalanceTimeout: PATIENT
}))

/** The code of a request that must be answered while something else is pending, not after it. */
const soon = <A>(request: Effect.Effect<A, TransportError>) =>
  Effect.timeoutOrElse(codeOf(request), { duration: 5_000, orElse: () => Effect.succeed("TOO LATE") })

export const membershipRules = (rule: Rule, { openConnections }: TransportHarness): void => {
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

  rule("a pending join delays neither heartbeats nor commits", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const [a, b] = yield* clients(2)
      const join = yield* longOptions
      const [first, second] = yield* form([a!, b!], join)
      const joining = yield* Effect.forkChild(a!.joinGroup(joinRequest(join, first!.member.memberId, "again")))
      yield* untilFails(b!.heartbeat(second!.member), "REBALANCE_IN_PROGRESS")
      for (let i = 0; i < 3; i++) {
        must.equal(yield* soon(a!.heartbeat(first!.member)), "REBALANCE_IN_PROGRESS")
        must.equal(yield* soon(a!.offsetCommit(first!.member, [{ tp, offset: i, metadata: "" }])), "OK")
        must.equal(yield* soon(a!.offsetFetch([tp])), "OK")
      }
      must.equal(joining.pollUnsafe(), undefined)
      const rejoined = yield* b!.joinGroup(joinRequest(join, second!.member.memberId, "again"))
      must.equal((yield* Fiber.join(joining)).generation, rejoined.generation)
    })
  )

  rule("a long fetch delays neither heartbeats nor commits nor joins", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const [a] = yield* clients(1)
      const join = yield* longOptions
      const [first] = yield* form([a!], join)
      const { leader } = (yield* a!.metadata([tp.topic]))[0]!.partitions[0]!
      const fetching = yield* Effect.forkChild(
        a!.fetch(leader, [{ tp, offset: 0 }], { maxWait: 20_000, maxBytes: 1_000, maxBytesPerPartition: 1_000 })
      )
      yield* Effect.sleep(50)
      must.equal(yield* soon(a!.heartbeat(first!.member)), "OK")
      must.equal(yield* soon(a!.offsetCommit(first!.member, [{ tp, offset: 1, metadata: "" }])), "OK")
      must.equal(yield* soon(a!.listOffsets([tp], "end")), "OK")
      must.equal(yield* soon(a!.joinGroup(joinRequest(join, first!.member.memberId, "again"))), "OK")
      must.equal(fetching.pollUnsafe(), undefined)
      yield* Fiber.interrupt(fetching)
    })
  )

  rule("a member with a pending join is not put out, however long it is silent", () =>
    Effect.gen(function* () {
      const { sessionTimeout } = yield* Harness
      const [a, b] = yield* clients(2)
      const join = yield* options
      const [first, second] = yield* form([a!, b!], join)
      const joining = yield* Effect.forkChild(a!.joinGroup(joinRequest(join, first!.member.memberId, "again")))
      const since = performance.now()
      while (performance.now() - since < 1.5 * sessionTimeout) {
        yield* b!.heartbeat(second!.member).pipe(
          Effect.catchIf(
            (e) => e.code === "REBALANCE_IN_PROGRESS",
            () => Effect.void
          )
        )
        yield* Effect.sleep(sessionTimeout / 10)
      }
      must.equal(joining.pollUnsafe(), undefined)
      yield* b!.joinGroup(joinRequest(join, second!.member.memberId, "again"))
      must.equal((yield* Fiber.join(joining)).memberId, first!.member.memberId)
    })
  )

  rule("a silent member is put out after its session, and the others rebalance", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = yield* options
      const [first, second] = yield* form([a!, b!], join)
      const since = performance.now()
      yield* untilFails(a!.heartbeat(first!.member), "REBALANCE_IN_PROGRESS")
      must.hold(
        performance.now() - since >= 0.6 * join.sessionTimeout,
        `a session of ${join.sessionTimeout} ms`,
        `${performance.now() - since} ms`
      )
      const [alone] = yield* rejoinAll([first!], join)
      must.equal(alone!.joined.memberId, alone!.joined.leaderId)
      must.equal(alone!.joined.members.length, 1)
      must.equal(yield* codeOf(b!.heartbeat(second!.member)), "UNKNOWN_MEMBER_ID")
      must.equal(yield* codeOf(b!.joinGroup(joinRequest(join, second!.member.memberId, "b"))), "UNKNOWN_MEMBER_ID")
    })
  )

  rule("a member that heartbeats but does not rejoin is put out after the rebalance timeout", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = { ...(yield* longOptions), rebalanceTimeout: 1_500 }
      const [first, second] = yield* form([a!, b!], join)
      const joining = yield* Effect.forkChild(a!.joinGroup(joinRequest(join, first!.member.memberId, "again")))
      yield* untilFails(b!.heartbeat(second!.member), "REBALANCE_IN_PROGRESS")
      yield* untilFails(b!.heartbeat(second!.member), "UNKNOWN_MEMBER_ID")
      const alone = yield* Fiber.join(joining)
      must.equal([alone.generation, alone.members.length], [first!.member.generation + 1, 1])
    })
  )

  rule("a leaving member's group rebalances at once, and it is unknown from then on", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = { sessionTimeout: 30_000, rebalanceTimeout: PATIENT }
      const [first, second] = yield* form([a!, b!], join)
      yield* b!.leaveGroup(second!.member.memberId)
      must.equal(yield* soon(a!.heartbeat(first!.member)), "REBALANCE_IN_PROGRESS")
      must.equal(yield* codeOf(b!.heartbeat(second!.member)), "UNKNOWN_MEMBER_ID")
      const [alone] = yield* rejoinAll([first!], join)
      must.equal(alone!.joined.members.length, 1)
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

  rule("abandon ends a pending join with an unknown outcome, and the next join goes through", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = yield* longOptions
      const [first, second] = yield* form([a!, b!], join)
      const joining = yield* Effect.forkChild(Effect.flip(a!.joinGroup(joinRequest(join, first!.member.memberId, "x"))))
      yield* untilFails(b!.heartbeat(second!.member), "REBALANCE_IN_PROGRESS")
      yield* a!.abandon
      const error = yield* Effect.timeout(Fiber.join(joining), 5_000)
      must.hold(error.unknownOutcome, "a failure of unknown outcome", error.message)
      yield* a!.abandon
      must.equal(yield* soon(a!.heartbeat(first!.member)), "REBALANCE_IN_PROGRESS")
      yield* a!.leaveGroup(first!.member.memberId)
      const alone = yield* rejoinAll([second!], join)
      const [, anew] = yield* grow(alone, a!, join)
      must.hold(anew!.member.memberId !== first!.member.memberId, "another member id", anew!.member.memberId)
      yield* a!.heartbeat(anew!.member)
    })
  )

  rule("a new member's id is told while its join is pending, and leaves for a join that was abandoned", () =>
    Effect.gen(function* () {
      const [a, b, c] = yield* clients(3)
      const join = yield* longOptions
      const [first] = yield* form([a!], join)
      const given: Array<string> = []
      const joining = yield* Effect.forkChild(
        Effect.flip(b!.joinGroup(joinRequest(join, "", "b"), (memberId) => given.push(memberId)))
      )
      // The rebalance that its join began: the id was told before that.
      yield* untilFails(a!.heartbeat(first!.member), "REBALANCE_IN_PROGRESS")
      must.equal(given.length, 1, "ids that were told")
      yield* b!.abandon
      const gaveUp = yield* Effect.timeout(Fiber.join(joining), 5_000)
      must.hold(gaveUp.unknownOutcome, "a failure of unknown outcome", gaveUp.message)
      // It counts as a member all the same: it is in the next generation, and the one after that waits for it.
      const again = asMember(a!, yield* a!.joinGroup(joinRequest(join, first!.member.memberId, "again")))
      must.equal(again.joined.members.map((m) => m.memberId).sort(), [first!.member.memberId, given[0]!].sort())
      yield* syncAll([again])
      const third = yield* Effect.forkChild(c!.joinGroup(joinRequest(join, "", "c")))
      yield* untilFails(a!.heartbeat(again.member), "REBALANCE_IN_PROGRESS")
      const rejoining = yield* Effect.forkChild(a!.joinGroup(joinRequest(join, again.member.memberId, "and again")))
      must.equal(yield* soon(b!.heartbeat({ ...again.member, memberId: given[0]! })), "REBALANCE_IN_PROGRESS")
      must.equal(rejoining.pollUnsafe(), undefined, "the join still waits")
      yield* b!.leaveGroup(given[0]!)
      const both = [asMember(a!, yield* Fiber.join(rejoining)), asMember(c!, yield* Fiber.join(third))]
      must.equal(both.flatMap(({ joined }) => joined.members).length, 2, "members that the leader is told of")
      must.equal(yield* codeOf(b!.leaveGroup(given[0]!)), "UNKNOWN_MEMBER_ID")
    })
  )

  rule(
    "a join that is given up when it was given its id is never sent, and its id holds the group up until it leaves",
    () =>
      Effect.gen(function* () {
        const [a, b] = yield* clients(2)
        const join = yield* longOptions
        const [first] = yield* form([a!], join)
        const given: Array<string> = []
        const code = yield* codeOf(
          b!.joinGroup(joinRequest(join, "", "b"), (memberId) => {
            given.push(memberId)
            Effect.runSync(b!.abandon)
          })
        )
        must.equal([code, given.length], ["CONNECTION", 1])
        must.equal(yield* soon(a!.heartbeat(first!.member)), "OK", "it did not join")
        const rejoining = yield* Effect.forkChild(a!.joinGroup(joinRequest(join, first!.member.memberId, "again")))
        yield* untilFails(a!.heartbeat(first!.member), "REBALANCE_IN_PROGRESS")
        must.equal(rejoining.pollUnsafe(), undefined, "the join still waits")
        yield* b!.leaveGroup(given[0]!)
        must.equal((yield* Effect.timeout(Fiber.join(rejoining), 5_000)).members.length, 1, "members")
        must.equal(yield* codeOf(b!.joinGroup(joinRequest(join, given[0]!, "b"))), "UNKNOWN_MEMBER_ID")
      })
  )

  rule("a closed client answers nothing more and leaves no connection behind", () =>
    Effect.gen(function* () {
      const open = openConnections ?? Effect.succeed(0)
      const tp = partition(yield* Harness.topic(), 0)
      const before = yield* open
      const scope = yield* Scope.make()
      const group = Harness.unique("group")
      const join = yield* longOptions
      const client = yield* Scope.provide(Harness.client(group), scope)
      const [first] = yield* form([client], join)
      const other = yield* Scope.provide(Harness.client(group), scope)
      const { leader } = (yield* client.metadata([tp.topic]))[0]!.partitions[0]!
      const pending = [
        yield* Effect.forkChild(codeOf(other.joinGroup(joinRequest(join, "", "other")))),
        yield* Effect.forkChild(
          codeOf(
            client.fetch(leader, [{ tp, offset: 0 }], { maxWait: 25_000, maxBytes: 1_000, maxBytesPerPartition: 1_000 })
          )
        )
      ]
      yield* untilFails(client.heartbeat(first!.member), "REBALANCE_IN_PROGRESS")
      if (openConnections !== undefined)
        must.hold((yield* open) > before, `more than ${before} connections`, yield* open)
      yield* Effect.timeout(Scope.close(scope, Exit.void), 10_000)
      for (const request of pending) must.equal(yield* Effect.timeout(Fiber.join(request), 5_000), "CONNECTION")
      must.equal(yield* codeOf(client.heartbeat(first!.member)), "CONNECTION")
      must.equal(yield* codeOf(client.listOffsets([tp], "end")), "CONNECTION")
      while ((yield* open) > before) yield* Effect.sleep(20)
    })
  )
}
