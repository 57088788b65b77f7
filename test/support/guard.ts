/**
 * A guard over a folder with pid files: ends the processes and removes the folder when this process is gone, however it
 * went: a test runner kills its workers without a word. It reads a pipe that only this process holds open; closing the
 * pipe lets it go. A file that holds `-<pid>` stands for a whole process group.
 */
import { spawn } from "node:child_process"
import type { Socket } from "node:net"

export const guardOver = (folder: string): { readonly release: () => void } => {
  const script = 'cat >/dev/null; for f in "$0"/*.pid; do kill -9 "$(cat "$f")"; done; rm -rf "$0"'
  const guard = spawn("sh", ["-c", script, folder], { stdio: ["pipe", "ignore", "ignore"], detached: true })
  guard.unref()
  ;(guard.stdin as Socket).unref()
  return { release: () => guard.stdin?.end() }
}
