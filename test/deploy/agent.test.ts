/** The files of `deploy/agent` are what they say: options that the agent has, metrics that it sends, rules that Prometheus takes and that fire. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { parse } from "yaml"
import { optionName } from "../../src/config/Setting.ts"
import * as Settings from "../../src/config/Settings.ts"
import { SelfMetrics } from "../../src/SelfMetrics.ts"
import { describeWith } from "../support/tools.ts"

const folder = join(import.meta.dirname, "../../deploy/agent")
const read = (name: string): string => readFileSync(join(folder, name), "utf8")
const options = new Set(Object.keys(Settings.agent).map((key) => `--${optionName(key)}`))

interface Container {
  readonly name: string
  readonly args: ReadonlyArray<string>
  readonly env: ReadonlyArray<{ readonly name: string }>
  readonly volumeMounts: ReadonlyArray<{ readonly name: string; readonly mountPath: string }>
}

describe.each([
  ["daemonset.yaml", "DaemonSet"],
  ["sidecar.yaml", "StatefulSet"]
])("%s", (file, kind) => {
  const manifest = parse(read(file))
  const pod = manifest.spec.template.spec
  const agent: Container = pod.containers.find(({ name }: Container) => name === "agent")

  it("is a whole manifest whose selector is its own pods'", () => {
    assert.deepInclude(manifest, { apiVersion: "apps/v1", kind })
    assert.deepStrictEqual(manifest.spec.selector.matchLabels, manifest.spec.template.metadata.labels)
  })

  it("starts the agent with options that there are, with a stable host, and a state that outlives the pod", () => {
    assert.strictEqual(agent.args[0], "agent")
    for (const arg of agent.args.slice(1)) assert.include([...options], arg.split("=")[0])
    const value = (option: string) =>
      agent.args.find((arg) => arg.startsWith(`${option}=`))?.slice(option.length + 1) ?? ""
    const variable = /^\$\((\w+)\)$/.exec(value("--host"))?.[1]
    assert.include(
      agent.env.map(({ name }) => name),
      variable
    )
    const mountOf = (path: string) => agent.volumeMounts.find(({ mountPath }) => path.startsWith(mountPath))?.name
    const state = mountOf(value("--state-dir"))
    const volume = pod.volumes.find(({ name }: { readonly name: string }) => name === state)
    const claims = manifest.spec.volumeClaimTemplates ?? []
    assert.isTrue(volume?.hostPath !== undefined || claims[0]?.metadata.name === state)
    assert.isDefined(mountOf(value("--dump")))
    // The agent ends by itself after 25 s at the latest.
    assert.isAtLeast(pod.terminationGracePeriodSeconds, 30)
  })
})

describe("kafka2prom-agent.service", () => {
  const unit = read("kafka2prom-agent.service")
  it("starts the agent with options that there are, and keeps its state", () => {
    const [, command] = /^ExecStart=(.*)$/m.exec(unit)!
    assert.match(command!, /^\/usr\/bin\/env kafka2prom agent /)
    for (const option of command!.match(/--[a-z-]+/g)!) assert.include([...options], option)
    const [, state] = /^StateDirectory=(.*)$/m.exec(unit)!
    assert.include(command, `--state-dir /var/lib/${state}`)
    for (const line of unit.split("\n")) assert.match(line, /^(#.*|\[\w+\]|[A-Z][A-Za-z]+=.+|)$/)
  })
})

describe("alerts.yaml", () => {
  it("asks for metrics that an agent has", async () => {
    const known = await Effect.runPromise(
      Effect.scoped(
        Effect.provide(
          Effect.flatMap(SelfMetrics, ({ text }) => Effect.promise(() => text())),
          SelfMetrics.layerAgent
        )
      )
    )
    const names = new Set(read("alerts.yaml").match(/k2p_[a-z_]+/g))
    assert.isAbove(names.size, 4)
    for (const name of names) assert.include(known, `# TYPE ${name} `)
  })
})

describeWith(["promtool"], "alerts.yaml and promtool", () => {
  const promtool = (...args: ReadonlyArray<string>) => spawnSync("promtool", args, { encoding: "utf8", cwd: folder })

  it("are rules", () => {
    const { status, stdout, stderr } = promtool("check", "rules", "alerts.yaml")
    assert.strictEqual(status, 0, stdout + stderr)
    assert.include(stdout, "6 rules found")
  })

  it("fire when an agent is gone, a source is not sent, a file is not read", () => {
    const dir = mkdtempSync(join(tmpdir(), "k2p-alerts-"))
    try {
      const labels = 'instance="edge/kafka2prom-agent",job="kafka2prom-agent"'
      const rules: ReadonlyArray<{ readonly alert: string; readonly annotations: { readonly summary: string } }> =
        parse(read("alerts.yaml")).groups[0].rules
      const fires = (alertname: string, value: string, more: Readonly<Record<string, string>>) => {
        const exp_labels: Readonly<Record<string, string>> = { instance: "edge/kafka2prom-agent", ...more }
        const summary = rules
          .find(({ alert }) => alert === alertname)!
          .annotations.summary.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label) => exp_labels[label]!)
          .replace("{{ $value }}", value)
        return { eval_time: "40m", alertname, exp_alerts: [{ exp_labels, exp_annotations: { summary } }] }
      }
      const test = {
        rule_files: [join(folder, "alerts.yaml")],
        evaluation_interval: "1m",
        tests: [
          {
            interval: "1m",
            input_series: [
              { series: `k2p_agent_build_info{${labels}}`, values: "1x10 _x40" },
              { series: `k2p_agent_last_sent_timestamp_seconds{${labels},source="edge/shop"}`, values: "0x60" },
              { series: `k2p_agent_files{${labels},state="unreadable"}`, values: "2x60" },
              { series: `k2p_agent_files{${labels},state="taken"}`, values: "7x60" }
            ],
            alert_rule_test: [
              fires("AgentGone", "1", {}),
              fires("SourceNotSent", "", { job: "kafka2prom-agent", source: "edge/shop" }),
              fires("DumpsNotRead", "2", {}),
              { eval_time: "5m", alertname: "AgentGone", exp_alerts: [] }
            ]
          }
        ]
      }
      writeFileSync(join(dir, "t.yaml"), JSON.stringify(test))
      const { status, stdout, stderr } = promtool("test", "rules", join(dir, "t.yaml"))
      assert.strictEqual(status, 0, stdout + stderr)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})

describeWith(["systemd-analyze"], "kafka2prom-agent.service and systemd", () => {
  it("is a unit that systemd takes without a word", () => {
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "kafka2prom-agent.service"], {
      ...{ encoding: "utf8", cwd: folder }
    })
    assert.deepStrictEqual([status, stdout + stderr], [0, ""])
  })
})
