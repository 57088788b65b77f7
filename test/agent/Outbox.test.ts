/**
 * The promises of the agent's sending side, against a log whose every answer the test gives, on virtual time:
 * never an older round after a newer one of its source, nothing given up is sent, one source's trouble is its own.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Logger, Queue, type Scope } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import type { Round } from "../../src/agent/AgentSource.ts"
import * as Outbox from "../../src/agent/Outbox.ts"
import { partitionOf } from "../../src/agent/Partitioner.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { type OutgoingRecord, type Producer, TransportError } from "../../src/transport/Transport.ts"

interface Call {
  readonly records: ReadonlyArray<OutgoingRecord>
  /** `round#chunk` of each record, without the epoch. */
  readonly sent: ReadonlyArray<string>
  readonly source: string
  /** When it was made. */
  readonly at: number
  readonly accept: Effect.Effect<void>
  readonly fail: (code: string, retriable?: boolean) => Effect.Effect<void>
}

const decode = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString()
const header = (record: OutgoingRecord, name: string) => decode(record.headers[name])
const label = (record: OutgoingRecord) => `${header(record, "k2p-round").split(".")[1]}#${header(record, "k2p-chunk")}`

/** A producer whose calls wait for the test's answer. */
const scripted = Effect.gen(function* () {
  const calls = yield* Queue.unbounded<Call>()
  const producer: Producer = {
    produce: Effect.fnUntraced(function* (records) {
      const answer = yield* Deferred.make<void, TransportError>()
      yield* Queue.offer(calls, {
        records,
        sent: records.map(label),
        source: decode(records[0]?.key),
        at: yield* Effect.clockWith((clock) => clock.currentTimeMillis),
        accept: Effect.asVoid(Deferred.succeed(answer, undefined)),
        fail: (code, retriable = true) =>
          Effect.asVoid(Deferred.fail(answer, new TransportError({ op: "produce", code, retriable, detail: "" })))
      })
      yield* Deferred.await(answer)
    }),
    metadata: () => Effect.succeed([])
  }
  return { producer, next: Queue.take(calls), calls }
})

const giveUpAfter = 45_000
const base = 8

const setUp = Effect.fnUntraced(function* (maxBytes = 1_000_000_000) {
  const log = yield* scripted
  const metrics = yield* SelfMetrics
  const outbox = yield* Outbox.make(
    { topic: "metrics", epoch: 7, labels: { dc: "x" }, giveUpAfter, maxBytes },
    Effect.succeed({ producer: log.producer, base })
  )
  return {
    ...log,
    outbox,
    metrics,
    /** Every round is one of these, once. */
    outcomes: Effect.map(
      Effect.promise(() => metrics.agentRounds.get()),
      ({ values }): Record<string, number> =>
        Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]))
    ),
    /** Lets every fiber run until it waits. */
    settled: TestClock.adjust(0)
  }
})

const offer = (outbox: Outbox.Outbox, source: string, text = "a 1\n") =>
  Effect.flatMap(
    Effect.clockWith((clock) => clock.currentTimeMillis),
    (time) => {
      const round: Round = { source, job: "app", origin: `/d/${source}`, text: Buffer.from(text), format: "text", time }
      return outbox.offer(round)
    }
  )

/** A name whose partition is not that of `other`. */
const elsewhere = (other: string): string => {
  const of = (name: string) => partitionOf(Buffer.from(name), base)
  for (let i = 0; ; i++) if (of(`s${i}`) !== of(other)) return `s${i}`
}

