/**
 * Shield: what comes from outside and must not end the program, nor open it: a log that nobody takes any more (a full disk, a
 * pipe whose reader has left), and SIGUSR1, at which Node would listen for a debugger. Lines that are lost are counted, for there is
 * no other place to tell it; the next one is tried anew.
 */

let lost = 0

/** Writes to stderr that failed. */
export const logLinesLost = (): number => lost

let held = false

/** For the whole process, for good: the program's first step. Once is enough. */
export const shield = (): void => {
  if (held) return
  held = true
  process.stderr.on("error", () => {
    lost++
  })
  // What a command prints is of no use to a reader that has left.
  process.stdout.on("error", () => {})
  process.on("SIGUSR1", () => {})
}
