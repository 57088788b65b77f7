/**
 * ScrapeChannel: the shard's end of a scrape, see ShardScrape. The content is looked up when it is opened, in the step of the cut; digest
 * and lines are made in slices of a few milliseconds, so that ingest and heartbeats have their turns.
 */
import { setImmediate as turn } from "node:timers/promises"
import { Effect } from "effect"
import type { Cut } from "../../engine/Engine.ts"
import type { Channel, Piece } from "../../pod/shards/Channel.ts"
import { Inbox } from "../../pod/shards/Inbox.ts"
import type { PlannedFamily, ShardPlan } from "../body/BodyPlan.ts"
import { Digest, digesting } from "../body/Digest.ts"
import { ChunkMemory } from "../body/LineChunks.ts"
import { answering, renderLines } from "../body/Renderer.ts"
import type { Look } from "../cache/MetricsCache.ts"
import { type End, type FromShard, familiesOfMessage, type ToShard } from "./ScrapeMessages.ts"

export interface ScrapeParts {
  readonly cut: Cut
  readonly look: Look
  readonly run: <A>(effect: Effect.Effect<A>) => Promise<A>
  /** Told of lines that no plan of a body could show. */
  readonly leftOut: (lines: number) => void
}

export const scrapeChannel = ({ cut, look, run, leftOut }: ScrapeParts): Channel => {
  const heard = new Inbox<ToShard>()
  const memory = new ChunkMemory()
  /** The dumps' memory is others'. */
  let ended = false

  /** Gives others their turn after each slice. Undefined where nobody wants it any more. */
  const inSlices = async <A>(work: Generator<undefined, A, unknown>): Promise<A | undefined> => {
    while (!ended) {
      const step = work.next()
      if (step.done === true) return step.value
      await turn()
    }
    return undefined
  }

  /** What is in the cut, or why nothing of it may be shown. */
  const proved: Effect.Effect<Digest | string> = Effect.all(
    [cut.prove, Effect.promise(() => inSlices(digesting(look.dumps)))],
    { concurrency: "unbounded" }
  ).pipe(
    Effect.match({
      onSuccess: ([, digest]) => digest ?? new Digest(),
      onFailure: ({ message }) => message
    })
  )

  async function* talk(): AsyncGenerator<Piece, undefined, undefined> {
    const digest = await run(proved)
    if (typeof digest === "string") {
      yield say({ type: "unproven", why: digest })
      return
    }
    for (let at = 0, last = false; !last; at += familiesOfMessage) {
      if (at > 0) await turn()
      last = at + familiesOfMessage >= digest.entries.length
      yield say({ type: "digest", entries: digest.entries.slice(at, at + familiesOfMessage), last })
    }
    const families: Array<PlannedFamily> = []
    let plan: ShardPlan | undefined
    while (plan === undefined) {
      const message = await heard.next()
      if (message === undefined) return
      if (message.type === "fit") {
        const fits = (await inSlices(answering(digest, message.questions))) ?? []
        yield say({ type: "fits", id: message.id, fits })
      } else {
        for (const family of message.plan.families) families.push(family)
        if (message.last) plan = { ...message.plan, families }
      }
    }
    const chunks = renderLines(digest, plan, memory, leftOut)
    while (!ended) {
      const step = chunks.next()
      if (step.done === true) return
      if (step.value !== undefined) yield say({ type: "chunk", chunk: step.value }, [step.value.bytes.buffer])
      // Whether or not the socket asks for a pause.
      await turn()
    }
  }

  const talking = talk()
  return {
    send: (message) => heard.put(message as ToShard),
    pull: async () => (ended ? undefined : (await talking.next()).value),
    giveBack: (free) => memory.give(free),
    isLost: () => false,
    end: (delivered) => {
      ended = true
      heard.end()
      look.end()
      if ((delivered as End) === true) look.delivered?.()
    }
  }
}

const say = (message: FromShard, memory: ReadonlyArray<ArrayBuffer> = []): Piece => ({ message, memory })
