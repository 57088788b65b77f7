/**
 * Together: questions about single partitions that are asked at the same moment go out as one request: a member that gets a hundred
 * partitions asks once for their bounds, not hundreds of times. What is asked is sent after it was asked, never answered from an
 * earlier answer. Where the common request fails, each asks again alone, so that one partition's trouble stays its own.
 */
import { partitionKey, type TopicPartition } from "../Transport.ts"

type Answers<A> = ReadonlyMap<string, A>
type Ask<A> = (tps: ReadonlyArray<TopicPartition>, what: string) => Promise<Answers<A>>

interface Common<A> {
  readonly tps: Map<string, TopicPartition>
  readonly answer: Promise<Answers<A>>
  askers: number
}

export class Together<A> {
  readonly #ask: Ask<A>
  readonly #waiting = new Map<string, Common<A>>()

  constructor(ask: Ask<A>) {
    this.#ask = ask
  }

  /** By partition key, of these partitions only. Different questions (`what`) are never put together. */
  async ask(tps: ReadonlyArray<TopicPartition>, what = ""): Promise<Answers<A>> {
    if (tps.length === 0) return new Map()
    const common = this.#waiting.get(what) ?? this.#open(what)
    for (const tp of tps) common.tps.set(partitionKey(tp), tp)
    common.askers += 1
    const answers = await common.answer.catch((error: unknown) => {
      if (common.askers === 1) throw error
      return this.#ask(tps, what)
    })
    const mine = new Map<string, A>()
    for (const key of tps.map(partitionKey)) {
      const answer = answers.get(key)
      if (answer !== undefined) mine.set(key, answer)
    }
    return mine
  }

  #open(what: string): Common<A> {
    const tps = new Map<string, TopicPartition>()
    const answer = new Promise<Answers<A>>((resolve, reject) => {
      setImmediate(() => {
        this.#waiting.delete(what)
        this.#ask([...tps.values()], what).then(resolve, reject)
      })
    })
    const common = { tps, answer, askers: 0 }
    this.#waiting.set(what, common)
    return common
  }
}
