import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { groupOf, isLocal, mountOf, readMounts } from "../../../src/agent/files/Mounts.ts"

const table = [
  "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
  "30 22 0:40 / /mnt rw - nfs4 server:/export rw",
  "31 30 0:41 / /mnt/a\\040b\\134c rw master:1 propagate_from:2 - cifs //server/x rw",
  "32 22 8:2 / /data rw - ext4 /dev/sdb1 rw",
  "33 32 0:42 / /data rw - fuse.sshfs host: rw",
  "34 22 8:3 / /var rw - xfs /dev/sdc1 rw",
  "not a mount",
  ""
].join("\n")
const mounts = readMounts(table)
const at = (path: string) => {
  const { point, type } = mountOf(mounts, path)
  return `${point} ${type}`
}

describe("Mounts", () => {
  it("a path is on the mount with the longest point above it, by whole names", () => {
    assert.strictEqual(at("/mnt"), "/mnt nfs4")
    assert.strictEqual(at("/mnt/x/y"), "/mnt nfs4")
    assert.strictEqual(at("/mnt2/x"), "/ ext4")
    assert.strictEqual(at("/"), "/ ext4")
  })

  it("blanks and backslashes in a point are read, and optional fields skipped", () =>
    assert.strictEqual(at("/mnt/a b\\c/x"), "/mnt/a b\\c cifs"))

  it("of two mounts on one point the later one covers the earlier", () =>
    assert.strictEqual(at("/data/x"), "/data fuse.sshfs"))

  it("a path of which nothing is known is on no disk of this machine", () => {
    const unknown = mountOf([], "/x")
    assert.isFalse(isLocal(unknown.type))
    // Of a root that is of another machine each directory hangs by itself: everything is on it.
    assert.strictEqual(groupOf(unknown, "/x"), "/x")
  })

  it("directories of a disk here hang by themselves, those of another machine's mount together", () => {
    assert.strictEqual(groupOf(mountOf(mounts, "/home/x"), "/home/x"), "/home/x")
    assert.strictEqual(groupOf(mountOf(mounts, "/var/x"), "/var/x"), "/var/x")
    assert.strictEqual(groupOf(mountOf(mounts, "/mnt/x"), "/mnt/x"), "/mnt (nfs4)")
    assert.strictEqual(groupOf(mountOf(mounts, "/mnt/y"), "/mnt/y"), "/mnt (nfs4)")
  })

  it("this machine's own table is read", () => {
    const own = readMounts(readFileSync("/proc/self/mountinfo", "utf8"))
    assert.strictEqual(mountOf(own, "/proc/self").type, "proc")
  })
})
