/**
 * source show, source remove: one source, asked of all pods; and its end, written to the log as its sender would. `remove` changes nothing but
 * the topic, by one record: the source is gone from every pod, and comes back with the next record that its sender sends.
 */
import { Effect, Schedule } from "effect"
import { logging } from "../Logging.ts"
import type { SourceAnswer } from "../metrics/scrape/SourceRoute.ts"
import { KafkaTransport } from "../transport/kafka/KafkaTransport.ts"
import { type OutgoingRecord, Transport } from "../transport/Transport.ts"
import type { Program } from "./Program.ts"
import type { RemoveConfig, ShowConfig } from "./SourceConfig.ts"
import { type Heard, reportSource } from "./SourceReport.ts"

/** Ms for a pod's answer. */
const patience = 5_000
/** Ms in which pods read what was written. */
const removedWithin = 30_000

const causeOf = (error: unknown): string => {
  const { cause, message } = error as Error
  return cause instanceof Error ? cause.message : message
}

const askPod = async (pod: string, id: string): Promise<Heard> => {
  try {
    const response = await fetch(`${pod}/api/v1/source?id=${encodeURIComponent(id)}`, {
      signal: AbortSignal.timeout(patience)
    })
    const body = await response.text()
    if (response.status !== 200) return { pod, answer: { failed: `status ${response.status}: ${body.slice(0, 200)}` } }
    return { pod, answer: JSON.parse(body) as SourceAnswer }
  } catch (error) {
    return { pod, answer: { failed: causeOf(error) } }
  }
}

const ask = ({ id, pods }: ShowConfig): Effect.Effect<ReadonlyArray<Heard>> =>
  Effect.promise(() => Promise.all(pods.map((pod) => askPod(pod, id))))

export const show = (config: ShowConfig): Program =>
  Effect.gen(function* () {
    const { text, code } = reportSource(config.id, yield* ask(config))
    process.stdout.write(text)
    return code
  }).pipe(Effect.provide(logging(config.log)))

/** Partitions of the topic in which the pods have something of it. */
const placesOf = (heard: ReadonlyArray<Heard>, topic: string): ReadonlySet<number> =>
  new Set(
    heard.flatMap(({ answer }) =>
      "failed" in answer ? [] : answer.places.filter((place) => place.topic === topic).map(({ partition }) => partition)
    )
  )

const isGone = (heard: ReadonlyArray<Heard>): boolean =>
  heard.every(({ answer }) => "failed" in answer || answer.places.every(({ shown }) => shown === null))

const said = (stdout: string, code: number): number => {
  process.stdout.write(`${stdout}\n`)
  return code
}

const failed = (text: string, code: number): number => {
  process.stderr.write(`kafka2prom source remove: ${text}\n`)
  return code
}

export const remove = (config: RemoveConfig): Program =>
  Effect.gen(function* () {
    const { id, topic } = config
    const before = yield* ask(config)
    const where = config.partition === null ? [...placesOf(before, topic)] : [config.partition]
    if (where.length === 0)
      return failed(
        `no pod has anything of ${JSON.stringify(id)} in topic ${topic}: nothing was written; where it is known otherwise, name it by --partition`,
        1
      )
    const transport = yield* Transport
    const producer = yield* transport.producer({
      clientId: config.connection.kafka.clientId,
      acks: "all",
      compression: "none"
    })
    const end = (partition: number): OutgoingRecord => ({
      ...{ topic, partition, key: Buffer.from(id), value: null },
      headers: {}
    })
    yield* producer.produce(where.map(end))
    const places = where.map((partition) => `${topic}/${partition}`).join(", ")
    const gone = yield* ask(config).pipe(
      Effect.map(isGone),
      Effect.repeat({ schedule: Schedule.spaced(200), until: (done) => done }),
      Effect.timeoutOrElse({ duration: removedWithin, orElse: () => Effect.succeed(false) })
    )
    return gone
      ? said(`${JSON.stringify(id)} is removed: its end stands in ${places}, and no pod that answers shows it.`, 0)
      : failed(
          `the end of ${JSON.stringify(id)} stands in ${places}, but a pod still shows it after ${removedWithin / 1000} s: its sender sends on, or that pod has not read so far`,
          1
        )
  }).pipe(
    Effect.catchTag("TransportError", (error) =>
      Effect.sync(() => failed(`the log did not take it: ${error.message}; nothing is known to be written`, 3))
    ),
    Effect.scoped,
    Effect.provide(KafkaTransport.layer(config.connection.kafka)),
    Effect.provide(logging(config.log))
  )
