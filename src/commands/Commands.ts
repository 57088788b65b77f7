/** Commands: those of the program, in the order in which its help lists them. */
import { Effect } from "effect"
import archiveApp from "../archive/ArchiveApp.ts"
import { agentConfig, demoConfig } from "../Config.ts"
import { withSecretFiles } from "../config/SecretFiles.ts"
import * as Settings from "../config/Settings.ts"
import metricsApp from "../metrics/MetricsApp.ts"
import type { App } from "../pod/App.ts"
import { type Extension, extended } from "../pod/Extension.ts"
import { podSettings } from "../pod/PodSettings.ts"
import { checkConfig, checkSettings } from "./CheckConfig.ts"
import { type Command, command, plainExits, podCommand } from "./Command.ts"
import { removeConfig, removeSettings, showConfig, showSettings } from "./SourceConfig.ts"
import { verifyConfig, verifySettings } from "./VerifyConfig.ts"

const demo = command(
  {
    name: "demo",
    about: "the whole pipeline in this process, without Kafka: services, an agent and two pods on two ports.",
    settings: Settings.demo,
    examples: ["demo --for 1m"],
    exits: [
      "0  ended as asked, and no older value was seen",
      "1  a failure or an older value, told",
      "2  a wrong option"
    ]
  },
  demoConfig,
  async ({ demo: config, log }) => {
    const [program, { logging }] = await Promise.all([import("../demo/Demo.ts"), import("../Logging.ts")])
    return Effect.provide(program.demo(config), logging(log))
  }
)

const serve = (extensions: ReadonlyArray<Extension>): Command =>
  podCommand(
    {
      name: "serve",
      about: "one pod: reads the topics as a member of the group and serves the metrics on /metrics.",
      examples: ["serve --brokers kafka-1:9092,kafka-2:9092 --topic metrics --group-id k2p-eu"]
    },
    extended(metricsApp, extensions)
  )

const archive = (extensions: ReadonlyArray<Extension>): Command =>
  podCommand(
    {
      name: "archive",
      about: "one archive pod: reads topics of logs as a member of the group and writes them to a directory or bucket.",
      examples: [
        "archive --brokers kafka-1:9092 --topic logs --to s3://our-logs/eu",
        "archive --brokers kafka-1:9092 --to file:///srv/logs --roll-age 30s"
      ]
    },
    extended(archiveApp, extensions)
  )

const verify = command(
  {
    name: "archive verify",
    about: "reads an archive: whether offsets have a hole or an overlap, what is damaged, where streams have gaps.",
    settings: verifySettings,
    examples: ["archive verify --to s3://our-logs/eu"],
    exits: [
      "0  it is whole",
      "1  something is not as a pod leaves it",
      "2  a wrong or missing option",
      "3  the store could not be read"
    ]
  },
  verifyConfig,
  async (config) => (await import("./archiveVerify.ts")).archiveVerify(config)
)

const agent = command(
  {
    name: "agent",
    about: "sends dump files to the topic, from beside the services that write them.",
    settings: Settings.agent,
    examples: [
      "agent --brokers kafka-1:9092 --dump '/var/run/metrics/*.prom' --state-dir /var/lib/k2p",
      "agent --dry-run …      first, with the same options"
    ],
    exits: [
      "0  ended as asked (SIGTERM, SIGINT); --dry-run: all that was named would be sent and shown whole",
      "1  a failure, told on stderr; --dry-run: something would not",
      "2  a wrong or missing option"
    ]
  },
  agentConfig,
  async (config) => (await import("./agent.ts")).agent(config)
)

const check = command(
  {
    name: "check",
    about: "talks to the brokers, says whether topics and group are as the promises need them, changes nothing.",
    settings: checkSettings,
    examples: [
      "check --config k2p.yaml",
      "check --agent --brokers kafka-1:9092 --topic metrics      where an agent is to send"
    ],
    exits: [
      "0  all is as it should be",
      "1  something found that breaks a promise",
      "2  a wrong or missing option",
      "3  the brokers could not be reached or would not answer"
    ]
  },
  checkConfig,
  async (config) => (await import("./check.ts")).check(config)
)

const sourceShow = command(
  {
    name: "source show",
    about: "where a source is, whether it is shown, and why not: asked of all pods.",
    settings: showSettings,
    first: "id",
    examples: ["source show host-7/app --pods http://k2p-0:9464,http://k2p-1:9464"],
    exits: [
      "0  it is shown",
      "1  it is not, and the last line says why",
      "2  a wrong or missing option",
      "3  not every pod answered, and none of the others shows it"
    ]
  },
  showConfig,
  async (config) => (await import("./source.ts")).show(config)
)

const sourceRemove = command(
  {
    name: "source remove",
    about: "ends a source: writes to its partition that it has ended, and waits until no pod shows it.",
    settings: removeSettings,
    first: "id",
    examples: ["source remove host-7/app --brokers kafka-1:9092 --pods http://k2p-0:9464,http://k2p-1:9464"],
    exits: [
      "0  it is gone; its sender's next record would bring it back",
      "1  no pod has it, or one still shows it",
      "2  a wrong or missing option",
      "3  the log did not take it"
    ]
  },
  removeConfig,
  async (config) => (await import("./source.ts")).remove(config)
)

const run = {
  name: "run",
  about: "one pod of an application of your own: run ./app.js; its options stand beside the pod's.",
  examples: ["run ./app.js --help", "run ./app.js --brokers kafka-1:9092 --topic orders --group-id orders-eu"]
}

/** `run` where no module was named. */
const runWhat: Command = {
  ...run,
  settings: withSecretFiles(podSettings),
  exits: plainExits,
  load: () => ({ problems: ["the path of the application's module must come first: run ./app.js"] })
}

/** A team's, which stand beside the program's own. */
export interface Team {
  /** Each a command of its name. */
  readonly apps: ReadonlyArray<App>
  /** Over every application. */
  readonly extensions: ReadonlyArray<Extension>
  /** What `run` runs. */
  readonly running?: App
}

export const commandsOf = ({ apps, extensions, running }: Team): ReadonlyArray<Command> => [
  demo,
  serve(extensions),
  archive(extensions),
  verify,
  agent,
  check,
  sourceShow,
  sourceRemove,
  running === undefined ? runWhat : podCommand(run, extended(running, extensions)),
  ...apps.map((app) =>
    podCommand({ name: app.name, about: app.about, examples: [`${app.name} --help`] }, extended(app, extensions))
  )
]
