/**
 * ShardHost: a shard's view, offered through a port: the worker's end of ShardPort. A cut is taken within the handling of its
 * message, so cuts are in the messages' order. Of a body's lines it makes no more than there is room for on the other side.
 */
import { setImmediate as turn } from "node:timers/promises"
import { Cause, Effect, FiberSet } from "effect"
import type { PlannedFamily } from "../../metrics/body/BodyPlan.ts"
import type { DigestEntry } from "../../metrics/body/FamilyMeta.ts"
import type { LineChunk } from "../../metrics/body/LineChunks.ts"
import type { OwnMetrics } from "../../SelfMetrics.ts"
import {
  type Answer,
  type FromShard,
  familiesOfMessage,
  type Port,
  type Question,
  type ToShard,
  window
} from "./Messages.ts"
import type { Lines, ShardScrape, ShardView } from "./ShardView.ts"

/** A scrape between its cut and its end. */
interface Held {
  readonly scrape: ShardScrape
  /** Of the plan that comes in parts. */
  readonly planned: Array<PlannedFamily>
  lines: Lines | undefined
  room: number
  ended: boolean
  /** There is room, or it ended. */
  wake: () => void
}

export interface HostOptions {
  readonly port: Port
  readonly view: ShardView
  /** All of this thread's. */
  readonly metrics: Effect.Effect<OwnMetrics>
  readonly leave: () => void
}

/** Serves the port for the Scope's life. */
export const hostShard = ({ port, view, metrics, leave }: HostOptions) =>
  Effect.gen(function* () {
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const held = new Map<number, Held>()
    const post = (message: FromShard, transfer: ReadonlyArray<ArrayBuffer> = []): void =>
      port.postMessage(message, transfer)
    /** A defect costs the scrape that met it, or the answer, and is told. */
    const guarded = (effect: Effect.Effect<void>, broken: (why: string) => void): void => {
      run(
        Effect.catchCause(effect, (cause) =>
          Cause.hasInterruptsOnly(cause)
            ? Effect.void
            : Effect.andThen(
                Effect.logError("answering the main thread failed", cause),
                Effect.sync(() => broken(String(Cause.squash(cause))))
              )
        )
      )
    }

    const digest = (id: number, { scrape }: Held): Effect.Effect<void> =>
      scrape.digest.pipe(
        Effect.match({
          onSuccess: (entries) => Effect.promise(() => tell(id, entries)),
          onFailure: ({ message }) => Effect.sync(() => post({ type: "unproven", id, why: message }))
        }),
        Effect.flatten
      )

    const tell = async (id: number, entries: ReadonlyArray<DigestEntry>): Promise<void> => {
      for (let at = 0; ; at += familiesOfMessage) {
        const part = entries.slice(at, at + familiesOfMessage)
        const last = at + familiesOfMessage >= entries.length
        if (held.has(id)) post({ type: "digest", id, entries: part, last })
        if (last) return
        await turn()
      }
    }

    const give = async (id: number, each: Held, lines: Lines): Promise<void> => {
      for (;;) {
        while (each.room === 0 && !each.ended)
          await new Promise<void>((resolve) => {
            each.wake = resolve
          })
        if (each.ended) return
        const chunk: LineChunk | undefined = await lines.next()
        if (each.ended) return
        if (chunk === undefined) return post({ type: "done", id })
        each.room -= 1
        post({ type: "chunk", id, chunk }, [chunk.bytes.buffer])
      }
    }

    const answer = (question: Question): Effect.Effect<Answer> => {
      switch (question.about) {
        case "report":
          return view.report(question.sources)
        case "switch":
          return view.setBackpressure(question.strategy, question.tp)
        case "metrics":
          return metrics
        case "life":
          return Effect.succeed(true)
      }
    }

    port.on("message", (received) => {
      const message = received as ToShard
      switch (message.type) {
        case "cut": {
          const { id } = message
          const each: Held = {
            scrape: view.scrape(message.arrivedAt),
            planned: [],
            lines: undefined,
            room: window,
            ended: false,
            wake: () => {}
          }
          held.set(id, each)
          return guarded(digest(id, each), (why) => post({ type: "fault", id, why }))
        }
        case "fit": {
          const { id, questions } = message
          const each = held.get(id)
          if (each === undefined) return
          const told = Effect.map(each.scrape.fit(questions), (fits) => post({ type: "fits", id, fits }))
          return guarded(told, (why) => post({ type: "fault", id, why }))
        }
        case "lines": {
          const { id, plan, last } = message
          const each = held.get(id)
          if (each === undefined) return
          for (const family of plan.families) each.planned.push(family)
          if (!last) return
          const giving = Effect.suspend(() => {
            const lines = each.scrape.lines({ ...plan, families: each.planned })
            each.lines = lines
            return Effect.promise(() => give(id, each, lines))
          })
          return guarded(giving, (why) => post({ type: "fault", id, why }))
        }
        case "pull": {
          const each = held.get(message.id)
          if (each === undefined) return
          if (message.memory !== undefined) each.lines?.free(message.memory)
          each.room += 1
          return each.wake()
        }
        case "end": {
          const each = held.get(message.id)
          if (each === undefined) return
          held.delete(message.id)
          each.ended = true
          each.wake()
          return each.scrape.end(message.delivered)
        }
        case "ask": {
          const { id, question } = message
          const told = Effect.map(answer(question), (value) => post({ type: "answer", id, value }))
          // Without an answer the other side takes the thread for silent.
          return guarded(told, () => {})
        }
        case "leave":
          return leave()
      }
    })
  })
