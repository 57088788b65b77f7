/**
 * Failures: how often a client may try a secret and be wrong: some times at once, then once in a second. Clients that are remembered are
 * bounded; the one that tried longest ago is forgotten first. Times are in ms of any steady clock. Synchronous.
 */
const burst = 10
const every = 1_000
const maxClients = 10_000

export class Failures {
  /** When what a client has spent is forgiven, by client; who tried last is last. */
  private readonly clean = new Map<string, number>()

  /** Ms until the client may try again; 0: now, and this try is spent. */
  tries(client: string, now: number): number {
    const from = Math.max(now, this.clean.get(client) ?? 0)
    const wait = from - now - (burst - 1) * every
    if (wait > 0) return wait
    this.clean.delete(client)
    this.clean.set(client, from + every)
    if (this.clean.size > maxClients) this.clean.delete(this.clean.keys().next().value!)
    return 0
  }

  /** It was right: that try costs nothing. */
  wasRight(client: string): void {
    const clean = this.clean.get(client)
    if (clean !== undefined) this.clean.set(client, clean - every)
  }
}