describe("Outbox", () => {
  const test = (name: string, body: () => Effect.Effect<void, never, SelfMetrics | Scope.Scope>) =>
    it.effect(name, () => Effect.provide(body(), Layer.merge(SelfMetrics.layerBare, Logger.layer([]))))

  test("a round is a record with its source's key, its number and its labels", () =>
    Effect.gen(function* () {
      const { next, outbox } = yield* setUp()
      yield* TestClock.setTime(1_234)
      yield* offer(outbox, "h/app")
      const { records } = yield* next
      assert.deepStrictEqual(records.length, 1)
      const record = records[0]!
      assert.strictEqual(record.partition, partitionOf(Buffer.from("h/app"), base))
      assert.strictEqual(decode(record.key), "h/app")
      assert.strictEqual(decode(record.value), "a 1\n")
      assert.deepStrictEqual(
        Object.keys(record.headers).map((name) => [name, header(record, name)]),
        [
          ["content-type", "text/plain; version=0.0.4; charset=utf-8"],
          ["k2p-source", "h/app"],
          ["k2p-round", "7.1"],
          ["k2p-time", "1234"],
          ["k2p-mode", "snapshot"],
          ["k2p-labels", '{"job":"app","dc":"x"}'],
          ["k2p-chunk", "1/1"]
        ]
      )
    }))

  test("rounds of a source are sent one at a time, and of those that wait only the newest", () =>
    Effect.gen(function* () {
      const { calls, next, outbox, outcomes, settled } = yield* setUp()
      for (let i = 0; i < 4; i++) yield* offer(outbox, "a")
      const first = yield* next
      yield* settled
      assert.strictEqual(Queue.sizeUnsafe(calls), 0)
      yield* first.accept
      const second = yield* next
      yield* second.accept
      yield* outbox.idle
      assert.deepStrictEqual([first.sent, second.sent], [["1#1/1"], ["4#1/1"]])
      assert.deepStrictEqual(yield* outcomes, { sent: 2, superseded: 2 })
    }))

  test("a failed round is tried again with the same number until the log has it", () =>
    Effect.gen(function* () {
      const { next, outbox, outcomes, metrics } = yield* setUp()
      yield* offer(outbox, "a")
      for (const code of ["CONNECTION", "TIMEOUT", "NOT_LEADER"]) {
        const call = yield* next
        assert.deepStrictEqual(call.sent, ["1#1/1"])
        yield* call.fail(code)
        yield* TestClock.adjust(3_000)
      }
      yield* Effect.flatMap(next, (call) => call.accept)
      yield* outbox.idle
      assert.deepStrictEqual(yield* outcomes, { sent: 1 })
      const errors = yield* Effect.promise(() => metrics.agentErrors.get())
      assert.deepStrictEqual(
        errors.values.map(({ labels, value }) => [labels.code, value]),
        [
          ["CONNECTION", 1],
          ["TIMEOUT", 1],
          ["NOT_LEADER", 1]
        ]
      )
    }))

  test("a failed round is not tried again once a newer one of its source waits", () =>
    Effect.gen(function* () {
      const { next, outbox, outcomes } = yield* setUp()
      yield* offer(outbox, "a")
      const first = yield* next
      yield* offer(outbox, "a")
      yield* first.fail("TIMEOUT")
      const second = yield* next
      assert.deepStrictEqual(second.sent, ["2#1/1"])
      yield* second.accept
      yield* outbox.idle
      assert.deepStrictEqual(yield* outcomes, { sent: 1, superseded: 1 })
    }))

  test("a round is given up for good when it is half the expiry old", () =>
    Effect.gen(function* () {
      const { calls, next, outbox, outcomes } = yield* setUp()
      yield* offer(outbox, "a")
      let tries = 0
      for (let now = 0; now < giveUpAfter; now += 1_000) {
        while (Queue.sizeUnsafe(calls) > 0) {
          tries++
          yield* Effect.flatMap(next, (call) => call.fail("CONNECTION"))
        }
        yield* TestClock.adjust(1_000)
      }
      assert.isAbove(tries, 10)
      yield* Queue.clear(calls)
      // A pause between two tries may end after the limit; it ends without another one.
      yield* TestClock.adjust(3_000)
      yield* outbox.idle
      yield* TestClock.adjust(giveUpAfter)
      assert.strictEqual(Queue.sizeUnsafe(calls), 0)
      assert.deepStrictEqual(yield* outcomes, { expired: 1 })
    }))

  test("an attempt that nobody answers ends when its round is given up, and the next round goes out", () =>
    Effect.gen(function* () {
      const { next, outbox, outcomes } = yield* setUp()
      yield* offer(outbox, "a")
      const hung = yield* next
      yield* TestClock.adjust(giveUpAfter - 1)
      yield* offer(outbox, "a")
      yield* TestClock.adjust(1)
      const second = yield* next
      assert.deepStrictEqual(second.sent, ["2#1/1"])
      yield* hung.accept
      yield* second.accept
      yield* outbox.idle
      assert.deepStrictEqual(yield* outcomes, { expired: 1, sent: 1 })
    }))

  test("a round that waited too long behind another source of its partition is not sent", () =>
    Effect.gen(function* () {
      const { calls, next, outbox, outcomes } = yield* setUp()
      const other = (() => {
        for (let i = 0; ; i++)
          if (partitionOf(Buffer.from(`s${i}`), base) === partitionOf(Buffer.from("a"), base)) return `s${i}`
      })()
      yield* offer(outbox, "a")
      yield* next
      yield* offer(outbox, other)
      yield* TestClock.adjust(giveUpAfter)
      yield* outbox.idle
      assert.strictEqual(Queue.sizeUnsafe(calls), 0)
      assert.deepStrictEqual(yield* outcomes, { expired: 2 })
    }))

  test("a dump that was already that old when it was read is not sent", () =>
    Effect.gen(function* () {
      const { calls, outbox, outcomes, settled } = yield* setUp()
      yield* TestClock.setTime(1_000_000)
      const text = Buffer.from("a 1\n")
      yield* outbox.offer({
        source: "a",
        job: "a",
        origin: "/d/a",
        text,
        format: "text",
        time: 1_000_000 - giveUpAfter
      })
      yield* settled
      assert.strictEqual(Queue.sizeUnsafe(calls), 0)
      assert.deepStrictEqual(yield* outcomes, { expired: 1 })
    }))

  test("what the log refuses of one source holds no other, and its next round is tried anew", () =>
    Effect.gen(function* () {
      const { next, outbox, outcomes } = yield* setUp()
      yield* offer(outbox, "a")
      yield* Effect.flatMap(next, (call) => call.fail("MESSAGE_TOO_LARGE", false))
      yield* offer(outbox, "b")
      const other = yield* next
      assert.strictEqual(other.source, "b")
      yield* other.accept
      yield* outbox.idle
      assert.include(outbox.sources()[0]?.problem, "MESSAGE_TOO_LARGE")
      yield* offer(outbox, "a")
      yield* Effect.flatMap(next, (call) => call.accept)
      yield* outbox.idle
      assert.deepInclude(outbox.sources()[0], { round: "7.3", sentRound: "7.3", problem: "", pending: 0 })
      assert.deepStrictEqual(yield* outcomes, { refused: 1, sent: 2 })
    }))

  test("a partition that answers nothing holds its own sources only", () =>
    Effect.gen(function* () {
      const { next, outbox } = yield* setUp()
      yield* offer(outbox, "a")
      yield* next
      const other = elsewhere("a")
      yield* offer(outbox, other)
      const call = yield* next
      assert.strictEqual(call.source, other)
    }))

  test("a trouble is told once when it begins and once when it ends, however many rounds it lasts", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void told.push(String(message)))])
      const outage = Effect.gen(function* () {
        const { next, outbox } = yield* setUp()
        for (let i = 0; i < 5; i++) {
          yield* offer(outbox, "a")
          yield* Effect.flatMap(next, (call) => call.fail("CONNECTION"))
          yield* TestClock.adjust(3_000)
        }
        yield* Effect.flatMap(next, (call) => call.accept)
        yield* outbox.idle
        for (let i = 0; i < 3; i++) {
          yield* offer(outbox, "a")
          yield* Effect.flatMap(next, (call) => call.fail("MESSAGE_TOO_LARGE", false))
          yield* outbox.idle
        }
        yield* offer(outbox, "a")
        yield* Effect.flatMap(next, (call) => call.accept)
        yield* outbox.idle
      })
      yield* Effect.provide(outage, logger)
      const partition = partitionOf(Buffer.from("a"), base)
      assert.deepStrictEqual(
        told.map((line) => line.slice(0, 50)),
        [
          `partition ${partition} of topic metrics does not take records: produc`,
          `partition ${partition} of topic metrics takes records again`,
          "/d/a (source a) is not sent: the log refused it (produce: ME",
          "/d/a (source a) is sent again"
        ].map((line) => line.slice(0, 50))
      )
    }))

  test("rounds that are given up are told once for a partition, by name and consequence, until it takes records again", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void told.push(String(message)))])
      const silence = Effect.gen(function* () {
        const { next, outbox, outcomes } = yield* setUp()
        for (let i = 0; i < 3; i++) {
          yield* offer(outbox, "a")
          yield* next
          yield* TestClock.adjust(giveUpAfter)
          yield* outbox.idle
        }
        yield* offer(outbox, "a")
        yield* Effect.flatMap(next, (call) => call.accept)
        yield* outbox.idle
        assert.deepStrictEqual(yield* outcomes, { expired: 3, sent: 1 })
      })
      yield* Effect.provide(silence, logger)
      assert.strictEqual(told.length, 2)
      assert.match(
        told[0]!,
        /^round 7\.1 of \/d\/a \(source a\) is given up after 45 s: partition \d of topic metrics did not take/
      )
      assert.match(told[0]!, /the source leaves the pods unless a newer one is in time/)
      assert.match(told[1]!, /takes records again$/)
    }))

  test("chunks of a round go in requests of bounded size, and go on from the one that failed", () =>
    Effect.gen(function* () {
      const { next, outbox, outcomes, metrics } = yield* setUp()
      let text = ""
      for (let i = 0; text.length < 2_500_000; i++) text += `# TYPE f${i} gauge\nf${i}{l="${"x".repeat(60)}"} ${i}\n`
      yield* offer(outbox, "a", text)
      let value = ""
      for (const [chunk, failures] of [
        ["1#1/3", 0],
        ["1#2/3", 2],
        ["1#3/3", 1]
      ] as const)
        for (let i = 0; i <= failures; i++) {
          const call = yield* next
          assert.deepStrictEqual(call.sent, [chunk])
          const record = call.records[0]!
          let size = (record.key?.length ?? 0) + (record.value?.length ?? 0)
          for (const name in record.headers) size += name.length + record.headers[name]!.length
          assert.isBelow(size, 1_000_000)
          if (i === failures) {
            value += decode(record.value)
            yield* call.accept
          } else {
            yield* call.fail("TIMEOUT")
            yield* TestClock.adjust(3_000)
          }
        }
      yield* outbox.idle
      assert.strictEqual(value, text)
      assert.deepStrictEqual(yield* outcomes, { sent: 1 })
      const chunks = yield* Effect.promise(() => metrics.agentChunks.get())
      const bytes = yield* Effect.promise(() => metrics.agentBytes.get())
      assert.deepStrictEqual([chunks.values[0]?.value, bytes.values[0]?.value], [3, text.length])
    }))

  test("a dump that no record can carry is refused by name, and nothing of it is sent", () =>
    Effect.gen(function* () {
      const { calls, outbox, outcomes, settled } = yield* setUp()
      yield* offer(outbox, "a", `b{l="${"x".repeat(1_000_000)}"} 1\n`)
      yield* offer(outbox, "x".repeat(600))
      yield* settled
      assert.strictEqual(Queue.sizeUnsafe(calls), 0)
      assert.match(outbox.sources()[0]?.problem ?? "", /line 1 of the dump has 1000\d+ bytes/)
      assert.match(outbox.sources()[1]?.problem ?? "", /source id has 600 bytes/)
      assert.deepStrictEqual(yield* outcomes, { refused: 2 })
    }))

  test("a line that no record can carry is left out, counted each time, and told when that begins and when it ends", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void told.push(String(message)))])
      const { metrics, next, outbox, outcomes } = yield* setUp()
      const long = `b{l="${"x".repeat(1_000_000)}"} 1\n`
      const rounds = Effect.gen(function* () {
        for (const text of [`a 1\n${long}`, `a 2\n${long}${long}`, "a 3\n", "a 4\n"]) {
          yield* offer(outbox, "a", text)
          const call = yield* next
          assert.strictEqual(decode(call.records[0]?.value), `${text.slice(0, 3)}\n`)
          yield* call.accept
          yield* outbox.idle
        }
      })
      yield* Effect.provide(rounds, logger)
      assert.lengthOf(told, 2)
      assert.match(
        told[0]!,
        /^\/d\/a \(source a\) is sent without 1 of its lines: line 2 of the dump has 1000\d+ bytes/
      )
      assert.strictEqual(told[1], "/d/a (source a) is sent whole again")
      assert.deepStrictEqual(yield* outcomes, { sent: 4 })
      const { values } = yield* Effect.promise(() => metrics.agentLinesLeftOut.get())
      assert.strictEqual(values[0]?.value, 3)
    }))

  test("what is held is bounded, and a round that would only replace its own waiting one has room", () =>
    Effect.gen(function* () {
      const { next, outbox } = yield* setUp(10)
      yield* offer(outbox, "a", "a 1\n")
      const first = yield* next
      yield* offer(outbox, "a", "a 2\n")
      assert.strictEqual(outbox.bytes(), 8)
      assert.deepStrictEqual([outbox.room("b", 3), outbox.room("b", 2), outbox.room("a", 6)], [false, true, true])
      yield* first.accept
      yield* Effect.flatMap(next, (call) => call.accept)
      yield* outbox.idle
      assert.strictEqual(outbox.bytes(), 0)
    }))

  test("rounds wait until the log is reached for the first time", () =>
    Effect.gen(function* () {
      const log = yield* scripted
      const reached = yield* Deferred.make<Outbox.Connection>()
      const options = { topic: "t", epoch: 1, labels: {}, giveUpAfter, maxBytes: 1000 }
      const outbox = yield* Outbox.make(options, Deferred.await(reached))
      yield* offer(outbox, "a")
      yield* TestClock.adjust(1_000)
      yield* offer(outbox, "a")
      assert.strictEqual(Queue.sizeUnsafe(log.calls), 0)
      yield* Deferred.succeed(reached, { producer: log.producer, base: 1 })
      assert.deepStrictEqual((yield* log.next).sent, ["2#1/1"])
    }))

  test("a round is given up, told and freed although the log was never reached; a newer one waits on", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void told.push(String(message)))])
      const away = Effect.gen(function* () {
        const log = yield* scripted
        const reached = yield* Deferred.make<Outbox.Connection>()
        const metrics = yield* SelfMetrics
        const options = { topic: "t", epoch: 1, labels: {}, giveUpAfter, maxBytes: 1000 }
        const outbox = yield* Outbox.make(options, Deferred.await(reached))
        yield* offer(outbox, "a")
        yield* offer(outbox, "b")
        yield* TestClock.adjust(giveUpAfter - 1)
        yield* offer(outbox, "b")
        assert.strictEqual(outbox.bytes(), 8)
        yield* TestClock.adjust(1)
        assert.strictEqual(outbox.bytes(), 4)
        yield* TestClock.adjust(giveUpAfter - 2)
        assert.strictEqual(outbox.bytes(), 4)
        yield* TestClock.adjust(1)
        yield* outbox.idle
        yield* offer(outbox, "a")
        yield* Deferred.succeed(reached, { producer: log.producer, base: 1 })
        const call = yield* log.next
        assert.deepStrictEqual(call.sent, ["4#1/1"])
        yield* call.accept
        yield* outbox.idle
        const { values } = yield* Effect.promise(() => metrics.agentRounds.get())
        assert.deepStrictEqual(
          values.map(({ labels, value }) => [labels.outcome, value]),
          [
            ["superseded", 1],
            ["expired", 2],
            ["sent", 1]
          ]
        )
      })
      yield* Effect.provide(away, logger)
      assert.strictEqual(told.length, 1)
      assert.match(told[0]!, /^round 1\.1 of \/d\/a \(source a\) is given up after 45 s: topic t was not reached/)
    }))

  test("what is abandoned is counted, and a source that left is forgotten when its last round is sent", () =>
    Effect.gen(function* () {
      const { next, outbox, outcomes } = yield* setUp()
      yield* offer(outbox, "a")
      const call = yield* next
      outbox.gone("a")
      assert.strictEqual(outbox.sources().length, 1)
      yield* call.accept
      yield* outbox.idle
      yield* TestClock.adjust(0)
      assert.strictEqual(outbox.sources().length, 0)
      yield* offer(outbox, "b")
      yield* next
      yield* offer(outbox, "b")
      assert.strictEqual(outbox.abandon(), 2)
      assert.deepStrictEqual(yield* outcomes, { sent: 1, unsent: 1 })
    }))

  it("whatever the log answers and when, no round follows a newer one of its source, and every round is counted once", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            {
              weight: 3,
              arbitrary: fc.record({ op: fc.constant("offer" as const), source: fc.constantFrom("a", "b", "s0") })
            },
            {
              weight: 3,
              arbitrary: fc.record({
                op: fc.constantFrom("accept" as const, "refuse" as const, "lose" as const),
                pick: fc.nat(5)
              })
            },
            {
              weight: 2,
              arbitrary: fc.record({
                op: fc.constant("wait" as const),
                ms: fc.constantFrom(1, 200, 2_500, 20_000, 50_000)
              })
            }
          ),
          { maxLength: 60 }
        ),
        (steps) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const { calls, outbox, outcomes } = yield* setUp()
              const open: Array<Call> = []
              const attempts: Array<readonly [source: string, round: number, at: number]> = []
              const offeredAt = new Map<number, number>()
              let offered = 0
              const collect = Effect.gen(function* () {
                yield* TestClock.adjust(0)
                while (Queue.sizeUnsafe(calls) > 0) {
                  const call = yield* Queue.take(calls)
                  open.push(call)
                  attempts.push([call.source, Number.parseInt(call.sent[0]!, 10), call.at])
                }
              })
              for (const step of steps) {
                if (step.op === "offer") {
                  offeredAt.set(++offered, yield* Effect.clockWith((clock) => clock.currentTimeMillis))
                  yield* offer(outbox, step.source)
                } else if (step.op === "wait") yield* TestClock.adjust(step.ms)
                else {
                  const [call] = open.splice(step.pick % Math.max(1, open.length), 1)
                  if (call === undefined) continue
                  if (step.op === "accept") yield* call.accept
                  else yield* step.op === "refuse" ? call.fail("MESSAGE_TOO_LARGE", false) : call.fail("TIMEOUT")
                }
                yield* collect
              }
              const newest = new Map<string, number>()
              for (const [source, round, at] of attempts) {
                assert.isAtLeast(round, newest.get(source) ?? 0, "an older round after a newer one")
                assert.isBelow(at - offeredAt.get(round)!, giveUpAfter, "sent after it was given up")
                newest.set(source, round)
              }
              let rounds = 0
              for (const count of Object.values(yield* outcomes)) rounds += count
              for (const source of outbox.sources()) rounds += source.pending
              assert.strictEqual(rounds, offered)
            }).pipe(Effect.scoped, Effect.provide([SelfMetrics.layerBare, TestClock.layer(), Logger.layer([])]))
          )
      ),
      { numRuns: 60 }
    ))
})
