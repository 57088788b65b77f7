/** The program as a process: exit codes, what goes to which stream, signals. No brokers: nothing listens where it is pointed. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import pkg from "../../package.json" with { type: "json" }
import type { AgentStatus } from "../../src/agent/Agent.ts"
import { until } from "../support/until.ts"

const main = new URL("../../src/main.ts", import.meta.url).pathname
let dir = ""
const children: Array<ChildProcessWithoutNullStreams> = []
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "k2p-main-"))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const start = (argv: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const child = spawn(process.execPath, [main, ...argv], { env: { ...env, PATH: "" }, cwd: dir })
  children.push(child)
  const out = { stdout: "", stderr: "" }
  child.stdout.on("data", (chunk) => {
    out.stdout += chunk
  })
  child.stderr.on("data", (chunk) => {
    out.stderr += chunk
  })
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
  /** The first match on stderr, or a failure when the process ends without one. */
  const says = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(out.stderr)
        if (match !== null) resolve(match)
      }
      child.stderr.on("data", look)
      ended.then((code) => reject(new Error(`ended with ${code}: ${out.stderr}`)))
      look()
    })
  return { child, out, ended, says }
}

const run = async (argv: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const { ended, out } = start(argv, env)
  return { code: await ended, ...out }
}

describe("help and version", () => {
  it("are on stdout with exit code 0", async () => {
    const [help, serve, version] = await Promise.all([
      run(["--help"]),
      run(["serve", "--frobnicate", "--help"]),
      run(["--version"])
    ])
    assert.deepStrictEqual([help.code, help.stderr, serve.code, serve.stderr], [0, "", 0, ""])
    for (const name of ["serve", "agent", "check"]) assert.match(help.stdout, new RegExp(`^  ${name}`, "m"))
    assert.include(serve.stdout, "--queue-bytes size")
    assert.include(serve.stdout, "[K2P_QUEUE_BYTES]")
    assert.include(serve.stdout, "Default: 16MiB.")
    assert.deepStrictEqual([version.code, version.stdout], [0, `kafka2prom ${pkg.version}\n`])
  })
})

describe("a wrong option", () => {
  it("ends the program with 2 and one line on stderr before anything starts", async () => {
    const { code, stdout, stderr } = await run([
      "serve",
      "--brokers",
      "127.0.0.1:1",
      "--listen",
      "127.0.0.1:0",
      "--commit",
      "x"
    ])
    assert.deepStrictEqual(
      { code, stdout, stderr },
      { code: 2, stdout: "", stderr: 'kafka2prom serve: --commit is "x": it must be one of visible, scraped\n' }
    )
  })
})

describe("check", () => {
  it("exits with 3 and says what to look at when no broker is there", async () => {
    const { code, stdout, stderr } = await run(["check", "--brokers", "127.0.0.1:1", "--sasl-mechanism", "plain"], {
      K2P_SASL_USERNAME: "u",
      K2P_SASL_PASSWORD: "hunter2"
    })
    assert.deepStrictEqual([code, stdout], [3, ""])
    assert.match(stderr, /^kafka2prom check: the brokers could not be asked: .*127\.0\.0\.1:1/m)
    assert.match(stderr, /The password goes to the brokers unencrypted/)
    assert.notInclude(stderr, "hunter2")
  })
})

