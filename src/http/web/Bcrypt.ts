/**
 * Bcrypt: passwords against their hashes, one after the other, on a thread of its own: the hash is made to be slow, and a scrape must
 * not wait for it. The thread starts with the first password. What waits is bounded.
 */
import { extname } from "node:path"
import { Worker } from "node:worker_threads"

const script = new URL(`./BcryptThread${extname(import.meta.url)}`, import.meta.url)
/** Passwords that wait. */
const maxWaiting = 16

export interface Question {
  readonly password: string
  readonly hash: string
}

interface Waiting {
  readonly resolve: (isRight: boolean) => void
  readonly reject: (error: Error) => void
}

export class Bcrypt {
  private thread: Worker | undefined
  /** In the order of the questions, which is that of the answers. */
  private waiting: Array<Waiting> = []

  get isFull(): boolean {
    return this.waiting.length >= maxWaiting
  }

  /** Rejects where the thread died. Not to be asked while full. */
  isRight(question: Question): Promise<boolean> {
    const thread = this.thread ?? this.start()
    this.thread = thread
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      thread.postMessage(question)
    })
  }

  async close(): Promise<void> {
    await this.thread?.terminate()
  }

  private start(): Worker {
    const thread = new Worker(script)
    // A pod does not live on for it.
    thread.unref()
    thread.on("message", (isRight: boolean) => this.waiting.shift()?.resolve(isRight))
    thread.on("error", (error) => this.died(error as Error))
    thread.on("exit", () => this.died(new Error("the thread that looks at passwords ended")))
    return thread
  }

  private died(error: Error): void {
    const lost = this.waiting
    this.thread = undefined
    this.waiting = []
    for (const { reject } of lost) reject(error)
  }
}
