/**
 * A pod behind our example of a web configuration, scraped by a real Prometheus with a certificate and a password, and asked by curl: who shows
 * both is answered, everybody else is not.
 */
import { execFile } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { basic, ask as get } from "../http/web/server.ts"
import { fakePod, gauge } from "../pod/fakePod.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { startPrometheus } from "../support/prometheus.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"
import { makeWebCertificates, type WebCertificates } from "../support/webCertificates.ts"

const example = new URL("../../docs/examples/web/web-config.yml", import.meta.url)
const password = "for-the-example"

describeWith(["openssl", "prometheus", "curl"], "a pod behind a web configuration", () => {
  let files: WebCertificates
  let stage: Stage
  beforeAll(async () => {
    files = await makeWebCertificates()
    stage = await openStage()
  })
  afterAll(async () => {
    await stage?.close()
    files?.remove()
  })

  it.live("is scraped by Prometheus, and answers nobody without a certificate and a password", () =>
    Effect.gen(function* () {
      const webConfigFile = files.write("web.yml", readFileSync(example, "utf8"))
      const pod = yield* fakePod({ webConfigFile })
      pod.dumps = [gauge("guarded", "source", 3)]
      yield* Effect.promise(async () => {
        const curl = async (...args: ReadonlyArray<string>): Promise<string> => {
          const common = ["-sS", "--cacert", files.at("authority.pem"), "-o", "/dev/null", "-w", "%{http_code}"]
          return promisify(execFile)("curl", [...common, ...args, `${pod.base}/metrics`]).then(
            ({ stdout }) => stdout,
            () => "refused"
          )
        }
        const certificate = (name: string) => ["--cert", files.at(`${name}.pem`), "--key", files.at(`${name}.key`)]
        const user = ["-u", `prometheus:${password}`]
        assert.strictEqual(await curl(...certificate("client"), ...user), "200")
        assert.strictEqual(await curl(...certificate("client")), "401")
        assert.strictEqual(await curl(...certificate("client"), "-u", "prometheus:wrong"), "401")
        for (const name of ["unknown", "ended"])
          assert.strictEqual(await curl(...certificate(name), ...user), "refused")
        assert.strictEqual(await curl(...user), "refused")

        // Pieces of a body are filled again when the socket has them: through TLS, too.
        const small = pod.dumps
        pod.dumps = Array.from({ length: 8 }, (_, n) => gauge("large", `source-${n}`, 25_000, n))
        const [cert, key] = [files.text("client.pem"), files.text("client.key")]
        const tls = { ca: files.text("authority.pem"), cert, key, headers: basic("prometheus", password) }
        const { body } = await get(
          { port: Number(new URL(pod.base).port), scheme: "https" },
          { path: "/metrics", ...tls }
        )
        const lines = pod.dumps.flatMap(({ families }) =>
          Array.from(families, ({ bytes }) => Buffer.from(bytes).toString())
        )
        assert.isTrue(body.endsWith(lines.join("")), "the body is whole")
        pod.dumps = small

        writeFileSync(join(stage.dir, "password"), password)
        const prometheus = await startPrometheus(stage, [new URL(pod.base).host], {
          more: [
            "    scheme: https",
            `    basic_auth: { username: prometheus, password_file: ${JSON.stringify(join(stage.dir, "password"))} }`,
            "    tls_config:",
            `      ca_file: ${JSON.stringify(files.at("authority.pem"))}`,
            `      cert_file: ${JSON.stringify(files.at("client.pem"))}`,
            `      key_file: ${JSON.stringify(files.at("client.key"))}`
          ]
        })
        await until(async () => (await prometheus.query("count(guarded)"))[0]?.value === 3, {
          what: "the series in Prometheus"
        })
        const up = await prometheus.query("up")
        assert.deepStrictEqual(
          up.map(({ value }) => value),
          [1]
        )
      })
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
  )
})
