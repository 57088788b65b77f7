/** Sessions: the rules of the transport contract about how a membership ends: silence, a leave, a closed client. */
import { Effect, Exit, Fiber, Scope } from "effect"
import { must } from "../Must.ts"
import {
  clients,
  codeOf,
  form,
  joinRequest,
  longOptions,
  options,
  partition,
  patient,
  rejoinAll,
  soon,
  untilFails
} from "./Groups.ts"
import { Harness, type Rule, type TransportHarness } from "./Harness.ts"

export const sessionRules = (rule: Rule, { openConnections }: TransportHarness): void => {
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
      const join = { sessionTimeout: 30_000, rebalanceTimeout: patient }
      const [first, second] = yield* form([a!, b!], join)
      yield* b!.leaveGroup(second!.member.memberId)
      must.equal(yield* soon(a!.heartbeat(first!.member)), "REBALANCE_IN_PROGRESS")
      must.equal(yield* codeOf(b!.heartbeat(second!.member)), "UNKNOWN_MEMBER_ID")
      const [alone] = yield* rejoinAll([first!], join)
      must.equal(alone!.joined.members.length, 1)
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
