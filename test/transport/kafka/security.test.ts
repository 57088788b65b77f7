/** TLS and SASL against a real listener that demands them: what works, and what each kind of refusal reads like. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { Effect } from "effect"
import { afterAll, assert, beforeAll, it } from "vitest"
import type { KafkaOptions, SaslMechanism } from "../../../src/transport/kafka/connection/KafkaOptions.ts"
import { Links } from "../../../src/transport/kafka/connection/Links.ts"
import { KafkaTransport } from "../../../src/transport/kafka/KafkaTransport.ts"
import { Transport, TransportError } from "../../../src/transport/Transport.ts"
import { type Certificates, makeCertificates } from "../../support/certificates.ts"
import { type KafkaCluster, startKafka } from "../../support/kafka.ts"
import { describeWith } from "../../support/tools.ts"

const PASSWORD = "correct-horse"
/** Above the ten seconds before its end at which a login is renewed. */
const LOGIN_MS = 11_500
const WRONG = "battery-staple"

describeWith(["java", "mvn", "openssl", "keytool"], "Kafka with TLS and SASL", () => {
  let folder: string
  let certificates: Certificates
  let kafka: KafkaCluster

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "k2p-tls-"))
    certificates = await makeCertificates(folder)
    kafka = await startKafka({
      version: "4.1.1",
      security: { ...certificates, users: { k2p: PASSWORD }, clientAuth: true },
      // Logins by this mechanism are good for so long only.
      settings: { "listener.name.secure.scram-sha-256.connections.max.reauth.ms": String(LOGIN_MS) }
    })
    await kafka.createTopic("secured", 1)
  })

  afterAll(async () => {
    await kafka?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const options = (change: Partial<KafkaOptions> = {}, mechanism: SaslMechanism = "plain"): KafkaOptions => ({
    brokers: kafka.secured,
    clientId: "secured",
    tls: { ca: certificates.ca, ...certificates.client },
    sasl: { mechanism, username: "k2p", password: PASSWORD },
    connectionTimeout: 5_000,
    requestTimeout: 10_000,
    ...change
  })

  /** Produces one record, reads it back and forms a group: every kind of link that there is. */
  const roundTrip = (value: string) =>
    Effect.gen(function* () {
      const transport = yield* Transport
      const tp = { topic: "secured", partition: 0 }
      const producer = yield* transport.producer({ clientId: "p", acks: "all", compression: "none" })
      const client = yield* transport.groupClient({ group: `g-${value}`, clientId: "c" })
      const at = (yield* client.listOffsets([tp], "end")).get("secured/0")!
      yield* producer.produce([{ ...tp, key: null, value: Buffer.from(value), headers: {} }])
      const [fetched] = yield* client.fetch(1, [{ tp, offset: at }], {
        maxWait: 5_000,
        maxBytes: 1_000_000,
        maxBytesPerPartition: 1_000_000
      })
      yield* client.joinGroup({
        memberId: "",
        sessionTimeout: 6_000,
        rebalanceTimeout: 6_000,
        protocols: [{ name: "p", metadata: new Uint8Array([1]) }]
      })
      return Buffer.from(fetched!.records[0]!.value!).toString()
    }).pipe(Effect.scoped)

  const run = (with_: KafkaOptions, value = "x") =>
    Effect.runPromise(roundTrip(value).pipe(Effect.provide(KafkaTransport.layer(with_))))
  const refusal = async (with_: KafkaOptions): Promise<TransportError> => {
    try {
      await run(with_)
    } catch (error) {
      assert.instanceOf(error, TransportError)
      assert.isFalse(JSON.stringify({ ...error, message: error.message, stack: error.stack }).includes(WRONG))
      return error
    }
    throw new Error("it was not refused")
  }
  const wrong = { username: "k2p", password: WRONG }

  for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"] as const) {
    it(`${mechanism} over TLS with a client certificate carries records and groups`, async () => {
      assert.strictEqual(await run(options({}, mechanism), mechanism), mechanism)
    })

    it(`a wrong password for ${mechanism} is an AUTHENTICATION error that does not tell the password`, async () => {
      const error = await refusal(options({ sasl: { mechanism, ...wrong } }))
      assert.deepStrictEqual([error.code, error.retriable], ["AUTHENTICATION", false])
      assert.match(error.message, /127\.0\.0\.1:\d+/)
    })
  }

  it("a password in a file counts from the next connection on", async () => {
    const passwordFile = join(folder, "password")
    await writeFile(passwordFile, `${WRONG}\n`)
    const sasl = { mechanism: "plain", ...wrong, passwordFile } as const
    assert.strictEqual((await refusal(options({ sasl }))).code, "AUTHENTICATION")
    await writeFile(passwordFile, `${PASSWORD}\n`)
    assert.strictEqual(await run(options({ sasl }), "rotated"), "rotated")
    await rm(passwordFile)
    assert.include((await refusal(options({ sasl }))).message, `${passwordFile}, cannot be read`)
  })

  it("a login that runs out is renewed on the same connection, no request fails", async () => {
    const links = new Links(options({}, "scram-sha-256"), "renewing")
    try {
      await links.metadata(["secured"])
      const link = links.get("control", links.node(1)!)
      const ask = () => link.request("metadata", "Metadata", { topics: ["secured"], allowAutoTopicCreation: false })
      for (const start = performance.now(); performance.now() - start < LOGIN_MS + 500; ) {
        await Promise.all([ask(), ask(), ask()])
        await delay(50)
      }
      assert.isFalse(link.broken)
    } finally {
      links.close()
    }
  })

  it("a server certificate that no known authority signed is refused by us", async () => {
    const error = await refusal(options({ tls: { ca: certificates.strangerCa, ...certificates.client } }))
    assert.strictEqual(error.code, "AUTHENTICATION")
    assert.match(error.message, /certificate/)
  })

  it("a missing client certificate is refused by the broker", async () => {
    const error = await refusal(options({ tls: { ca: certificates.ca } }))
    assert.strictEqual(error.code, "AUTHENTICATION")
    assert.match(error.message, /certificate/)
  })

  it("no TLS to a TLS port, and TLS to a plain one, say what to look at", async () => {
    const { tls: _, ...plain } = options()
    const noTls = await refusal(plain)
    assert.strictEqual(noTls.code, "CONNECTION")
    assert.match(noTls.message, /does this port expect TLS or SASL/)
    const tls = await refusal(options({ brokers: kafka.bootstrap }))
    assert.strictEqual(tls.code, "CONNECTION")
    assert.match(tls.message, /TLS/)
  })

  it("no SASL to a port that wants it is a connection that the broker closes", async () => {
    const { sasl: _, ...open } = options()
    assert.strictEqual((await refusal(open)).code, "CONNECTION")
  })

  it("a broker that goes away during the login is not taken for refused credentials", async () => {
    const secured = options()
    const [address] = kafka.secured
    kafka.nodes[0]!.signal("SIGSTOP")
    try {
      const error = await refusal({ ...secured, brokers: [address!], requestTimeout: 500, connectionTimeout: 500 })
      assert.isTrue(error.unknownOutcome, error.message)
    } finally {
      kafka.nodes[0]!.signal("SIGCONT")
    }
    assert.strictEqual(await run(secured, "again"), "again")
  })
})
