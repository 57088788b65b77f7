/** `check --agent` on a real broker with access rules, as a site's user that may write to one topic and only look at another; nothing is written. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import kafkajs from "kafkajs"
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { makeCertificates } from "../support/certificates.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { describeWith } from "../support/tools.ts"

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs
const user = "site"
const password = "correct-horse"

describeWith(["java", "mvn", "openssl", "keytool"], "check --agent", () => {
  let folder: string
  let kafka: KafkaCluster
  let stage: Stage

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "k2p-rights-"))
    const certificates = await makeCertificates(folder)
    kafka = await startKafka({
      version: "3.9.1",
      security: { ...certificates, users: { [user]: password } },
      settings: {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS"
      }
    })
    stage = await openStage()
    await kafka.createTopic("open", 4)
    await kafka.createTopic("closed", 4)
    await kafka.createTopic("small", 4, {
      configs: { "max.message.bytes": "500000", "message.timestamp.type": "CreateTime", "min.insync.replicas": "2" }
    })
    const allow = (topic: string, operation: number) => ({
      ...{
        resourceType: AclResourceTypes.TOPIC,
        resourceName: topic,
        resourcePatternType: ResourcePatternTypes.LITERAL
      },
      ...{ principal: `User:${user}`, host: "*", operation, permissionType: AclPermissionTypes.ALLOW }
    })
    await kafka.admin.createAcls({
      acl: [
        allow("open", AclOperationTypes.WRITE),
        allow("closed", AclOperationTypes.READ),
        allow("small", AclOperationTypes.WRITE),
        allow("small", AclOperationTypes.DESCRIBE_CONFIGS)
      ]
    })
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const check = async (topic: string, ...more: ReadonlyArray<string>) => {
    const running = stage.program(`check ${topic}`, [
      ...[
        "check",
        "--agent",
        "--brokers",
        kafka.secured[0]!,
        "--topic",
        topic,
        "--tls-ca",
        join(folder, "authority.pem")
      ],
      ...["--sasl-mechanism", "plain", "--sasl-username", user, "--sasl-password", password, ...more]
    ])
    const { code } = await running.ended
    return { code, ...running.out }
  }

  it("is content with a topic that the user may write to, also where it may not see the topic's settings", async () => {
    const { code, stdout, stderr } = await check("open")
    assert.strictEqual(code, 0, stdout + stderr)
    assert.match(stdout, /^topic open: 4 partitions\n {2}ok {6}this user may write to it\n/m)
    assert.match(stdout, /note .*max\.message\.bytes is not told/)
    assert.notMatch(stdout, /group/)
  })

  it("says that the user may not write to a topic, and writes nothing to find out", async () => {
    const { code, stdout } = await check("closed")
    assert.strictEqual(code, 1)
    assert.match(stdout, /broken {2}this user may not write to it: .*--operation Write --topic closed/)
    for (const topic of ["open", "closed"])
      for (const { high } of await kafka.admin.fetchTopicOffsets(topic)) assert.strictEqual(high, "0")
  })

  it("names a size, a time stamp, replicas and a kept partition base that an agent cannot work with", async () => {
    const state = join(stage.dir, "state")
    await mkdir(state)
    await writeFile(join(state, "partition-base-small"), "6\n")
    const { code, stdout } = await check("small", "--state-dir", state, "--acks", "all")
    assert.strictEqual(code, 1)
    assert.match(stdout, /broken {2}it has 4 partitions, fewer than the partition base 6/)
    assert.match(stdout, /broken {2}max\.message\.bytes is 500000/)
    assert.match(stdout, /broken {2}message\.timestamp\.type is CreateTime/)
    assert.match(
      stdout,
      /broken {2}min\.insync\.replicas is 2 and it has 1 replica: with --acks all nothing is ever taken/
    )
    assert.match((await check("small", "--partition-base", "3")).stdout, /spread over 3 of its 4 partitions/)
  })

  it("ends with 3 where the topic is hidden from the user", async () => {
    const { code, stderr } = await check("unknown")
    assert.strictEqual(code, 3)
    assert.match(stderr, /this user may not look/)
  })
})
