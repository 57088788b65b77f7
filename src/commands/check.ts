/**
 * check: reads the settings, asks the brokers, prints what it found on stdout and changes nothing but one fixed name in an archive's store. Exit code 0: all is as the
 * promises need it; 1: something is not; 3: the brokers could not be reached or would not answer.
 */
import { Effect, Schedule, type Scope } from "effect"
import { findLogs } from "../agent/log/LogDryRun.ts"
import type { LogOptions } from "../agent/log/LogOptions.ts"
import { baseFile, readNumber } from "../agent/StateDir.ts"
import archiveApp from "../archive/ArchiveApp.ts"
import { inTime } from "../archive/store/InTime.ts"
import { openStore, type StoreSettings } from "../archive/store/OpenStore.ts"
import { formatPlace } from "../archive/store/Place.ts"
import { probe } from "../archive/store/Probe.ts"
import { Assignor } from "../engine/group/Assignor.ts"
import { warningsOf } from "../http/web/WebConfig.ts"
import { logging } from "../Logging.ts"
import { protocolOf } from "../pod/App.ts"
import { KafkaTransport } from "../transport/kafka/KafkaTransport.ts"
import { type Inspection, Transport, TransportError } from "../transport/Transport.ts"
import type { CheckConfig, CheckedAgent, CheckedWeb } from "./CheckConfig.ts"
import { judge, report, type Section } from "./Findings.ts"
import { judgeLogFiles, judgeLogTopic } from "./LogFindings.ts"
import type { Program } from "./Program.ts"

/** A group's coordinator that is still loading is waited for; a broker that cannot be reached is told at once. */
const patience = 30_000
const retryEvery = 500

const unknownTopic = (error: TransportError): boolean => error.code === "UNKNOWN_TOPIC_OR_PARTITION"

/** What there is: topics that do not exist are left out. */
const inspect = (
  topics: ReadonlyArray<string>,
  group: string | null
): Effect.Effect<Inspection, TransportError, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    let last: TransportError | undefined
    const look = (names: ReadonlyArray<string>) =>
      transport.inspect(names, group).pipe(
        Effect.tapError((error) =>
          Effect.sync(() => {
            last = error
          })
        ),
        Effect.retry({
          schedule: Schedule.spaced(retryEvery),
          while: (e) => e.retriable && !e.unknownOutcome && !unknownTopic(e)
        })
      )
    const onUnknownTopic = (instead: Effect.Effect<Inspection, TransportError, Scope.Scope>) =>
      Effect.catch((error: TransportError) => (unknownTopic(error) ? instead : Effect.fail(error)))
    // One unknown topic may fail the request for all of them.
    const each = Effect.forEach(topics, (topic) => onUnknownTopic(look([]))(look([topic]))).pipe(
      Effect.map((found): Inspection => ({ ...found[0]!, topics: found.flatMap((f) => f.topics) }))
    )
    return yield* onUnknownTopic(each)(look(topics)).pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => {
          const detail = `no answer within ${patience / 1000} s`
          return Effect.fail(last ?? new TransportError({ op: "inspect", code: "TIMEOUT", retriable: true, detail }))
        }
      })
    )
  })

const whatToDo = (error: TransportError): string =>
  error.code === "AUTHENTICATION"
    ? "the brokers refused the login: look at the --sasl-* and --tls* settings"
    : error.code === "AUTHORIZATION"
      ? "this user may not look: it needs Describe on the topics (an agent's Write brings it), and for pods DescribeConfigs on them and Describe on the group"
      : "the brokers could not be asked: look at --brokers, at --tls, and at what lies between"

/** What agents with this state directory spread sources over. One that cannot be read is as good as damaged. */
const basesOf = (topics: ReadonlyArray<string>, { base, stateDir }: CheckedAgent) =>
  Effect.promise(async () => {
    const bases = new Map<string, number | "damaged">()
    for (const topic of topics) {
      const found = base ?? (await readNumber(stateDir, baseFile(topic)).catch(() => "damaged" as const))
      if (found !== null) bases.set(topic, found)
    }
    return bases
  })

