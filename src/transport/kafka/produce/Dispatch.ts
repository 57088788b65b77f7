/**
 * Dispatch: brings each partition's backlog to the sender of its leader. Backlogs whose leader is not known wait for one question about all
 * of them, and hold nobody else's.
 */
import { partitionKey } from "../../Transport.ts"
import { failed } from "../connection/Errors.ts"
import type { Links } from "../connection/Links.ts"
import { Backlog, type Delivery } from "./Backlog.ts"
import { Leaders } from "./Leaders.ts"
import { Pace } from "./Pace.ts"
import { Sender, type SendOptions } from "./Sender.ts"

export class Dispatch {
  readonly #links: Links
  readonly #options: SendOptions
  readonly #leaders: Leaders
  readonly #pace = new Pace()
  readonly #backlogs = new Map<string, Backlog>()
  readonly #senders = new Map<number, Sender>()
  readonly #unled = new Set<Backlog>()
  #asking = false
  #closed = false
  /** See `Producer.clockAhead`. */
  clockAhead: number | undefined

  constructor(links: Links, options: SendOptions) {
    this.#links = links
    this.#options = options
    this.#leaders = new Leaders(links)
  }

  add(delivery: Delivery): void {
    if (this.#closed) {
      delivery.settle(failed("produce", "CONNECTION", "the client is closed"))
      return
    }
    const key = partitionKey(delivery.tp)
    const backlog = this.#backlogs.get(key) ?? new Backlog(delivery.tp)
    this.#backlogs.set(key, backlog)
    backlog.add(delivery)
    if (!backlog.busy) this.#route(backlog)
  }

  /** What is not on its way yet is never sent. */
  withdraw(delivery: Delivery): void {
    const backlog = this.#backlogs.get(partitionKey(delivery.tp))
    backlog?.withdraw(delivery)
    if (backlog?.empty) this.#rest(backlog)
  }

  /** Everything that waits fails. The links are closed by their owner. */
  close(): void {
    this.#closed = true
    const error = failed("produce", "CONNECTION", "the client is closed")
    for (const backlog of this.#backlogs.values()) {
      this.#rest(backlog)
      backlog.fail(error)
    }
    this.#pace.end()
    for (const sender of this.#senders.values()) sender.end()
  }

  #rest(backlog: Backlog): void {
    this.#unled.delete(backlog)
    for (const sender of this.#senders.values()) sender.drop(backlog)
  }

  #route(backlog: Backlog): void {
    const leader = this.#leaders.of(backlog.tp)
    if (leader !== undefined) this.#senderOf(leader).take(backlog)
    else {
      this.#unled.add(backlog)
      if (this.#asking) return
      this.#asking = true
      void this.#ask()
    }
  }

  async #ask(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#unled.size > 0) {
      await this.#pace.due()
      const asked = [...this.#unled]
      const unled = await this.#leaders.learn(asked.map(({ tp }) => tp))
      if (unled.size > 0) this.#pace.failed()
      else this.#pace.succeeded()
      for (const backlog of asked) {
        // What came for it meanwhile is part of the same trouble; what was withdrawn is not there any more.
        if (!this.#unled.delete(backlog)) continue
        const why = unled.get(partitionKey(backlog.tp))
        if (why === undefined) this.#route(backlog)
        else backlog.fail(why)
      }
    }
    this.#asking = false
  }

  #senderOf(node: number): Sender {
    const present = this.#senders.get(node)
    if (present !== undefined) return present
    const sender = new Sender(node, this.#links, this.#options, {
      led: () => [...this.#backlogs.values()].filter(({ tp }) => this.#leaders.of(tp) === node),
      doubted: ({ tp }) => this.#leaders.forget(tp),
      free: (backlog) => {
        if (!backlog.empty) this.#route(backlog)
      },
      clockAhead: (ms) => {
        this.clockAhead = ms
      }
    })
    this.#senders.set(node, sender)
    return sender
  }
}
