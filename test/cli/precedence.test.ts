/** Where a setting's value comes from, and what the values are together. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { defaultAgentOptions } from "../../src/agent/AgentOptions.ts"
import { agentConfig } from "../../src/Config.ts"
import { checkConfig, checkSettings } from "../../src/commands/CheckConfig.ts"
import { readArguments } from "../../src/config/Arguments.ts"
import { type Environment, type Outcome, type Resolved, resolve } from "../../src/config/Resolve.ts"
import { optionName, type Table } from "../../src/config/Setting.ts"
import * as Settings from "../../src/config/Settings.ts"
import { parseSettings } from "../../src/config/SettingsFile.ts"
import { defaultEngineOptions } from "../../src/engine/Options.ts"
import { defaultCacheLimits, defaultMetricsOptions } from "../../src/metrics/cache/MetricsProcessor.ts"
import metricsApp from "../../src/metrics/MetricsApp.ts"
import { defaultParseLimits } from "../../src/metrics/text/Dump.ts"
import { podConfig } from "../../src/pod/PodConfig.ts"
import { podTable } from "../../src/pod/PodSettings.ts"

const serveSettings = podTable(metricsApp)

interface Given {
  readonly argv?: ReadonlyArray<string>
  readonly env?: Environment
  readonly yaml?: string
}

const read = <T extends Table>(table: T, { argv = [], env = {}, yaml }: Given): Outcome<Resolved<T>> => {
  const names = new Map(Object.entries(table).map(([key, { kind }]) => [optionName(key), kind.mappings === true]))
  const args = readArguments(argv, table)
  const file = yaml === undefined ? undefined : parseSettings("k2p.yaml", yaml, names)
  const problems = [...args.problems, ...(file?.problems ?? [])]
  return problems.length > 0 ? { problems } : resolve(table, args, env, file)
}

const value = <A>(outcome: Outcome<A>): A => {
  if ("problems" in outcome) throw new Error(outcome.problems.join("\n"))
  return outcome.value
}

const problems = <A>(outcome: Outcome<A>): ReadonlyArray<string> => {
  if ("value" in outcome) throw new Error("no problem was found")
  return outcome.problems
}

const serve = (given: Given) => {
  const argv = given.argv?.includes("--brokers") ? given.argv : [...(given.argv ?? []), "--brokers", "a:1"]
  return value(podConfig(metricsApp, value(read(serveSettings, { ...given, argv }))))
}

const connectionString =
  "Endpoint=sb://ns1.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=c2VjcmV0;EntityPath=hub1"

describe("precedence", () => {
  const flag = ["--group-id", "of-flag"]
  const env = { K2P_GROUP_ID: "of-variable" }
  const yaml = "group-id: of-file\n"
  const table: ReadonlyArray<[Given, string, string]> = [
    [{ argv: flag, env, yaml }, "of-flag", "flag"],
    [{ argv: flag, yaml }, "of-flag", "flag"],
    [{ env, yaml }, "of-variable", "variable"],
    [{ yaml }, "of-file", "file"],
    [{ yaml, env: { K2P_GROUP_ID: "" } }, "of-file", "file"],
    [{}, "kafka2prom", "default"]
  ]
  for (const [given, group, from] of table)
    it(`${from} wins among ${Object.keys(given).join(", ") || "nothing"}`, () => {
      const config = serve(given)
      assert.strictEqual(config.engine.group, group)
      assert.strictEqual(config.settings.find((s) => s.name === "group-id")?.from, from)
    })

  it("holds for any subset of the three places and any of the texts", () => {
    const name = fc.option(fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/), { nil: undefined })
    fc.assert(
      fc.property(name, name, name, (f, v, y) => {
        const config = serve({
          argv: f === undefined ? [] : [`--client-id=${f}`],
          env: { K2P_CLIENT_ID: v },
          ...(y === undefined ? {} : { yaml: `client-id: "${y}"` })
        })
        assert.strictEqual(config.engine.clientId, f ?? v ?? y ?? "kafka2prom")
      })
    )
  })

  it("a wrong value in a place that is not used does no harm", () => {
    assert.strictEqual(
      serve({ argv: ["--queue-records", "5"], env: { K2P_QUEUE_RECORDS: "x" } }).engine.queueRecords,
      5
    )
  })
})

describe("values", () => {
  it("every default is a value of its own setting", () => {
    for (const table of [serveSettings, Settings.agent, checkSettings, Settings.demo] as ReadonlyArray<Table>)
      for (const [key, setting] of Object.entries(table))
        if (setting.fallback !== undefined)
          assert.isTrue("value" in setting.kind.read([setting.fallback]), `${key} ${setting.fallback}`)
  })

  it("the defaults of --help are the defaults of the parts", () => {
    const { engine, application, backpressure } = serve({})
    const { settingsHash: _, ...given } = engine
    const { settingsHash: __, ...own } = defaultEngineOptions
    assert.deepStrictEqual(given, own)
    assert.deepStrictEqual(application, {
      ...defaultMetricsOptions,
      limits: { ...defaultParseLimits, ...defaultCacheLimits }
    })
    assert.deepStrictEqual(backpressure, { strategy: "pause", adaptiveLag: 100_000 })
    const argv = ["--brokers=a:1", "--dump=x"]
    assert.deepStrictEqual(value(agentConfig(value(read(Settings.agent, { argv })))).agent, {
      ...defaultAgentOptions,
      dumps: ["x"]
    })
  })

  const durations: ReadonlyArray<[string, number | undefined]> = [
    ["90s", 90_000],
    ["1500ms", 1_500],
    ["2m", 120_000],
    ["1.5h", 5_400_000],
    ["1d", 86_400_000],
    ["90", undefined],
    ["-90s", undefined],
    ["90 parsecs", undefined],
    ["1m30s", undefined],
    ["2d", undefined],
    ["10ms", undefined],
    ["1e3s", undefined],
    ["", undefined]
  ]
  for (const [text, ms] of durations)
    it(`the duration "${text}" is ${ms ?? "refused"}`, () => {
      const reading = serveSettings.expiry.kind.read([text])
      assert.strictEqual("value" in reading ? reading.value : undefined, ms)
    })

  const sizes: ReadonlyArray<[string, number | undefined]> = [
    ["16MiB", 16_777_216],
    ["1MB", 1_000_000],
    ["64KiB", 65_536],
    ["16", undefined],
    ["16mib", undefined],
    ["1constructor", undefined],
    ["32TiB", undefined]
  ]
  for (const [text, bytes] of sizes)
    it(`the size "${text}" is ${bytes ?? "refused"}`, () => {
      const reading = serveSettings.queueBytes.kind.read([text])
      assert.strictEqual("value" in reading ? reading.value : undefined, bytes)
    })

  it("lists split at commas, add up when repeated, and count repeats once", () => {
    const config = serve({ argv: ["--topic", "a,b", "--topic", "c, a", "--brokers", "h:1,[::1]:2"] })
    assert.deepStrictEqual(config.engine.topics, ["a", "b", "c"])
    assert.deepStrictEqual(config.connection.kafka.brokers, ["h:1", "[::1]:2"])
  })

  it("a list in the file is a sequence or a text with commas", () => {
    assert.deepStrictEqual(serve({ yaml: "topic: [a, b]" }).engine.topics, ["a", "b"])
    assert.deepStrictEqual(serve({ yaml: "topic: a,b" }).engine.topics, ["a", "b"])
  })

  it("a plain number of the file keeps the text it was written with", () => {
    const argv = ["--sasl-mechanism", "plain", "--sasl-username", "u"]
    assert.strictEqual(serve({ argv, yaml: "sasl-password: 007" }).connection.kafka.sasl?.password, "007")
  })

  it("labels come as flags, as lines of a variable and as a mapping of the file", () => {
    const agent = (given: Given) =>
      value(
        agentConfig(
          value(read(Settings.agent, { ...given, argv: [...(given.argv ?? []), "--brokers=a:1", "--dump=x"] }))
        )
      ).agent.labels
    const wanted = { dc: "eu", tier: "a=b,c" }
    assert.deepStrictEqual(agent({ argv: ["--label", "dc=eu", "--label", "tier=a=b,c"] }), wanted)
    assert.deepStrictEqual(agent({ env: { K2P_LABEL: "dc=eu\ntier=a=b,c\n" } }), wanted)
    assert.deepStrictEqual(agent({ yaml: "label:\n  dc: eu\n  tier: a=b,c\n" }), wanted)
  })

  it("the lookback follows the expiry unless it is given", () => {
    assert.strictEqual(serve({ argv: ["--expiry", "5m"] }).engine.lookback, 300_000)
    assert.strictEqual(serve({ argv: ["--expiry", "5m", "--lookback", "2m"] }).engine.lookback, 120_000)
  })

  it("the rebalance timeout is never below the session timeout", () => {
    for (const session of ["3s", "20s", "30m"]) {
      const { engine } = serve({ argv: ["--session-timeout", session] })
      assert.isAtLeast(engine.rebalanceTimeout, engine.sessionTimeout)
    }
  })

  it("the settings hash changes with each setting that members must agree on, and with no other", () => {
    const hash = (...argv: ReadonlyArray<string>) => serve({ argv }).engine.settingsHash
    const agreed = [
      ["--expiry", "91s"],
      ["--lookback", "91s"],
      ["--timestamps", "scrape"],
      ["--source-label", "src"],
      ["--allow-reserved-names"],
      ["--refuse-sources", "test-.*"],
      ["--admission-relabel-configs", "{regex: id, action: labeldrop}"],
      [
        "--admission-relabel-configs",
        "{source_labels: [a], modulus: 18446744073709551615, target_label: b, action: hashmod}"
      ],
      [
        "--admission-relabel-configs",
        "{source_labels: [a], modulus: 18446744073709551614, target_label: b, action: hashmod}"
      ],
      ["--max-source-series", "7"],
      ["--max-source-bytes", "1MiB"],
      ["--max-labels", "7"],
      ["--max-label-value", "700B"],
      ["--max-help", "700B"],
      ["--max-sources", "7"],
      ["--max-partition-series", "7"],
      ["--max-partition-bytes", "7MiB"],
      ["--max-remembered-sources", "7"],
      ["--max-gather-bytes", "1GiB"]
    ]
    const hashes = [hash(), ...agreed.map((argv) => hash(...argv))]
    assert.strictEqual(new Set(hashes).size, hashes.length)
    assert.strictEqual(hash("--queue-records", "7", "--client-id", "pod-7", "--max-pod-series", "7"), hash())
    assert.strictEqual(hash("--max-pod-bytes", "7MiB", "--max-pod-gather-bytes", "7MiB"), hash())
  })

  it("--tls-ca alone switches TLS on, and nothing does by default", () => {
    assert.isUndefined(serve({}).connection.kafka.tls)
    assert.deepStrictEqual(serve({ argv: ["--tls"] }).connection.kafka.tls, {})
    assert.isUndefined(serve({ argv: ["--tls=false"], env: { K2P_TLS: "true" } }).connection.kafka.tls)
  })
})

describe("Event Hubs", () => {
  it("the connection string sets brokers, TLS, login, topic and timeouts", () => {
    const config = value(
      podConfig(metricsApp, value(read(serveSettings, { env: { K2P_EVENT_HUBS_CONNECTION_STRING: connectionString } })))
    )
    assert.deepStrictEqual(config.connection.kafka, {
      brokers: ["ns1.servicebus.windows.net:9093"],
      clientId: "kafka2prom",
      connectionTimeout: 15_000,
      requestTimeout: 60_000,
      tls: {},
      sasl: { mechanism: "plain", username: "$ConnectionString", password: connectionString }
    })
    assert.deepStrictEqual(config.engine.topics, ["hub1"])
    assert.strictEqual(config.engine.sessionTimeout, 30_000)
  })

  it("what is given by name goes before the preset", () => {
    const argv = [
      "--event-hubs-connection-string",
      connectionString,
      "--topic",
      "t",
      "--brokers",
      "private:9093",
      "--session-timeout",
      "10s"
    ]
    const config = value(checkConfig(value(read(checkSettings, { argv }))))
    assert.deepStrictEqual(
      [config.topics, config.sessionTimeout, config.connection.kafka.brokers],
      [["t"], 10_000, ["private:9093"]]
    )
  })

  it("the agent waits for an answer a third of the expiry and half a minute at most, also there, or as it is told", () => {
    const waits = (...argv: ReadonlyArray<string>) =>
      value(agentConfig(value(read(Settings.agent, { argv: ["--dump", "x", ...argv] })))).connection.kafka
        .requestTimeout
    const there = ["--event-hubs-connection-string", connectionString]
    assert.deepStrictEqual(
      [waits(...there), waits("--brokers=a:1", "--expiry=30s"), waits(...there, "--request-timeout=20s")],
      [30_000, 10_000, 20_000]
    )
  })

  it("the agent compresses with gzip there, and refuses another codec", () => {
    const argv = ["--event-hubs-connection-string", connectionString, "--dump", "x"]
    const config = value(agentConfig(value(read(Settings.agent, { argv }))))
    assert.deepStrictEqual([config.agent.compression, config.agent.topic], ["gzip", "hub1"])
    const refused = problems(agentConfig(value(read(Settings.agent, { argv: [...argv, "--compression", "zstd"] }))))
    assert.deepStrictEqual(refused, ['--compression is "zstd": Event Hubs takes gzip or none'])
  })

  it("the local emulator speaks without TLS on Kafka's port", () => {
    const emulator = "Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true;"
    const config = value(
      checkConfig(value(read(checkSettings, { argv: ["--event-hubs-connection-string", emulator] })))
    )
    assert.deepStrictEqual(config.connection.kafka.brokers, ["localhost:9092"])
    assert.isUndefined(config.connection.kafka.tls)
  })

  it("no message about a connection string carries a piece of it", () => {
    const word = "hunter2"
    const strings = [
      word,
      `Endpoint=${word}`,
      `Endpoint=sb://${word};SharedAccessKeyName=${word}`,
      `${connectionString};EntityPath=${word} ${word}`,
      `Endpoint=sb://${word}:0;SharedAccessKeyName=${word};SharedAccessKey=${word}`
    ]
    for (const text of strings) {
      const all = problems(checkConfig(value(read(checkSettings, { argv: ["--event-hubs-connection-string", text] }))))
      assert.match(all.join("\n"), /--event-hubs-connection-string is not usable/)
      assert.notInclude(all.join("\n"), word)
    }
  })
})
