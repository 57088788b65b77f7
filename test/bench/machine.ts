/** What a run was measured on, as far as the machine tells. */
import { execFileSync } from "node:child_process"
import { cpus, loadavg, release, totalmem } from "node:os"

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGB: number
  readonly kernel: string
  readonly node: string
  readonly commit: string
  /** Of the last minute when it was asked: what else ran on the machine. */
  readonly load: number
}

const commit = (): string => {
  try {
    const git = (...args: ReadonlyArray<string>) => execFileSync("git", [...args], { encoding: "utf8" }).trim()
    return (
      git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--", "src") === "" ? "" : " and changes")
    )
  } catch {
    return "not a git checkout"
  }
}

export const machine = (): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: cpus().length,
  memoryGB: Math.round(totalmem() / 1e9),
  kernel: release(),
  node: process.version,
  commit: commit(),
  load: Math.round(loadavg()[0]! * 10) / 10
})
