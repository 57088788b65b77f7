/**
 * Directory: a store in a folder. A file is written under a name of its own, synced, and linked to its name, which fails where that is taken; then the
 * folder is synced, and every folder that had to be made. So a power cut leaves it whole or not at all. The file system must have hard links.
 */

import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import { type FileHandle, link, mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import { type Store, StoreError, type Tail } from "./Store.ts"

const unfinished = "_k2p/unfinished"
/** Ms after which what was never finished is nobody's. */
const abandoned = 24 * 3_600_000

/** What a person has to see to. */
const advice: Readonly<Record<string, string>> = {
  EACCES: "this user may not do that there: look at its owner and mode",
  EPERM: "the system does not allow it: look at its owner, and whether the file system has hard links",
  ENOTSUP: "the file system has no hard links: choose another place",
  EROFS: "it is mounted read-only",
  ENOTDIR: "a part of its path is a file",
  ENOSPC: "no space is left",
  EDQUOT: "the quota is used up"
}
const passing = new Set(["ENOSPC", "EDQUOT"])

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN"

const failed = (op: string, path: string, error: unknown): StoreError => {
  const code = codeOf(error)
  const what = advice[code] ?? (error instanceof Error ? error.message : String(error))
  return new StoreError({
    message: `${op} ${path}: ${code}, ${what}`,
    code,
    refused: code in advice && !passing.has(code)
  })
}

const isMissing = (error: unknown): boolean => codeOf(error) === "ENOENT"

const synced = async (path: string): Promise<void> => {
  const handle = await open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Whether the folder was made; undefined where the one that it is to be in is not there. */
const made = (path: string): Promise<boolean | undefined> =>
  mkdir(path).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === "EEXIST") return false
      if (codeOf(error) === "ENOENT") return undefined
      throw error
    }
  )

const writeAll = async (file: FileHandle, pieces: ReadonlyArray<Uint8Array>): Promise<void> => {
  for (const piece of pieces)
    for (let at = 0; at < piece.length; ) at += (await file.write(piece, at, piece.length - at)).bytesWritten
}

