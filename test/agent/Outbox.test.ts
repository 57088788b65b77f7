/**
 * The promises of the agent's sending side, against a log whose every answer the test gives, on virtual time:
 * never an older round after a newer one of its source, nothing given up is sent, one source's trouble is its own.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Layer, Logger, Queue, type Scope } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import type { Round } from "../../src/agent/AgentSource.ts"
import * as Outbox from "../../src/agent/Outbox.ts"
import { partitionOf } from "../../src/agent/Partitioner.ts"
import { Rhythm } from "../../src/metrics/rounds/Rhythm.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import {
  type Held,
  type OutgoingRecord,
  type Producer,
  TransportError,
  type TransportErrorCode
} from "../../src/transport/Transport.ts"

interface Call {
  readonly records: ReadonlyArray<OutgoingRecord>
  /** `round#chunk` of each record, without the epoch. */
  readonly sent: ReadonlyArray<string>
  readonly source: string
  /** When it was made. */
  readonly at: number
  readonly accept: Effect.Effect<void>
  readonly fail: (code: TransportErrorCode, retriable?: boolean, holds?: Held) => Effect.Effect<void>
  /** Nobody waits for it any more. */
  interrupted: boolean
}

const decode = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString()
const header = (record: OutgoingRecord, name: string) => decode(record.headers[name])
const label = (record: OutgoingRecord) => `${header(record, "k2p-round").split(".")[1]}#${header(record, "k2p-chunk")}`

/** A producer whose calls wait for the test's answer. */
const scripted = Effect.gen(function* () {
  const calls = yield* Queue.unbounded<Call>()
  const clock: { ahead: number | undefined } = { ahead: undefined }
  const producer: Producer = {
    produce: Effect.fnUntraced(function* (records) {
      const answer = yield* Deferred.make<void, TransportError>()
      const call: Call = {
        interrupted: false,
        records,
        sent: records.map(label),
        source: decode(records[0]?.key),
        at: yield* Effect.clockWith((clock) => clock.currentTimeMillis),
        accept: Effect.asVoid(Deferred.succeed(answer, undefined)),
        fail: (code, retriable = true, holds = { partitions: [] }) =>
          Effect.asVoid(
            Deferred.fail(answer, new TransportError({ op: "produce", code, retriable, detail: "", holds }))
          )
      }
      yield* Queue.offer(calls, call)
      yield* Effect.onInterrupt(Deferred.await(answer), () =>
        Effect.sync(() => {
          call.interrupted = true
        })
      )
    }),
    metadata: () => Effect.succeed([]),
    clockAhead: () => clock.ahead
  }
  return { producer, next: Queue.take(calls), calls, clock }
})

const giveUpAfter = 45_000
const options: Outbox.OutboxOptions = {
  topic: "metrics",
  epoch: 7,
  labels: { dc: "x" },
  giveUpAfter,
  maxBytes: 1_000_000_000,
  maxRequestBytes: 1_000_000,
  compression: "none"
}
const base = 8

