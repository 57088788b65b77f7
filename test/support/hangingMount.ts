/**
 * HangingMount: a real mount that hangs when it is told to, as one of a server that is away: a FUSE file system in Go, which is stopped and
 * continued by signals. It needs root and /dev/fuse. Built once into the user's cache, by the hash of its sources.
 */
import { execFile, spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { accessSync, constants, existsSync, globSync, readFileSync } from "node:fs"
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "kafka2prom")
const sources = join(import.meta.dirname, "hangingMount")

/** Why nothing can be mounted here; undefined where it can. */
export const cannotMount = (): string | undefined => {
  if (process.getuid?.() !== 0) return "mounting needs root"
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK)
    return undefined
  } catch {
    return "there is no /dev/fuse"
  }
}

/** Builds it where it is not there yet. */
export const mountProgram = async (): Promise<string> => {
  const hash = createHash("sha256")
  for (const file of globSync("*", { cwd: sources }).sort())
    hash.update(`${file}\n`).update(readFileSync(join(sources, file)))
  const path = join(cache, `hanging-mount-${hash.digest("hex").slice(0, 16)}`)
  if (existsSync(path)) return path
  await mkdir(cache, { recursive: true })
  const building = await mkdtemp(`${path}.part-`)
  try {
    const built = join(building, "mount")
    await run("go", ["build", "-buildvcs=false", "-o", built, "."], {
      cwd: sources,
      env: { GOTOOLCHAIN: "auto", ...process.env }
    })
    await rename(built, path)
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return path
}

export interface HangingMount {
  readonly hang: () => void
  readonly goOn: () => void
  /** Whatever hangs in it gets an error. */
  readonly close: () => Promise<void>
}

/** Shows `folder` at `point`; `bytesPerSecond`: of reads, 0 for as fast as it can. */
export const mountHanging = async (folder: string, point: string, bytesPerSecond = 0): Promise<HangingMount> => {
  const child = spawn(await mountProgram(), [folder, point, String(bytesPerSecond)], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve())
    void ended.then(() => reject(new Error("the file system could not be mounted")))
  })
  return {
    hang: () => void child.kill("SIGSTOP"),
    goOn: () => void child.kill("SIGCONT"),
    close: async () => {
      child.kill("SIGKILL")
      await ended
      spawnSync("umount", ["-l", point])
    }
  }
}