const baseOfLogs = ({ partitionBase, stateDir, topic }: LogOptions) =>
  partitionBase !== 0
    ? Effect.succeed(partitionBase)
    : Effect.promise(() => readNumber(stateDir, baseFile(topic)).catch(() => "damaged" as const))

/** Whether it can hold an archive; it creates the one name that pods create, too. */
const sectionOf = (settings: StoreSettings): Effect.Effect<Section> =>
  Effect.gen(function* () {
    const found = yield* Effect.flatMap(openStore(settings), (store) => inTime(store, probe)).pipe(
      Effect.match({
        onSuccess: () => ({ level: "ok", text: "it refuses to create what is there already" }) as const,
        onFailure: ({ message }) => ({ level: "broken", text: message }) as const
      })
    )
    return { title: `store ${formatPlace(settings.place)}`, findings: [found] }
  })

/** The configuration can be used: others are refused before anything starts. */
export const webSection = ({ path, config }: CheckedWeb, now: number): Section => {
  const { tls, users } = config
  const hasEnded = tls !== undefined && tls.expires < now
  return {
    title: `web configuration ${path}`,
    findings: [
      tls === undefined
        ? { level: "note", text: "no TLS: what is asked and answered can be read on the way" }
        : { level: hasEnded ? "broken" : "ok", text: `TLS, client_auth_type ${tls.clientAuth}` },
      users.size === 0 && tls?.clientAuth !== "RequireAndVerifyClientCert"
        ? { level: "note", text: "everybody is let in: neither users nor client certificates that are verified" }
        : { level: "ok", text: users.size > 0 ? `${users.size} users may log in` : "clients show a certificate" },
      ...warningsOf(config, now).map((text) => ({ level: hasEnded ? "broken" : "note", text }) as const)
    ]
  }
}

export interface Checked {
  readonly code: 0 | 1 | 3
  readonly stdout: string
  readonly stderr: string
}

/** The check of whatever Transport there is. */
export const checked = (config: CheckConfig): Effect.Effect<Checked, never, Transport | Assignor> =>
  Effect.gen(function* () {
    const { store, web } = config
    const protocol = store === null ? (yield* Assignor).protocol : protocolOf(archiveApp)
    const logs = config.agent?.logs ?? null
    const topics = logs === null ? config.topics : [...config.topics, logs.topic]
    const inspection = yield* inspect(topics, config.agent === null ? config.group : null)
    const agent =
      config.agent === null
        ? null
        : {
            bases: yield* basesOf(config.topics, config.agent),
            acks: config.agent.acks,
            requestBytes: config.agent.requestBytes
          }
    const sections = judge(inspection, { ...config, agent, protocol, archive: store !== null })
    const besides = [
      ...(logs === null
        ? []
        : [judgeLogTopic(inspection, logs, yield* baseOfLogs(logs)), judgeLogFiles(yield* findLogs(logs), logs)]),
      ...(store === null ? [] : [yield* sectionOf(store)]),
      ...(web === null ? [] : [webSection(web, Date.now())])
    ]
    const { text, broken } = report([...sections, ...besides])
    return { code: broken === 0 ? (0 as const) : (1 as const), stdout: text, stderr: "" }
  }).pipe(
    Effect.catchTag("TransportError", (error) => {
      const brokers = config.connection.kafka.brokers.join(",")
      const stderr = `kafka2prom check: ${whatToDo(error)} (${brokers}; ${error.message})\n`
      return Effect.succeed({ code: 3 as const, stdout: "", stderr })
    }),
    Effect.scoped
  )

export const check = (config: CheckConfig): Program =>
  Effect.gen(function* () {
    for (const warning of config.connection.warnings) yield* Effect.logWarning(warning)
    const { code, stdout, stderr } = yield* checked(config)
    process.stdout.write(stdout)
    process.stderr.write(stderr)
    return code
  }).pipe(
    Effect.provide([KafkaTransport.layer(config.connection.kafka), Assignor.layer]),
    Effect.provide(logging(config.log))
  )
