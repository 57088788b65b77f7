/**
 * StateDir: the agent's small memory on disk: its last epoch and the partition base of each topic. Each is a file of one
 * number, replaced atomically and synced, so that a crash leaves the old or the new one. One agent a directory.
 * Errors are for people: they name the file and say what to do.
 */
import { access, constants, mkdir, open, readFile, rename, stat, statfs } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Replaces the file; rejects with the system's error, and then it is as it was. */
export const writeSynced = async (dir: string, name: string, text: string): Promise<void> => {
  const temporary = join(dir, `.${name}.tmp`)
  const file = await open(temporary, "w")
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, join(dir, name))
  const directory = await open(dir, "r")
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** The number that was kept, null where there is none; `damaged` where the file does not hold one. */
export const readNumber = async (dir: string, name: string): Promise<number | null | "damaged"> => {
  let text: string
  try {
    text = await readFile(join(dir, name), "utf8")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null
    throw new Error(
      `cannot read ${join(dir, name)}: ${reason(error)}. The agent needs its last state to number rounds; make the file readable or give another --state-dir`
    )
  }
  const number = /^\d{1,16}\n?$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(number) ? number : "damaged"
}

export const keepNumber = async (dir: string, name: string, number: number): Promise<void> => {
  try {
    await mkdir(dir, { recursive: true })
    await writeSynced(dir, name, `${number}\n`)
  } catch (error) {
    throw new Error(
      `cannot write ${join(dir, name)}: ${reason(error)}. Give --state-dir a directory that this user may write and that survives restarts`
    )
  }
}

/** It is there, whatever was; rejects with an error for people. */
export const makeStateDir = async (dir: string): Promise<void> => {
  try {
    await mkdir(dir, { recursive: true })
  } catch (error) {
    throw new Error(
      `cannot make the directory ${dir}: ${reason(error)}. Give --state-dir a directory that this user may write and that survives restarts`
    )
  }
}

/** Less room than this, in bytes, is none. */
const leastRoom = 1_000_000

/** Why nothing could be kept in a directory, which need not be there yet; "" where something could. Nothing is written to find out. */
export const keepProblem = async (dir: string): Promise<string> => {
  const todo = "give --state-dir a directory that this user may write and that survives restarts"
  for (let at = resolve(dir); ; at = dirname(at)) {
    try {
      if (!(await stat(at)).isDirectory()) return `${at} is not a directory: ${todo}`
      await access(at, constants.W_OK | constants.X_OK)
      const { bavail, bsize } = await statfs(at)
      return bavail * bsize < leastRoom ? `the file system of ${at} is full: make room` : ""
    } catch (error) {
      const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT"
      if (!isMissing || at === dirname(at)) return `${at} cannot be written: ${reason(error)}; ${todo}`
    }
  }
}

/** The file that keeps a topic's partition base; Kafka's topic names are safe file names. */
export const baseFile = (topic: string): string => `partition-base-${topic}`
