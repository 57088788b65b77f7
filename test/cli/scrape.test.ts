/** `--scrape` and its mapping in the file: what it comes to, and the one sentence for each mistake. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { AgentOptions } from "../../src/agent/AgentOptions.ts"
import { agentConfig } from "../../src/Config.ts"
import { plan } from "../../src/cli.ts"
import { readArguments } from "../../src/config/Arguments.ts"
import { type Outcome, resolve } from "../../src/config/Resolve.ts"
import { optionName } from "../../src/config/Setting.ts"
import * as Settings from "../../src/config/Settings.ts"
import { parseSettings } from "../../src/config/SettingsFile.ts"

const names = new Map(
  Object.entries(Settings.agent).map(([key, { kind }]) => [optionName(key), kind.mappings === true])
)

const read = (argv: ReadonlyArray<string>, yaml = "", env = {}): AgentOptions => {
  const value = <A>(outcome: Outcome<A>): A => {
    if ("problems" in outcome) throw new Error(outcome.problems.join("\n"))
    return outcome.value
  }
  const file = parseSettings("k2p.yaml", yaml, names)
  assert.deepStrictEqual(file.problems, [])
  const args = readArguments(["--brokers", "a:1", ...argv], Settings.agent)
  return value(agentConfig(value(resolve(Settings.agent, args, env, file)))).agent
}

const defaults = {
  labels: {},
  interval: 30_000,
  timeout: 10_000,
  followRedirects: true,
  fallback: null,
  authorization: null,
  tls: { insecure: false }
}

let dir = ""
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "k2p-cli-"))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe("--scrape", () => {
  it("is a URL, repeatable; its id is the URL without scheme and query, its job host and port", () => {
    const { targets, dumps } = read([
      ...["--scrape", "http://127.0.0.1:4040/metrics/prometheus"],
      ...["--scrape", "http://127.0.0.1:9100"],
      ...["--scrape", "https://[::1]/m?x=1#y"]
    ])
    assert.deepStrictEqual(dumps, [])
    assert.deepStrictEqual(targets, [
      {
        ...defaults,
        url: "http://127.0.0.1:4040/metrics/prometheus",
        name: "127.0.0.1:4040/metrics/prometheus",
        job: "127.0.0.1:4040"
      },
      { ...defaults, url: "http://127.0.0.1:9100/metrics", name: "127.0.0.1:9100/metrics", job: "127.0.0.1:9100" },
      { ...defaults, url: "https://[::1]/m?x=1", name: "[::1]:443/m", job: "[::1]:443" }
    ])
  })

  it("has its settings in the file, in Prometheus' words", () => {
    const yaml = `
scrape-interval: 20s
scrape:
  - http://a:1
  - url: https://b:2
    metrics_path: /actuator/prometheus
    name: billing
    job_name: bills
    scrape_interval: 5s
    scrape_timeout: 3s
    labels: {team: 007, zone: eu}
    basic_auth: {username: u, password_file: /run/secret}
    tls_config: {ca_file: /ca.pem, cert_file: /c.pem, key_file: /k.pem, server_name: b.test, insecure_skip_verify: true}
    follow_redirects: false
    fallback_scrape_protocol: PrometheusText0.0.4
  - url: http://c:3/m
    authorization: {credentials: "s3: {cret}"}
    scrape_interval: 5s
`
    const { targets } = read([], yaml)
    assert.deepStrictEqual(targets, [
      { ...defaults, url: "http://a:1/metrics", name: "a:1/metrics", job: "a:1", interval: 20_000 },
      {
        url: "https://b:2/actuator/prometheus",
        name: "billing",
        job: "bills",
        labels: { team: "007", zone: "eu", job: "bills" },
        interval: 5_000,
        timeout: 3_000,
        followRedirects: false,
        fallback: "text",
        authorization: { kind: "basic", username: "u", password: { file: "/run/secret" } },
        tls: { ca: "/ca.pem", cert: "/c.pem", key: "/k.pem", serverName: "b.test", insecure: true }
      },
      {
        ...defaults,
        url: "http://c:3/m",
        name: "c:3/m",
        job: "c:3",
        interval: 5_000,
        timeout: 5_000,
        authorization: { kind: "credentials", type: "Bearer", credentials: { text: "s3: {cret}" } }
      }
    ])
  })

  it("may be such a mapping in a variable or flag as well", () => {
    const item = "{url: 'http://a:1', name: n}"
    assert.strictEqual(read([], "", { K2P_SCRAPE: item }).targets[0]?.name, "n")
    assert.strictEqual(read(["--scrape", '{"url": "http://a:1", "name": "n"}']).targets[0]?.name, "n")
  })

  const mistakes: ReadonlyArray<[yaml: string, sentence: string]> = [
    ["scrape: ftp://a", "is not usable: its URL must begin with http:// or https://"],
    [
      "scrape: 'http://u:hunter2@a'",
      "is not usable: its URL holds a user or a password: give them as basic_auth in the file of --config"
    ],
    [
      "scrape: [http://a, nonsense]",
      "is not usable: item 2 of it: its URL cannot be read: it must be like http://127.0.0.1:9100/metrics"
    ],
    ["scrape: [{name: n}]", "is not usable: it has no url"],
    ["scrape: [[a]]", "is not usable: it must be a URL, or a mapping with url"],
    ["scrape: [{url: http://a, pasword: hunter2}]", 'is not usable: it has the unknown field "pasword"'],
    [
      "scrape: [{url: http://a, scrape_intervall: 5s}]",
      'is not usable: it has the unknown field "scrape_intervall", did you mean scrape_interval?'
    ],
    [
      "scrape: [{url: http://a, basic_auth: {username: u, passwort: hunter2}}]",
      'is not usable: it has the unknown field "basic_auth.passwort", did you mean password?'
    ],
    ["scrape: [{url: http://a, basic_auth: hunter2}]", "is not usable: its basic_auth must be a mapping"],
    [
      "scrape: [{url: http://a, basic_auth: {username: u, password: hunter2, password_file: f}}]",
      "is not usable: it has both password and password_file: give one of them"
    ],
    [
      "scrape: [{url: http://a, authorization: {type: Bearer}}]",
      "is not usable: its authorization has neither credentials nor credentials_file"
    ],
    [
      "scrape: [{url: http://a, authorization: {credentials: hunter2}, basic_auth: {username: u}}]",
      "is not usable: it has both basic_auth and authorization: give one of them"
    ],
    [
      "scrape: [{url: http://a, scrape_interval: 10}]",
      "is not usable: its scrape_interval must be a duration with its unit (ms, s, m, h, d) from 1s to 1h, such as 90s"
    ],
    [
      "scrape: [{url: http://a, tls_config: {cert_file: f}}]",
      "is not usable: its tls_config has one of cert_file and key_file: give both or none"
    ],
    [
      "scrape: [{url: http://a, labels: {instance: x}}]",
      "is not usable: its labels hold one that cannot be given: the pods set instance, use name"
    ],
    [
      "scrape: [{url: http://a/x, metrics_path: /y}]",
      "is not usable: its URL has a path, and so does metrics_path: give one of them"
    ],
    [
      "scrape: [{url: http://a, fallback_scrape_protocol: text}]",
      "is not usable: its fallback_scrape_protocol must be one of PrometheusText0.0.4, PrometheusText1.0.0, OpenMetricsText0.0.1, OpenMetricsText1.0.0"
    ]
  ]
  const refused = (yaml: string, argv: ReadonlyArray<string> = []): string => {
    const path = join(dir, "k2p.yaml")
    writeFileSync(path, yaml)
    const { plan: todo } = plan(["agent", "--brokers", "a:1", "--config", path, ...argv], {})
    if (todo._tag === "Run") throw new Error("it was accepted")
    assert.strictEqual(todo.code, 2)
    return todo.stderr.trimEnd().replaceAll(path, "k2p.yaml")
  }
  for (const [yaml, sentence] of mistakes)
    it(`one sentence for ${yaml}`, () => {
      const told = refused(yaml)
      assert.strictEqual(told, `kafka2prom agent: scrape (k2p.yaml, line 1) ${sentence}`)
      assert.notInclude(told, "hunter2")
    })

  it("one sentence where targets and times contradict each other", () => {
    assert.strictEqual(
      refused("scrape: [{url: http://a, scrape_timeout: 40s}]"),
      "kafka2prom agent: --scrape http://a/metrics: its timeout of 40000 ms is longer than its interval of 30000 ms"
    )
    assert.strictEqual(
      refused("scrape: [http://a/x?y=1, http://a/x?y=2]"),
      "kafka2prom agent: --scrape http://a/x?… has the name a:80/x, as http://a/x?… has: give one of them another name"
    )
    assert.strictEqual(
      refused("scrape: http://a", ["--scrape-timeout", "1m"]),
      "kafka2prom agent: --scrape-timeout is longer than --scrape-interval: a scrape ends before the next one begins"
    )
  })

  it("without it and without --dump there is nothing to do", () => {
    assert.strictEqual(
      refused("topic: metrics"),
      "kafka2prom agent: --dump is missing (or K2P_DUMP): the path or glob of dump files"
    )
  })

  it("no secret is in what a status may show", () => {
    const args = readArguments(
      ["--brokers", "a:1", "--scrape", "{url: 'http://a', basic_auth: {username: u, password: hunter2}}"],
      Settings.agent
    )
    const resolved = resolve(Settings.agent, args, {})
    assert.notInclude(JSON.stringify("value" in resolved ? resolved.value.status : resolved), "hunter2")
  })
})