const setUp = Effect.fnUntraced(function* (maxBytes = 1_000_000_000) {
  const log = yield* scripted
  const metrics = yield* SelfMetrics
  const outbox = yield* Outbox.make({ ...options, maxBytes }, Effect.succeed({ producer: log.producer, base }))
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

const offer = (outbox: Outbox.Outbox, source: string, text = "a 1\n", change: Partial<Round> = {}) =>
  Effect.flatMap(
    Effect.clockWith((clock) => clock.currentTimeMillis),
    (time) =>
      outbox.offer({
        ...{ source, job: "app", origin: `/d/${source}`, text: Buffer.from(text), format: "text", time, age: 0 },
        ...change
      })
  )

/** A name whose partition is not that of `other`. */
const elsewhere = (other: string): string => {
  const of = (name: string) => partitionOf(Buffer.from(name), base)
  for (let i = 0; ; i++) if (of(`s${i}`) !== of(other)) return `s${i}`
}

/** Another name whose partition is that of `other`. */
const neighbour = (other: string): string => {
  const of = (name: string) => partitionOf(Buffer.from(name), base)
  for (let i = 0; ; i++) if (of(`s${i}`) === of(other)) return `s${i}`
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
      for (const code of ["CONNECTION", "TIMEOUT", "NOT_LEADER"] as const) {
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

  test("sources of one partition do not wait for each other, and what is given up is taken back from the producer", () =>
    Effect.gen(function* () {
      const { next, outbox, outcomes } = yield* setUp()
      const other = neighbour("a")
      yield* offer(outbox, "a")
      yield* offer(outbox, other)
      const both = [yield* next, yield* next]
      assert.deepStrictEqual(
        both.map((call) => call.source),
        ["a", other]
      )
      yield* both[1]!.accept
      yield* TestClock.adjust(giveUpAfter)
      yield* outbox.idle
      assert.deepStrictEqual(
        both.map((call) => call.interrupted),
        [true, false]
      )
      assert.deepStrictEqual(yield* outcomes, { expired: 1, sent: 1 })
    }))

  test("age is counted from what the dump was at the offer, never from its own time", () =>
    Effect.gen(function* () {
      const { next, outbox, outcomes } = yield* setUp()
      yield* TestClock.setTime(10_000_000)
      // Of a disk whose clock is an hour behind.
      yield* offer(outbox, "a", "a 1\n", { time: 6_400_000, age: 40_000 })
      const call = yield* next
      yield* TestClock.adjust(4_999)
      assert.isFalse(call.interrupted)
      yield* TestClock.adjust(1)
      yield* outbox.idle
      assert.isTrue(call.interrupted)
      assert.deepStrictEqual(yield* outcomes, { expired: 1 })
    }))

  test("a machine that was suspended gives up by the wall clock what is old by now", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let asleep = 0
      // Of a suspended machine the monotonic clock, which also drives the timers, stands still.
      const suspended: Clock.Clock = Object.assign(Object.create(clock), {
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + asleep
      })
      const { next, outbox, outcomes } = yield* Effect.provideService(setUp(), Clock.Clock, suspended)
      yield* offer(outbox, "a")
      const call = yield* next
      asleep = giveUpAfter
      yield* call.fail("CONNECTION")
      yield* TestClock.adjust(3_000)
      yield* outbox.idle
      assert.deepStrictEqual(yield* outcomes, { expired: 1 })
    }))

  test("each source's rounds are numbered by themselves, so that pods know the interval of a slow one beside quick ones", () =>
    Effect.gen(function* () {
      const { next, outbox } = yield* setUp()
      const slow = new Rhythm()
      const quick = new Rhythm()
      for (let second = 0; second < 1_000; second++) {
        for (const source of second % 150 === 0 ? ["quick", "slow"] : ["quick"]) {
          yield* offer(outbox, source)
          const call = yield* next
          const [epoch, round] = header(call.records[0]!, "k2p-round").split(".").map(Number)
          const number = { epoch: epoch!, round: round! }
          ;(source === "slow" ? slow : quick).note({ number, appended: second * 1_000, first: second })
          yield* call.accept
          yield* outbox.idle
        }
        yield* TestClock.adjust(1_000)
      }
      assert.deepStrictEqual([slow.span(90_000), quick.span(90_000)], [450_000, 90_000])
    }))

  test("a source that left and comes back goes on behind its last number", () =>
    Effect.gen(function* () {
      const { next, outbox, settled } = yield* setUp()
      for (const number of ["1#1/1", "2#1/1", "3#1/1"]) {
        yield* offer(outbox, "a")
        const call = yield* next
        assert.deepStrictEqual(call.sent, [number])
        outbox.gone("a")
        yield* call.accept
        yield* outbox.idle
        yield* settled
        assert.strictEqual(outbox.sources().length, 0)
      }
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
        time: 1_000_000 - giveUpAfter,
        age: giveUpAfter
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
      assert.deepInclude(outbox.sources()[0], { round: "7.2", sentRound: "7.2", problem: "", pending: 0 })
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

  test("a broker that fails is told once for all its partitions, and its end once when the last of them takes records", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void told.push(String(message)))])
      const outage = Effect.gen(function* () {
        const { next, outbox } = yield* setUp()
        const sources = ["a", elsewhere("a")]
        const partitions = sources.map((source) => partitionOf(Buffer.from(source), base))
        const holds = { partitions: partitions.map((partition) => ({ topic: "metrics", partition })) }
        const ofBroker = { ...holds, broker: "10.0.0.2:9092" }
        for (const source of sources) yield* offer(outbox, source)
        for (const [code, held] of [
          ["CONNECTION", ofBroker],
          ["TIMEOUT", ofBroker],
          ["NOT_LEADER", holds]
        ] as const) {
          for (const _ of sources) yield* Effect.flatMap(next, (call) => call.fail(code, true, held))
          yield* TestClock.adjust(3_000)
        }
        const calls = [yield* next, yield* next]
        yield* calls[0]!.accept
        yield* TestClock.adjust(1)
        assert.strictEqual(told.length, 1)
        yield* calls[1]!.accept
        yield* outbox.idle
        const list = partitions.toSorted().join(", ")
        assert.match(told[0]!, new RegExp(`^broker 10.0.0.2:9092 does not take records of partitions ${list} of topic`))
        assert.match(told[1]!, new RegExp(`^partitions ${list} of topic metrics take records again`))
        assert.strictEqual(told.length, 2)
      })
      yield* Effect.provide(outage, logger)
    }))

  test("a round that was given up half way names the uplink and the compression that is not set, once until one gets through", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void told.push(String(message)))])
      const slow = Effect.gen(function* () {
        const { next, outbox } = yield* setUp()
        const text = "a 1\n".repeat(500_000)
        for (let i = 0; i < 2; i++) {
          yield* offer(outbox, "a", text)
          yield* Effect.flatMap(next, (call) => call.accept)
          yield* next
          yield* TestClock.adjust(giveUpAfter)
          yield* outbox.idle
        }
        assert.strictEqual(told.length, 1)
        assert.match(
          told[0]!,
          /uplink is too slow for it, 99\d{4} of its 2000000 bytes .* --compression is not set: gzip/
        )
      })
      yield* Effect.provide(slow, logger)
    }))

  test("a chunk that the brokers refuse as too large names the option and their setting", () =>
    Effect.gen(function* () {
      const { next, outbox } = yield* setUp()
      yield* offer(outbox, "a")
      yield* Effect.flatMap(next, (call) => call.fail("MESSAGE_TOO_LARGE", false))
      yield* outbox.idle
      assert.match(outbox.sources()[0]!.problem, /--max-request-bytes is 1000000: set it below .*max\.message\.bytes/)
    }))

  test("a clock that is not the brokers' is told once, and once when it is right again", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void told.push(String(message)))])
      const off = Effect.gen(function* () {
        const { clock, metrics, next, outbox } = yield* setUp()
        const seconds: Array<number | undefined> = []
        for (const ahead of [undefined, 59_000, 612_000, 613_000, 1_000, -61_000]) {
          clock.ahead = ahead
          yield* offer(outbox, "a")
          yield* Effect.flatMap(next, (call) => call.accept)
          yield* outbox.idle
          seconds.push((yield* Effect.promise(() => metrics.agentClockAhead.get())).values[0]?.value)
        }
        assert.deepStrictEqual(seconds, [undefined, 59, 612, 613, 1, -61])
      })
      yield* Effect.provide(off, logger)
      assert.deepStrictEqual(
        told.map((line) => line.slice(0, line.indexOf(" of topic"))),
        [
          "this machine's clock is 612 s ahead of the brokers'",
          "this machine's clock agrees with the brokers'",
          "this machine's clock is 61 s behind the brokers'"
        ]
      )
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

  test("what no record can carry is not sent: a line is left out, a dump of such lines alone and an id refused by name", () =>
    Effect.gen(function* () {
      const { next, outbox, outcomes, settled } = yield* setUp()
      const long = `b{l="${"x".repeat(1_000_000)}"} 1\n`
      yield* offer(outbox, "a", `a 1\n${long}`)
      const call = yield* next
      assert.strictEqual(Buffer.from(call.records[0]!.value!).toString(), "a 1\n")
      yield* call.accept
      yield* offer(outbox, "b", long)
      yield* offer(outbox, "x".repeat(600))
      yield* settled
      assert.match(outbox.sources()[1]?.problem ?? "", /line 1 .* 1000\d+ bytes/)
      assert.match(outbox.sources()[2]?.problem ?? "", /source id has 600 bytes/)
      assert.deepStrictEqual(yield* outcomes, { sent: 1, refused: 2 })
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
      const atFirst = { ...options, topic: "t", epoch: 1, labels: {}, maxBytes: 1000 }
      const outbox = yield* Outbox.make(atFirst, Deferred.await(reached))
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
        const atFirst = { ...options, topic: "t", epoch: 1, labels: {}, maxBytes: 1000 }
        const outbox = yield* Outbox.make(atFirst, Deferred.await(reached))
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
        assert.deepStrictEqual(call.sent, ["2#1/1"])
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
              const offeredAt = new Map<string, number>()
              const numbers = new Map<string, number>()
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
                  offered++
                  const number = (numbers.get(step.source) ?? 0) + 1
                  numbers.set(step.source, number)
                  offeredAt.set(`${step.source} ${number}`, yield* Effect.clockWith((clock) => clock.currentTimeMillis))
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
                assert.isBelow(at - offeredAt.get(`${source} ${round}`)!, giveUpAfter, "sent after it was given up")
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
