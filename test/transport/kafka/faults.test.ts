/** Brokers that restart, freeze, lose the group or drop idle connections under a client that stays. */
import { Effect, Fiber, Schedule, type Scope } from "effect"
import { assert, it } from "vitest"
import { asMember, joinRequest, syncAll } from "../../../src/testing/contract/transport/Groups.ts"
import type { KafkaOptions } from "../../../src/transport/kafka/connection/KafkaOptions.ts"
import { Links } from "../../../src/transport/kafka/connection/Links.ts"
import { KafkaTransport } from "../../../src/transport/kafka/KafkaTransport.ts"
import {
  type GroupClient,
  type OutgoingRecord,
  type TopicPartition,
  Transport,
  type TransportError
} from "../../../src/transport/Transport.ts"
import { type KafkaCluster, type StartOptions, startKafka } from "../../support/kafka.ts"
import { describeKafka } from "../../support/tools.ts"

const options = (kafka: KafkaCluster, change: Partial<KafkaOptions> = {}): KafkaOptions => ({
  brokers: kafka.bootstrap,
  clientId: "faults",
  connectionTimeout: 2_000,
  requestTimeout: 5_000,
  ...change
})

const withKafka = async <A>(
  start: StartOptions,
  program: (kafka: KafkaCluster) => Effect.Effect<A, TransportError, Transport | Scope.Scope>,
  change: Partial<KafkaOptions> = {}
): Promise<A> => {
  const kafka = await startKafka(start)
  try {
    const layer = KafkaTransport.layer(options(kafka, change))
    return await Effect.runPromise(program(kafka).pipe(Effect.scoped, Effect.provide(layer)))
  } finally {
    await kafka.stop()
  }
}

/** A request that must fail, and how. */
const failureOf = <A>(request: Effect.Effect<A, TransportError>): Effect.Effect<TransportError> =>
  Effect.orDie(Effect.flip(request))

/** What the engine does with a retriable failure; the transport itself does not. */
const persist = <A>(request: Effect.Effect<A, TransportError>): Effect.Effect<A, TransportError> =>
  Effect.retry(request, {
    while: (error: TransportError) => error.retriable,
    schedule: Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "45 seconds" }))
  })

const record = (tp: TopicPartition, value: string): OutgoingRecord => ({
  ...tp,
  key: null,
  value: Buffer.from(value),
  headers: {}
})
const wide = { maxWait: 500, maxBytes: 10_000_000, maxBytesPerPartition: 10_000_000 }

const readTo = (client: GroupClient, tp: TopicPartition, end: number) =>
  Effect.gen(function* () {
    const values: Array<string> = []
    let position = 0
    while (position < end) {
      const [info] = yield* persist(client.metadata([tp.topic]))
      const leader = info!.partitions[tp.partition]!.leader
      const [fetched] = yield* persist(client.fetch(leader, [{ tp, offset: position }], wide))
      values.push(...fetched!.records.map((r) => Buffer.from(r.value!).toString()))
      position = fetched!.next
    }
    return values
  })

const longSession = { sessionTimeout: 30_000, rebalanceTimeout: 30_000 }

/** Brokers that start, die and elect, on a busy machine. */
const PATIENCE_MS = 180_000

