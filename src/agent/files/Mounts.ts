/**
 * Mounts: which file system a path is on, as the kernel's table says it: string work alone, so that asking never waits for a file
 * system that hangs. What a link leads to is not followed here. Pure.
 */

export interface Mount {
  readonly point: string
  /** `ext4`, `nfs4`, `fuse.sshfs`. */
  readonly type: string
}

/** Their directories can be watched, and a disk of this machine answers for them. */
const local: ReadonlySet<string> = new Set([
  ...["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "jfs", "reiserfs", "nilfs2"],
  ...["tmpfs", "ramfs", "overlay", "rootfs", "squashfs", "vfat", "exfat", "iso9660"]
])

export const isLocal = (type: string): boolean => local.has(type)

/** Of the text of /proc/self/mountinfo; blanks and the like in a path are written as octal numbers there. */
export const readMounts = (mountinfo: string): ReadonlyArray<Mount> =>
  mountinfo.split("\n").flatMap((line) => {
    const [before, after] = line.split(" - ")
    const point = before?.split(" ")[4]
    const type = after?.split(" ")[0]
    if (point === undefined || type === undefined) return []
    return [
      { point: point.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))), type }
    ]
  })

/** The mount that the path is on; of two on one point the later one covers the earlier. */
export const mountOf = (mounts: ReadonlyArray<Mount>, path: string): Mount => {
  let found: Mount = { point: "/", type: "unknown" }
  for (const mount of mounts) {
    const { point } = mount
    const isAbove = point === "/" || path === point || path.startsWith(`${point}/`)
    if (isAbove && point.length >= found.point.length) found = mount
  }
  return found
}

/** What hangs together: a mount of another machine, or one directory of a disk here. */
export const groupOf = (mount: Mount, path: string): string =>
  isLocal(mount.type) || mount.point === "/" ? path : `${mount.point} (${mount.type})`
