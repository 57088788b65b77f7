/** Inbox: messages that wait to be taken, in order, by one reader. Bounded by who sends: by credit, or by questions that wait for answers. */
/** Messages that wait to be taken, in order, by one reader. Bounded by who sends. @experimental */
export class Inbox<A> {
  private readonly waiting: Array<A> = []
  private ended = false
  private error: Error | undefined
  private wake = (): void => {}

  /** Never waits; what comes after the end may still be taken. */
  put(message: A): void {
    this.waiting.push(message)
    this.wake()
  }

  /** Nothing more comes. What waits may still be taken; then `error` is thrown where there is one. */
  end(error?: Error): void {
    if (!this.ended) this.error = error
    this.ended = true
    this.wake()
  }

  /** Undefined after the last. One reader at a time. */
  async next(): Promise<A | undefined> {
    for (;;) {
      const message = this.waiting.shift()
      if (message !== undefined) return message
      if (this.error !== undefined) throw this.error
      if (this.ended) return undefined
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
  }
}
