/** Faults at the request's edge, in virtual time: what is lost, late or overtaken, and what the broker did meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Plan, Request } from "../../../src/transport/embedded/Faults.ts"
import { alone, codeOf, group, joinRequest, pair, tp, world } from "./world.ts"

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })
const commit = (offset: number) => [{ tp, offset, metadata: "" }]
const wait = { maxWait: 5_000, maxBytes: 1_000_000, maxBytesPerPartition: 1_000_000 }

/** A log whose next requests of an operation meet the given plans, one each; then none. */
const scripted = (op: Request["op"], plans: Array<Plan>) =>
  Effect.gen(function* () {
    const made = yield* world()
    yield* made.log.intercept((request) => (request.op === op ? plans.shift() : undefined))
    return made
  })

const committed = ({ log }: Effect.Success<ReturnType<typeof world>>) =>
  log.group(group).commits.get("metrics/0")?.offset

describe("a request", () => {
  it.effect("that is lost is never carried out, and its client gives up after its time", () =>
    Effect.gen(function* () {
      const w = yield* scripted("offsetCommit", [{ lose: "request" }])
      const a = yield* w.client("a")
      const member = yield* alone(a, joinRequest("", { sessionTimeout: 60_000 }))
      const sent = yield* background(Effect.flip(a.offsetCommit(member, commit(1))))
      yield* TestClock.adjust(29_999)
      assert.strictEqual(sent.pollUnsafe(), undefined)
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(sent)
      assert.deepStrictEqual(
        [error.op, error.code, error.retriable, error.unknownOutcome],
        ["offsetCommit", "TIMEOUT", true, true]
      )
      assert.strictEqual(committed(w), undefined)
      assert.strictEqual(w.log.stats().lost, 1)
    })
  )

  it.effect("whose answer is lost is carried out, and its client cannot know", () =>
    Effect.gen(function* () {
      const w = yield* scripted("offsetCommit", [{ lose: "answer", timeout: 100 }])
      const a = yield* w.client("a")
      const member = yield* alone(a)
      const sent = yield* background(codeOf(a.offsetCommit(member, commit(1))))
      assert.strictEqual(committed(w), 1)
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* Fiber.join(sent), "TIMEOUT")
    })
  )

  it.effect("that is delayed arrives then, and is judged by what the broker knows then", () =>
    Effect.gen(function* () {
      const w = yield* scripted("offsetCommit", [{ delayRequest: 2_000 }, { delayRequest: 2_000 }])
      const [a, b] = [yield* w.client("a"), yield* w.client("b")]
      const [first] = yield* pair(a, b)
      const fine = yield* background(codeOf(a.offsetCommit(first, commit(1))))
      yield* TestClock.adjust(1_999)
      assert.strictEqual(committed(w), undefined)
      yield* TestClock.adjust(1)
      assert.strictEqual(committed(w), 1)
      assert.strictEqual(yield* Fiber.join(fine), "OK")
      const late = yield* background(codeOf(a.offsetCommit(first, commit(2))))
      yield* a.leaveGroup(first.memberId)
      yield* TestClock.adjust(2_000)
      assert.strictEqual(yield* Fiber.join(late), "UNKNOWN_MEMBER_ID")
    })
  )

  it.effect("is not overtaken on its own connection, in neither direction, but on the others", () =>
    Effect.gen(function* () {
      const w = yield* scripted("offsetCommit", [{ delayRequest: 500, delayAnswer: 500 }])
      const a = yield* w.client("a")
      const member = yield* alone(a)
      const answers: Array<number> = []
      for (const offset of [1, 2]) {
        yield* background(
          Effect.tap(a.offsetCommit(member, commit(offset)), () => Effect.sync(() => answers.push(offset)))
        )
      }
      yield* a.heartbeat(member)
      assert.strictEqual(committed(w), undefined)
      yield* TestClock.adjust(500)
      assert.deepStrictEqual([committed(w), answers.length], [2, 0])
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(answers, [1, 2])
    })
  )

  it.effect("whose connection broke may be carried out after a later one", () =>
    Effect.gen(function* () {
      const w = yield* scripted("offsetCommit", [{ disconnect: true, delayRequest: 1_000 }])
      const a = yield* w.client("a")
      const member = yield* alone(a)
      assert.strictEqual(yield* codeOf(a.offsetCommit(member, commit(1))), "CONNECTION")
      assert.strictEqual(yield* codeOf(a.offsetCommit(member, commit(2))), "OK")
      assert.strictEqual(committed(w), 2)
      yield* TestClock.adjust(1_000)
      assert.strictEqual(committed(w), 1)
    })
  )

  it.effect("that is refused by script is not carried out", () =>
    Effect.gen(function* () {
      const w = yield* scripted("offsetCommit", [{ fail: "NOT_COORDINATOR" }])
      const a = yield* w.client("a")
      const member = yield* alone(a)
      const error = yield* Effect.flip(a.offsetCommit(member, commit(1)))
      assert.deepStrictEqual([error.code, error.retriable, error.unknownOutcome], ["NOT_COORDINATOR", true, false])
      assert.strictEqual(committed(w), undefined)
    })
  )

  it.effect("is not taken back when its client stops waiting", () =>
    Effect.gen(function* () {
      const w = yield* scripted("joinGroup", [{ delayRequest: 1_000 }])
      const a = yield* w.client("a")
      const joining = yield* background(a.joinGroup(joinRequest()))
      yield* Fiber.interrupt(joining)
      assert.strictEqual(w.log.group(group).state, "Dead")
      yield* TestClock.adjust(1_000)
      assert.strictEqual(w.log.group(group).given.length, 1)
    })
  )

  it.effect("can wait for ever, where a script says so", () =>
    Effect.gen(function* () {
      const w = yield* scripted("metadata", [{ lose: "answer", timeout: Number.POSITIVE_INFINITY }])
      const a = yield* w.client("a")
      const asking = yield* background(a.metadata([tp.topic]))
      yield* TestClock.adjust("365 days")
      assert.strictEqual(asking.pollUnsafe(), undefined)
    })
  )
})

