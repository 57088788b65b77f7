/** Joining: the rules of the transport contract about joins that are pending, given up, or abandoned. */
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
  options,
  partition,
  rejoinAll,
  soon,
  syncAll,
  untilFails
} from "./Groups.ts"
import { Harness, type Rule } from "./Harness.ts"

export const joiningRules = (rule: Rule): void => {
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
}
