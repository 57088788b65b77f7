/**
 * How calls become requests, and whom a trouble holds, against brokers whose every answer the test gives. What real brokers make of the
 * requests is the contract's test, and that of test/system/agent.
 */
import { Effect, Fiber } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { failed } from "../../../src/transport/kafka/connection/Errors.ts"
import type { Address } from "../../../src/transport/kafka/connection/KafkaOptions.ts"
import type { Links } from "../../../src/transport/kafka/connection/Links.ts"
import type { MetadataAnswer } from "../../../src/transport/kafka/connection/Protocol.ts"
import { makeProducer } from "../../../src/transport/kafka/Producer.ts"
import { Backlog, Delivery, pack } from "../../../src/transport/kafka/produce/Backlog.ts"
import type { OutgoingRecord, TransportError } from "../../../src/transport/Transport.ts"

const record = (partition: number, size: number, tag: number): OutgoingRecord => ({
  topic: "t",
  partition,
  key: Buffer.from([tag]),
  value: Buffer.alloc(size),
  headers: {}
})

describe("pack", () => {
  it("sends every record once, in order within its partition, in requests under the bound or of one record", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 1_500 })), { maxLength: 60 }), (specs) => {
        const records = specs.map(([partition, size], i) => record(partition, size, i))
        const backlogs = [0, 1, 2, 3].map((partition) => new Backlog({ topic: "t", partition }))
        let ended = 0
        for (const each of records) backlogs[each.partition]!.add(new Delivery(each, [each], () => ended++))
        const sent: Array<OutgoingRecord> = []
        for (;;) {
          const parcels = pack(
            backlogs.filter((backlog) => !backlog.empty),
            1_000,
            true
          )
          if (parcels.length === 0) break
          const together = parcels.flatMap((parcel) => parcel.records)
          const bytes = together.reduce((n, { key, value }) => n + key!.length + value!.length, 0)
          assert.isTrue(together.length === 1 || bytes <= 1_000, `${together.length} records of ${bytes} bytes`)
          sent.push(...together)
          for (const parcel of parcels) parcel.backlog.took(parcel)
        }
        assert.strictEqual(ended, records.length)
        for (let partition = 0; partition < 4; partition++)
          assert.deepStrictEqual(
            sent.filter((r) => r.partition === partition),
            records.filter((r) => r.partition === partition)
          )
      })
    )
  })
})

