/**
 * WorkerThread: one worker thread from its start to its end. From the first sign that it is not well (an error, its own word, silence)
 * its shard is shown no more; the end is when the thread has stopped, and only then may somebody else act in its name.
 */
import type { Worker } from "node:worker_threads"
import { Effect } from "effect"
import type { FromShard } from "./Messages.ts"
import { RemoteShard } from "./RemoteShard.ts"

export interface Death {
  readonly reason: string
  /** The member ids that it had last, which nobody has made leave yet; undefined where it never said. */
  readonly memberIds: ReadonlyArray<string> | undefined
}

export interface ThreadOptions {
  readonly shard: number
  readonly worker: Worker
  /** Ms without any answer after which it counts as dead; also what it gets to end in order. */
  readonly silence: number
  /** The group's coordinator knows it. */
  readonly known: () => void
  /** It takes part from now on. */
  readonly runs: (shard: RemoteShard) => void
  /** It takes part no more. */
  readonly fails: (reason: string) => void
}

/** Ms from the thread's start until its shard runs. */
const startMillis = 60_000
/** Unanswered questions in a row; so many, and not a time: the process itself may have been frozen. */
const unanswered = 4

export class WorkerThread {
  private readonly options: ThreadOptions
  private readonly port: RemoteShard
  private readonly starting: NodeJS.Timeout
  private readonly timers: Array<NodeJS.Timeout> = []
  private readonly ended: Promise<Death>
  private memberIds: ReadonlyArray<string> | undefined
  private reason: string | undefined
  private leaving = false

  constructor(options: ThreadOptions) {
    const { shard, worker } = options
    this.options = options
    this.port = new RemoteShard(shard, worker, (message) => this.hear(message))
    this.ended = new Promise((resolve) => {
      worker.once("exit", (code) => {
        this.fail(`its thread ended with code ${code}`)
        for (const timer of [this.starting, ...this.timers]) clearTimeout(timer)
        resolve({ reason: this.reason ?? "", memberIds: this.memberIds })
      })
    })
    worker.once("error", (error) => this.fail(String(error)))
    worker.on("messageerror", (error) => this.kill(`a message of its thread cannot be read: ${error.message}`))
    this.starting = setTimeout(() => this.kill(`it was not running after ${startMillis} ms`), startMillis)
  }

  /** When the thread has stopped. */
  readonly death: Effect.Effect<Death> = Effect.promise(() => this.ended)

  /** Tells it to leave the group and end; ends it anyway after a while. */
  readonly leave: Effect.Effect<void> = Effect.suspend(() => {
    this.leaving = true
    this.port.leave()
    const { shard, silence, worker } = this.options
    return this.death.pipe(
      Effect.timeoutOrElse({
        duration: silence + 5_000,
        orElse: () =>
          Effect.andThen(
            Effect.logWarning(`shard ${shard} did not leave in time; its thread is ended as it is`),
            Effect.promise(() => worker.terminate())
          )
      }),
      Effect.asVoid
    )
  })

  private hear(message: FromShard): void {
    if (message.type === "members") {
      this.memberIds = message.memberIds
      if (message.memberIds.length > 0) this.options.known()
    } else if (message.type === "failed") {
      this.fail(message.message)
      this.timers.push(setTimeout(() => void this.options.worker.terminate(), this.options.silence))
    } else if (message.type === "running" && this.reason === undefined) {
      clearTimeout(this.starting)
      this.options.runs(this.port)
      this.watch()
    }
  }

  /** Asks again and again whether it is there. */
  private watch(): void {
    const { silence } = this.options
    let missed = 0
    this.timers.push(
      setInterval(() => {
        missed += 1
        if (missed > unanswered) return this.kill(`its thread does not answer for ${silence} ms`)
        Effect.runFork(
          Effect.map(this.port.alive(silence), (alive) => {
            if (alive) missed = 0
          })
        )
      }, silence / unanswered)
    )
  }

  private kill(reason: string): void {
    this.fail(reason)
    void this.options.worker.terminate()
  }

  private fail(reason: string): void {
    this.port.lost()
    if (this.reason !== undefined) return
    this.reason = reason
    if (!this.leaving) this.options.fails(reason)
  }
}
