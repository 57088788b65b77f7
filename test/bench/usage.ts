/**
 * Usage: what a process has used, as the kernel accounts for it: CPU seconds of all its threads (user and system apart, to 10 ms) and
 * the largest resident set it ever had. Linux only. The broker and whoever else shares the machine are not in it.
 */
import { readFile } from "node:fs/promises"

export interface Usage {
  /** Seconds. */
  readonly user: number
  readonly system: number
  readonly cpu: number
  /** Bytes. */
  readonly peak: number
}

/** USER_HZ, which the kernel's interface fixes at 100 on every architecture that Node runs on. */
const ticks = 100

const kilobytes = (status: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1024

/** Of a living process. */
export const usageOf = async (pid: number): Promise<Usage> => {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8"),
    readFile(`/proc/${pid}/status`, "utf8")
  ])
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const [user, system] = [Number(fields[11]) / ticks, Number(fields[12]) / ticks]
  return { user, system, cpu: user + system, peak: kilobytes(status, "VmHWM") }
}

/** Resident now, in bytes. */
export const residentOf = async (pid: number): Promise<number> =>
  kilobytes(await readFile(`/proc/${pid}/status`, "utf8"), "VmRSS")

/** Of this process, for scripts that report on themselves when they are done. */
export const ownUsage = (): Usage => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const [user, system] = [userCPUTime / 1e6, systemCPUTime / 1e6]
  return { user, system, cpu: user + system, peak: maxRSS * 1024 }
}

export const less = (a: Usage, b: Usage): Usage => ({
  user: Math.max(0, a.user - b.user),
  system: Math.max(0, a.system - b.system),
  cpu: Math.max(0, a.cpu - b.cpu),
  peak: a.peak
})
