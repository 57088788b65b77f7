/**
 * Heartbeats: one member's heartbeats, one under way at a time, and whom each of them proves (rule 4): every cut that was taken before it
 * was sent, whoever took it. So scrapes at one moment share one: cuts that are taken while a heartbeat is under way wait for the
 * next one, which is sent as soon as that has its answer. However many scrapes there are, the coordinator gets one at a time.
 */
import { Deferred, Effect } from "effect"
import type { TransportErrorCode } from "../../transport/Transport.ts"
import type { Signal } from "../Signal.ts"

/** What became of one heartbeat. */
export interface Heard {
  /** As whom, and for which generation, it was sent. */
  readonly memberId: string
  readonly generation: number
  /** The error's code, or "OK". */
  readonly code: TransportErrorCode | "OK"
}

export class Heartbeats {
  private next = Deferred.makeUnsafe<Heard>()
  private asked = false
  private readonly signal: Signal

  /** `signal`: notified when somebody waits for one. */
  constructor(signal: Signal) {
    this.signal = signal
  }

  /** Waits for the first heartbeat that is sent after this; it is sent as soon as may be. Interrupting it leaves the heartbeat to the others. */
  following(): Effect.Effect<Heard> {
    return Effect.suspend(() => {
      this.asked = true
      this.signal.notify()
      return Deferred.await(this.next)
    })
  }

  /** Somebody waits for one. */
  get wanted(): boolean {
    return this.asked
  }

  /** Sends one, now: from here on it is too late to be proven by it. */
  send(beat: Effect.Effect<Heard>): Effect.Effect<Heard> {
    return Effect.suspend(() => {
      const mine = this.next
      this.next = Deferred.makeUnsafe<Heard>()
      this.asked = false
      return Effect.tap(beat, (heard) => Deferred.succeed(mine, heard))
    })
  }
}