describe("serve without brokers", () => {
  for (const workers of [1, 2])
    it(`on ${workers} workers answers at once, is alive and not ready, and exits with 0 on SIGTERM`, async () => {
      const args = ["--brokers", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--log-format", "json"]
      const pod = start(["serve", ...args, "--workers", String(workers)], { K2P_ADMIN_TOKEN: "hunter2-token" })
      const [, base] = await pod.says(/listening on (http:\/\/[^/]+)\/metrics/)
      await pod.says(/joining group/)
      const [alive, ready, metrics, status, self] = await Promise.all(
        ["/healthz", "/readyz", "/metrics", "/api/v1/status", "/self/metrics"].map((path) => fetch(base + path))
      )
      const own = await self!.text()
      assert.match(own, /^k2p_lease_seconds/m)
      assert.notInclude(own, "k2p_agent_", "nothing of an agent's")
      assert.deepStrictEqual([alive!.status, ready!.status, metrics!.status], [200, 503, 200])
      assert.match(
        await ready!.text(),
        workers === 1
          ? /^joining: not a member of group kafka2prom yet/
          : /^shard \d: (joining: not a member of group kafka2prom yet|starting)/
      )
      assert.strictEqual(await metrics!.text(), "")
      const state = await status!.text()
      const { shards } = JSON.parse(state)
      assert.include(shards.map((shard: { readonly state: string }) => shard.state).join(), "joining")
      assert.deepStrictEqual(
        shards.map(({ shard }: { readonly shard: number }) => shard),
        Array.from({ length: workers }, (_, shard) => shard)
      )
      pod.child.kill("SIGTERM")
      assert.strictEqual(await pod.ended, 0)
      for (const line of pod.out.stderr.trim().split("\n")) assert.isString(JSON.parse(line).level)
      assert.notInclude(state + pod.out.stderr, "hunter2")
      assert.strictEqual(pod.out.stdout, "")
    })

  it("exits with 1 and one clear line when its port is taken", async () => {
    const first = start(["serve", "--brokers", "127.0.0.1:1", "--listen", "127.0.0.1:0"])
    const [, address] = await first.says(/listening on http:\/\/([^/]+)\/metrics/)
    const second = await run(["serve", "--brokers", "127.0.0.1:1", "--listen", address!])
    assert.strictEqual(second.code, 1)
    assert.include(second.stderr, `cannot listen on ${address}: another program listens there already`)
    assert.notMatch(second.stderr, /^\s+at /m)
  })
})

describe("agent without brokers", () => {
  it("serves its own metrics and exits with 0 on SIGINT", async () => {
    const agent = start(["agent", "--brokers", "127.0.0.1:1", "--dump", join(dir, "*.prom"), "--listen", "127.0.0.1:0"])
    const [, base] = await agent.says(/listening on (http:\/\/[^/]+)\/self\/metrics/)
    const own = await (await fetch(`${base}/self/metrics`)).text()
    assert.match(own, /^process_cpu_seconds_total /m)
    assert.match(own, /^k2p_agent_buffer_bytes 0$/m)
    assert.notMatch(own, /k2p_(?!agent_|log_lines_lost_total)/, "nothing of a pod's")
    assert.strictEqual((await fetch(`${base}/healthz`)).status, 200)
    agent.child.kill("SIGINT")
    assert.strictEqual(await agent.ended, 0)
  })

  it("says on its status what is with each file and each source, those in trouble first", async () => {
    const site = join(dir, "site")
    await mkdir(join(site, "c.prom"), { recursive: true })
    for (const name of ["a", "b"]) await writeFile(join(site, `${name}.prom`), `${name} 1\n`)
    const dumps = ["--dump", join(site, "*.prom"), "--host", "h", "--state-dir", join(site, "state")]
    const agent = start(["agent", "--brokers", "127.0.0.1:1", ...dumps, "--listen", "127.0.0.1:0"])
    const [, base] = await agent.says(/listening on (http:\/\/[^/]+)\/self\/metrics/)
    const look = async () =>
      (await fetch(`${base}/api/v1/status`)).json() as Promise<AgentStatus & { filesByState: object }>
    const status = await until(
      async () => {
        const now = await look()
        return now.sources?.length === 3 && now
      },
      { what: "two dumps and the agent's own metrics to wait for the brokers" }
    )
    assert.deepInclude(status.filesByState, { taken: 2, unreadable: 1 })
    assert.deepInclude(status.files[0], { path: join(site, "c.prom"), why: "it is not a regular file" })
    assert.deepStrictEqual(status.sources.map(({ source }) => source).sort(), ["h/a", "h/b", "h/kafka2prom-agent"])
    const index = await (await fetch(`${base}/`)).text()
    for (const path of ["/api/v1/status", "/self/metrics", "/healthz"]) assert.include(index, `href="${path}"`)
    agent.child.kill("SIGTERM")
    assert.strictEqual(await agent.ended, 0)
  })
})
