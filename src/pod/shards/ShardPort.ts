/**
 * ShardPort: the view of a shard on another thread: the main thread's end of ShardHost. What the shard does not answer in time is
 * answered for it: it shows nothing. When it is `lost`, everything that waits for it ends at once, and a body that is being
 * streamed goes on without its remaining lines.
 */
import { setImmediate as turn } from "node:timers/promises"
import { Effect } from "effect"
import type { StrategyName } from "../../engine/Backpressure.ts"
import { NotProven } from "../../engine/Engine.ts"
import type { ShardPlan, ShardQuestions } from "../../metrics/body/BodyPlan.ts"
import type { DigestEntry } from "../../metrics/body/FamilyMeta.ts"
import type { LineChunk } from "../../metrics/body/LineChunks.ts"
import type { OwnMetrics } from "../../SelfMetrics.ts"
import type { TopicPartition } from "../../transport/Transport.ts"
import { type Answer, type FromShard, familiesOfMessage, type Port, type Question, type ToShard } from "./Messages.ts"
import { absent, type Lines, type ShardReport, type ShardScrape, type ShardView } from "./ShardView.ts"

/** Ms for an answer about state: probes and people wait for it. */
const patience = 1_000

type Send = (message: ToShard, transfer?: ReadonlyArray<ArrayBuffer>) => void

export class ShardPort implements ShardView {
  readonly shard: number
  private readonly port: Port
  private readonly scrapes = new Map<number, PortScrape>()
  private readonly questions = new Map<number, (value: Answer | undefined) => void>()
  private last = 0
  private gone = false

  /** `told`: what is not about a scrape or a question. */
  constructor(shard: number, port: Port, told: (message: FromShard) => void = () => {}) {
    this.shard = shard
    this.port = port
    port.on("message", (received) => {
      const message = received as FromShard
      if (message.type === "answer") this.questions.get(message.id)?.(message.value)
      else if ("id" in message) this.scrapes.get(message.id)?.hear(message)
      else told(message)
    })
  }

  /** The thread is no more, or not to be trusted any more. */
  lost(): void {
    this.gone = true
    for (const scrape of this.scrapes.values()) scrape.lost()
    for (const answered of this.questions.values()) answered(undefined)
  }

  scrape(arrivedAt: bigint): ShardScrape {
    const id = ++this.last
    const scrape = new PortScrape(id, this.send, () => this.scrapes.delete(id))
    if (this.gone) scrape.lost()
    else {
      this.scrapes.set(id, scrape)
      this.send({ type: "cut", id, arrivedAt })
    }
    return scrape
  }

  report(sources: number): Effect.Effect<ShardReport> {
    return Effect.map(
      this.ask({ about: "report", sources }),
      (value) => (value as ShardReport | undefined) ?? absent(this.shard, "silent")
    )
  }

  setBackpressure(strategy: StrategyName, tp?: TopicPartition): Effect.Effect<boolean> {
    return Effect.map(this.ask({ about: "switch", strategy, tp }), (value) => value === true)
  }

  get metrics(): Effect.Effect<OwnMetrics> {
    return Effect.map(this.ask({ about: "metrics" }), (value) => (value as OwnMetrics | undefined) ?? [])
  }

  /** Whether it answers at all within so many ms: a thread that is busy is slow, not dead. */
  alive(within: number): Effect.Effect<boolean> {
    return Effect.map(this.ask({ about: "life" }, within), (value) => value === true)
  }

  leave(): void {
    this.send({ type: "leave" })
  }

  private readonly send: Send = (message, transfer) => {
    if (!this.gone) this.port.postMessage(message, transfer)
  }

  /** Undefined where no answer came. */
  private ask(question: Question, within = patience): Effect.Effect<Answer | undefined> {
    return Effect.callback<Answer | undefined>((resume) => {
      if (this.gone) return resume(Effect.succeed(undefined))
      const id = ++this.last
      this.questions.set(id, (value) => {
        this.questions.delete(id)
        resume(Effect.succeed(value))
      })
      this.send({ type: "ask", id, question })
      return Effect.sync(() => this.questions.delete(id))
    }).pipe(Effect.timeoutOrElse({ duration: within, orElse: () => Effect.succeed(undefined) }))
  }
}

