/** Who is let in where everybody may come: by which name a browser asks, how many headers there may be; and what a web configuration adds. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { hashSync } from "bcryptjs"
import { Effect, Logger } from "effect"
import { isRebound } from "../../src/http/Browsers.ts"
import { maxHeaders } from "../../src/http/Gate.ts"
import { get, replyText } from "../../src/http/Route.ts"
import { until } from "../support/until.ts"
import { ask, basic, hello, serving } from "./web/server.ts"

describe("a browser", () => {
  const known = new Set(["k2p.corp.example.com"])
  const browser = { "accept-language": "en" }
  for (const host of [
    "evil.com:9464",
    "evil.com",
    "EVIL.com.",
    "127.0.0.1.evil.com",
    "k2p.corp.example.com.evil.com",
    "local.com",
    "[::1].evil.com"
  ])
    it(`may not ask ${host}`, () => assert.isTrue(isRebound({ host, ...browser }, known)))
  for (const host of [
    ...["127.0.0.1:9464", "[::1]:9464", "10.0.0.9", "localhost:9464", "a.localhost", "pod-3", "pod-3:9464"],
    ...["pod-3.k2p.svc", "k2p.ns.svc.cluster.local:9464", "K2P.corp.example.com:1"]
  ])
    it(`may ask ${host}`, () => assert.isFalse(isRebound({ host, ...browser }, known)))
  it("is known by what no page can leave out; programs ask by any name", () => {
    const host = "evil.com"
    for (const header of ["accept-language", "sec-fetch-site", "origin"])
      assert.isTrue(isRebound({ host, [header]: "" }, known))
    assert.isFalse(isRebound({ host, "user-agent": "Prometheus/3.0", accept: "text/plain" }, known))
  })
})

describe("the gate", () => {
  let dir = ""
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "k2p-gate-"))
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))
  const file = (yaml: string): string => {
    writeFileSync(join(dir, "web.yml"), yaml)
    return join(dir, "web.yml")
  }
  const silent = Logger.layer([])
  const users = (password: string): string => `basic_auth_users: {prometheus: ${hashSync(password, 4)}}\n`
  const test = (
    name: string,
    yaml: string | undefined,
    body: (server: Effect.Success<ReturnType<typeof serving>>) => Promise<void>
  ) =>
    it.live(name, () =>
      Effect.gen(function* () {
        const admin = get("/switch", "changes something", ({ response }) => replyText(response, 200, "switched"))
        const routes = [hello, { ...admin, admin: true as const }]
        const server = yield* serving(
          { webConfigFile: yaml === undefined ? undefined : file(yaml), browserHosts: ["k2p.example.com"] },
          routes
        )
        yield* Effect.promise(() => body(server))
      }).pipe(Effect.scoped, Effect.orDie, Effect.provide(silent))
    )

  test("turns a rebound browser away, and tells it what to do; Prometheus is not asked", undefined, async (server) => {
    const browser = { "accept-language": "en" }
    const rebound = await ask(server, { headers: { ...browser, host: "evil.com" } })
    assert.strictEqual(rebound.status, 403)
    assert.include(rebound.body, "--browser-hosts")
    assert.strictEqual((await ask(server, { headers: { ...browser, host: "k2p.example.com" } })).status, 200)
    assert.strictEqual((await ask(server, { headers: { host: "evil.com" } })).status, 200)
    assert.deepStrictEqual(server.refused, ["host"])
  })

  test("refuses a request with more headers than it looks at", undefined, async (server) => {
    const send = (count: number) =>
      new Promise<string>((resolve) => {
        const socket = connect(server.port, "127.0.0.1")
        let text = ""
        socket.on("data", (chunk) => {
          text += chunk
        })
        socket.on("close", () => resolve(text.split(" ")[1] ?? ""))
        const more = Array.from({ length: count - 2 }, (_, n) => `X-${n}: 1\r\n`).join("")
        socket.write(`GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${more}\r\n`)
      })
    assert.deepStrictEqual(
      [await send(maxHeaders), await send(maxHeaders + 1), await send(1_000)],
      ["200", "431", "431"]
    )
    assert.strictEqual(server.refused[0], "headers")
  })

  test(
    "asks everybody for a password, but leaves what switches things to the admin token",
    users("first"),
    async (server) => {
      assert.strictEqual((await ask(server)).status, 401)
      assert.strictEqual((await ask(server, { headers: basic("prometheus", "wrong") })).status, 401)
      assert.strictEqual((await ask(server, { headers: basic("prometheus", "first") })).status, 200)
      assert.strictEqual((await ask(server, { path: "/switch" })).body, "switched\n")
      assert.strictEqual((await ask(server, { path: "/switch", method: "PUT" })).status, 401)
      assert.deepStrictEqual(server.refused, ["credentials", "credentials", "credentials"])
      file(users("second"))
      await until(async () => (await ask(server, { headers: basic("prometheus", "second") })).status === 200, {
        what: "the new password"
      })
      assert.strictEqual((await ask(server, { headers: basic("prometheus", "first") })).status, 401)
    }
  )

  test(
    "answers with the headers of the file, whatever is answered",
    `${users("x")}http_server_config: {headers: {X-Frame-Options: deny}}\n`,
    async (server) => {
      for (const headers of [{}, basic("prometheus", "x")])
        assert.strictEqual((await ask(server, { headers })).headers["x-frame-options"], "deny")
    }
  )

  test("lets in as many as the rate limit says", "rate_limit: {interval: 1h, burst: 2}\n", async (server) => {
    const statuses: Array<number> = []
    for (let n = 0; n < 3; n++) statuses.push((await ask(server)).status)
    assert.deepStrictEqual(statuses, [200, 200, 429])
    assert.deepStrictEqual(server.refused, ["rate"])
  })
})
