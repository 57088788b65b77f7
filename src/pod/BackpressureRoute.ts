/**
 * BackpressureRoute: PUT /api/v1/backpressure, the one switch of a running pod (P5). The body is
 * `{"strategy": "drop-front", "topic": "metrics", "partition": 3}`; without a partition it counts for all of this pod's, those
 * that it acquires later among them, until the pod ends.
 * It needs the admin token (see AdminToken). Switches are logged.
 */
import type { IncomingMessage } from "node:http"
import { Effect, Schema } from "effect"
import type { StrategyName } from "../engine/Backpressure.ts"
import { type Route, replyJson, replyText } from "../http/Route.ts"
import { partitionKey, type TopicPartition } from "../transport/Transport.ts"
import type { PodState } from "./PodState.ts"

const maxBody = 4096

class BadBody extends Schema.TaggedError<BadBody>()("BadBody", { status: Schema.Int, message: Schema.String }) {}

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Uint8Array> = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > maxBody) throw new BadBody({ status: 413, message: `the body is larger than ${maxBody} bytes` })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString("utf8")
}

export interface Switch {
  readonly strategy: StrategyName
  readonly tp: TopicPartition | undefined
}

/** What the body asks for, or the sentence that says what is wrong with it. Pure. */
export const parseSwitch = (body: string, strategies: ReadonlyArray<StrategyName>): Switch | string => {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return 'the body is not JSON, such as {"strategy": "drop-front"}'
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "the body is not a JSON object"
  const unknown = Object.keys(value).find((key) => !["strategy", "topic", "partition"].includes(key))
  if (unknown !== undefined)
    return `unknown member ${JSON.stringify(unknown.slice(0, 64))}: strategy, topic and partition are known`
  const { strategy, topic, partition } = value as Record<string, unknown>
  const chosen = strategies.find((s) => s === strategy)
  if (chosen === undefined) return `strategy must be one of ${strategies.join(", ")}`
  if (topic === undefined && partition === undefined) return { strategy: chosen, tp: undefined }
  if (typeof topic !== "string" || typeof partition !== "number" || !Number.isInteger(partition) || partition < 0)
    return "topic (a text) and partition (a whole number) go together, or neither for all partitions"
  return { strategy: chosen, tp: { topic, partition } }
}

export const backpressureRoute = (pod: PodState, strategies: ReadonlyArray<StrategyName>): Route => ({
  method: "PUT",
  path: "/api/v1/backpressure",
  about: "switches the back pressure strategy; needs the admin token",
  admin: true,
  handle: ({ request, response }) =>
    Effect.gen(function* () {
      const body = yield* Effect.tryPromise({
        try: () => readBody(request),
        catch: (error) =>
          error instanceof BadBody ? error : new BadBody({ status: 400, message: "the body broke off" })
      })
      const wanted = parseSwitch(body, strategies)
      if (typeof wanted === "string") return replyText(response, 400, wanted)
      const { shards } = pod
      if (shards.length === 0)
        return replyText(response, 503, pod.unready(yield* pod.reports(0)) ?? "the engine is not running")
      if (wanted.tp === undefined) for (const slot of pod.slots) slot.strategy = wanted.strategy
      const switched = yield* Effect.forEach(shards, (shard) => shard.setBackpressure(wanted.strategy, wanted.tp), {
        concurrency: "unbounded"
      })
      if (!switched.includes(true))
        return replyText(
          response,
          404,
          `this pod does not own ${partitionKey(wanted.tp!).slice(0, 300)}: ask the pod that does`
        )
      const where = wanted.tp === undefined ? "all partitions" : partitionKey(wanted.tp)
      yield* Effect.logInfo(`back pressure of ${where} switched to ${wanted.strategy} by a request`)
      replyJson(response, 200, { strategy: wanted.strategy, partitions: where })
    }).pipe(
      Effect.catchTag("BadBody", ({ status, message }) =>
        Effect.sync(() => replyText(response, status, message, { Connection: "close" }))
      )
    )
})
