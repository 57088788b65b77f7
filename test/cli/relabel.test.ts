/** `metric_relabel_configs` as it stands in the file, and the one sentence for each mistake. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { plan } from "../../src/cli.ts"

let path = ""
beforeAll(() => {
  path = join(mkdtempSync(join(tmpdir(), "k2p-cli-")), "k2p.yaml")
})
afterAll(() => rmSync(join(path, ".."), { recursive: true, force: true }))

/** "" where it runs. */
const told = (yaml: string, argv: ReadonlyArray<string> = [], command = ["agent", "--dump", "x"]): string => {
  writeFileSync(path, yaml)
  const { plan: todo } = plan([...command, "--brokers", "a:1", "--config", path, ...argv], {})
  if (todo._tag === "Run") return ""
  assert.strictEqual(todo.code, 2)
  return todo.stderr.trimEnd().replaceAll(path, "k2p.yaml")
}

const good = `
metric_relabel_configs:
  - source_labels: [__name__]
    regex: go_.*
    action: drop
  - {regex: id, action: labeldrop}
  - source_labels: [a, b]
    separator: ''
    modulus: 18446744073709551615
    target_label: shard
    action: HashMod
`

describe("metric_relabel_configs", () => {
  it("is Prometheus' own block, under its own name or with dashes, or rules as flags", () => {
    assert.strictEqual(told(good), "")
    assert.strictEqual(told(good.replaceAll("metric_relabel_configs", "metric-relabel-configs")), "")
    const rule = "{source_labels: [__name__], regex: go_.*, action: drop}"
    assert.strictEqual(told("", ["--metric-relabel-configs", rule, "--metric-relabel-configs", rule]), "")
  })

  it("means the same to pods, whose source label no rule may set, and refuse-sources with it", () => {
    const serve = (yaml: string, ...argv: ReadonlyArray<string>) => told(yaml, argv, ["serve"])
    const forPods = good.replaceAll("metric_relabel_configs", "admission_relabel_configs")
    assert.strictEqual(serve(`${forPods}\nrefuse-sources: test-.*\n`), "")
    const sets = "admission_relabel_configs: [{source_labels: [a], target_label: src}]"
    assert.strictEqual(serve(sets), "")
    assert.strictEqual(
      serve(sets, "--source-label", "src"),
      "kafka2prom serve: --admission-relabel-configs is not usable: src cannot be a 'target_label': the pods set it to the source id"
    )
    assert.strictEqual(
      serve("admission_relabel_configs: [{action: drop}, {action: explode}]", "--refuse-sources", "a("),
      'kafka2prom serve: --admission-relabel-configs is not usable: item 2 of it: unknown relabel action "explode"\n' +
        "kafka2prom serve: --refuse-sources is not usable: error parsing regexp: missing closing ): `^(?s:a()$`"
    )
  })

  const mistakes: ReadonlyArray<[yaml: string, sentence: string]> = [
    ["[{regexp: a}]", 'it has the unknown field "regexp", did you mean regex?'],
    ["[{source_labels: a}]", "its source_labels must be a list of texts"],
    ["[{modulus: -1}]", "its modulus must be a whole number below 2^64"],
    ["[drop]", "it must be a mapping, such as {source_labels: [__name__], regex: go_.*, action: drop}"]
  ]
  for (const [yaml, sentence] of mistakes)
    it(`one sentence for ${yaml}`, () => {
      assert.strictEqual(
        told(`metric_relabel_configs: ${yaml}`),
        `kafka2prom agent: metric-relabel-configs (k2p.yaml, line 1) is not usable: ${sentence}`
      )
    })

  const together: ReadonlyArray<[yaml: string, sentence: string]> = [
    ["[{action: explode}]", 'unknown relabel action "explode"'],
    [
      "[{action: drop}, {action: replace}]",
      "item 2 of it: relabel configuration for replace action requires 'target_label' value"
    ],
    ["[{action: drop, regex: 'a('}]", "error parsing regexp: missing closing ): `^(?s:a()$`"],
    [
      "[{source_labels: [a], target_label: instance}]",
      "instance cannot be a 'target_label': the pods set it to the source id"
    ]
  ]
  for (const [yaml, sentence] of together)
    it(`one sentence for ${yaml}`, () => {
      assert.strictEqual(
        told(`metric_relabel_configs: ${yaml}`),
        `kafka2prom agent: --metric-relabel-configs is not usable: ${sentence}`
      )
    })
})
