/** The part of the transport contract about membership: join, sync, heartbeat, leave, abandon, close. */
import { assert, type Vitest } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import type { GroupClient, Transport, TransportError } from "../../../transport/Transport.ts"
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
import { Harness } from "./Harness.ts"

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

export const groupContract = (it: Vitest.MethodsNonLive<Harness | Transport>): void => {
  for (const count of [1, 2, 3]) {
    it.effect(`${count} member(s) form a generation: the leader sees all metadata and assigns to all`, () =>
      Effect.gen(function* () {
        const all = yield* clients(count)
        const members = yield* form(all, yield* longOptions)
        const leaderId = members[0]!.joined.leaderId
        const ids = members.map(({ member }) => member.memberId)
        assert.strictEqual(new Set(ids).size, count)
        assert.isTrue(ids.includes(leaderId))
        for (const { joined } of members) {
          assert.deepStrictEqual(
            [joined.generation, joined.leaderId, joined.protocol],
            [members[0]!.joined.generation, leaderId, "k2p"]
          )
          const seen = joined.members.map((m) => [m.memberId, userData(m.metadata)])
          const expected = ids.map((id, i) => [id, i === count - 1 ? "new" : "old"])
          assert.deepStrictEqual(seen.sort(), joined.memberId === leaderId ? expected.sort() : [])
        }
        // In a stable group a sync gives the assignment again, whatever it carries.
        assert.deepStrictEqual(
          yield* syncAll(members),
          ids.map((id) => `for ${id}`)
        )
        for (const { client, member } of members) yield* client.heartbeat(member)
      })
    )
  }

  it.effect("a member that the leader leaves out gets an empty assignment", () =>
    Effect.gen(function* () {
      const [a] = yield* clients(1)
      const joined = yield* a!.joinGroup(joinRequest(yield* longOptions, "", "a"))
      const { generation, memberId, protocol } = joined
      const assignment = yield* a!.syncGroup({ memberId, generation, protocol }, [])
      assert.strictEqual(assignment.length, 0)
    })
  )

  it.effect("followers wait for the leader's assignment", () =>
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
      assert.strictEqual(syncing.pollUnsafe(), undefined)
      yield* syncAll([leader])
      assert.deepStrictEqual(yield* Fiber.join(syncing), [`for ${follower.member.memberId}`])
    })
  )

  it.effect("a heartbeat says what the coordinator thinks of the member", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = yield* longOptions
      const [first] = yield* form([a!], join)
      const { generation, memberId } = first!.member
      const beat = (member: { memberId: string; generation: number }) => codeOf(a!.heartbeat(member))
      assert.strictEqual(yield* beat({ memberId, generation }), "OK")
      assert.strictEqual(yield* beat({ memberId, generation: generation - 1 }), "ILLEGAL_GENERATION")
      assert.strictEqual(yield* beat({ memberId, generation: generation + 1 }), "ILLEGAL_GENERATION")
      assert.strictEqual(yield* beat({ memberId: "nobody", generation }), "UNKNOWN_MEMBER_ID")
      yield* Effect.forkChild(b!.joinGroup(joinRequest(join, "", "b")))
      yield* untilFails(a!.heartbeat(first!.member), "REBALANCE_IN_PROGRESS")
      assert.strictEqual(
        yield* codeOf(a!.syncGroup({ memberId, generation, protocol: "k2p" }, [])),
        "REBALANCE_IN_PROGRESS"
      )
    })
  )

  it.effect("an unknown member can neither join nor sync nor leave", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = yield* longOptions
      const [first] = yield* form([a!], join)
      const { generation } = first!.member
      const stranger = { memberId: "stranger", generation, protocol: "k2p" }
      assert.strictEqual(yield* codeOf(b!.joinGroup(joinRequest(join, "stranger", "b"))), "UNKNOWN_MEMBER_ID")
      assert.strictEqual(yield* codeOf(b!.syncGroup(stranger, [])), "UNKNOWN_MEMBER_ID")
      assert.strictEqual(yield* codeOf(b!.leaveGroup("stranger")), "UNKNOWN_MEMBER_ID")
      const stale = { ...first!.member, generation: generation - 1, protocol: "k2p" }
      assert.strictEqual(yield* codeOf(a!.syncGroup(stale, [])), "ILLEGAL_GENERATION")
      yield* a!.heartbeat(first!.member)
    })
  )

  it.effect("a protocol that not all members offer is not chosen, one that none of them offers is refused", () =>
    Effect.gen(function* () {
      const [a, b, c] = yield* clients(3)
      const join = yield* longOptions
      const offers = (memberId: string, ...names: Array<string>) => ({
        ...joinRequest(join, memberId, ""),
        protocols: names.map((name) => joinRequest(join, "", `as ${name}`, name).protocols[0]!)
      })
      const first = yield* a!.joinGroup(offers("", "v2", "v1"))
      assert.strictEqual(first.protocol, "v2")
      yield* syncAll([asMember(a!, first)])
      assert.strictEqual(yield* codeOf(c!.joinGroup(offers("", "v3"))), "INCONSISTENT_GROUP_PROTOCOL")
      const joining = yield* Effect.forkChild(b!.joinGroup(offers("", "v1")))
      yield* untilFails(a!.heartbeat(asMember(a!, first).member), "REBALANCE_IN_PROGRESS")
      const again = yield* a!.joinGroup(offers(first.memberId, "v2", "v1"))
      const second = yield* Fiber.join(joining)
      assert.deepStrictEqual([again.protocol, second.protocol], ["v1", "v1"])
      const metadata = (again.members.length > 0 ? again : second).members.map((m) => userData(m.metadata))
      assert.deepStrictEqual(metadata, ["as v1", "as v1"])
    })
  )

  it.effect("a follower that joins again unchanged gets the present generation, changed metadata makes a new one", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = yield* longOptions
      const members = yield* form([a!, b!], join)
      const follower = members.find(({ joined }) => joined.leaderId !== joined.memberId)!
      const leader = members.find((m) => m !== follower)!
      const { generation, memberId } = follower.member
      const data = follower === members[1] ? "new" : "old"
      const same = yield* follower.client.joinGroup(joinRequest(join, memberId, data))
      assert.deepStrictEqual([same.generation, same.memberId, same.members.length], [generation, memberId, 0])
      yield* leader.client.heartbeat(leader.member)
      const joining = yield* Effect.forkChild(follower.client.joinGroup(joinRequest(join, memberId, "changed")))
      const [rejoined] = yield* rejoinAll([leader], join)
      assert.isTrue(rejoined!.joined.members.some((m) => userData(m.metadata) === "changed"))
      assert.strictEqual((yield* Fiber.join(joining)).generation, generation + 1)
    })
  )

  it.effect("a leader that joins again makes a new generation, which keeps member ids", () =>
    Effect.gen(function* () {
      const [a] = yield* clients(1)
      const join = yield* longOptions
      const [first] = yield* form([a!], join)
      const again = yield* a!.joinGroup(joinRequest(join, first!.member.memberId, "new"))
      assert.strictEqual(again.generation, first!.member.generation + 1)
      assert.strictEqual(again.memberId, first!.member.memberId)
    })
  )

  it.effect("a pending join delays neither heartbeats nor commits", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const [a, b] = yield* clients(2)
      const join = yield* longOptions
      const [first, second] = yield* form([a!, b!], join)
      const joining = yield* Effect.forkChild(a!.joinGroup(joinRequest(join, first!.member.memberId, "again")))
      yield* untilFails(b!.heartbeat(second!.member), "REBALANCE_IN_PROGRESS")
      for (let i = 0; i < 3; i++) {
        assert.strictEqual(yield* soon(a!.heartbeat(first!.member)), "REBALANCE_IN_PROGRESS")
        assert.strictEqual(yield* soon(a!.offsetCommit(first!.member, [{ tp, offset: i, metadata: "" }])), "OK")
        assert.strictEqual(yield* soon(a!.offsetFetch([tp])), "OK")
      }
      assert.strictEqual(joining.pollUnsafe(), undefined)
      const rejoined = yield* b!.joinGroup(joinRequest(join, second!.member.memberId, "again"))
      assert.strictEqual((yield* Fiber.join(joining)).generation, rejoined.generation)
    })
  )

  it.effect("a long fetch delays neither heartbeats nor commits nor joins", () =>
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
      assert.strictEqual(yield* soon(a!.heartbeat(first!.member)), "OK")
      assert.strictEqual(yield* soon(a!.offsetCommit(first!.member, [{ tp, offset: 1, metadata: "" }])), "OK")
      assert.strictEqual(yield* soon(a!.listOffsets([tp], "end")), "OK")
      assert.strictEqual(yield* soon(a!.joinGroup(joinRequest(join, first!.member.memberId, "again"))), "OK")
      assert.strictEqual(fetching.pollUnsafe(), undefined)
      yield* Fiber.interrupt(fetching)
    })
  )

  it.effect("a member with a pending join is not put out, however long it is silent", () =>
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
      assert.strictEqual(joining.pollUnsafe(), undefined)
      yield* b!.joinGroup(joinRequest(join, second!.member.memberId, "again"))
      assert.strictEqual((yield* Fiber.join(joining)).memberId, first!.member.memberId)
    })
  )

  it.effect("a silent member is put out after its session, and the others rebalance", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = yield* options
      const [first, second] = yield* form([a!, b!], join)
      const since = performance.now()
      yield* untilFails(a!.heartbeat(first!.member), "REBALANCE_IN_PROGRESS")
      assert.isTrue(performance.now() - since >= 0.6 * join.sessionTimeout)
      const [alone] = yield* rejoinAll([first!], join)
      assert.strictEqual(alone!.joined.memberId, alone!.joined.leaderId)
      assert.strictEqual(alone!.joined.members.length, 1)
      assert.strictEqual(yield* codeOf(b!.heartbeat(second!.member)), "UNKNOWN_MEMBER_ID")
      assert.strictEqual(
        yield* codeOf(b!.joinGroup(joinRequest(join, second!.member.memberId, "b"))),
        "UNKNOWN_MEMBER_ID"
      )
    })
  )

  it.effect("a member that heartbeats but does not rejoin is put out after the rebalance timeout", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = { ...(yield* longOptions), rebalanceTimeout: 1_500 }
      const [first, second] = yield* form([a!, b!], join)
      const joining = yield* Effect.forkChild(a!.joinGroup(joinRequest(join, first!.member.memberId, "again")))
      yield* untilFails(b!.heartbeat(second!.member), "REBALANCE_IN_PROGRESS")
      yield* untilFails(b!.heartbeat(second!.member), "UNKNOWN_MEMBER_ID")
      const alone = yield* Fiber.join(joining)
      assert.deepStrictEqual([alone.generation, alone.members.length], [first!.member.generation + 1, 1])
    })
  )

  it.effect("a leaving member's group rebalances at once, and it is unknown from then on", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = { sessionTimeout: 30_000, rebalanceTimeout: PATIENT }
      const [first, second] = yield* form([a!, b!], join)
      yield* b!.leaveGroup(second!.member.memberId)
      assert.strictEqual(yield* soon(a!.heartbeat(first!.member)), "REBALANCE_IN_PROGRESS")
      assert.strictEqual(yield* codeOf(b!.heartbeat(second!.member)), "UNKNOWN_MEMBER_ID")
      const [alone] = yield* rejoinAll([first!], join)
      assert.strictEqual(alone!.joined.members.length, 1)
    })
  )

  it.effect("a group grows and shrinks over several generations, each one later than the one before", () =>
    Effect.gen(function* () {
      const [a, b, c] = yield* clients(3)
      const join = yield* longOptions
      const one = yield* form([a!], join)
      const two = yield* grow(one, b!, join)
      const three = yield* grow(two, c!, join)
      yield* c!.leaveGroup(three[2]!.member.memberId)
      const back = yield* rejoinAll(three.slice(0, 2), join)
      const generations = [one, two, three, back].map((members) => new Set(members.map((m) => m.member.generation)))
      for (const generation of generations) assert.strictEqual(generation.size, 1)
      const numbers = generations.map((generation) => [...generation][0]!)
      assert.deepStrictEqual(
        numbers,
        [...numbers].sort((x, y) => x - y)
      )
      assert.strictEqual(new Set(numbers).size, 4)
    })
  )

  it.effect("abandon ends a pending join with an unknown outcome, and the next join goes through", () =>
    Effect.gen(function* () {
      const [a, b] = yield* clients(2)
      const join = yield* longOptions
      const [first, second] = yield* form([a!, b!], join)
      const joining = yield* Effect.forkChild(Effect.flip(a!.joinGroup(joinRequest(join, first!.member.memberId, "x"))))
      yield* untilFails(b!.heartbeat(second!.member), "REBALANCE_IN_PROGRESS")
      yield* a!.abandon
      const error = yield* Effect.timeout(Fiber.join(joining), 5_000)
      assert.isTrue(error.unknownOutcome, error.message)
      yield* a!.abandon
      assert.strictEqual(yield* soon(a!.heartbeat(first!.member)), "REBALANCE_IN_PROGRESS")
      yield* a!.leaveGroup(first!.member.memberId)
      const alone = yield* rejoinAll([second!], join)
      const [, anew] = yield* grow(alone, a!, join)
      assert.notStrictEqual(anew!.member.memberId, first!.member.memberId)
      yield* a!.heartbeat(anew!.member)
    })
  )

  it.effect("a new member's id is told while its join is pending, and leaves for a join that was abandoned", () =>
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
      assert.lengthOf(given, 1)
      yield* b!.abandon
      assert.isTrue((yield* Effect.timeout(Fiber.join(joining), 5_000)).unknownOutcome)
      // It counts as a member all the same: it is in the next generation, and the one after that waits for it.
      const again = asMember(a!, yield* a!.joinGroup(joinRequest(join, first!.member.memberId, "again")))
      assert.deepStrictEqual(
        again.joined.members.map((m) => m.memberId).sort(),
        [first!.member.memberId, given[0]!].sort()
      )
      yield* syncAll([again])
      const third = yield* Effect.forkChild(c!.joinGroup(joinRequest(join, "", "c")))
      yield* untilFails(a!.heartbeat(again.member), "REBALANCE_IN_PROGRESS")
      const rejoining = yield* Effect.forkChild(a!.joinGroup(joinRequest(join, again.member.memberId, "and again")))
      assert.strictEqual(yield* soon(b!.heartbeat({ ...again.member, memberId: given[0]! })), "REBALANCE_IN_PROGRESS")
      assert.isUndefined(rejoining.pollUnsafe())
      yield* b!.leaveGroup(given[0]!)
      const both = [asMember(a!, yield* Fiber.join(rejoining)), asMember(c!, yield* Fiber.join(third))]
      assert.lengthOf(
        both.flatMap(({ joined }) => joined.members),
        2
      )
      assert.strictEqual(yield* codeOf(b!.leaveGroup(given[0]!)), "UNKNOWN_MEMBER_ID")
    })
  )

  it.effect(
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
        assert.deepStrictEqual([code, given.length], ["CONNECTION", 1])
        assert.strictEqual(yield* soon(a!.heartbeat(first!.member)), "OK", "it did not join")
        const rejoining = yield* Effect.forkChild(a!.joinGroup(joinRequest(join, first!.member.memberId, "again")))
        yield* untilFails(a!.heartbeat(first!.member), "REBALANCE_IN_PROGRESS")
        assert.isUndefined(rejoining.pollUnsafe())
        yield* b!.leaveGroup(given[0]!)
        assert.lengthOf((yield* Effect.timeout(Fiber.join(rejoining), 5_000)).members, 1)
        assert.strictEqual(yield* codeOf(b!.joinGroup(joinRequest(join, given[0]!, "b"))), "UNKNOWN_MEMBER_ID")
      })
  )

  it.effect("a closed client answers nothing more and leaves no connection behind", () =>
    Effect.gen(function* () {
      const { openConnections } = yield* Harness
      const tp = partition(yield* Harness.topic(), 0)
      const before = yield* openConnections
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
      assert.isTrue((yield* openConnections) > before)
      yield* Effect.timeout(Scope.close(scope, Exit.void), 10_000)
      for (const request of pending) assert.strictEqual(yield* Effect.timeout(Fiber.join(request), 5_000), "CONNECTION")
      assert.strictEqual(yield* codeOf(client.heartbeat(first!.member)), "CONNECTION")
      assert.strictEqual(yield* codeOf(client.listOffsets([tp], "end")), "CONNECTION")
      while ((yield* openConnections) > before) yield* Effect.sleep(20)
    })
  )
}
