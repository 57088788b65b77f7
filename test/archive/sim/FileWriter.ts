/**
 * FileWriter: a file that grows by lines and is rotated, and the agent that sends it: in order, nothing beyond what is not acknowledged, and after a crash
 * again from where it last wrote down its place, in other pieces. What the file held is kept for the judge.
 */
import { Effect } from "effect"
import type { Random } from "../../../src/testing/Random.ts"
import type { OutgoingRecord, Producer } from "../../../src/transport/Transport.ts"

export interface Written {
  readonly source: string
  readonly partition: number
  /** By position. */
  readonly lines: Map<number, string>
  /** Everything before it was acknowledged by the log. */
  acknowledged: number
}

export class FileWriter {
  /** By stream. */
  readonly files = new Map<string, Written>()
  readonly source: string
  readonly partition: number
  readonly #topic: string
  readonly #r: Random
  #stream = ""
  #lines: Array<readonly [at: number, line: string]> = []
  #size = 0
  #place = 0
  #noted = 0

  constructor(topic: string, source: string, partition: number, r: Random) {
    this.#topic = topic
    this.source = source
    this.partition = partition
    this.#r = r
    this.rotate()
  }

  /** Another life of the file; what is not sent of this one is sent first. */
  rotate(): void {
    this.#stream = this.#r.hex(32)
    this.#lines = []
    this.#size = this.#place = this.#noted = 0
    const { source, partition } = this
    this.files.set(this.#stream, { source, partition, lines: new Map(), acknowledged: 0 })
  }

  /** kill -9, and a start. Whether it sends again what the log has. */
  crash(): boolean {
    const repeats = this.#place > this.#noted
    this.#place = this.#noted
    return repeats
  }

  get allSent(): boolean {
    return this.#place === this.#size
  }

  write(lines: number): void {
    for (let i = 0; i < lines; i++) {
      const line = `${this.source} ${this.#stream.slice(0, 4)} ${this.#size} ${"x".repeat(this.#r.int(0, 40))}`
      this.#lines.push([this.#size, line])
      this.files.get(this.#stream)!.lines.set(this.#size, line)
      this.#size += line.length + 1
    }
  }

  /** Sends some lines, and goes on behind them only where they are acknowledged. */
  send(producer: Producer): Effect.Effect<void> {
    return Effect.suspend(() => {
      const from = this.#place
      const first = this.#lines.findIndex(([at]) => at === from)
      if (first < 0) return Effect.void
      const some = this.#lines.slice(first, first + this.#r.int(1, 6))
      const [at, line] = some.at(-1)!
      const to = at + line.length + 1
      const stream = this.#stream
      const record: OutgoingRecord = {
        topic: this.#topic,
        partition: this.partition,
        key: Buffer.from(this.source),
        value: Buffer.from(some.map(([, text]) => text).join("\n")),
        headers: { "k2p-span": Buffer.from(`${stream}.${from}-${to}`) }
      }
      return Effect.matchEffect(producer.produce([record]), {
        onFailure: () => Effect.void,
        onSuccess: () =>
          Effect.sync(() => {
            const file = this.files.get(stream)!
            file.acknowledged = Math.max(file.acknowledged, to)
            if (this.#stream !== stream || this.#place !== from) return
            this.#place = to
            if (this.#r.chance(0.4)) this.#noted = to
          })
      })
    })
  }
}
