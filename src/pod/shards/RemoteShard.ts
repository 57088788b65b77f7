/**
 * RemoteShard: a shard on another thread: the main thread's end of ShardServer. What the shard does not answer in time is
 * answered for it. When it is `lost`, everything that waits for it ends at once, and what a channel has brought so far may still be pulled.
 */
import { Effect } from "effect"
import type { StrategyName } from "../../engine/Backpressure.ts"
import type { OwnMetrics } from "../../SelfMetrics.ts"
import type { TopicPartition } from "../../transport/Transport.ts"
import type { Channel, Piece } from "./Channel.ts"
import { Inbox } from "./Inbox.ts"
import type { Answer, FromShard, Port, Question, ToShard } from "./Messages.ts"
import { absent, type Shard, type ShardReport } from "./Shard.ts"

/** Ms for an answer about state: probes and people wait for it. */
const patience = 1_000

type Post = (message: ToShard, transfer?: ReadonlyArray<ArrayBuffer>) => void

export class RemoteShard implements Shard {
  readonly number: number
  private readonly port: Port
  private readonly channels = new Map<number, PortChannel>()
  private readonly questions = new Map<number, (value: Answer | undefined) => void>()
  private last = 0
  private gone = false

  /** `told`: what is not about a channel or a question. */
  constructor(number: number, port: Port, told: (message: FromShard) => void = () => {}) {
    this.number = number
    this.port = port
    port.on("message", (received) => {
      const message = received as FromShard
      if (message.type === "answer") this.questions.get(message.id)?.(message.value)
      else if ("id" in message) this.channels.get(message.id)?.hear(message)
      else told(message)
    })
  }

  /** The thread is no more, or not to be trusted any more. */
  lost(): void {
    this.gone = true
    for (const channel of this.channels.values()) channel.lost()
    for (const answered of this.questions.values()) answered(undefined)
  }

  open(request: unknown, arrivedAt: bigint): Channel {
    const id = ++this.last
    const channel = new PortChannel(id, this.post, () => this.channels.delete(id))
    if (this.gone) channel.lost()
    else {
      this.channels.set(id, channel)
      this.post({ type: "open", id, request, arrivedAt })
    }
    return channel
  }

  ask(question: unknown): Effect.Effect<unknown> {
    return this.answer({ about: "application", question })
  }

  report(entries: number): Effect.Effect<ShardReport> {
    return Effect.map(
      this.answer({ about: "report", entries }),
      (value) => (value as ShardReport | undefined) ?? absent(this.number, "silent")
    )
  }

  setBackpressure(strategy: StrategyName, tp?: TopicPartition): Effect.Effect<boolean> {
    return Effect.map(this.answer({ about: "switch", strategy, tp }), (value) => value === true)
  }

  get metrics(): Effect.Effect<OwnMetrics | undefined> {
    return Effect.map(this.answer({ about: "metrics" }), (value) => value as OwnMetrics | undefined)
  }

  /** Whether it answers at all within so many ms: a thread that is busy is slow, not dead. */
  alive(within: number): Effect.Effect<boolean> {
    return Effect.map(this.answer({ about: "life" }, within), (value) => value === true)
  }

  leave(): void {
    this.post({ type: "leave" })
  }

  private readonly post: Post = (message, transfer) => {
    if (!this.gone) this.port.postMessage(message, transfer)
  }

  /** Undefined where no answer came. */
  private answer(question: Question, within = patience): Effect.Effect<Answer | undefined> {
    return Effect.callback<Answer | undefined>((resume) => {
      if (this.gone) return resume(Effect.succeed(undefined))
      const id = ++this.last
      this.questions.set(id, (value) => {
        this.questions.delete(id)
        resume(Effect.succeed(value))
      })
      this.post({ type: "ask", id, question })
      return Effect.sync(() => this.questions.delete(id))
    }).pipe(Effect.timeoutOrElse({ duration: within, orElse: () => Effect.succeed(undefined) }))
  }
}

type Told = Exclude<Extract<FromShard, { readonly id: number }>, { readonly type: "answer" }>

class PortChannel implements Channel {
  private readonly id: number
  private readonly post: Post
  private readonly forget: () => void
  private readonly pieces = new Inbox<Piece>()
  /** To go back with the next pull. */
  private readonly memory: Array<ArrayBuffer> = []
  private state: "open" | "done" | "lost" = "open"

  constructor(id: number, post: Post, forget: () => void) {
    this.id = id
    this.post = post
    this.forget = forget
  }

  send(message: unknown): void {
    this.post({ type: "send", id: this.id, message })
  }

  async pull(): Promise<Piece | undefined> {
    const piece = await this.pieces.next()
    if (piece !== undefined && this.state === "open") {
      const memory = this.memory.pop()
      this.post({ type: "pull", id: this.id, memory }, memory === undefined ? [] : [memory])
    }
    return piece
  }

  giveBack(memory: ArrayBuffer): void {
    this.memory.push(memory)
  }

  isLost(): boolean {
    return this.state === "lost"
  }

  end(message: unknown): void {
    this.post({ type: "end", id: this.id, message })
    this.close("done")
    this.forget()
  }

  hear(message: Told): void {
    if (message.type === "piece") this.pieces.put({ message: message.message })
    else this.close("done", message.type === "fault" ? new Error(`shard: ${message.why}`) : undefined)
  }

  lost(): void {
    this.close("lost")
  }

  private close(state: "done" | "lost", error?: Error): void {
    if (this.state === "open") this.state = state
    this.pieces.end(error)
  }
}