interface Request {
  readonly node: number
  /** Tags of the records, by partition. */
  readonly tags: Readonly<Record<number, ReadonlyArray<number>>>
  /** Takes all, but partitions with another code. */
  readonly answer: (codes?: Readonly<Record<number, number>>) => void
  readonly fail: () => void
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
/** Everything that needs no answer has happened. */
const settled = async () => {
  for (let i = 0; i < 5; i++) await turn()
}
const within = async <A>(look: () => A | undefined): Promise<A> => {
  for (let i = 0; i < 10_000; i++) {
    const found = look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new Error("it did not come")
}

/** Two brokers: node 1 leads the even partitions of topic t, node 2 the odd ones. */
const brokers = () => {
  const requests: Array<Request> = []
  const questions: Array<() => void> = []
  const script = {
    unreachable: new Set<number>(),
    metadata: "at once" as "at once" | "held",
    opened: new Map<number, number>()
  }
  const answer: MetadataAnswer = {
    brokers: [1, 2].map((nodeId) => ({ nodeId, host: "10.0.0.1", port: 9090 + nodeId })),
    topicMetadata: [
      {
        ...{ topicErrorCode: 0, topic: "t" },
        partitionMetadata: [0, 1, 2, 3].map((partitionId) => ({
          ...{ partitionErrorCode: 0, partitionId, leader: 1 + (partitionId % 2), replicas: [] }
        }))
      }
    ]
  }
  const links = {
    node: (id: number) => ({ host: "10.0.0.1", port: 9090 + id }),
    suspect: () => {},
    metadata: () =>
      new Promise<MetadataAnswer>((resolve) => {
        if (script.metadata === "at once") resolve(answer)
        else questions.push(() => resolve(answer))
      }),
    get: (_role: string, { port }: Address) => {
      const node = port - 9090
      return {
        broken: false,
        opened: async () => {
          script.opened.set(node, 1 + (script.opened.get(node) ?? 0))
          if (script.unreachable.has(node)) throw failed("produce", "CONNECTION", "broker 10.0.0.1: refused")
        },
        request: (_op: string, _api: string, args: { topicData: ReadonlyArray<{ partitions: ReadonlyArray<Sent> }> }) =>
          new Promise((resolve, reject) => {
            const { partitions } = args.topicData[0]!
            requests.push({
              node,
              tags: Object.fromEntries(
                partitions.map(({ messages, partition }) => [partition, messages.map(({ key }) => key[0]!)])
              ),
              answer: (codes = {}) =>
                resolve({
                  topics: [
                    {
                      topicName: "t",
                      partitions: partitions.map(({ partition }) => ({ partition, errorCode: codes[partition] ?? 0 }))
                    }
                  ]
                }),
              fail: () => reject(failed("produce", "TIMEOUT", "broker 10.0.0.1: no answer"))
            })
          })
      }
    }
  }
  const producer = makeProducer(links as unknown as Links, {
    ...{ acks: 1, compression: "none", maxRequestBytes: 10_000, ackTimeout: 1 }
  })
  /** What became of a call: undefined while it is open. */
  const call = (...records: ReadonlyArray<OutgoingRecord>) => {
    const ended: { error?: TransportError | "none" } = {}
    const fiber = Effect.runFork(
      Effect.match(producer.produce(records), {
        onFailure: (error) => {
          ended.error = error
        },
        onSuccess: () => {
          ended.error = "none"
        }
      })
    )
    return { ended, interrupt: () => Effect.runPromise(Fiber.interrupt(fiber)) }
  }
  return { call, producer, questions, requests, script }
}

interface Sent {
  readonly partition: number
  readonly messages: ReadonlyArray<{ readonly key: Buffer }>
}

const ok = 0
const tooLarge = 10
const notLeader = 6

describe("Producer", () => {
  it("puts the calls of one moment into one request a leader, and sends nothing behind what is unanswered of a partition", async () => {
    const { call, requests } = brokers()
    for (let i = 0; i < 8; i++) call(record(i % 4, 10, i))
    await settled()
    assert.deepStrictEqual(
      requests.map(({ node, tags }) => ({ node, tags })),
      [
        { node: 1, tags: { 0: [0, 4], 2: [2, 6] } },
        { node: 2, tags: { 1: [1, 5], 3: [3, 7] } }
      ]
    )
    const late = [call(record(0, 10, 20)), call(record(0, 10, 21))]
    await settled()
    assert.lengthOf(requests, 2)
    requests[0]!.answer()
    await settled()
    assert.deepStrictEqual(requests[2]!.tags, { 0: [20, 21] })
    assert.isUndefined(late[0]!.ended.error)
  })

  it("a leader that never answers holds its own partitions, and of its partitions only those that were sent something", async () => {
    const { call, requests } = brokers()
    const stuck = call(record(1, 10, 1))
    await settled()
    for (let i = 2; i < 30; i++) {
      const healthy = [call(record(0, 10, i)), call(record(2, 10, i)), call(record(3, 10, i))]
      await settled()
      for (const request of requests.slice(1)) request.answer()
      await settled()
      assert.deepStrictEqual(
        healthy.map(({ ended }) => ended.error),
        ["none", "none", "none"]
      )
    }
    assert.isUndefined(stuck.ended.error)
  })

  it("partitions whose leader has to be learned hold none whose leader is known", async () => {
    const { call, requests, questions, script } = brokers()
    const first = call(record(0, 10, 1), record(1, 10, 1))
    await settled()
    requests[0]!.answer()
    requests[1]!.answer({ 1: notLeader })
    await settled()
    assert.match(String(first.ended.error), /NOT_LEADER/)
    script.metadata = "held"
    const unled = call(record(1, 10, 2))
    const known = call(record(0, 10, 3))
    await settled()
    requests[2]!.answer()
    await settled()
    assert.strictEqual(known.ended.error, "none")
    assert.isUndefined(unled.ended.error)
    const question = await within(() => questions[0])
    question()
    await settled()
    requests[3]!.answer()
    await settled()
    assert.strictEqual(unled.ended.error, "none")
  })

  it("a batch that is too large is sent in smaller ones, and a record that is too large fails its own call only", async () => {
    const { call, requests } = brokers()
    const calls = [10, 10, 4_000, 10, 10].map((size, i) => call(record(0, size, i)))
    const sent: Array<ReadonlyArray<number>> = []
    for (let i = 0; i < 20; i++) {
      await settled()
      const request = requests.shift()
      if (request === undefined) break
      sent.push(request.tags[0]!)
      request.answer({ 0: request.tags[0]!.includes(2) ? tooLarge : ok })
    }
    assert.deepStrictEqual(
      calls.map(({ ended }) => (ended.error === "none" ? "none" : ended.error?.code)),
      ["none", "none", "MESSAGE_TOO_LARGE", "none", "none"]
    )
    assert.deepStrictEqual(sent, [[0, 1, 2, 3, 4], [0, 1], [2], [3, 4]])
  })

  it("a call that is given up is never sent where it was not sent yet; where it was, its partition waits for the answer", async () => {
    const { call, requests } = brokers()
    const sent = call(record(0, 10, 1))
    await settled()
    const waiting = call(record(0, 10, 2))
    await waiting.interrupt()
    await sent.interrupt()
    const next = call(record(0, 10, 3))
    await settled()
    assert.lengthOf(requests, 1)
    requests[0]!.answer()
    await settled()
    assert.deepStrictEqual(requests[1]!.tags, { 0: [3] })
    requests[1]!.answer()
    await settled()
    assert.strictEqual(next.ended.error, "none")
  })

  it("a broker that is not reached fails who waits for it at once, by address, node and partitions, and is tried once a pause", async () => {
    const { call, requests, script } = brokers()
    const all = call(...[0, 1, 2, 3].map((partition) => record(partition, 10, 1)))
    await settled()
    for (const request of requests.splice(0)) request.answer()
    await settled()
    assert.strictEqual(all.ended.error, "none")
    script.unreachable.add(2)
    script.opened.clear()
    const failures: Array<TransportError> = []
    let calls = 0
    const started = performance.now()
    while (calls < 1_000 && failures.length < 8) {
      const { ended } = call(record(1, 10, 2))
      const healthy = call(record(0, 10, 2))
      calls++
      await within(() => {
        for (const request of requests.splice(0)) request.answer()
        return healthy.ended.error
      })
      if (ended.error !== undefined && ended.error !== "none") failures.push(ended.error)
    }
    // The shortest of its pauses has 50 ms.
    assert.isAtMost(script.opened.get(2)!, 2 + (performance.now() - started) / 50)
    assert.isAbove(calls, 20)
    assert.match(failures[0]!.message, /CONNECTION .*10\.0\.0\.1.*node 2, leader of t\/1, t\/3/)
    assert.deepStrictEqual(failures[0]!.holds, {
      broker: "10.0.0.1:9092",
      partitions: [
        { topic: "t", partition: 1 },
        { topic: "t", partition: 3 }
      ]
    })
  })

  it("when its Scope closes, every call ends", async () => {
    const { call, producer } = brokers()
    const calls = [call(record(0, 10, 1)), call(record(1, 10, 1))]
    await settled()
    const waiting = call(record(0, 10, 2))
    producer.close()
    await settled()
    assert.include(String(waiting.ended.error), "the client is closed")
    assert.include(String(calls[0]!.ended.error), "the client is closed")
    const after = call(record(0, 10, 3))
    await settled()
    assert.include(String(after.ended.error), "the client is closed")
  })

  it("whatever brokers answer and callers give up, a partition's calls are sent in their order, and each call is answered once", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            {
              weight: 4,
              arbitrary: fc.record({
                op: fc.constant("call" as const),
                partition: fc.nat(3),
                size: fc.constantFrom(10, 3_000, 12_000)
              })
            },
            {
              weight: 3,
              arbitrary: fc.record({
                op: fc.constantFrom("take" as const, "refuse" as const, "large" as const, "lose" as const),
                pick: fc.nat(5)
              })
            },
            { weight: 1, arbitrary: fc.record({ op: fc.constant("give up" as const), pick: fc.nat(50) }) }
          ),
          { maxLength: 40 }
        ),
        async (steps) => {
          const { call, producer, requests } = brokers()
          const calls: Array<ReturnType<typeof call> & { readonly partition: number; given: boolean }> = []
          const open: Array<Request> = []
          const sent = new Map<number, Array<number>>()
          const givenUpBefore = new Set<number>()
          const collect = async () => {
            await settled()
            for (const request of requests.splice(0)) {
              open.push(request)
              const { node: _, tags } = request
              for (const [partition, of] of Object.entries(tags)) {
                for (const other of open)
                  assert.isTrue(
                    other === request || !(partition in other.tags),
                    "two unanswered requests of a partition"
                  )
                for (const tag of of) assert.isFalse(givenUpBefore.has(tag), "sent after it was given up")
                sent.set(Number(partition), [...(sent.get(Number(partition)) ?? []), ...of])
              }
            }
          }
          for (const step of steps) {
            if (step.op === "call")
              calls.push({
                ...call(record(step.partition, step.size, calls.length)),
                partition: step.partition,
                given: false
              })
            else if (step.op === "give up") {
              const one = calls[step.pick % Math.max(1, calls.length)]
              if (one === undefined || one.ended.error !== undefined) continue
              one.given = true
              givenUpBefore.add(calls.indexOf(one))
              await one.interrupt()
            } else {
              const [request] = open.splice(step.pick % Math.max(1, open.length), 1)
              if (request === undefined) continue
              const codes = Object.fromEntries(
                Object.keys(request.tags).map((partition) => [partition, step.op === "large" ? tooLarge : notLeader])
              )
              if (step.op === "lose") request.fail()
              else request.answer(step.op === "take" ? {} : codes)
            }
            await collect()
          }
          for (const [partition, tags] of sent) {
            const once = tags.filter((tag, i) => tags.indexOf(tag) === i)
            assert.deepStrictEqual(
              once,
              once.toSorted((a, b) => a - b),
              `order of partition ${partition}`
            )
          }
          producer.close()
          await settled()
          for (const request of open) request.answer()
          await settled()
          for (const { ended, given } of calls) assert.strictEqual(ended.error === undefined, given)
        }
      ),
      { numRuns: 150 }
    ))
})