describe("a coordinator that stands still", () => {
  for (const first of ["requests", "alarms"] as const)
    it.effect(`carries out what it received when it goes on, its ${first} first`, () =>
      Effect.gen(function* () {
        const w = yield* world()
        const a = yield* w.client("a")
        const member = yield* alone(a)
        yield* TestClock.adjust(1_000)
        yield* w.log.pauseCoordinators(12_000, first)
        const beating = yield* background(codeOf(a.heartbeat(member)))
        const other = yield* background(codeOf(a.metadata([tp.topic])))
        assert.strictEqual(yield* Fiber.join(other), "OK")
        yield* TestClock.adjust(11_999)
        assert.deepStrictEqual([beating.pollUnsafe(), w.log.group(group).members.length], [undefined, 1])
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* Fiber.join(beating), first === "requests" ? "OK" : "UNKNOWN_MEMBER_ID")
        assert.strictEqual(w.log.stats().timers, first === "requests" ? 1 : 0)
      })
    )
})

describe("abandon", () => {
  it.effect("throws away a join that has not arrived", () =>
    Effect.gen(function* () {
      const w = yield* scripted("joinGroup", [{}, {}, { delayRequest: 1_000 }])
      const a = yield* w.client("a")
      const member = yield* alone(a)
      const joining = yield* background(codeOf(a.joinGroup(joinRequest(member.memberId))))
      yield* a.abandon
      assert.strictEqual(yield* Fiber.join(joining), "CONNECTION")
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual([w.log.group(group).state, w.log.group(group).generation], ["Stable", 1])
      assert.strictEqual((yield* a.joinGroup(joinRequest(member.memberId))).generation, 2)
    })
  )

  for (const [where, plan] of [
    ["the way there", { delayRequest: 1_000 }],
    ["the way back", { delayAnswer: 1_000 }]
  ] as const)
    it.effect(`brings the id of a new member's join that was given up on ${where}, and sends no join with it`, () =>
      Effect.gen(function* () {
        const w = yield* scripted("joinGroup", [plan])
        const a = yield* w.client("a")
        const given: Array<string> = []
        const joining = yield* background(codeOf(a.joinGroup(joinRequest(), (id) => given.push(id))))
        yield* a.abandon
        assert.strictEqual(yield* Fiber.join(joining), "CONNECTION")
        assert.deepStrictEqual(given, [])
        yield* TestClock.adjust(1_000)
        assert.deepStrictEqual(given, [...w.log.group(group).given])
        assert.lengthOf(given, 1)
        assert.deepStrictEqual(w.log.group(group).members, [])
        yield* a.leaveGroup(given[0]!)
        assert.deepStrictEqual(w.log.group(group).given, [])
        yield* alone(a)
      })
    )

  it.effect("does not take back a join that has arrived, and touches no other connection", () =>
    Effect.gen(function* () {
      const w = yield* scripted("offsetCommit", [{ delayRequest: 1_000 }])
      const [a, b] = [yield* w.client("a"), yield* w.client("b")]
      const [first] = yield* pair(a, b)
      const joining = yield* background(codeOf(a.joinGroup(joinRequest(first.memberId))))
      const committing = yield* background(codeOf(a.offsetCommit(first, commit(1))))
      yield* a.abandon
      assert.strictEqual(yield* Fiber.join(joining), "CONNECTION")
      assert.deepStrictEqual(
        w.log.group(group).members.map((m) => m.waitsFor),
        ["join", null]
      )
      yield* TestClock.adjust(1_000)
      assert.strictEqual(yield* Fiber.join(committing), "OK")
    })
  )
})