type Told = Exclude<Extract<FromShard, { readonly id: number }>, { readonly type: "answer" }>

class PortScrape implements ShardScrape {
  private readonly id: number
  private readonly send: Send
  private readonly forget: () => void
  private proved: Effect.Effect<ReadonlyArray<DigestEntry>, NotProven> | undefined
  private readonly entries: Array<DigestEntry> = []
  private tellDigest: (() => void) | undefined
  private tellFits: ((fits: ReadonlyArray<boolean>) => void) | undefined
  private ended = false
  private readonly chunks: Array<LineChunk> = []
  /** To go back with the next pull. */
  private readonly memory: Array<ArrayBuffer> = []
  private tellLines: (() => void) | undefined
  private state: "going" | "done" | "lost" = "going"
  private fault: string | undefined

  constructor(id: number, send: Send, forget: () => void) {
    this.id = id
    this.send = send
    this.forget = forget
  }

  readonly digest: Effect.Effect<ReadonlyArray<DigestEntry>, NotProven> = Effect.callback((resume) => {
    const tell = () => {
      if (this.proved !== undefined) resume(this.proved)
    }
    this.tellDigest = tell
    tell()
  })

  fit({ output, questions }: ShardQuestions): Effect.Effect<ReadonlyArray<boolean>> {
    return Effect.promise(async () => {
      const fits: Array<boolean> = []
      for (let at = 0; at < questions.length; at += familiesOfMessage) {
        const part = questions.slice(at, at + familiesOfMessage)
        const answers = await new Promise<ReadonlyArray<boolean>>((resolve) => {
          this.tellFits = resolve
          if (this.state !== "going" || this.fault !== undefined) resolve([])
          else this.send({ type: "fit", id: this.id, questions: { output, questions: part } })
        })
        for (const i of part.keys()) fits.push(answers[i] ?? false)
      }
      return fits
    })
  }

  lines(plan: ShardPlan): Lines {
    void this.sendPlan(plan)
    return {
      next: () => this.next(),
      free: (memory) => void this.memory.push(memory),
      broken: () => this.state === "lost"
    }
  }

  private async sendPlan({ output, families }: ShardPlan): Promise<void> {
    for (let at = 0; !this.ended; at += familiesOfMessage) {
      const last = at + familiesOfMessage >= families.length
      const plan = { output, families: families.slice(at, at + familiesOfMessage) }
      this.send({ type: "lines", id: this.id, plan, last })
      if (last) return
      await turn()
    }
  }

  end(delivered: boolean): void {
    this.ended = true
    this.send({ type: "end", id: this.id, delivered })
    this.forget()
  }

  hear(message: Told): void {
    if (message.type === "digest") {
      for (const entry of message.entries) this.entries.push(entry)
      if (message.last) this.proved ??= Effect.succeed(this.entries)
    } else if (message.type === "fits") this.tellFits?.(message.fits)
    else if (message.type === "unproven") this.proved ??= Effect.fail(new NotProven({ message: message.why }))
    else if (message.type === "chunk") this.chunks.push(message.chunk)
    else if (message.type === "done") this.state = "done"
    else {
      this.fault = message.why
      this.proved ??= Effect.die(new Error(`shard: ${message.why}`))
    }
    this.tell()
  }

  lost(): void {
    if (this.state === "going") this.state = "lost"
    this.proved ??= Effect.fail(new NotProven({ message: "the shard's thread is gone" }))
    this.tell()
  }

  private tell(): void {
    this.tellDigest?.()
    if (this.state !== "going" || this.fault !== undefined) this.tellFits?.([])
    this.tellLines?.()
  }

  private pull(): void {
    const memory = this.memory.pop()
    this.send({ type: "pull", id: this.id, memory }, memory === undefined ? [] : [memory])
  }

  private async next(): Promise<LineChunk | undefined> {
    for (;;) {
      const chunk = this.chunks.shift()
      if (chunk !== undefined) {
        if (this.state === "going") this.pull()
        return chunk
      }
      if (this.fault !== undefined) throw new Error(`shard: ${this.fault}`)
      if (this.state !== "going") return undefined
      await new Promise<void>((resolve) => {
        this.tellLines = resolve
      })
    }
  }
}