describeKafka("Kafka under faults", () => {
  it(
    "after a broker restarted, every request of the same client goes through again",
    () =>
      withKafka({ version: "4.1.1" }, (kafka) =>
        Effect.gen(function* () {
          yield* Effect.promise(() => kafka.createTopic("restart", 1))
          const tp = { topic: "restart", partition: 0 }
          const transport = yield* Transport
          const client = yield* transport.groupClient({ group: "g", clientId: "c" })
          const producer = yield* transport.producer({ clientId: "p", acks: "all", compression: "none" })
          const { member } = asMember(client, yield* client.joinGroup(joinRequest(longSession, "", "")))
          yield* client.syncGroup({ ...member, protocol: "k2p" }, [])
          yield* producer.produce([record(tp, "before")])
          yield* client.offsetCommit(member, [{ tp, offset: 1, metadata: "m" }])
          yield* client.fetch(1, [{ tp, offset: 0 }], wide)

          yield* Effect.promise(() => kafka.kill(1))
          const dead = yield* failureOf(client.heartbeat(member))
          assert.include(["CONNECTION", "COORDINATOR_NOT_AVAILABLE"], dead.code)
          const unsent = yield* failureOf(client.joinGroup(joinRequest(longSession, member.memberId, "")))
          assert.strictEqual(unsent.code, "COORDINATOR_NOT_AVAILABLE", "nothing can be sent: the outcome is known")
          assert.strictEqual((yield* failureOf(client.fetch(1, [{ tp, offset: 0 }], wide))).code, "CONNECTION")
          yield* Effect.promise(() => kafka.restart(1))

          yield* persist(producer.produce([record(tp, "after")]))
          assert.deepStrictEqual(yield* readTo(client, tp, 2), ["before", "after"])
          assert.deepStrictEqual(
            (yield* persist(client.offsetFetch([tp]))).get("restart/0"),
            { offset: 1, metadata: "m" },
            "the commit was stored"
          )
          // Kafka keeps a group's members over a restart of its coordinator.
          yield* persist(client.heartbeat(member))
          const again = yield* persist(client.joinGroup(joinRequest(longSession, member.memberId, "")))
          assert.isAbove(again.generation, member.generation)
        })
      ),
    PATIENCE_MS
  )

  it(
    "a frozen broker is a TIMEOUT, and its thaw is survived",
    () =>
      withKafka(
        { version: "3.9.1" },
        (kafka) =>
          Effect.gen(function* () {
            const client = yield* (yield* Transport).groupClient({ group: "g", clientId: "c" })
            const joined = asMember(client, yield* persist(client.joinGroup(joinRequest(longSession, "", ""))))
            yield* syncAll([joined])
            yield* persist(client.heartbeat(joined.member))
            kafka.nodes[0]!.signal("SIGSTOP")
            // A signal takes its time: the broker may still answer some.
            const error = yield* failureOf(Effect.forever(client.heartbeat(joined.member))).pipe(
              Effect.ensuring(Effect.sync(() => kafka.nodes[0]!.signal("SIGCONT")))
            )
            assert.strictEqual(error.code, "TIMEOUT")
            yield* persist(client.heartbeat(joined.member))
          }),
        { requestTimeout: 3_000 }
      ),
    PATIENCE_MS
  )

  it(
    "a new member's join that was given up while the broker was frozen brings its id when it goes on, so that it can leave",
    () =>
      withKafka({ version: "4.1.1" }, (kafka) =>
        Effect.gen(function* () {
          const transport = yield* Transport
          const [a, b] = [
            yield* transport.groupClient({ group: "g", clientId: "a" }),
            yield* transport.groupClient({ group: "g", clientId: "b" })
          ]
          const first = asMember(a, yield* persist(a.joinGroup(joinRequest(longSession, "", "a"))))
          yield* syncAll([first])
          // Its connection for joins is open, so that the next one is sent at once.
          const unknown = yield* failureOf(b.joinGroup(joinRequest(longSession, "nobody", "b")))
          assert.strictEqual(unknown.code, "UNKNOWN_MEMBER_ID")
          kafka.nodes[0]!.signal("SIGSTOP")
          const given: Array<string> = []
          const joining = yield* Effect.forkChild(
            failureOf(b.joinGroup(joinRequest(longSession, "", "b"), (memberId) => given.push(memberId))),
            { startImmediately: true }
          )
          yield* Effect.sleep(300)
          yield* b.abandon
          assert.isTrue((yield* Fiber.join(joining)).unknownOutcome)
          assert.lengthOf(given, 0)
          kafka.nodes[0]!.signal("SIGCONT")
          while (given.length === 0) yield* Effect.sleep(20)
          const rejoining = yield* Effect.forkChild(
            persist(a.joinGroup(joinRequest(longSession, first.member.memberId, "again")))
          )
          yield* persist(b.leaveGroup(given[0]!))
          const alone = yield* Fiber.join(rejoining)
          assert.lengthOf(alone.members, 1)
        })
      ),
    PATIENCE_MS
  )

  it(
    "an idle connection that the broker closed is replaced without a failure",
    () =>
      withKafka({ version: "4.1.1", settings: { "connections.max.idle.ms": "1000" } }, (kafka) =>
        Effect.gen(function* () {
          yield* Effect.promise(() => kafka.createTopic("idle", 1))
          const links = new Links(options(kafka), "idle")
          yield* Effect.addFinalizer(() => Effect.sync(() => links.close()))
          const first = yield* Effect.promise(async () => {
            await links.metadata(["idle"])
            return links.get("control", links.node(1)!)
          })
          yield* Effect.suspend(() => (first.broken ? Effect.void : Effect.fail("still open"))).pipe(
            Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "30 seconds" }))),
            Effect.orDie
          )
          yield* Effect.promise(() => links.metadata(["idle"]))
          assert.notStrictEqual(links.get("control", links.node(1)!), first)
        })
      ),
    PATIENCE_MS
  )

  it(
    "of three brokers the one that coordinates the group is frozen: its members are members at another one before it goes on",
    () =>
      withKafka({ version: "4.1.1", nodes: 3 }, (kafka) =>
        Effect.gen(function* () {
          yield* Effect.promise(() => kafka.createTopic("frozen", 3, { replicas: 3 }))
          const links = new Links(options(kafka), "test")
          yield* Effect.addFinalizer(() => Effect.sync(() => links.close()))
          const { port } = yield* Effect.promise(() => links.coordinator("g"))
          const frozen = kafka.nodes.find(({ address }) => address.endsWith(`:${port}`))!
          // It asks the one that will be frozen whatever any broker can answer, and waits long for it.
          const patient = options(kafka, { brokers: [frozen.address], requestTimeout: 120_000 })
          const layer = KafkaTransport.layer(patient)
          const client = yield* Effect.flatMap(Transport, (t) => t.groupClient({ group: "g", clientId: "c" })).pipe(
            Effect.provide(layer)
          )
          yield* client.metadata(["frozen"])
          const short = { sessionTimeout: 9_000, rebalanceTimeout: 9_000 }
          const joined = asMember(client, yield* persist(client.joinGroup(joinRequest(short, "", ""))))
          yield* syncAll([joined])
          frozen.signal("SIGSTOP")
          yield* failureOf(Effect.forever(client.heartbeat(joined.member)))
          yield* persist(client.heartbeat(joined.member)).pipe(
            Effect.ensuring(Effect.sync(() => frozen.signal("SIGCONT")))
          )
        })
      ),
    PATIENCE_MS
  )

  it(
    "of three brokers any one dies: the group finds its new coordinator, partitions their leaders, no acknowledged record is lost or out of order",
    () =>
      withKafka({ version: "4.1.1", nodes: 3, settings: { "min.insync.replicas": "2" } }, (kafka) =>
        Effect.gen(function* () {
          yield* Effect.promise(() => kafka.createTopic("moved", 3, { replicas: 3 }))
          const transport = yield* Transport
          const client = yield* transport.groupClient({ group: "g", clientId: "c" })
          const producer = yield* transport.producer({ clientId: "p", acks: "all", compression: "zstd" })
          const links = new Links(options(kafka), "test")
          yield* Effect.addFinalizer(() => Effect.sync(() => links.close()))
          const joined = asMember(client, yield* persist(client.joinGroup(joinRequest(longSession, "", ""))))
          yield* syncAll([joined])
          const tps = [0, 1, 2].map((partition) => ({ topic: "moved", partition }))
          yield* client.offsetCommit(
            joined.member,
            tps.map((tp) => ({ tp, offset: 5, metadata: `p${tp.partition}` }))
          )
          const acknowledged: Array<number> = []
          const sendUntil = (end: number) =>
            Effect.gen(function* () {
              for (let i = acknowledged.length; i < end; i++) {
                yield* persist(producer.produce(tps.map((tp) => record(tp, `${i}`))))
                acknowledged.push(i)
              }
            })
          yield* sendUntil(20)
          const before = yield* Effect.promise(() => links.coordinator("g"))
          const victim = kafka.nodes.find((node) => node.address.endsWith(`:${before.port}`))!
          const sending = yield* Effect.forkChild(sendUntil(60))
          yield* Effect.promise(() => kafka.kill(victim.id))
          yield* persist(client.heartbeat(joined.member))
          const after = yield* Effect.promise(() => links.coordinator("g"))
          assert.notStrictEqual(after.port, before.port)
          assert.deepStrictEqual(
            [...(yield* persist(client.offsetFetch(tps))).values()].map((c) => c.metadata).sort(),
            ["p0", "p1", "p2"]
          )
          yield* persist(client.offsetCommit(joined.member, [{ tp: tps[0]!, offset: 6, metadata: "later" }]))
          yield* Fiber.join(sending)
          const ends = yield* persist(client.listOffsets(tps, "end"))
          for (const tp of tps) {
            const values = (yield* readTo(client, tp, ends.get(`moved/${tp.partition}`)!)).map(Number)
            // A record whose answer was lost is sent again: it may stand twice, next to itself, never behind a later one.
            assert.deepStrictEqual([...new Set(values)], acknowledged)
            assert.deepStrictEqual(
              values,
              [...values].sort((a, b) => a - b)
            )
          }
        })
      ),
    PATIENCE_MS
  )
})
