/**
 * What must not end a process that is meant to stay: a log that is full or that nobody reads any more, signals with a meaning elsewhere.
 * The real program, agent and pod, without any broker.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { createServer } from "node:net"
import { afterAll, assert, beforeAll, describe, it, vi } from "vitest"
import { openStage, type Running, type Stage } from "../support/processes.ts"
import { until } from "../support/until.ts"

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const main = process.env.K2P_PROGRAM ?? new URL("../../src/main.ts", import.meta.url).pathname
/** Nobody listens there. */
const brokers = ["--brokers", "127.0.0.1:1"]

/** A port that was free a moment ago: a process whose log is lost cannot say which it took. */
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

/** The ports of IPv4 on which a process listens. */
const listening = (pid: number): ReadonlyArray<number> => {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? ""]
      } catch {
        // Closed meanwhile.
        return []
      }
    })
  )
  return readFileSync(`/proc/${pid}/net/tcp`, "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === "0A" && own.has(inode ?? ""))
    .map(([, local]) => Number.parseInt(local!.split(":")[1]!, 16))
}

describe.each(["agent", "serve"])("%s", (command) => {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage()
  })
  afterAll(() => stage?.close())

  const args = async () => {
    const port = await freePort()
    const own =
      command === "agent" ? ["--dump", "*.prom", "--state-dir", `${stage.dir}/state-${port}`] : ["--workers", "1"]
    return { port, given: [command, ...brokers, "--listen", `127.0.0.1:${port}`, ...own] }
  }
  const answers = async (port: number): Promise<boolean> => {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined)
    return response?.status === 200
  }
  const linesLost = async (port: number): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${port}/self/metrics`)).text()
    return Number(/^k2p_log_lines_lost_total (\d+)$/m.exec(text)?.[1])
  }
  const stops = async (running: Running): Promise<void> => {
    running.signal("SIGTERM")
    assert.deepStrictEqual(await running.ended, { code: 0, signal: null })
  }
  /** Two more lines for the log, and it lives on. */
  const losesLines = async (running: Running, port: number): Promise<void> => {
    await until(() => answers(port), { what: `${command} to answer` })
    for (let lines = 0; lines < 2; lines++) {
      const before = await linesLost(port)
      running.signal("SIGHUP")
      await until(async () => (await linesLost(port)) > before, { what: "one more lost line to be counted" })
    }
    assert.isTrue(await answers(port))
  }

  it("lives on with a log on a full disk, and counts the lines", async () => {
    const { port, given } = await args()
    const running = stage.run(`${command} full`, "sh", [
      "-c",
      'exec "$@" 2>/dev/full',
      "sh",
      process.execPath,
      main,
      ...given
    ])
    await losesLines(running, port)
    await stops(running)
  })

  it("lives on when the reader of its log has left", async () => {
    const { port, given } = await args()
    const left = ["-c", 'exec 2> >(head -n 1 >/dev/null); exec "$@"', "bash", process.execPath, main, ...given]
    const running = stage.run(`${command} unread`, "bash", left)
    await losesLines(running, port)
    await stops(running)
  })

  it("says that it ignores SIGHUP, and opens no debugger at SIGUSR1", async () => {
    const { port, given } = await args()
    const running = stage.run(`${command} signals`, process.execPath, [main, ...given])
    await until(() => answers(port), { what: `${command} to answer` })
    running.signal("SIGUSR1")
    running.signal("SIGHUP")
    await running.says(/SIGHUP is ignored.*restart/)
    // A debugger is opened by another thread: it would be there at the latest when the next ones were handled, too.
    running.signal("SIGUSR1")
    running.signal("SIGHUP")
    await running.says(/SIGHUP is ignored[\s\S]*SIGHUP is ignored/)
    assert.deepStrictEqual(listening(running.pid), [port])
    assert.isTrue(await answers(port))
    await stops(running)
    assert.notMatch(running.out.stderr, /debugger/i)
  })
})
