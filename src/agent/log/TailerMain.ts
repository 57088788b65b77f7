/**
 * TailerMain: the process beside the agent that tails log files and sends them, over connections of its own: a flood of logs takes nothing
 * of what dumps need, and a mount that hangs keeps no one from ending.
 */
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, References } from "effect"
import { KafkaTransport } from "../../transport/kafka/KafkaTransport.ts"
import { openSidePipe } from "../SidePipe.ts"
import { makeLogAgent } from "./LogAgent.ts"
import type { FromTailer, Level, ToTailer } from "./TailWire.ts"

const statusEvery = 1_000
const levels: Readonly<Record<string, Level>> = { Error: "error", Fatal: "error", Warn: "warning", Info: "info" }

const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
  const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
  pipe.send({ t: "line", level: levels[logLevel] ?? "debug", text })
})

const tailing = ({ options, kafka }: ToTailer & { t: "start" }, stop: Deferred.Deferred<void>) =>
  Effect.gen(function* () {
    const agent = yield* makeLogAgent(options)
    const tell = Effect.sync(() => pipe.send({ t: "status", status: agent.status() }))
    yield* Effect.addFinalizer(() => tell)
    const telling = Effect.forever(Effect.andThen(tell, Effect.sleep(statusEvery)))
    yield* Effect.raceFirst(Deferred.await(stop), Effect.raceFirst(agent.failed, telling))
  }).pipe(
    Effect.catchTag("AgentFailed", ({ message }) => Effect.sync(() => pipe.send({ t: "failed", message }))),
    Effect.scoped,
    Effect.provide(KafkaTransport.layer(kafka)),
    Effect.provide(Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, "Info")))
  )

const stop = Deferred.makeUnsafe<void>()
const pipe = openSidePipe<ToTailer, FromTailer>((message) => {
  if (message.t === "stop") {
    Deferred.doneUnsafe(stop, Exit.void)
    return
  }
  const fiber = Effect.runFork(tailing(message, stop))
  void Effect.runPromise(Fiber.await(fiber)).then((exit) => {
    if (Exit.isFailure(exit)) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
    pipe.finish()
  })
})
