/** `--web.config.file` on the command line: what is wrong with it is told before anything starts, and `check` looks at it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { plan } from "../../src/cli.ts"
import { webSection } from "../../src/commands/check.ts"
import type { TlsConfig } from "../../src/http/web/TlsConfig.ts"
import { loadWebConfig, type WebConfig } from "../../src/http/web/WebConfig.ts"

let dir = ""
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "k2p-webconfig-"))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const file = (yaml: string): string => {
  writeFileSync(join(dir, "web.yml"), yaml)
  return join(dir, "web.yml")
}
const hash = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"

const stderrOf = (argv: ReadonlyArray<string>, env = {}): string => {
  const { plan: todo } = plan(argv, env)
  return todo._tag === "Run" ? "runs" : todo.stderr
}

describe("--web.config.file", () => {
  const commands: ReadonlyArray<ReadonlyArray<string>> = [
    ["serve", "--brokers", "a:1"],
    ["archive", "--brokers", "a:1", "--to", "file:///tmp/x"],
    ["agent", "--brokers", "a:1", "--dump", "x", "--listen", "127.0.0.1:0"],
    ["check", "--brokers", "a:1"]
  ]
  for (const command of commands)
    it(`of ${command[0]} must be one that can be used`, () => {
      const path = file("basic_auth_user: {}\n")
      const wrong = `kafka2prom ${command[0]}: ${path}, line 1: unknown field "basic_auth_user", did you mean basic_auth_users?\n`
      assert.strictEqual(stderrOf([...command, "--web.config.file", path]), wrong)
      assert.strictEqual(stderrOf(command, { K2P_WEB_CONFIG_FILE: path }), wrong)
      const config = join(dir, "k2p.yaml")
      writeFileSync(config, `web.config.file: ${path}\n`)
      assert.strictEqual(stderrOf([...command, "--config", config]), wrong)
      file(`basic_auth_users: {a: ${hash}}\n`)
      assert.strictEqual(stderrOf([...command, `--web.config.file=${path}`]), "runs")
    })

  it("of an agent without a server is a mistake", () => {
    const argv = ["agent", "--brokers", "a:1", "--dump", "x", "--web.config.file", file("")]
    assert.match(stderrOf(argv), /--web\.config\.file is given without --listen/)
  })

  it("is told by check: who is let in, what can be read on the way, when the certificate ends", () => {
    const loaded = loadWebConfig(file(`basic_auth_users: {a: ${hash}}\n`))
    if ("problems" in loaded) throw new Error(loaded.problems.join("\n"))
    const users = loaded.value
    const levels = (config: WebConfig) =>
      webSection({ path: "web.yml", config }, 1_000_000_000_000).findings.map(({ level }) => level)
    assert.deepStrictEqual(levels(users), ["note", "ok", "note"])
    assert.deepStrictEqual(levels({ ...users, users: new Map() }), ["note", "note"])
    const tls = (days: number, clientAuth: TlsConfig["clientAuth"]): TlsConfig => ({
      ...{ context: {}, clientAuth, allowedSans: [] },
      expires: 1_000_000_000_000 + days * 86_400_000
    })
    assert.deepStrictEqual(levels({ ...users, tls: tls(100, "NoClientCert") }), ["ok", "ok"])
    assert.deepStrictEqual(levels({ ...users, tls: tls(3, "NoClientCert") }), ["ok", "ok", "note"])
    const ended = { ...users, users: new Map(), tls: tls(-1, "RequireAndVerifyClientCert") }
    assert.deepStrictEqual(levels(ended), ["broken", "ok", "broken"])
  })
})
