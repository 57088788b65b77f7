/** Disk: the few system calls of the looker, as promises. Each one takes a thread of the process until it returns: ask Groups first. */
import * as fs from "node:fs"
import { promisify } from "node:util"
import { type FileName, type RawPath, readName } from "./FileNames.ts"

export interface Look {
  readonly ino: bigint
  readonly size: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  /** 0 where the file system does not tell it. */
  readonly birthNs: bigint
  readonly dev: bigint
  readonly kind: "file" | "directory" | "link" | "other"
}

export interface Entry {
  readonly name: FileName
  readonly kind: "file" | "directory" | "link" | "other"
}

const lookOf = (stats: fs.BigIntStats): Look => ({
  ino: stats.ino,
  size: Number(stats.size),
  mtimeNs: stats.mtimeNs,
  ctimeNs: stats.ctimeNs,
  birthNs: stats.birthtimeNs,
  dev: stats.dev,
  kind: kindOf(stats)
})

const kindOf = (of: {
  isFile: () => boolean
  isDirectory: () => boolean
  isSymbolicLink: () => boolean
}): Entry["kind"] => (of.isFile() ? "file" : of.isDirectory() ? "directory" : of.isSymbolicLink() ? "link" : "other")

const big = { bigint: true } as const

const looking =
  <A>(call: (of: A, done: (error: Error | null, stats: fs.BigIntStats) => void) => void) =>
  (of: A): Promise<Look> =>
    new Promise((resolve, reject) =>
      call(of, (error, stats) => {
        if (error === null) resolve(lookOf(stats))
        else reject(error)
      })
    )

/** Of what a link leads to. */
export const stat = looking<RawPath>((path, done) => fs.stat(path, big, done))
/** Of the link itself. */
export const lstat = looking<RawPath>((path, done) => fs.lstat(path, big, done))
export const fstat = looking<number>((fd, done) => fs.fstat(fd, big, done))

/** Never waits for the other end of a pipe. */
export const open = (path: RawPath): Promise<number> =>
  new Promise((resolve, reject) =>
    fs.open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK, (error, fd) =>
      error === null ? resolve(fd) : reject(error)
    )
  )

export const close: (fd: number) => Promise<void> = promisify(fs.close)

/** Answers how many bytes came. */
export const read = (fd: number, into: Buffer, at: number, length: number, position: number): Promise<number> =>
  new Promise((resolve, reject) =>
    fs.read(fd, into, at, length, position, (error, bytes) => (error === null ? resolve(bytes) : reject(error)))
  )

export const list = async (path: RawPath): Promise<ReadonlyArray<Entry>> => {
  const entries = await promisify(fs.readdir)(path as string, { withFileTypes: true, encoding: "buffer" })
  return entries.map((entry) => {
    const kind = kindOf(entry)
    // A file system that does not tell kinds: whoever needs to know tries.
    return { name: readName(entry.name), kind: kind === "other" ? "other" : kind }
  })
}

export const realPath = (path: RawPath): Promise<string> =>
  promisify(fs.realpath.native)(path as string) as Promise<string>

/** `ENOENT` and the like; "" where it is none of the system's. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : ""

const forbidden: ReadonlySet<string> = new Set(["EACCES", "EPERM"])

/** For people; where something is forbidden, with what to do. */
export const messageOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error)
  return forbidden.has(codeOf(error)) ? `${text} (let user ${process.getuid?.() ?? "of the agent"} read it)` : text
}
