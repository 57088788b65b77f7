/** The processes beside an agent, or a test that has one, which look at dump files and tail log files, to be killed and stopped by tests. */
import { readdir, readFile } from "node:fs/promises"

/** Of all that the process started. */
export const childrenOf = async (pid: number): Promise<ReadonlyArray<number>> => {
  const tasks = await readdir(`/proc/${pid}/task`)
  const texts = await Promise.all(
    // A thread may end meanwhile.
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, "utf8").catch(() => ""))
  )
  return texts.flatMap((text) => text.trim().split(" ").filter(Boolean).map(Number))
}

/** Those that run the script, and were not killed. */
const thoseOf = async (pid: number, script: string): Promise<ReadonlyArray<number>> => {
  const found: Array<number> = []
  for (const child of await childrenOf(pid)) {
    const command = await readFile(`/proc/${child}/cmdline`, "utf8").catch(() => "")
    if (command.includes(script)) found.push(child)
  }
  return found
}

export const lookersOf = (pid: number): Promise<ReadonlyArray<number>> => thoseOf(pid, "LookerMain")
export const tailersOf = (pid: number): Promise<ReadonlyArray<number>> => thoseOf(pid, "TailerMain")
