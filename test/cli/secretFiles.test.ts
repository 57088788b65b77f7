/** Secrets in files: each secret option has a twin that names a file, in every place where options are given, for everybody's options alike. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { plan } from "../../src/cli.ts"
import { readArguments } from "../../src/config/Arguments.ts"
import { readConnection } from "../../src/config/Connection.ts"
import * as Kind from "../../src/config/Kind.ts"
import { type Environment, resolve } from "../../src/config/Resolve.ts"
import { withSecretFiles } from "../../src/config/SecretFiles.ts"
import { settings } from "../../src/config/Setting.ts"
import { connection } from "../../src/config/Settings.ts"
import { parseSettings } from "../../src/config/SettingsFile.ts"
import { loginNow } from "../../src/transport/kafka/connection/Password.ts"

let dir = ""
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "k2p-secrets-"))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const file = (content: string, name = "secret"): string => {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}

const own = withSecretFiles(
  settings({
    apiKey: { kind: Kind.matching("key", "a key of digits", /^\d+$/), about: "A key.", secret: true, required: true }
  })
)
const read = (argv: ReadonlyArray<string>, env: Environment = {}, yaml = "") =>
  resolve(
    own,
    readArguments(argv, own),
    env,
    parseSettings(
      "k2p.yaml",
      yaml,
      new Map([
        ["api-key", false],
        ["api-key-file", false]
      ])
    )
  )
const keyOf = (...given: Parameters<typeof read>) => {
  const outcome = read(...given)
  return "problems" in outcome ? outcome.problems.join("\n") : outcome.value.values.apiKey
}

describe("a secret", () => {
  it("may stand in a file that a flag, a variable or the settings file names", () => {
    const path = file("4711\n")
    assert.strictEqual(keyOf(["--api-key-file", path]), "4711")
    assert.strictEqual(keyOf([], { K2P_API_KEY_FILE: path }), "4711")
    assert.strictEqual(keyOf([], {}, `api-key-file: ${path}`), "4711")
    assert.strictEqual(keyOf([`--api-key-file=${file("4711\r\n")}`]), "4711")
  })

  it("in a file wins over one that is given by itself, and is not shown", () => {
    const path = file("4711")
    const outcome = read(["--api-key", "1", "--api-key-file", path])
    if ("problems" in outcome) throw new Error(outcome.problems.join("\n"))
    const { values, status, secretFile } = outcome.value
    assert.deepStrictEqual([values.apiKey, secretFile("apiKey")], ["4711", path])
    assert.deepStrictEqual(status, [
      { name: "api-key", value: "(set, not shown)", from: "flag" },
      { name: "api-key-file", value: path, from: "flag" }
    ])
  })

  it("that cannot be used is told by its file, never by what that holds", () => {
    assert.strictEqual(
      keyOf(["--api-key-file", "/nowhere/key"]),
      '--api-key-file is "/nowhere/key": the file cannot be used (it does not exist)'
    )
    assert.match(keyOf(["--api-key-file", file("")])!, /it is empty/)
    assert.match(keyOf(["--api-key-file", file("1".repeat(70_000))])!, /larger than 64 KiB/)
    assert.strictEqual(
      keyOf(["--api-key-file", file("hunter2")]),
      "--api-key-file is not usable: it must be a key of digits (its value is not shown)"
    )
    assert.match(keyOf([])!, /^--api-key is missing/)
  })

  it("of the program has its twin, too: in help, and where something else is required without it", () => {
    const help = plan(["serve", "--help"], {}).plan
    assert.isTrue(help._tag === "Print")
    for (const name of ["sasl-password", "event-hubs-connection-string", "admin-token"])
      assert.include(help._tag === "Print" ? help.stdout : "", `  --${name}-file file\n`)
    const table = withSecretFiles(connection)
    const text = "Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=k"
    const path = file(`${text}\n`, "hub")
    const resolved = resolve(table, readArguments(["--event-hubs-connection-string-file", path], table), {})
    if ("problems" in resolved) throw new Error(resolved.problems.join("\n"))
    const outcome = readConnection(resolved.value)
    if ("problems" in outcome) throw new Error(outcome.problems.join("\n"))
    const { kafka, eventHubs } = outcome.value
    assert.deepStrictEqual([kafka.brokers, eventHubs?.tls], [["a.servicebus.windows.net:9093"], true])
    assert.deepStrictEqual(kafka.sasl, {
      ...{ mechanism: "plain", username: "$ConnectionString" },
      ...{ password: text, passwordFile: path }
    })
  })

  it("of the brokers is read for each connection; while it cannot be, the first one counts, and that is told", () => {
    const login = { mechanism: "plain", username: "u", password: "first", passwordFile: file("first\n") } as const
    const now = () => loginNow(login)
    assert.deepStrictEqual(now(), { sasl: { mechanism: "plain", username: "u", password: "first" }, trouble: "" })
    file("rotated\n")
    assert.strictEqual(now().sasl.password, "rotated")
    file("")
    assert.strictEqual(now().sasl.password, "first")
    assert.include(now().trouble, login.passwordFile)
    // kafkajs keeps its own things in it.
    assert.notStrictEqual(loginNow({ ...login }).sasl, login)
  })
})