describe("a client", () => {
  it.effect("that is cut off loses its membership, and learns it when the network is back", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world({ requestTimeout: 1_000 })
      const [a, b] = [yield* client("a"), yield* client("b")]
      const [first, second] = yield* pair(a, b)
      let cut = true
      yield* log.intercept(({ clientId }) => (cut && clientId === "a" ? { lose: "request" } : undefined))
      const beats: Array<string> = []
      yield* background(
        Effect.forever(
          Effect.andThen(
            Effect.tap(codeOf(a.heartbeat(first)), (code) => Effect.sync(() => beats.push(code))),
            Effect.sleep(2_000)
          )
        )
      )
      for (let i = 0; i < 4; i++) {
        yield* TestClock.adjust(3_000)
        yield* codeOf(b.heartbeat(second))
      }
      assert.deepStrictEqual(new Set(beats), new Set(["TIMEOUT"]))
      assert.deepStrictEqual(
        log.group(group).members.map((m) => m.clientId),
        ["b"]
      )
      cut = false
      yield* TestClock.adjust(3_000)
      assert.strictEqual(beats.at(-1), "UNKNOWN_MEMBER_ID")
    })
  )

  it.effect("that closes leaves no wait and no connection behind, but what it sent arrives", () =>
    Effect.gen(function* () {
      const w = yield* scripted("offsetCommit", [{ delayRequest: 1_000 }])
      const scope = yield* Scope.make()
      const a = yield* Scope.provide(w.client("a"), scope)
      const member = yield* alone(a)
      const before = w.log.stats()
      const fetching = yield* background(codeOf(a.fetch(1, [{ tp, offset: 0 }], wait)))
      const unheard = yield* background(a.fetch(1, [{ tp, offset: 0 }], wait))
      yield* Fiber.interrupt(unheard)
      const committing = yield* background(codeOf(a.offsetCommit(member, commit(1))))
      assert.strictEqual(w.log.stats().waitingFetches, 2)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Fiber.join(fetching), "CONNECTION")
      assert.strictEqual(yield* Fiber.join(committing), "CONNECTION")
      const { openConnections, timers, waitingFetches } = w.log.stats()
      assert.deepStrictEqual([openConnections, waitingFetches], [0, 0])
      assert.strictEqual(timers, before.timers + 1, "the commit under way")
      yield* TestClock.adjust(1_000)
      assert.strictEqual(committed(w), 1)
    })
  )
})

describe("a script", () => {
  it.effect("sees each request with its client, and ends with its Scope", () =>
    Effect.gen(function* () {
      const { client, log } = yield* world()
      const a = yield* client("a")
      const seen: Array<unknown> = []
      yield* Effect.scoped(
        Effect.andThen(
          log.intercept((request) => {
            seen.push(request)
            return { fail: "OTHER" }
          }),
          codeOf(a.heartbeat({ memberId: "m", generation: 3 }))
        )
      )
      assert.deepStrictEqual(seen, [
        { clientId: "a", group, op: "heartbeat", member: { memberId: "m", generation: 3 } }
      ])
      assert.strictEqual(yield* codeOf(a.heartbeat({ memberId: "m", generation: 3 })), "UNKNOWN_MEMBER_ID")
      assert.strictEqual(seen.length, 1)
    })
  )
})
