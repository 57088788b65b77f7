/** TLS of the HTTP server with real certificates and sockets: who is let in, by which certificate, and what a change of the files does. */

import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import { copyFileSync, utimesSync } from "node:fs"
import { Agent } from "node:https"
import { connect, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { ResponseOutlet } from "../../../src/http/Outlet.ts"
import { sansOf } from "../../../src/http/web/ClientCertificate.ts"
import { clientAuthTypes } from "../../../src/http/web/WebSettings.ts"
import { describeWith } from "../../support/tools.ts"
import { until } from "../../support/until.ts"
import { makeWebCertificates, type WebCertificates } from "../../support/webCertificates.ts"
import { ask, hello, serving, type TestServer } from "./server.ts"

const eventually = (look: () => boolean | Promise<boolean>): Promise<true> => until(look, { what: () => String(look) })

describeWith(["openssl"], "TLS", () => {
  let files: WebCertificates
  beforeAll(async () => {
    files = await makeWebCertificates()
  })
  afterAll(() => files?.remove())

  const test = (
    name: string,
    yaml: () => string,
    body: (server: TestServer, logged: ReadonlyArray<string>, file: string) => Promise<void>,
    routes = [hello]
  ) => {
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => void logged.push(String(message)))
    it.live(name, () =>
      Effect.gen(function* () {
        const file = files.write(`${name.replaceAll(/\W/g, "-")}.yml`, yaml())
        const server = yield* serving({ webConfigFile: file }, routes)
        yield* Effect.promise(() => body(server, logged, file))
      }).pipe(Effect.scoped, Effect.orDie, Effect.provide(Logger.layer([logger])))
    )
  }
  const tls = (more = ""): string => `tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n${more}`
  const trusting = () => ({ ca: files.text("authority.pem") })
  const as = (name: string) => ({ ...trusting(), cert: files.text(`${name}.pem`), key: files.text(`${name}.key`) })
  /** "200", or "refused". */
  const outcome = (server: TestServer, options: object): Promise<string> =>
    ask(server, options).then(
      ({ status }) => String(status),
      () => "refused"
    )

  test(
    "answers those who trust its certificate; who speaks plain HTTP is turned away, counted and told",
    tls,
    async (server, logged) => {
      assert.strictEqual((await ask(server, trusting())).body, "hello\n")
      assert.strictEqual(await outcome(server, { ca: files.text("stranger.pem") }), "refused")
      assert.strictEqual(await outcome({ ...server, scheme: "http" }, {}), "refused")
      // As a probe of the port.
      const probe = connect(server.port, "127.0.0.1", () => probe.end())
      await new Promise((resolve) => probe.once("close", resolve))
      await eventually(() => logged.length > 1)
      assert.deepStrictEqual(server.refused, ["tls"])
      assert.strictEqual(logged[1], "127.0.0.1 was turned away: it speaks plain HTTP")
    }
  )

  test(
    "certificate and key may stand in the file itself",
    () => {
      const indented = (name: string) => files.text(name).trimEnd().replaceAll("\n", "\n    ")
      return `tls_server_config:\n  cert: |\n    ${indented("server.pem")}\n  key: |\n    ${indented("server.key")}\n`
    },
    async (server) => assert.strictEqual((await ask(server, trusting())).status, 200)
  )

  test(
    "versions, cipher suites and curves are those of the file",
    () =>
      tls(
        "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n  curve_preferences: [CurveP384]\n"
      ),
    async (server) => {
      const seen = (options: object) =>
        new Promise<string>((resolve) => {
          const socket = connectTls({ host: "127.0.0.1", port: server.port, ...trusting(), ...options }, () => {
            resolve(
              `${socket.getProtocol()} ${socket.getCipher().name} ${socket.getEphemeralKeyInfo() instanceof Object}`
            )
            socket.destroy()
          })
          socket.on("error", () => resolve("refused"))
        })
      assert.strictEqual(await seen({}), "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 true")
      for (const other of [
        { minVersion: "TLSv1.3" },
        { ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" },
        { ecdhCurve: "P-256" }
      ])
        assert.strictEqual(await seen(other), "refused", JSON.stringify(other))
    }
  )

  const clients = ["none", "client", "ended", "unknown"] as const
  const letIn: Readonly<Record<(typeof clientAuthTypes)[number], ReadonlyArray<string>>> = {
    NoClientCert: clients,
    RequestClientCert: clients,
    RequireAnyClientCert: ["client", "ended", "unknown"],
    VerifyClientCertIfGiven: ["none", "client"],
    RequireAndVerifyClientCert: ["client"]
  }
  for (const type of clientAuthTypes)
    test(
      `${type} lets in: ${letIn[type].join(", ")}`,
      () => tls(`  client_auth_type: ${type}\n${type === "NoClientCert" ? "" : "  client_ca_file: authority.pem\n"}`),
      async (server) => {
        for (const client of clients) {
          const answered = await outcome(server, client === "none" ? trusting() : as(client))
          assert.strictEqual(answered, letIn[type].includes(client) ? "200" : "refused", client)
        }
        const turned = server.refused.filter((why) => why === "certificate")
        assert.strictEqual(turned.length, clients.length - letIn[type].length)
      }
    )

  test(
    "of verified clients those come in that have an allowed name, of whatever kind",
    () =>
      tls(
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: authority.pem\n  client_allowed_sans: [spiffe://a/prometheus]\n"
      ),
    async (server, logged) => {
      assert.strictEqual(await outcome(server, as("client")), "200")
      assert.strictEqual(await outcome(server, as("other")), "refused")
      assert.strictEqual(await outcome(server, as("unknown")), "refused")
      assert.match(
        logged.join("\n"),
        /127\.0\.0\.1 was turned away: no name of its certificate is among client_allowed_sans/
      )
    }
  )

  it("names of a certificate are read as Go writes them", () => {
    const names = ["prometheus.test", "2001:db8::1", "ops@a.test", "spiffe://a/prometheus"]
    assert.deepStrictEqual(sansOf(new X509Certificate(files.text("client.pem"))), names)
    const forged = { subjectAltName: 'DNS:"a, DNS:prometheus.test", URI:"x\\"y"' }
    assert.deepStrictEqual(sansOf(forged), ["a, DNS:prometheus.test", 'x"y'])
  })

  test(
    "a new certificate is used by new connections while requests go on, and what cannot be used changes nothing",
    () => {
      for (const end of ["pem", "key"]) copyFileSync(files.at(`server.${end}`), files.at(`moving.${end}`))
      return tls().replaceAll("server.", "moving.")
    },
    async (server, logged, file) => {
      const first = new X509Certificate(files.text("server.pem")).serialNumber
      const second = new X509Certificate(files.text("renewed.pem")).serialNumber
      const agent = new Agent({ keepAlive: true, maxSockets: 4, ...trusting() })
      let going = true
      const seenUnderLoad = new Set<string>()
      const load = Array.from({ length: 4 }, async () => {
        while (going) {
          const { status, headers } = await ask(server, { agent })
          seenUnderLoad.add(`${status} ${headers.connection}`)
        }
      })
      const seen = async () => (await ask(server, trusting())).serial
      assert.strictEqual(await seen(), first)
      // The key comes later, as with those who renew by two copies.
      copyFileSync(files.at("renewed.pem"), files.at("moving.pem"))
      await eventually(() => server.read.includes(false))
      assert.strictEqual(await seen(), first)
      copyFileSync(files.at("renewed.key"), files.at("moving.key"))
      await eventually(async () => (await seen()) === second)
      assert.isTrue(server.read.at(-1))
      // Kept connections are told to close, so that their clients see it, too.
      await eventually(() => seenUnderLoad.has("200 close"))
      files.write(file.split("/").at(-1)!, "tls_server_config: {cert_fil: x}\n")
      await eventually(() => server.read.at(-1) === false)
      assert.strictEqual(await seen(), second)
      going = false
      await Promise.all(load)
      agent.destroy()
      assert.deepStrictEqual([...seenUnderLoad].sort(), ["200 close", "200 keep-alive"])
      const lines = logged.join("\n")
      assert.match(lines, /the new web configuration is not used.*the key is not that of the certificate/)
      assert.match(lines, /the web configuration .* was read again/)
      assert.match(lines, /line 1: unknown field "tls_server_config.cert_fil", did you mean cert_file\?/)
    }
  )

  test(
    "who is asked for a certificate changes with the file, also for those who are connected",
    () => tls(),
    async (server, _, file) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ...trusting() })
      assert.strictEqual((await ask(server, { agent })).status, 200)
      await eventually(() => Object.keys(agent.freeSockets).length > 0)
      const [kept] = Object.values(agent.freeSockets)[0]!
      const ended = once(kept!, "close")
      files.write(
        file.split("/").at(-1)!,
        tls("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: later.pem\n")
      )
      // Not so young that it is read again for that.
      utimesSync(file, 1, 1)
      await eventually(() => server.read.at(-1) === false)
      copyFileSync(files.at("authority.pem"), files.at("later.pem"))
      // Who is connected, and asks nothing.
      await ended
      assert.strictEqual(await outcome(server, { agent }), "refused")
      assert.strictEqual(await outcome(server, as("client")), "200")
      assert.strictEqual(await outcome(server, trusting()), "refused")
      agent.destroy()
    }
  )

  test(
    "a session is resumed by whom the rules let in, not by whom they let in before",
    () => tls("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: authority.pem\n"),
    async (server, _, file) => {
      const asked = (maxVersion: "TLSv1.2" | "TLSv1.3", session?: Buffer) =>
        new Promise<{ readonly session: Buffer | undefined; readonly outcome: string }>((resolve) => {
          let [text, next, how] = ["", session, ""]
          const given = {
            host: "127.0.0.1",
            port: server.port,
            ...as("client"),
            maxVersion,
            ...(session && { session })
          }
          const socket = connectTls(given, () => {
            how = socket.isSessionReused() ? "resumed" : "anew"
            socket.write("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
          })
          socket.on("session", (ticket) => {
            next = ticket
          })
          socket.on("data", (data) => {
            text += data
          })
          socket.on("error", () => {})
          socket.on("close", () =>
            resolve({ session: next, outcome: `${text === "" ? "refused" : text.split(" ")[1]} ${how}` })
          )
        })
      const sessions: Array<readonly ["TLSv1.2" | "TLSv1.3", Buffer]> = []
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        const { session, outcome } = await asked(version)
        assert.strictEqual(outcome, "200 anew")
        assert.strictEqual((await asked(version, session)).outcome, "200 resumed")
        sessions.push([version, session!])
      }
      files.write(
        file.split("/").at(-1)!,
        tls("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: stranger.pem\n")
      )
      await eventually(() => server.read.length > 1)
      for (const [version, session] of sessions)
        assert.match((await asked(version, session)).outcome, /^refused/, version)
      assert.strictEqual(await outcome(server, as("unknown")), "200")
    }
  )

  test("who connects and never begins a handshake makes room as idle ones do", tls, async (server) => {
    const silent = Array.from({ length: 128 }, () => connect(server.port, "127.0.0.1"))
    const ended = Promise.race(
      silent.map((socket) => new Promise((resolve) => socket.on("error", () => {}).once("close", resolve)))
    )
    await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once("connect", resolve))))
    assert.strictEqual((await ask(server, trusting())).status, 200)
    await ended
    for (const socket of silent) socket.destroy()
  })

  test("a handshake that does not come, and a head that drips, are waited for in bounds", tls, async (server) => {
    const closed = (socket: Socket) =>
      new Promise((resolve) => {
        socket.on("error", () => {}).once("close", resolve)
        socket.resume()
      })
    const silent = connect(server.port, "127.0.0.1")
    const dripping = connectTls({ host: "127.0.0.1", port: server.port, ...trusting() }, () => {
      dripping.write("GET /hello HTTP/1.1\r\n")
    })
    const drops = setInterval(() => dripping.write("X: y\r\n"), 100)
    await Promise.all([closed(silent), closed(dripping)])
    clearInterval(drops)
    await eventually(() => server.refused.includes("tls"))
  })

  test(
    "a client that is let go gets a reset through TLS, too",
    tls,
    async (server) => {
      const error = await new Promise<NodeJS.ErrnoException>((resolve, reject) => {
        const socket = connectTls({ host: "127.0.0.1", port: server.port, ...trusting() }, () => {
          socket.write("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        })
        socket.on("error", resolve).once("close", () => reject(new Error("it just ended")))
        socket.resume()
      })
      assert.deepStrictEqual([error.code, error.syscall], ["ECONNRESET", "read"])
    },
    [
      {
        ...hello,
        handle: ({ response }) =>
          Effect.sync(() => {
            response.write(Buffer.alloc(100_000))
            new ResponseOutlet(response).letGo()
          })
      }
    ]
  )
})
