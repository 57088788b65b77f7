/**
 * ShardServer: a shard, offered through a port: the worker's end of RemoteShard. A cut is taken within the handling of its
 * message, so cuts are in the messages' order. Of a channel's pieces it asks for no more than there is credit for.
 */
import { Cause, Effect, FiberSet } from "effect"
import type { OwnMetrics } from "../../SelfMetrics.ts"
import type { Channel } from "./Channel.ts"
import { type Answer, type FromShard, type Port, type Question, type ToShard, window } from "./Messages.ts"
import type { Shard } from "./Shard.ts"

/** A channel between its opening and its end. */
interface Held {
  readonly channel: Channel
  credit: number
  ended: boolean
  /** There is credit, or it ended. */
  wake: () => void
}

export interface ServedShard {
  readonly port: Port
  readonly shard: Shard
  /** All of this thread's. */
  readonly metrics: Effect.Effect<OwnMetrics>
  readonly leave: () => void
}

/** Serves the port for the Scope's life. */
export const serveShard = ({ port, shard, metrics, leave }: ServedShard) =>
  Effect.gen(function* () {
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const held = new Map<number, Held>()
    const post = (message: FromShard, transfer: ReadonlyArray<ArrayBuffer> = []): void =>
      port.postMessage(message, transfer)
    /** A defect costs the channel that met it, or the answer, and is told. */
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

    /** In the handling of the message itself: no fiber's turn lies in between. */
    const attempt = <A>(id: number, work: () => A): A | undefined => {
      try {
        return work()
      } catch (error) {
        guarded(Effect.die(error), (why) => post({ type: "fault", id, why }))
        return undefined
      }
    }

    const pump = async (id: number, each: Held): Promise<void> => {
      for (;;) {
        while (each.credit === 0 && !each.ended)
          await new Promise<void>((resolve) => {
            each.wake = resolve
          })
        if (each.ended) return
        const piece = await each.channel.pull()
        if (each.ended) return
        if (piece === undefined) return post({ type: "done", id })
        each.credit -= 1
        post({ type: "piece", id, message: piece.message }, piece.memory)
      }
    }

    const answer = (question: Question): Effect.Effect<Answer> => {
      switch (question.about) {
        case "report":
          return shard.report(question.entries)
        case "switch":
          return shard.setBackpressure(question.strategy, question.tp)
        case "metrics":
          return metrics
        case "life":
          return Effect.succeed(true)
        case "application":
          return shard.ask(question.question)
      }
    }

    port.on("message", (received) => {
      const message = received as ToShard
      switch (message.type) {
        case "open": {
          const { id, request, arrivedAt } = message
          const channel = attempt(id, () => shard.open(request, arrivedAt))
          if (channel === undefined) return
          const each: Held = { channel, credit: window, ended: false, wake: () => {} }
          held.set(id, each)
          return guarded(
            Effect.promise(() => pump(id, each)),
            (why) => post({ type: "fault", id, why })
          )
        }
        case "send":
          return attempt(message.id, () => held.get(message.id)?.channel.send(message.message))
        case "pull": {
          const each = held.get(message.id)
          if (each === undefined) return
          if (message.memory !== undefined) each.channel.giveBack(message.memory)
          each.credit += 1
          return each.wake()
        }
        case "end": {
          const each = held.get(message.id)
          if (each === undefined) return
          held.delete(message.id)
          each.ended = true
          each.wake()
          return attempt(message.id, () => each.channel.end(message.message))
        }
        case "ask": {
          const { id, question } = message
          const told = Effect.map(
            Effect.suspend(() => answer(question)),
            (value) => post({ type: "answer", id, value })
          )
          // Without an answer the other side takes the thread for silent.
          return guarded(told, () => {})
        }
        case "leave":
          return leave()
      }
    })
  })
