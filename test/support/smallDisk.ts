/**
 * SmallDisk: a disk that is full, or read-only, for one process: a tmpfs in a mount namespace of its own, which goes with the process. It needs root, or user
 * namespaces for everybody.
 */
import { execFile, spawnSync } from "node:child_process"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"

const isRoot = process.getuid?.() === 0
const namespaces = isRoot ? ["--mount"] : ["--user", "--map-root-user", "--mount"]

/** Why there is none here; undefined where there is. */
export const noSmallDisk = (): string | undefined =>
  spawnSync("unshare", [...namespaces, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0
    ? undefined
    : "a mount namespace needs root, or user namespaces for everybody"

/** What runs a command (see `RunOptions.through`) where `point`, an empty folder, has so many kB, `spare` of which can be given back. */
export const withSmallDisk = (point: string, kilobytes: number, spare: number): ReadonlyArray<string> => {
  const made = `mount -t tmpfs -o size=${kilobytes}k tmpfs '${point}' && head -c ${spare}k /dev/zero >'${point}/spare'`
  return ["unshare", ...namespaces, "sh", "-c", `${made} && exec "$@"`, "sh"]
}

/** The folder as the process sees it. */
export const seenBy = (pid: number, point: string): string => join("/proc", String(pid), "root", point)

export const giveBack = (pid: number, point: string): Promise<void> => rm(join(seenBy(pid, point), "spare"))

/** `how`: ro or rw. */
export const remount = async (pid: number, point: string, how: "ro" | "rw"): Promise<void> => {
  const inside = ["-t", String(pid), "--mount", ...(isRoot ? [] : ["--user", "--preserve-credentials"])]
  await promisify(execFile)("nsenter", [...inside, "mount", "-o", `remount,${how}`, point])
}
