/** What a user gets wrong, and the lines that tell so. Each case is a whole command line through `plan`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { plan } from "../../src/cli.ts"
import type { Environment } from "../../src/config/Resolve.ts"

let dir = ""
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "k2p-cli-"))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const file = (name: string, content: string): string => {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}

const refused = (argv: ReadonlyArray<string>, env: Environment = {}): ReadonlyArray<string> => {
  const { plan: todo } = plan(argv, env)
  if (todo._tag === "Run") throw new Error("it was accepted")
  assert.deepStrictEqual([todo.code, todo.stdout], [2, ""])
  return todo.stderr.trimEnd().split("\n")
}

const accepted = (argv: ReadonlyArray<string>, env: Environment = {}): void => {
  const { plan: todo } = plan(argv, env)
  assert.strictEqual(todo._tag, "Run", todo._tag === "Print" ? todo.stderr : "")
}

const serve = ["serve", "--brokers", "a:1"]

describe("one line names the option, the value and what is allowed", () => {
  const hub = "Endpoint=sb://ns1.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=k"
  const cases: ReadonlyArray<[ReadonlyArray<string>, Environment, string]> = [
    [
      [],
      {},
      "kafka2prom: a command is missing: demo, serve, archive, archive verify, agent, check, source show, source remove, run (kafka2prom --help explains them)"
    ],
    [["srve"], {}, 'kafka2prom: unknown command "srve": did you mean serve?'],
    [
      ["--brokers", "a:1"],
      {},
      "kafka2prom: a command must come first: it must be one of demo, serve, archive, archive verify, agent, check, source show, source remove, run"
    ],
    [["serve"], {}, "kafka2prom serve: --brokers is missing (or K2P_BROKERS): host:port, separated by commas"],
    [
      ["agent", "--brokers", "a:1"],
      {},
      "kafka2prom agent: --dump is missing (or K2P_DUMP): the path or glob of dump files"
    ],
    [
      [...serve, "--backpressure", "explode"],
      {},
      'kafka2prom serve: --backpressure is "explode": it must be one of pause, drop-front, adaptive'
    ],
    [
      serve,
      { K2P_QUEUE_RECORDS: "0" },
      'kafka2prom serve: K2P_QUEUE_RECORDS (--queue-records) is "0": it must be a whole number from 1 to 10000000'
    ],
    [
      [...serve, "--max-gather-bytes", "100MiB"],
      {},
      "kafka2prom serve: --max-gather-bytes is less than two rounds of --max-source-bytes: half of it has to hold one"
    ],
    [
      [...serve, "--backpresure", "pause"],
      {},
      "kafka2prom serve: unknown option --backpresure, did you mean --backpressure?"
    ],
    [[...serve, "--frobnicate"], {}, "kafka2prom serve: unknown option --frobnicate"],
    [
      [...serve, "--topic"],
      {},
      "kafka2prom serve: --topic needs a value: a topic's name (letters, digits, '.', '_', '-'), separated by commas"
    ],
    [
      ["serve", "--topic", "--brokers", "a:1"],
      {},
      "kafka2prom serve: --topic needs a value; one that starts with a dash is written --topic=…"
    ],
    [
      [...serve, "--topic", "a b"],
      {},
      `kafka2prom serve: --topic is "a b": "a b" is not a topic's name (letters, digits, '.', '_', '-')`
    ],
    [
      [...serve, "--group-id", "a", "--group-id", "b"],
      {},
      "kafka2prom serve: --group-id is given 2 times: give it once"
    ],
    [
      [...serve, "--listen", "9464"],
      {},
      'kafka2prom serve: --listen is "9464": it must be host:port, such as 0.0.0.0:9464'
    ],
    [[...serve, "--tls=yes"], {}, 'kafka2prom serve: --tls is "yes": it must be true or false'],
    [
      [...serve, "metrics"],
      {},
      'kafka2prom serve: unexpected argument "metrics": everything is given as an option; a value with spaces needs quotes'
    ],
    [[...serve, "--workers", "0"], {}, 'kafka2prom serve: --workers is "0": it must be a whole number from 1 to 1024'],
    [
      [...serve, "--tls-ca", "/nowhere/ca.pem"],
      {},
      'kafka2prom serve: --tls-ca is "/nowhere/ca.pem": the file cannot be read (it does not exist)'
    ],
    [
      [...serve, "--config", "/nowhere/k2p.yaml"],
      {},
      'kafka2prom serve: --config is "/nowhere/k2p.yaml": the file cannot be read (it does not exist)'
    ],
    [
      [...serve, "--sasl-mechanism", "plain", "--sasl-username", "u"],
      {},
      "kafka2prom serve: --sasl-password or --sasl-password-file is missing (or K2P_SASL_PASSWORD): --sasl-mechanism plain needs it"
    ],
    [
      [...serve, "--source-label", "__x"],
      {},
      'kafka2prom serve: --source-label is "__x": it must be a label name ([a-zA-Z_][a-zA-Z0-9_]*, not starting with __, not le or quantile)'
    ],
    [
      ["agent", "--brokers", "a:1", "--dump", "x", "--label", "a=1", "--label", "a=2"],
      {},
      'kafka2prom agent: --label is "a=1,a=2": the label a is given twice'
    ],
    [
      ["agent", "--brokers", "a:1", "--dump", "x", "--request-timeout", "45s"],
      {},
      "kafka2prom agent: --request-timeout is half of --expiry or more: a round would be given up before its request is"
    ],
    [
      ["agent", "--event-hubs-connection-string", hub, "--dump", "x", "--max-request-bytes", "1MiB"],
      {},
      "kafka2prom agent: --max-request-bytes is more than 1MB: Event Hubs closes the connection on larger requests"
    ],
    [
      ["agent", "--brokers", "a:1", "--dump", "x", "--job", "j", "--label", "job=k"],
      {},
      "kafka2prom agent: --job and --label job=… both name the job: give one of them"
    ]
  ]
  for (const [argv, env, line] of cases)
    it(line, () => {
      assert.deepStrictEqual(refused(argv, env), [line])
    })
})

describe("several mistakes", () => {
  it("are told all at once, a line each", () => {
    const lines = refused(["serve", "--backpressure", "x", "--expiry", "90"], { K2P_QUEUE_BYTES: "1", K2P_LISTEN: "y" })
    assert.deepStrictEqual(
      lines.map((line) => /(?:--|K2P_)[A-Za-z_-]+/.exec(line)?.[0]),
      ["--brokers", "K2P_LISTEN", "--backpressure", "K2P_QUEUE_BYTES", "--expiry"]
    )
  })

  it("a value with line breaks and terminal codes stays one harmless line", () => {
    const lines = refused([...serve, "--backpressure", `a\nb\x1b[31m${"c".repeat(500)}`])
    assert.strictEqual(lines.length, 1)
    assert.notInclude(lines[0]!, "\x1b")
    assert.isBelow(lines[0]!.length, 250)
  })
})

describe("the settings file", () => {
  it("a key of another command is fine", () => {
    accepted([...serve, "--config", file("both.yaml", "group-id: g\ndump: '*.prom'\n")])
    accepted(serve, { K2P_CONFIG: file("env.yaml", "group-id: g\n") })
    accepted([...serve, "--config", file("empty.yaml", "# nothing yet\n")])
  })

  const cases: ReadonlyArray<[string, string, string]> = [
    ["group_id: a\n", "line 1", 'unknown key "group_id", did you mean group-id?'],
    ["topic: a\n\ngroup-id: [a\n", "line 4", "not valid YAML (bad indent)"],
    ["topic: a\ntopic: b\n", "line 2", "not valid YAML (duplicate key)"],
    ["topic: a\nconfig: other.yaml\n", "line 2", 'unknown key "config"'],
    ["topic: a\ngroup-id:\n", "line 2", "group-id has no usable value; leave the line out for the default"]
  ]
  for (const [content, line, what] of cases)
    it(`${line}: ${what}`, () => {
      const path = file("wrong.yaml", content)
      const lines = refused([...serve, "--config", path])
      assert.isTrue(lines[0]!.startsWith(`kafka2prom serve: ${path}, ${line}: ${what.split(" (")[0]}`), lines[0])
    })

  it("a wrong value names the file and its line", () => {
    const path = file("value.yaml", "# pods of eu\nqueue-bytes: 5\n")
    assert.match(
      refused([...serve, "--config", path])[0]!,
      /queue-bytes \(.*value\.yaml, line 2\) is "5": it must be a size/
    )
  })
})

describe("secrets", () => {
  const secret = "hunter2-7c1f"
  const cases: ReadonlyArray<[string, ReadonlyArray<string>, Environment]> = [
    ["after a mistyped option", [...serve, "--sasl-pasword", secret], {}],
    ["after a mistyped option with an equals sign", [...serve, `--sasl-pasword=${secret}`], {}],
    ["in a second word", [...serve, "--sasl-password", "a", secret], {}],
    ["with a control character", [...serve, "--sasl-password", `${secret}\n`], {}],
    ["in a variable", serve, { K2P_SASL_PASSWORD: `${secret}\x07` }],
    ["with a dash in front", [...serve, "--sasl-password", `-${secret}`], {}],
    ["without a mechanism", [...serve, "--sasl-password", secret], {}],
    [
      "in a connection string given as brokers",
      ["serve", "--brokers", `Endpoint=sb://x/;SharedAccessKey=${secret}`],
      {}
    ],
    ["in a URL given as a broker", ["serve", "--brokers", `kafka://u:${secret}@h:1`], {}],
    ["in a connection string", ["serve", "--event-hubs-connection-string", `Endpoint=${secret}`], {}]
  ]
  for (const [where, argv, env] of cases)
    it(`are not printed ${where}`, () => {
      assert.notInclude(refused(argv, env).join("\n"), secret)
    })

  for (const [how, content] of [
    ["as an alias", `sasl-password: *${secret}\n`],
    ["with a tag", `sasl-password: !${secret} x\n`],
    ["in a broken quote", `sasl-password: "${secret}\n`],
    ["as a key", `sasl-password:\n  ${secret}: {a: b}\n`],
    ["with a control character", `sasl-password: "${secret}\\u0007"\n`],
    ["twice", `sasl-password: [${secret}, ${secret}]\n`]
  ] as const)
    it(`are not printed from a file ${how}`, () => {
      const lines = refused([...serve, "--config", file("secret.yaml", content)])
      assert.notInclude(lines.join("\n"), secret)
    })
})

describe("TLS files", () => {
  it("a file that holds no PEM is refused, and its content is not printed", () => {
    const path = file("junk.pem", "hunter2")
    const lines = refused([...serve, "--tls-ca", path, "--tls-cert", path, "--tls-key", path])
    assert.deepStrictEqual(lines, [
      `kafka2prom serve: --tls-ca is ${JSON.stringify(path)}: the file holds no PEM certificate`,
      `kafka2prom serve: --tls-cert is ${JSON.stringify(path)}: the file holds no PEM certificate`,
      `kafka2prom serve: --tls-key is ${JSON.stringify(path)}: the file holds no PEM private key`
    ])
  })

  it("a certificate without its key is refused", () => {
    assert.match(refused([...serve, "--tls-cert", "/nowhere"]).join("\n"), /--tls-cert is given without --tls-key/)
  })

  it("a file with TLS switched off is a contradiction", () => {
    assert.match(
      refused([...serve, "--tls=false", "--tls-ca", "/nowhere"])[0]!,
      /--tls-ca needs TLS, but --tls is false/
    )
  })
})

describe("near misses of variables", () => {
  it("are warned of, and those of other programs are not", () => {
    const { warnings } = plan(serve, {
      K2P_TOPCI: "a",
      K2P_SERVICE_HOST: "10.0.0.1",
      K2P_PORT: "tcp://x",
      K2P_TOPIC: "a"
    })
    assert.deepStrictEqual(warnings, [
      "kafka2prom: the variable K2P_TOPCI is no option's and is ignored, did you mean K2P_TOPIC?"
    ])
  })
})
