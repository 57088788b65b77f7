/**
 * Bodies of sources that disagree before the real Prometheus that is installed, in both formats: each body is a target of its own. Debian's
 * is version 2, which knows no names in quotes; what it is given is what its own Accept header asks for.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert } from "@effect/vitest"
import fc from "fast-check"
import { it } from "vitest"
import { render } from "../../../src/metrics/body/Renderer.ts"
import { type Dump, defaultParseLimits } from "../../../src/metrics/text/Dump.ts"
import { negotiate } from "../../../src/metrics/text/Negotiation.ts"
import { dumps, type ModelDump } from "../../support/arbitraries.ts"
import { isRefusal, parseDump } from "../../support/parse.ts"
import { openStage } from "../../support/processes.ts"
import { startPrometheus } from "../../support/prometheus.ts"
import { quotedDump, quotedFamilies } from "../../support/quotedDumps.ts"
import { describeWith } from "../../support/tools.ts"
import { until } from "../../support/until.ts"

const bodies = 120

const parse = ({ text, format }: ModelDump, source: number, silent: boolean): Dump => {
  const dump = parseDump(Buffer.from(silent && format === "text" ? text.replace(/^# TYPE .*\n/gm, "") : text), {
    format,
    attach: { sourceLabel: "instance", source: `s-${source}`, labels: [] },
    limits: defaultParseLimits,
    timestamps: "scrape",
    time: 0
  })
  return isRefusal(dump) ? assert.fail(dump.detail) : dump
}

describeWith(["prometheus"], "a real Prometheus", () => {
  it("takes every body of sources that disagree, whole, in both formats", async () => {
    const fleets = fc.sample(fc.array(fc.tuple(dumps, fc.boolean()), { minLength: 1, maxLength: 5 }), {
      numRuns: bodies,
      seed: 41
    })
    const quoted = fc.sample(quotedFamilies, { numRuns: bodies, seed: 42 })
    const all = fleets.map((fleet, k) => [
      ...fleet.map(([model, silent], i) => parse(model, i, silent)),
      // Without timestamps: such a sample would be too old to be stored.
      quotedDump(
        quoted[k]!.map((family) => ({ ...family, timestamp: 0 })),
        "quoted"
      )
    ])
    const lines = new Map<string, number>()
    let address = ""
    const server = createServer((request, response) => {
      if (request.url === "/sd") {
        const targets = all.flatMap((_, k) =>
          ["own", "text"].map((way) => ({
            targets: [address],
            labels: { __metrics_path__: `/${way}/${k}`, body: `${way}-${k}` }
          }))
        )
        response.setHeader("Content-Type", "application/json")
        return response.end(JSON.stringify(targets))
      }
      const [, way, k] = request.url!.split("/")
      const { format, escaping, contentType } = negotiate(way === "own" ? request.headers.accept : "text/plain")
      const body = Buffer.concat([...render(all[Number(k)]!, format, escaping)])
      const samples = body
        .toString()
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"))
      lines.set(`${way}-${k}`, samples.length)
      response.setHeader("Content-Type", contentType)
      response.end(body)
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    address = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const stage = await openStage()
    try {
      const prometheus = await startPrometheus(stage, [], { discover: [`http://${address}/sd`], interval: "2s" })
      const up = await until(
        async () => {
          const answer = await prometheus.query("up")
          return answer.length === 2 * bodies ? answer : undefined
        },
        { what: () => `${2 * bodies} targets, of which ${lines.size} were asked for`, every: 500 }
      )
      for (const { labels, value } of up) assert.strictEqual(value, 1, labels.body)
      for (const { labels, value } of await prometheus.query("scrape_samples_scraped"))
        assert.strictEqual(value, lines.get(labels.body!), labels.body)
    } finally {
      await stage.close()
      server.close()
    }
  })
})
