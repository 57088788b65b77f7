/**
 * Standing: what the agent was told of one file: that it is there, and how it stands. Each thing is said once, when it changes. Plain state;
 * the sending is the caller's.
 */
import type { FileState, FromLooker } from "./Wire.ts"

export class Standing {
  private readonly id: number
  private readonly path: string
  private readonly source: string
  private readonly send: (message: FromLooker) => void
  /** The agent knows that it is there. */
  isPresent = false
  state: FileState = "settling"
  private why = ""

  constructor(id: number, path: string, source: string, send: (message: FromLooker) => void) {
    this.id = id
    this.path = path
    this.source = source
    this.send = send
  }

  /** It is there, and belongs to this group; said again where that changed. */
  found(group: string): void {
    this.isPresent = true
    this.send({ t: "found", id: this.id, path: this.path, source: this.source, group })
  }

  left(): void {
    if (this.isPresent) this.send({ t: "left", id: this.id })
    this.isPresent = false
  }

  become(state: FileState, why = ""): void {
    // Between two dumps nothing is to be told.
    if (state === "settling" && (this.state === "taken" || this.state === "stale")) return
    if (state === this.state && why === this.why) return
    this.became(state, why)
    if (this.isPresent) this.send({ t: "state", id: this.id, state, why })
  }

  /** Another message says so. */
  became(state: FileState, why = ""): void {
    this.state = state
    this.why = why
  }
}
