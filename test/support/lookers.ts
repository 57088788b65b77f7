/** The processes that look at dump files, of an agent or of a test that has one, to be killed and stopped by tests. */
import { readdir, readFile } from "node:fs/promises"

const childrenOf = async (pid: number): Promise<ReadonlyArray<number>> => {
  const tasks = await readdir(`/proc/${pid}/task`)
  const texts = await Promise.all(
    // A thread may end meanwhile.
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, "utf8").catch(() => ""))
  )
  return texts.flatMap((text) => text.trim().split(" ").filter(Boolean).map(Number))
}

/** Those that run, and were not killed. */
export const lookersOf = async (pid: number): Promise<ReadonlyArray<number>> => {
  const found: Array<number> = []
  for (const child of await childrenOf(pid)) {
    const command = await readFile(`/proc/${child}/cmdline`, "utf8").catch(() => "")
    if (command.includes("LookerMain")) found.push(child)
  }
  return found
}
