/**
 * LookerMain: the process beside the agent that does everything with dump files. Threads that hang in a system call can be called off by
 * nobody, and keep a process from ending: here they keep nobody else's. It lives as long as its pipe to the agent.
 */
import { Socket } from "node:net"
import { checks } from "./Checks.ts"
import { Looker } from "./Looker.ts"
import { Frames, type FromLooker, frame, type ToLooker } from "./Wire.ts"

const pipe = new Socket({ fd: 3, readable: true, writable: true })

/** Also while threads hang: an orderly end would wait for them. */
const end = (): void => {
  process.kill(process.pid, "SIGKILL")
}

// Signals to the whole group are the agent's to answer: it takes a last look first.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {})

const send = (message: FromLooker): void => void pipe.write(frame(message))

const port = {
  send,
  sendBody: (message: FromLooker, body: Buffer) =>
    new Promise<void>((resolve) => {
      pipe.cork()
      pipe.write(frame(message, body.length))
      pipe.write(body, () => resolve())
      pipe.uncork()
    })
}

let looker: Looker | undefined
const frames = new Frames<ToLooker>((message) => {
  if (message.t === "start") {
    looker = new Looker(
      message,
      port,
      checks(() => performance.now())
    )
    void looker.start()
  } else if (message.t === "room") looker?.granted(message.id, message.ok)
  else void looker?.last()
})

pipe.on("data", (piece: Buffer) => frames.accept(piece))
pipe.on("end", end)
pipe.on("error", end)
