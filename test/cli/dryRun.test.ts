/** `agent --dry-run` as who sets up an agent meets it: the real program, files as sites have them, and a broker that must not be asked. */
import { execFile, spawn } from "node:child_process"
import { chmod, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises"
import { createServer as createHttpServer } from "node:http"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"

vi.setConfig({ testTimeout: 120_000 })

const main = new URL("../../src/main.ts", import.meta.url).pathname
const isRoot = process.getuid?.() === 0

describe("agent --dry-run", () => {
  let dir = ""
  let broker: Server
  let asked = 0

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "k2p-dry-"))
    await chmod(dir, 0o777)
    await mkdir(join(dir, "dumps"))
    asked = 0
    broker = createServer((socket) => {
      asked++
      socket.destroy()
    })
    await new Promise<void>((resolve) => broker.listen(0, "127.0.0.1", resolve))
  })
  afterEach(async () => {
    await new Promise((resolve) => broker.close(resolve))
    await rm(dir, { recursive: true, force: true })
  })

  const file = (name: string, text: string | Buffer) => writeFile(join(dir, "dumps", name), text)
  /** Root may look anywhere. */
  const run = (args: ReadonlyArray<string>, user = isRoot ? { uid: 65_534, gid: 65_534 } : {}) =>
    new Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resolve) => {
      const { port } = broker.address() as { port: number }
      const given = ["agent", "--dry-run", "--brokers", `127.0.0.1:${port}`, "--host", "edge", ...args]
      const child = spawn(process.execPath, [main, ...given], { cwd: dir, env: {}, ...user })
      const out = { stdout: "", stderr: "" }
      for (const stream of ["stdout", "stderr"] as const)
        child[stream].on("data", (chunk) => {
          out[stream] += chunk
        })
      child.on("close", (code) => resolve({ code, ...out }))
    })

  it("says what would be sent under which id and job, exits with 0, and touches nothing", async () => {
    await file("shop.prom", "# TYPE a counter\na 1\n")
    await file(
      "big.om",
      `${Array.from({ length: 40_000 }, (_, n) => `a{n="${n}",l="${"x".repeat(30)}"} 1\n`).join("")}# EOF\n`
    )
    const dumps = ["--dump", "dumps/*.prom", "--dump", "dumps/*.om", "--job", "till"]
    const { code, stdout, stderr } = await run([...dumps, "--state-dir", "state"])
    assert.match(stdout, /\/shop\.prom: source edge\/shop, job till, text, 1 samples, 21 bytes, 1 chunk\n/)
    assert.match(stdout, /\/big\.om: source edge\/big, job till, OpenMetrics, 40000 samples, \d+ bytes, [23] chunks\n/)
    assert.match(stdout, /state directory state: no agent ran with it yet; .*the topic's partitions/)
    assert.match(stdout, /2 sources: 2 would be shown whole, 0 in part, 0 not at all\. Nothing was sent\.\n$/)
    assert.deepStrictEqual([code, stderr, asked, await readdir(dir)], [0, "", 0, ["dumps"]])
  })

  it("asks endpoints once, and leaves out what rules drop", async () => {
    let scrapes = 0
    const endpoint = createHttpServer((_, response) => {
      scrapes++
      response.writeHead(200, { "content-type": "text/plain" }).end("go_x 1\nb 2\n")
    })
    await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve))
    const { port } = endpoint.address() as { port: number }
    await file("shop.prom", "a 1\ngo_y 2\n")
    const rule = "{source_labels: [__name__], regex: go_.*, action: drop}"
    const refusing = (broker.address() as { port: number }).port
    const targets = `scrape: [{url: "http://127.0.0.1:${port}", name: till, job_name: tills}, "http://127.0.0.1:${refusing}"]`
    await writeFile(join(dir, "agent.yaml"), `${targets}\nmetric_relabel_configs: [${rule}]\n`)
    const { code, stdout } = await run(["--config", "agent.yaml", "--dump", "dumps/*.prom", "--state-dir", "state"])
    await new Promise((resolve) => endpoint.close(resolve))
    assert.match(
      stdout,
      /shop\.prom: source edge\/shop, job shop, text, 1 samples, 4 bytes.*\n {2}1 series are left out/
    )
    assert.match(stdout, /metrics: source edge\/till, job tills, text, 1 samples, 4 bytes.*\n {2}1 series are left out/)
    assert.match(stdout, /http:\/\/127\.0\.0\.1:\d+\/metrics: source edge\/127\.0\.0\.1:\d+.*\n {2}not sent: /)
    assert.match(stdout, /3 sources: 2 would be shown whole, 0 in part, 1 not at all/)
    assert.deepStrictEqual([code, scrapes], [1, 1])
  })

  it("names what matches nothing and why, what is refused and where, and exits with 1", async () => {
    await file("partly.prom", "a 1\nb oops\n")
    await file("windows.prom", "a 1\r\n")
    await file("open.prom", "a 1")
    await file("evil\x1b[2J.prom", "a 1\n")
    await file("old.prom", "a 1\n")
    await file("forbidden.prom", "a 1\n")
    await chmod(join(dir, "dumps/forbidden.prom"), 0)
    const hourAgo = Date.now() / 1000 - 3600
    await utimes(join(dir, "dumps/old.prom"), hourAgo, hourAgo)
    await mkdir(join(dir, "secret"), { mode: 0o700 })
    await chmod(join(dir, "secret"), 0)
    await mkdir(join(dir, "state"))
    await writeFile(join(dir, "state/partition-base-metrics"), "12\n")
    await writeFile(join(dir, "state/epoch"), "77\n")
    await chmod(join(dir, "state"), 0o555)
    const dumps = ["dumps/*.prom", "dumps/*.prm", "nowhere/*.prom", "secret/*.prom"].flatMap((glob) => ["--dump", glob])
    const { code, stdout } = await run([...dumps, "--state-dir", "state"])
    assert.match(stdout, /^no file matches --dump dumps\/\*\.prm so far$/m)
    assert.match(stdout, /^no file matches --dump nowhere\/\*\.prom so far; there is no directory .*\/nowhere$/m)
    assert.match(stdout, /^no file matches --dump secret\/\*\.prom so far$/m)
    assert.match(stdout, /^the directory .*\/secret cannot be listed: .*permission denied/m)
    assert.match(stdout, /forbidden\.prom: .*\n {2}not sent: .*permission denied/)
    assert.match(stdout, /partly\.prom: .* 1 samples.*\n {2}left out: 1 line \(value\), first line 2: b: .*"b oops"\n/)
    assert.match(stdout, /windows\.prom: .*\n {2}sent, and refused by the pods: line 1: .*\n {2}.*CR LF.*LF alone\n/)
    assert.match(stdout, /open\.prom: .*\n {2}not sent: its last line has no end\n/)
    assert.match(stdout, /old\.prom: .*\n {2}not sent: it was last written 3[56]\d\d s ago/)
    assert.match(stdout, /state directory state: .*(EACCES|permission denied)/)
    assert.match(stdout, /6 sources: 1 would be shown whole, 1 in part, 4 not at all/)
    assert.include(stdout, "\\u001b")
    assert.notInclude(stdout, "\x1b")
    assert.deepStrictEqual([code, asked], [1, 0])
    await chmod(join(dir, "secret"), 0o700)
  })

  it("of log files says which are read from where, what cannot be, and what would be cut", async () => {
    const logs = join(dir, "logs")
    await mkdir(logs)
    await writeFile(join(logs, "app.log"), "one\ntwo\n")
    await writeFile(join(logs, "long.log"), `${"x".repeat(2_000)}\n`)
    await writeFile(join(logs, "packed.log.gz"), gzipSync("one\n"))
    await writeFile(join(logs, "forbidden.log"), "one\n")
    await chmod(join(logs, "forbidden.log"), 0)
    await promisify(execFile)("mkfifo", [join(logs, "pipe.log")])
    await mkdir(join(dir, "secret"), { mode: 0 })
    await mkdir(join(dir, "state"), { mode: 0o555 })
    const globs = ["logs/*.log*", "secret/*.log", "nowhere/*.log"].flatMap((glob) => ["--log", glob])
    const { code, stdout } = await run([...globs, "--log-max-line", "1KiB", "--state-dir", "state"])
    assert.match(stdout, /app\.log: log lines of source edge\/.*\/logs\/app\.log, 8 bytes\n\//)
    assert.match(stdout, /long\.log: .*\n {2}its first megabyte has a line over --log-max-line \(1024 bytes\)/)
    assert.match(stdout, /packed\.log\.gz: .*\n {2}packed: read only where/)
    assert.match(stdout, /forbidden\.log: .*\n {2}not read: EACCES.*\(let user \d+ read it\)/)
    assert.match(stdout, /^.*pipe\.log is not a regular file: it is not tailed$/m)
    assert.match(stdout, /^the directory .*\/secret cannot be listed: EACCES.*\(let user \d+ read it\)$/m)
    assert.match(stdout, /^no file matches --log nowhere\/\*\.log so far; there is no directory .*\/nowhere$/m)
    assert.match(stdout, /^state directory state\/logs: .*\/state cannot be written: EACCES/m)
    assert.match(stdout, /^4 log files for topic logs, 1 of them not to be read\. Nothing was sent\.$/m)
    assert.deepStrictEqual([code, asked], [1, 0])
    const well = await run(["--log", "logs/app.log", "--state-dir", "elsewhere/state"])
    assert.match(well.stdout, /^1 log file for topic logs, 0 of them not to be read/m)
    assert.deepStrictEqual([well.code, await readdir(dir)], [0, ["dumps", "logs", "secret", "state"]])
    await chmod(join(dir, "secret"), 0o700)
  })
})
