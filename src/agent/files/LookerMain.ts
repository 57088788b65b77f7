/**
 * LookerMain: the process beside the agent that does everything with dump files. Threads that hang in a system call can be called off by
 * nobody, and keep a process from ending: here they keep nobody else's.
 */
import { openSidePipe } from "../SidePipe.ts"
import { checks } from "./Checks.ts"
import { Looker } from "./Looker.ts"
import type { FromLooker, ToLooker } from "./Wire.ts"

let looker: Looker | undefined
const pipe = openSidePipe<ToLooker, FromLooker>((message) => {
  if (message.t === "start") {
    looker = new Looker(
      message,
      pipe,
      checks(() => performance.now())
    )
    void looker.start()
  } else if (message.t === "room") looker?.granted(message.id, message.ok)
  else void looker?.last()
})
