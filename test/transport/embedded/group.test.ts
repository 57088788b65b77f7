/** Group membership in virtual time: what expires when, and what Kafka's coordinator does with who is slow. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { alone, codeOf, group, joinRequest, memberOf, pair, sync, tp, world } from "./world.ts"

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })
const commit = (offset: number) => [{ tp, offset, metadata: "" }]

describe("sessions", () => {
  it.effect("a member is put out when its session is over, and not a millisecond before", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      yield* alone(yield* client("a"))
      yield* TestClock.adjust(9_999)
      assert.strictEqual(log.group(group).members.length, 1)
      yield* TestClock.adjust(1)
      const { generation, members, state } = log.group(group)
      assert.deepStrictEqual({ generation, members, state }, { generation: 2, members: [], state: "Empty" })
    })
  )

  it.effect("heartbeats, commits and syncs each keep a member alive; a stale one does not", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const a = yield* client("a")
      const member = yield* alone(a)
      const alive = [
        a.heartbeat(member),
        a.offsetCommit(member, commit(1)),
        a.syncGroup({ ...member, protocol: "k2p" }, [])
      ]
      for (const request of [...alive, ...alive]) {
        yield* TestClock.adjust(9_999)
        yield* request
      }
      yield* TestClock.adjust(5_000)
      assert.strictEqual(yield* codeOf(a.heartbeat({ ...member, generation: 7 })), "ILLEGAL_GENERATION")
      assert.strictEqual(yield* codeOf(a.offsetCommit({ ...member, generation: 7 }, commit(1))), "ILLEGAL_GENERATION")
      yield* TestClock.adjust(4_999)
      assert.strictEqual(log.group(group).members.length, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* codeOf(a.heartbeat(member)), "UNKNOWN_MEMBER_ID")
    })
  )

  it.effect("a heartbeat during a rebalance says so and keeps the member alive", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const [a, b] = [yield* client("a"), yield* client("b")]
      const member = yield* alone(a)
      yield* background(b.joinGroup(joinRequest()))
      for (let i = 0; i < 3; i++) {
        yield* TestClock.adjust(9_000)
        assert.strictEqual(yield* codeOf(a.heartbeat(member)), "REBALANCE_IN_PROGRESS")
      }
      assert.strictEqual(log.group(group).members.length, 2)
    })
  )

  it.effect("a member whose join is pending needs no heartbeat; its session starts when the join is answered", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const [a, b] = [yield* client("a"), yield* client("b")]
      const [first, second] = yield* pair(a, b)
      const joining = yield* background(a.joinGroup(joinRequest(first.memberId)))
      for (let i = 0; i < 3; i++) {
        yield* TestClock.adjust(9_000)
        yield* codeOf(b.heartbeat(second))
      }
      yield* b.joinGroup(joinRequest(second.memberId))
      yield* Fiber.join(joining)
      yield* TestClock.adjust(9_999)
      assert.strictEqual(log.group(group).members.length, 2)
      yield* TestClock.adjust(1)
      assert.strictEqual(log.group(group).members.length, 0)
    })
  )

  it.effect("a new member has no id to heartbeat with, and five minutes", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const [a, b] = [yield* client("a"), yield* client("b")]
      const forever = { rebalanceTimeout: 1_000_000, sessionTimeout: 700_000 }
      yield* alone(a, joinRequest("", forever))
      const joining = yield* background(codeOf(b.joinGroup(joinRequest("", { ...forever, sessionTimeout: 6_000 }))))
      yield* TestClock.adjust(299_999)
      assert.strictEqual(log.group(group).members.length, 2)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(joining), "UNKNOWN_MEMBER_ID")
    })
  )

  it.effect("an id that was given holds every rebalance up until it joins, leaves or its session is over", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const [a, b] = [yield* client("a"), yield* client("b")]
      const first = yield* alone(a)
      const ghost = Effect.gen(function* () {
        const joining = yield* background(b.joinGroup(joinRequest("", { sessionTimeout: 6_000 }), () => {}))
        yield* Fiber.interrupt(joining)
      })
      // Its join is lost, so that only the id is there.
      let joins = 0
      yield* log.intercept((r) =>
        r.op === "joinGroup" && r.clientId === "b" && ++joins % 2 === 0 ? { lose: "request" } : undefined
      )
      yield* ghost
      assert.lengthOf(log.group(group).given, 1)
      assert.strictEqual(yield* codeOf(a.heartbeat(first)), "OK", "it alone asks for no rebalance")
      const rejoining = yield* background(a.joinGroup(joinRequest(first.memberId, {}, "changed")))
      yield* TestClock.adjust(5_999)
      assert.strictEqual(rejoining.pollUnsafe(), undefined)
      yield* TestClock.adjust(1)
      const second = yield* Fiber.join(rejoining)
      assert.strictEqual(second.generation, first.generation + 1)
      yield* sync(a, second)

      yield* ghost
      const [id] = log.group(group).given
      const again = yield* background(a.joinGroup(joinRequest(first.memberId, {}, "changed again")))
      yield* TestClock.adjust(1_000)
      assert.strictEqual(again.pollUnsafe(), undefined)
      yield* b.leaveGroup(id!)
      assert.strictEqual((yield* Fiber.join(again)).generation, second.generation + 1)
      assert.strictEqual(yield* codeOf(b.joinGroup(joinRequest(id!))), "UNKNOWN_MEMBER_ID")
    })
  )

  it.effect("a session timeout outside the bounds is refused", () =>
    Effect.gen(function* () {
      const { client } = yield* world()
      const a = yield* client("a")
      const error = yield* Effect.flip(a.joinGroup(joinRequest("", { sessionTimeout: 5_999 })))
      assert.deepStrictEqual([error.code, error.retriable], ["OTHER", false])
      assert.match(error.message, /INVALID_SESSION_TIMEOUT/)
    })
  )
})

describe("rebalances", () => {
  it.effect("who has not rejoined when the longest rebalance timeout is over is put out, though it heartbeats", () =>
    Effect.gen(function* () {
      const { client } = yield* world()
      const [a, b, c] = [yield* client("a"), yield* client("b"), yield* client("c")]
      const [first, second] = yield* pair(a, b, { rebalanceTimeout: 20_000 })
      const joining = [
        yield* background(c.joinGroup(joinRequest("", { rebalanceTimeout: 5_000 }))),
        yield* background(a.joinGroup(joinRequest(first.memberId, { rebalanceTimeout: 5_000 })))
      ]
      for (let i = 0; i < 3; i++) {
        yield* TestClock.adjust(5_000)
        assert.strictEqual(yield* codeOf(b.heartbeat(second)), "REBALANCE_IN_PROGRESS")
      }
      yield* TestClock.adjust(4_999)
      assert.strictEqual(joining[0]!.pollUnsafe(), undefined)
      yield* TestClock.adjust(1)
      const joined = [yield* Fiber.join(joining[0]!), yield* Fiber.join(joining[1]!)]
      assert.deepStrictEqual(
        joined.map((j) => [j.generation, j.members.length]),
        [
          [3, 0],
          [3, 2]
        ]
      )
      assert.strictEqual(yield* codeOf(b.heartbeat(second)), "UNKNOWN_MEMBER_ID")
    })
  )

  it.effect("a leader that is put out hands the lead to a member that is there", () =>
    Effect.gen(function* () {
      const { client } = yield* world()
      const [a, b] = [yield* client("a"), yield* client("b")]
      const [, second] = yield* pair(a, b)
      const joining = yield* background(b.joinGroup(joinRequest(second.memberId, {}, "changed")))
      yield* TestClock.adjust(10_000)
      const joined = yield* Fiber.join(joining)
      assert.strictEqual(joined.leaderId, second.memberId)
      assert.deepStrictEqual(
        joined.members.map((m) => m.memberId),
        [second.memberId]
      )
    })
  )

  it.effect("members that do not sync are put out when the rebalance timeout is over, and the others rebalance", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const [a, b] = [yield* client("a"), yield* client("b")]
      const [first, second] = yield* pair(a, b)
      const again = yield* Effect.all(
        [a.joinGroup(joinRequest(first.memberId)), b.joinGroup(joinRequest(second.memberId))],
        { concurrency: "unbounded" }
      )
      const syncing = yield* background(codeOf(sync(b, again[1])))
      for (let i = 0; i < 3; i++) {
        yield* TestClock.adjust(9_999)
        yield* a.heartbeat(memberOf(again[0]))
      }
      assert.strictEqual(syncing.pollUnsafe(), undefined)
      yield* TestClock.adjust(3)
      assert.strictEqual(yield* Fiber.join(syncing), "REBALANCE_IN_PROGRESS")
      assert.deepStrictEqual(
        log.group(group).members.map((m) => m.memberId),
        [second.memberId]
      )
    })
  )

  it.effect("a join while others wait for the assignment sends them all back", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const [a, b, c] = [yield* client("a"), yield* client("b"), yield* client("c")]
      const [first, second] = yield* pair(a, b)
      const again = yield* Effect.all(
        [a.joinGroup(joinRequest(first.memberId)), b.joinGroup(joinRequest(second.memberId))],
        { concurrency: "unbounded" }
      )
      const syncing = yield* background(codeOf(sync(b, again[1])))
      yield* background(c.joinGroup(joinRequest()))
      assert.strictEqual(yield* Fiber.join(syncing), "REBALANCE_IN_PROGRESS")
      assert.strictEqual(yield* codeOf(sync(a, again[0])), "REBALANCE_IN_PROGRESS")
      assert.strictEqual(log.group(group).state, "PreparingRebalance")
    })
  )

  it.effect("a partition can move in two generations, by members that change what they claim", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const [a, b] = [yield* client("a"), yield* client("b")]
      const first = yield* a.joinGroup(joinRequest("", {}, "owns 0,1"))
      yield* sync(a, first)
      const joiningB = yield* background(b.joinGroup(joinRequest("", {}, "owns nothing")))
      const one = yield* a.joinGroup(joinRequest(first.memberId, {}, "owns 0,1"))
      const oneB = yield* Fiber.join(joiningB)
      yield* Effect.all([sync(b, oneB), sync(a, one)], { concurrency: "unbounded" })
      // A has evicted partition 1 and asks for the next generation, in which B will get it.
      const rejoiningA = yield* background(a.joinGroup(joinRequest(first.memberId, {}, "owns 0")))
      assert.strictEqual(yield* codeOf(b.heartbeat(memberOf(oneB))), "REBALANCE_IN_PROGRESS")
      yield* a.offsetCommit(memberOf(one), commit(5))
      yield* b.joinGroup(joinRequest(oneB.memberId, {}, "owns nothing"))
      const two = yield* Fiber.join(rejoiningA)
      assert.strictEqual(two.generation, one.generation + 1)
      assert.deepStrictEqual(two.members.map((m) => Buffer.from(m.metadata).toString()).sort(), [
        "owns 0",
        "owns nothing"
      ])
      assert.deepStrictEqual(log.group(group).commits.get("metrics/0"), { offset: 5, metadata: "" })
    })
  )

  it.effect("the first join of an empty group waits for others where it is told to, longer while they come", () =>
    Effect.gen(function* () {
      const { client } = yield* world({ initialRebalanceDelay: 3_000 })
      const join = (name: string) => Effect.flatMap(client(name), (c) => background(c.joinGroup(joinRequest())))
      const a = yield* join("a")
      yield* TestClock.adjust(2_000)
      const b = yield* join("b")
      yield* TestClock.adjust(3_999)
      assert.strictEqual(a.pollUnsafe(), undefined)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual([(yield* Fiber.join(a)).generation, (yield* Fiber.join(b)).generation], [1, 1])
    })
  )

  it.effect("most votes choose the protocol, among those that all members support", () =>
    Effect.gen(function* () {
      const { client } = yield* world({ initialRebalanceDelay: 1_000 })
      const offers = [
        ["x", "y", "z"],
        ["y", "z"],
        ["z", "y"],
        ["z", "y", "w"]
      ]
      const joining = yield* Effect.forEach(offers, (names, i) =>
        Effect.flatMap(client(`c${i}`), (c) =>
          background(
            c.joinGroup(joinRequest("", { protocols: names.map((name) => ({ name, metadata: new Uint8Array() })) }))
          )
        )
      )
      yield* TestClock.adjust(10_000)
      // y and z are common; the votes are y, y, z, z, and y was voted for first.
      for (const fiber of joining) assert.strictEqual((yield* Fiber.join(fiber)).protocol, "y")
    })
  )
})

describe("a coordinator that moves", () => {
  it.effect("is back at the last completed generation, with its members and commits, and pending joins fail", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const [a, b] = [yield* client("a"), yield* client("b")]
      const [first, second] = yield* pair(a, b)
      yield* a.offsetCommit(first, commit(3))
      const joining = yield* background(codeOf(a.joinGroup(joinRequest(first.memberId, {}, "changed"))))
      yield* TestClock.adjust(9_000)
      yield* log.moveCoordinator(group)
      assert.strictEqual(yield* Fiber.join(joining), "NOT_COORDINATOR")
      assert.strictEqual(log.group(group).state, "Stable")
      assert.strictEqual(yield* sync(b, { ...second, leaderId: "", protocol: "k2p", members: [] }), second.memberId)
      assert.strictEqual(log.group(group).commits.get("metrics/0")?.offset, 3)
      yield* TestClock.adjust(9_000)
      assert.strictEqual(yield* codeOf(a.heartbeat(first)), "OK", "sessions start anew")
    })
  )

  it.effect("may give the same generation number twice", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const a = yield* client("a")
      const first = yield* alone(a)
      const second = yield* a.joinGroup(joinRequest(first.memberId))
      yield* log.moveCoordinator(group)
      assert.strictEqual(yield* codeOf(a.heartbeat(memberOf(second))), "ILLEGAL_GENERATION")
      assert.strictEqual(yield* codeOf(a.heartbeat(first)), "OK")
      assert.strictEqual((yield* a.joinGroup(joinRequest(first.memberId))).generation, second.generation)
    })
  )
})
