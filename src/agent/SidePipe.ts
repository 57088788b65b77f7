/**
 * SidePipe: the pipe to the agent, as a process beside it has it (see SideProcess). The process lives as long as this pipe, and ends at once
 * with it: threads that hang in a system call can be called off by nobody, and an orderly end would wait for them.
 */
import { Socket } from "node:net"
import { Frames, frame } from "./Frames.ts"

/** Ms that the agent gets to take what it did not yet. */
const patience = 1_000

export interface SidePipe<From> {
  readonly send: (message: From) => void
  /** Resolves when the bytes are no longer needed. */
  readonly sendBody: (message: From, body: Buffer) => Promise<void>
  /** Ends the process when the agent has what was sent, or takes too long for it. */
  readonly finish: () => void
}

const end = (): void => {
  process.kill(process.pid, "SIGKILL")
}

/** Once a process. */
export const openSidePipe = <To, From>(onMessage: (message: To) => void): SidePipe<From> => {
  // Signals to the whole group are the agent's to answer: it has what is under way finished first.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {})
  const pipe = new Socket({ fd: 3, readable: true, writable: true })
  const frames = new Frames<To>(onMessage)
  pipe.on("data", (piece: Buffer) => frames.accept(piece))
  pipe.on("end", end)
  pipe.on("error", end)
  return {
    send: (message) => void pipe.write(frame(message)),
    sendBody: (message, body) =>
      new Promise<void>((resolve) => {
        pipe.cork()
        pipe.write(frame(message, body.length))
        pipe.write(body, () => resolve())
        pipe.uncork()
      }),
    finish: () => {
      pipe.end(end)
      setTimeout(end, patience)
    }
  }
}