const readAll = async (file: FileHandle, from: number, bytes: number): Promise<Uint8Array> => {
  const read = Buffer.allocUnsafe(bytes)
  let at = 0
  while (at < bytes) {
    const { bytesRead } = await file.read(read, at, bytes - at, from + at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return read.subarray(0, at)
}

/** Folders that are known to be there for good: of an hour's objects one for each topic. */
const remembered = 1024

class Folder {
  readonly #root: string
  readonly #synced = new Set<string>()

  constructor(root: string) {
    this.#root = root
  }

  path(name: string): string {
    return join(this.#root, name)
  }

  /**
   * Makes the folder, and syncs the one that it is in, and so on up to the root's: also where somebody else made them, who may have ended before they were
   * synced. Not by Node's own `recursive`, which never ends where the system makes nothing.
   */
  async #folder(path: string): Promise<void> {
    if (this.#synced.has(path)) return
    let isNew = await made(path)
    if (isNew === undefined && dirname(path) !== path) {
      await this.#folder(dirname(path))
      isNew = await made(path)
    }
    if (isNew === undefined) throw Object.assign(new Error("no folder can be made there"), { code: "EACCES" })
    if (path.startsWith(`${this.#root}/`)) await this.#folder(dirname(path))
    await synced(dirname(path))
    if (this.#synced.size >= remembered) this.#synced.clear()
    this.#synced.add(path)
  }

  async create(name: string, pieces: ReadonlyArray<Uint8Array>): Promise<"created" | "exists"> {
    try {
      return await this.#create(name, pieces)
    } catch (error) {
      // Somebody removed a folder under us: the next try makes it anew.
      if (isMissing(error)) this.#synced.clear()
      throw error
    }
  }

  async #create(name: string, pieces: ReadonlyArray<Uint8Array>): Promise<"created" | "exists"> {
    const path = this.path(name)
    const temporary = this.path(`${unfinished}/${randomBytes(12).toString("hex")}`)
    await this.#folder(dirname(temporary))
    const file = await open(temporary, "wx")
    try {
      try {
        await writeAll(file, pieces)
        await file.sync()
      } finally {
        await file.close()
      }
      await this.#folder(dirname(path))
      const outcome = await link(temporary, path).then(
        () => "created" as const,
        (error: unknown) => {
          if (codeOf(error) === "EEXIST") return "exists" as const
          throw error
        }
      )
      await synced(dirname(path))
      return outcome
    } finally {
      await rm(temporary, { force: true })
    }
  }

  async #opened<A>(name: string, use: (file: FileHandle) => Promise<A>): Promise<A | undefined> {
    const file = await open(this.path(name), constants.O_RDONLY).catch((error: unknown) => {
      if (isMissing(error)) return undefined
      throw error
    })
    if (file === undefined) return undefined
    try {
      return await use(file)
    } finally {
      await file.close()
    }
  }

  async readPart(name: string, from: number, bytes: number): Promise<Uint8Array | undefined> {
    return this.#opened(name, (file) => readAll(file, from, bytes))
  }

  async readTail(name: string, bytes: number): Promise<Tail | undefined> {
    return this.#opened(name, async (file) => {
      const { size } = await file.stat()
      const tail = await readAll(file, Math.max(0, size - bytes), Math.min(size, bytes))
      // Whoever linked it may have ended before its folder was synced, and what follows is built on it.
      await synced(dirname(this.path(name)))
      return { bytes: tail, size }
    })
  }

  async list(prefix: string, each: (stored: { name: string; bytes: number }) => void): Promise<void> {
    const walk = async (name: string): Promise<void> => {
      const entries = await readdir(this.path(name), { withFileTypes: true }).catch((error: unknown) => {
        if (isMissing(error)) return []
        throw error
      })
      for (const entry of entries) {
        const child = `${name}${entry.name}`
        if (entry.isDirectory()) {
          if (child !== unfinished && (prefix.startsWith(`${child}/`) || child.startsWith(prefix)))
            await walk(`${child}/`)
        } else if (child.startsWith(prefix)) {
          const found = await stat(this.path(child)).catch((error: unknown) => {
            if (isMissing(error)) return undefined
            throw error
          })
          if (found !== undefined) each({ name: child, bytes: found.size })
        }
      }
    }
    await walk(prefix.slice(0, prefix.lastIndexOf("/") + 1))
  }

  /** What pods that were killed left unfinished. */
  async sweep(now: number): Promise<void> {
    const path = this.path(unfinished)
    for (const name of await readdir(path).catch(() => [])) {
      const each = join(path, name)
      const found = await stat(each).catch(() => undefined)
      // Who may not remove it leaves it to those who may.
      if (found !== undefined && now - found.mtimeMs > abandoned) await rm(each, { force: true }).catch(() => {})
    }
  }
}

/** `root`: the absolute path of the folder, which is made where it is missing. */
export const directory = (root: string): Store & { readonly sweep: Effect.Effect<void> } => {
  const kept = new Folder(root)
  const attempt = <A>(op: string, name: string, run: () => Promise<A>): Effect.Effect<A, StoreError> =>
    Effect.tryPromise({ try: run, catch: (error) => failed(op, kept.path(name), error) })
  return {
    place: `file://${root}`,
    create: (name, pieces) => attempt("writing", name, () => kept.create(name, pieces)),
    read: (name) =>
      attempt("reading", name, () =>
        readFile(kept.path(name)).catch((error: unknown) => {
          if (isMissing(error)) return undefined
          throw error
        })
      ),
    readPart: (name, from, bytes) => attempt("reading", name, () => kept.readPart(name, from, bytes)),
    readTail: (name, bytes) => attempt("reading", name, () => kept.readTail(name, bytes)),
    list: (prefix, each) => attempt("listing", prefix, () => kept.list(prefix, each)),
    remove: (name) => attempt("removing", name, () => rm(kept.path(name), { force: true })),
    sweep: Effect.promise(() => kept.sweep(Date.now()))
  }
}
