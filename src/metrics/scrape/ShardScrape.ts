/**
 * ShardScrape: one shard's part of a scrape, as the route sees it: proof and digest first, then questions where there are some, then
 * the lines. The order matters: what is cut when is rule 7, that nothing is shown before the proof is rule 4. The shard's
 * end is ScrapeChannel.
 */
import { setImmediate as turn } from "node:timers/promises"
import { Effect } from "effect"
import { NotProven } from "../../engine/Engine.ts"
import type { Channel } from "../../pod/shards/Channel.ts"
import type { ShardPlan, ShardQuestions } from "../body/BodyPlan.ts"
import type { DigestEntry } from "../body/FamilyMeta.ts"
import type { LineChunk } from "../body/LineChunks.ts"
import { type End, type FromShard, familiesOfMessage, type ToShard } from "./ScrapeMessages.ts"

/** A shard's lines on their way. */
export interface Lines {
  /** One at a time, in order; undefined after the last. Made when asked for, or little earlier. */
  readonly next: () => Promise<LineChunk | undefined>
  /** The memory of a chunk that nobody reads any more, the kernel included: it is written over. Need not be told. */
  readonly free: (memory: ArrayBuffer) => void
  /** The shard is gone and its remaining lines with it. */
  readonly broken: () => boolean
}

export class ShardScrape {
  private readonly channel: Channel
  /** Asked for and not taken yet: whoever waited for it may have lost patience. */
  private coming: Promise<FromShard | undefined> | undefined
  private questions = 0
  private ended = false

  constructor(channel: Channel) {
    this.channel = channel
  }

  /** What there is in the cut, when its ownership is proved. */
  readonly digest: Effect.Effect<ReadonlyArray<DigestEntry>, NotProven> = Effect.flatMap(
    Effect.promise(async (signal) => {
      const entries: Array<DigestEntry> = []
      for (;;) {
        const message = await this.hear(signal)
        if (message?.type !== "digest") return message?.type === "unproven" ? message.why : "the shard's thread is gone"
        for (const entry of message.entries) entries.push(entry)
        if (message.last) return entries
      }
    }),
    (found) => (typeof found === "string" ? Effect.fail(new NotProven({ message: found })) : Effect.succeed(found))
  )

  /** What the plan asks about the lines of families in dispute; false for each where the shard does not answer. After the digest. */
  fit({ output, questions }: ShardQuestions): Effect.Effect<ReadonlyArray<boolean>> {
    return Effect.promise(async (signal) => {
      const fits: Array<boolean> = []
      for (let at = 0; at < questions.length; at += familiesOfMessage) {
        const part = questions.slice(at, at + familiesOfMessage)
        const answers = await this.answerOf({ output, questions: part }, signal)
        for (const i of part.keys()) fits.push(answers[i] ?? false)
      }
      return fits
    })
  }

  /** The lines that the plan wants of the digest. Once, after the digest. */
  lines(plan: ShardPlan): Lines {
    void this.sendPlan(plan)
    return {
      next: async () => {
        for (;;) {
          const message = await this.hear()
          if (message === undefined) return undefined
          if (message.type === "chunk") return message.chunk
        }
      },
      free: (memory) => this.channel.giveBack(memory),
      broken: () => this.channel.isLost()
    }
  }

  /** Nothing more is wanted. Must be called, once. */
  end(delivered: End): void {
    this.ended = true
    this.channel.end(delivered)
  }

  private send(message: ToShard): void {
    this.channel.send(message)
  }

  /** The next message; undefined also where who asks has lost patience: then it is the next one's who asks. */
  private async hear(signal?: AbortSignal): Promise<FromShard | undefined> {
    this.coming ??= this.channel.pull().then((piece) => piece?.message as FromShard | undefined)
    const message = await this.coming
    if (signal?.aborted === true) return undefined
    this.coming = undefined
    return message
  }

  private async answerOf(questions: ShardQuestions, signal: AbortSignal): Promise<ReadonlyArray<boolean>> {
    const id = ++this.questions
    if (signal.aborted) return []
    this.send({ type: "fit", id, questions })
    for (;;) {
      // What failed there is told by the lines.
      const message = await this.hear(signal).catch(() => undefined)
      if (message === undefined) return []
      // Not the late answer to an earlier question.
      if (message.type === "fits" && message.id === id) return message.fits
    }
  }

  private async sendPlan({ output, families }: ShardPlan): Promise<void> {
    for (let at = 0; !this.ended; at += familiesOfMessage) {
      const last = at + familiesOfMessage >= families.length
      this.send({ type: "plan", plan: { output, families: families.slice(at, at + familiesOfMessage) }, last })
      if (last) return
      await turn()
    }
  }
}
