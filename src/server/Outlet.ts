/**
 * Outlet: where a body's bytes go: the response, as it takes them, two pieces on their way at most. It tells when bytes are read by
 * nobody any more, so that their memory can be used again: the response's own word for each write, which comes when the kernel
 * has it. A write that failed says nothing: its bytes may still be read.
 */
import type { ServerResponse } from "node:http"
import { chunkBytes } from "../exposition/LineChunks.ts"

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

export class ResponseOutlet implements Outlet {
  private readonly response: ServerResponse
  private readonly taken: Array<{ readonly after: number; readonly then: () => void }> = []
  private writes = 0
  private written = 0
  private waiting = 0
  private wake: () => void = () => {}

  constructor(response: ServerResponse) {
    this.response = response
    response.once("close", () => this.wake())
  }

  async put(bytes: Uint8Array): Promise<void> {
    const { response } = this
    if (response.destroyed) throw new ResponseGone()
    this.writes += 1
    this.waiting += bytes.length
    response.write(bytes, (error) => {
      if (error == null) this.wrote(bytes.length)
    })
    while (this.waiting > chunkBytes) {
      if (response.destroyed) throw new ResponseGone()
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
    if (response.destroyed) throw new ResponseGone()
    await new Promise<void>((resolve, reject) => {
      response.once("finish", resolve)
      response.once("close", () => reject(new ResponseGone()))
      response.end()
    })
  }

  close(): void {
    this.response.destroy()
  }

  private wrote(bytes: number): void {
    this.written += 1
    this.waiting -= bytes
    while (this.taken.length > 0 && this.taken[0]!.after <= this.written) this.taken.shift()!.then()
    this.wake()
  }
}
