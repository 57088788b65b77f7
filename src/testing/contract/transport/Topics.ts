/** Topics: the rules of the transport contract about offsets, metadata, identities, and what `check` reads. */
import { Effect } from "effect"
import { type GroupClient, partitionKey, Transport, type TransportError } from "../../../transport/Transport.ts"
import { must } from "../Must.ts"
import { codeOf, form, partition } from "./Groups.ts"
import { Harness, type Rule, type TransportHarness } from "./Harness.ts"
import { produce, readTo, record } from "./Traffic.ts"

export const topicRules = (rule: Rule, { addPartitions, deleteRecords }: TransportHarness): void => {
  rule("offsets are found by start, end and time", () =>
    Effect.gen(function* () {
      const tp = partition(yield* Harness.topic(), 0)
      const client = yield* Harness.client()
      const offset = (where: Parameters<GroupClient["listOffsets"]>[1]) =>
        Effect.map(client.listOffsets([tp], where), (found) => found.get(partitionKey(tp)))
      must.equal([yield* offset("start"), yield* offset("end"), yield* offset({ timestamp: 0 })], [0, 0, 0])
      yield* produce([record(tp, "0"), record(tp, "1")])
      const [early] = yield* readTo(client, tp, 1)
      // The brokers' clock must pass the first timestamp, or there is nothing to find.
      let late = early!.timestamp
      for (let end = 2; late <= early!.timestamp; end++) {
        yield* Effect.sleep(2)
        yield* produce([record(tp, "later")])
        late = (yield* readTo(client, tp, end + 1, end))[0]!.timestamp
      }
      const end = (yield* offset("end"))!
      must.equal(yield* offset("start"), 0)
      must.equal(yield* offset({ timestamp: early!.timestamp }), 0)
      must.equal(yield* offset({ timestamp: late }), end - 1)
      must.equal(yield* offset({ timestamp: early!.timestamp - 10_000 }), 0)
      must.equal(yield* offset({ timestamp: late + 1 }), end, "none at or after: the end")
      if (deleteRecords === undefined) return
      yield* deleteRecords(tp, 1)
      must.equal([yield* offset("start"), yield* offset("end")], [1, end])
    })
  )

  rule("metadata names every partition's leader and is fresh", () =>
    Effect.gen(function* () {
      const topic = yield* Harness.topic(2)
      const client = yield* Harness.client()
      const producer = yield* (yield* Transport).producer({ clientId: "meta", acks: 1, compression: "none" })
      for (const { metadata } of [client, producer]) {
        const [info, ...none] = yield* metadata([topic])
        must.equal(info!.topic, topic)
        must.equal(info!.partitions.map((p) => p.partition).sort(), [0, 1])
        for (const { leader } of info!.partitions) must.hold(leader >= 0, "a leader", leader)
        must.equal(none, [])
      }
      if (addPartitions === undefined) return
      yield* addPartitions(topic, 3)
      must.equal((yield* client.metadata([topic]))[0]!.partitions.length, 3)
      must.equal((yield* producer.metadata([topic]))[0]!.partitions.length, 3)
      yield* producer.produce([record(partition(topic, 2), "new")])
      must.equal((yield* readTo(client, partition(topic, 2), 1)).length, 1)
    })
  )

  rule("what does not exist is refused by name, and may exist later", () =>
    Effect.gen(function* () {
      const client = yield* Harness.client()
      const missing = partition(Harness.unique("nowhere"), 0)
      const refusals = [
        client.metadata([missing.topic]),
        client.listOffsets([missing], "end"),
        produce([record(missing, "x")])
      ]
      for (const refusal of refusals) {
        const error = yield* Effect.flip(refusal as Effect.Effect<unknown, TransportError, Transport>)
        must.equal([error.code, error.retriable, error.unknownOutcome], ["UNKNOWN_TOPIC_OR_PARTITION", true, false])
      }
    })
  )

  rule("identify tells a cluster's topics apart, and fails for one that is not there", () =>
    Effect.gen(function* () {
      const client = yield* Harness.client()
      const [one, two] = [yield* Harness.topic(), yield* Harness.topic()]
      const identity = yield* client.identify(one)
      must.equal(yield* client.identify(one), identity)
      const other = yield* client.identify(two)
      must.equal(other.cluster, identity.cluster)
      // A log without ids of its topics says so.
      if (identity.topicId !== null) must.hold(other.topicId !== identity.topicId, "another id", other.topicId)
      const refusal = yield* Effect.flip(client.identify(Harness.unique("nowhere")))
      must.equal(refusal.code, "UNKNOWN_TOPIC_OR_PARTITION")
    })
  )

  rule("inspect tells brokers, topics with their settings, and the group, and changes nothing", () =>
    Effect.gen(function* () {
      const { sessionTimeout } = yield* Harness
      const transport = yield* Transport
      const topic = yield* Harness.topic(3)
      const group = Harness.unique("group")
      const before = yield* Effect.scoped(transport.inspect([topic], group))
      must.hold(before.brokers.length >= 1, "a broker", before.brokers)
      must.equal([before.topics[0]?.topic, before.topics[0]?.partitions], [topic, 3])
      must.hold(before.topics[0]!.replicas >= 1, "a replica", before.topics[0])
      must.equal(before.topics[0]!.settings["cleanup.policy"], "delete")
      must.equal(before.topics[0]!.settings["message.timestamp.type"], "LogAppendTime")
      must.equal(before.group?.members, 0)
      must.equal((yield* Effect.scoped(transport.inspect([topic], null))).group, null)
      const client = yield* Harness.client(group)
      yield* form([client], { sessionTimeout, rebalanceTimeout: 10_000 })
      const after = yield* Effect.scoped(transport.inspect([topic], group))
      const { sessionTimeouts, ...joined } = after.group!
      must.equal(joined, { state: "Stable", members: 1, protocol: "k2p" })
      must.equal(sessionTimeouts, before.group?.sessionTimeouts)
      // A log that tells them tells the truth: this group has just been joined.
      if (sessionTimeouts !== null)
        must.hold(
          sessionTimeouts.least <= sessionTimeout && sessionTimeout <= sessionTimeouts.most,
          "bounds around the session timeout that was taken",
          sessionTimeouts
        )
      must.equal(
        yield* codeOf(Effect.scoped(transport.inspect([Harness.unique("nowhere")], group))),
        "UNKNOWN_TOPIC_OR_PARTITION"
      )
    })
  )
}
