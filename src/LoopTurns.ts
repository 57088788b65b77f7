/**
 * LoopTurns: how long the turns of this thread's event loop take, in nanoseconds, sampled by the loop itself. The usual way, a timer that
 * fires a hundred times a second to see how late it is, costs an idle pod a quarter of what it uses, and adds its own interval to
 * each value.
 */
import { type ELDHistogram, monitorEventLoopDelay } from "node:perf_hooks"

/** An older Node does not know the option and uses the timer. */
export const loopTurns = (): ELDHistogram => {
  const turns = monitorEventLoopDelay({ samplePerIteration: true })
  turns.enable()
  return turns
}
