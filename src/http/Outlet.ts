/**
 * Outlet: where a body's bytes go: the response, as it takes them, two pieces on their way at most. It tells when bytes are read by
 * nobody any more, so that their memory can be used again: the response's own word for each write, which comes when the kernel
 * has it. A write that failed says nothing: its bytes may still be read.
 *
 * A client that takes no piece for `patience` is let go, and what the kernel holds for it is dropped with the connection. That is a bound on
 * its pace, too: a piece has at most `chunkBytes`.
 */
import type { ServerResponse } from "node:http"
import { reset } from "./RawSocket.ts"

/** The most that is handed to a socket, or to zlib, at once. */
export const chunkBytes = 512 * 1024

export interface Outlet {
  /** Answers when there is room for more. One at a time; the bytes must stay as they are until they are taken. */
  readonly put: (bytes: Uint8Array) => Promise<void>
  /** Calls when everything that was put so far is read no more; never, where that cannot be known. */
  readonly whenTaken: (then: () => void) => void
  /** Answers when the last byte has left. */
  readonly end: () => Promise<void>
  /** Nothing more is wanted. */
  readonly close: () => void
}

export class ResponseGone extends Error {
  readonly code = "ERR_STREAM_PREMATURE_CLOSE"
  constructor() {
    super("the client went away")
  }
}

/** The client took nothing for too long, or too little. */
export class ResponseStalled extends Error {
  readonly code = "K2P_STALLED"
  constructor() {
    super("the client does not read")
  }
}

/** Ms. */
const patience = 10_000

export class ResponseOutlet implements Outlet {
  private readonly response: ServerResponse
  private readonly taken: Array<{ readonly after: number; readonly then: () => void }> = []
  private writes = 0
  private written = 0
  private waiting = 0
  private wake: () => void = () => {}
  private stalled = false
  /** When the client last took something, or there was nothing for it to take. */
  private moved = performance.now()
  private readonly timer: NodeJS.Timeout

  constructor(response: ServerResponse) {
    this.response = response
    this.timer = setTimeout(() => (this.waiting > 0 ? this.letGo() : this.timer.refresh()), patience)
    response.once("close", () => {
      clearTimeout(this.timer)
      this.wake()
    })
  }

  /** Ms for which the client has taken nothing of what waits for it. */
  stalledFor(): number {
    return this.waiting > 0 ? performance.now() - this.moved : 0
  }

  /** The client reads too slowly. */
  letGo(): void {
    const { response } = this
    if (response.destroyed || response.writableFinished) return
    this.stalled = true
    // Not in the kernel's time: until the client had acknowledged all that lies there.
    if (response.socket !== null) reset(response.socket)
    response.destroy()
    this.wake()
  }

  get isStalled(): boolean {
    return this.stalled
  }

  async put(bytes: Uint8Array): Promise<void> {
    const { response } = this
    if (response.destroyed) throw this.gone()
    this.writes += 1
    this.wait(bytes.length)
    response.write(bytes, (error) => {
      if (error == null) this.wrote(bytes.length)
    })
    while (this.waiting > chunkBytes) {
      if (response.destroyed) throw this.gone()
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
  }

  whenTaken(then: () => void): void {
    if (this.written === this.writes) then()
    else this.taken.push({ after: this.writes, then })
  }

  async end(): Promise<void> {
    const { response } = this
    if (response.destroyed) throw this.gone()
    // What ends the body, too.
    this.wait(1)
    await new Promise<void>((resolve, reject) => {
      this.wake = () => {
        if (response.destroyed) reject(this.gone())
      }
      response.once("finish", resolve)
      response.end()
    })
    clearTimeout(this.timer)
  }

  close(): void {
    this.response.destroy()
  }

  private gone(): Error {
    return this.stalled ? new ResponseStalled() : new ResponseGone()
  }

  private wait(bytes: number): void {
    if (this.waiting === 0) this.move()
    this.waiting += bytes
  }

  private move(): void {
    this.moved = performance.now()
    this.timer.refresh()
  }

  private wrote(bytes: number): void {
    this.written += 1
    this.waiting -= bytes
    this.move()
    while (this.taken.length > 0 && this.taken[0]!.after <= this.written) this.taken.shift()!.then()
    this.wake()
  }
}
