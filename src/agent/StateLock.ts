/**
 * StateLock: one agent a state directory. Two would number their rounds apart, and pods would show those of the one that
 * started last. The owner listens on a socket in the directory: whoever comes asks it, so that what a kill, a crash or a reboot leaves
 * behind answers nobody and stops nobody, whatever process has that number now, also across containers that share the directory.
 *
 * Each owner's name has a number, one higher than the last that is there, and the highest is the lock: so nobody ever takes a name away
 * that somebody else may be about to look at, and of any that come at once one gets in.
 *
 * A file system that holds no sockets (some mounts into virtual machines) locks nothing: that is told, and the agent goes on. It is no lock
 * between machines: a state directory belongs to one.
 */
import { randomUUID } from "node:crypto"
import { link, mkdir, open, readdir, rm } from "node:fs/promises"
import { connect, createServer, type Server } from "node:net"
import { hostname } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"

/** Between two tries, ms. */
const pause = 250

/**
 * The directory is this agent's until the Scope closes. One that is still leaving, as at a restart, is waited for so many ms; then it
 * fails with who has the directory.
 */
export const ownState = (dir: string, wait: number): Effect.Effect<void, string, Scope.Scope> =>
  Effect.gen(function* () {
    for (let waited = 0; ; waited += pause) {
      const held = yield* Effect.acquireRelease(
        Effect.promise(() => holdState(dir)),
        (held) => (held.kind === "taken" ? Effect.void : Effect.promise(held.release))
      )
      if (held.kind === "unknown")
        yield* Effect.logWarning(
          `the state directory ${dir} cannot be locked (${held.why}): see to it yourself that only one agent uses it`
        )
      if (held.kind !== "taken") return
      if (waited === 0)
        yield* Effect.logInfo(`${held.owner} has the state directory ${dir}; waiting ${wait / 1000} s for it to leave`)
      if (waited >= wait) return yield* Effect.fail(held.owner)
      yield* Effect.sleep(pause)
    }
  })

/** How the directory is to be had. `unknown`: no lock is possible here. `release`: for good, also where it was never held. */
export type Held =
  | { readonly kind: "held"; readonly release: () => Promise<void> }
  | { readonly kind: "taken"; readonly owner: string }
  | { readonly kind: "unknown"; readonly why: string; readonly release: () => Promise<void> }

/** What another agent is asked for may take, ms: one that is stopped accepts and says nothing. */
const patience = 1_000
/** Of a socket's address on Linux. */
const maxAddress = 107

const name = "agent.lock"

/** Tries once. Never rejects. */
export const holdState = async (dir: string): Promise<Held> => {
  const own = `.${name}.${randomUUID()}`
  const server = createServer((socket) => {
    socket.on("error", () => {})
    socket.end(`process ${process.pid} on ${hostname()}\n`)
  })
  // The lock alone keeps no process alive.
  server.unref()
  const nothing = async (): Promise<void> => {}
  const within = await Addresses.of(dir).catch((error: unknown) => reason(error))
  if (typeof within === "string") return { kind: "unknown", why: within, release: nothing }
  const giveUp = async (): Promise<void> => {
    await closed(server)
    await within.close()
  }
  try {
    await listening(server, within.to(own))
    const claimed = await claim(dir, own, within)
    // The name that was claimed is another link to the same socket.
    await rm(join(dir, own), { force: true })
    if (claimed.kind === "free")
      return {
        kind: "held",
        release: async () => {
          // Before it stops answering: a name that answers nobody must stay.
          await rm(join(dir, claimed.file), { force: true }).catch(() => {})
          await giveUp()
        }
      }
    await giveUp()
    return claimed
  } catch (error) {
    await rm(join(dir, own), { force: true }).catch(() => {})
    await giveUp()
    return { kind: "unknown", why: reason(error), release: nothing }
  }
}

type Claimed = { readonly kind: "free"; readonly file: string } | { readonly kind: "taken"; readonly owner: string }

const claim = async (dir: string, own: string, within: Addresses): Promise<Claimed> => {
  for (;;) {
    const last = (await numbersIn(dir)).at(-1) ?? 0
    if (last > 0) {
      const owner = await ask(within.to(fileOf(last)))
      if (owner === "left") continue
      if (owner !== "nobody") return { kind: "taken", owner }
    }
    const file = fileOf(last + 1)
    try {
      await link(join(dir, own), join(dir, file))
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error
      continue
    }
    const numbers = await numbersIn(dir)
    if (numbers.at(-1) === last + 1) {
      // The one before it stays: somebody may just have found it dead.
      for (const number of numbers.slice(0, -2)) await rm(join(dir, fileOf(number)), { force: true })
      return { kind: "free", file }
    }
    await rm(join(dir, file), { force: true })
  }
}

const fileOf = (number: number): string => `${name}.${number}`

/** The lowest first. */
const numbersIn = async (dir: string): Promise<ReadonlyArray<number>> =>
  (await readdir(dir))
    .flatMap((file) => (/^agent\.lock\.[1-9]\d{0,14}$/.test(file) ? [Number(file.slice(name.length + 1))] : []))
    .sort((a, b) => a - b)

/** Who listens there, for people; `nobody` does, or the name has `left`. */
const ask = (address: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(address)
    let said = ""
    const timer = setTimeout(() => end("a process that does not answer"), patience)
    const end = (owner: string): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(owner)
    }
    socket.setEncoding("utf8")
    socket.on("data", (text: string) => {
      said = (said + text).slice(0, 200)
    })
    socket.on("end", () => end(said.trim() === "" ? "a process that does not say its number" : said.trim()))
    socket.on("error", (error) => {
      const code = codeOf(error)
      if (code === "ENOENT") end("left")
      else if (code === "ECONNREFUSED" || code === "ENOTSOCK") end("nobody")
      else end(`a process that cannot be asked: ${error.message}`)
    })
  })

/** Addresses of sockets in a directory: through an open handle of it where its path is longer than an address may be. */
class Addresses {
  readonly #dir: string
  readonly #close: () => Promise<void>

  private constructor(dir: string, close: () => Promise<void>) {
    this.#dir = dir
    this.#close = close
  }

  static async of(dir: string): Promise<Addresses> {
    await mkdir(dir, { recursive: true })
    const longest = join(dir, `.${name}.${randomUUID()}`)
    if (Buffer.byteLength(longest) <= maxAddress) return new Addresses(dir, async () => {})
    const handle = await open(dir, "r")
    return new Addresses(`/proc/self/fd/${handle.fd}`, () => handle.close())
  }

  to(file: string): string {
    return join(this.#dir, file)
  }

  close(): Promise<void> {
    return this.#close()
  }
}

const listening = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen({ path, readableAll: true, writableAll: true }, () => {
      server.off("error", reject)
      server.on("error", () => {})
      resolve()
    })
  })

const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error ? String(error.code) : undefined

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
