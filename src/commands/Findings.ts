/**
 * Findings: what the cluster's settings mean for the promises. Pure: an inspection in, judgements out. `broken` is a
 * condition of a promise that does not hold, with what follows and what to do; `note` is worth knowing; `ok` holds.
 */
import type { Acks, InspectedGroup, Inspection } from "../transport/Transport.ts"

export interface Finding {
  readonly level: "ok" | "note" | "broken"
  readonly text: string
}

/** What an agent will do. */
export interface ExpectedAgent {
  /** By topic: partitions over which sources are spread. Absent: the topic's own. */
  readonly bases: ReadonlyMap<string, number | "damaged">
  readonly acks: Acks
  readonly requestBytes: number
}

export interface Expected {
  readonly topics: ReadonlyArray<string>
  /** Null: it is an agent that is to work here, which is in no group. */
  readonly agent: ExpectedAgent | null
  /** They are pods of an archive. */
  readonly archive: boolean
  readonly group: string
  readonly protocol: string
  /** Ms. */
  readonly lookback: number
  readonly sessionTimeout: number
}

export interface Section {
  readonly title: string
  readonly findings: ReadonlyArray<Finding>
}

/** The agent's chunks stay below this. */
const chunkBytes = 1_000_000
const hour = 3_600_000

export const ok = (text: string): Finding => ({ level: "ok", text })
export const note = (text: string): Finding => ({ level: "note", text })
export const broken = (text: string): Finding => ({ level: "broken", text })

const span = (ms: number): string =>
  ms >= 2 * hour
    ? `${Math.round(ms / hour)}h`
    : ms >= 120_000
      ? `${Math.round(ms / 60_000)}m`
      : `${Math.round(ms / 1000)}s`

export type Topic = Inspection["topics"][number]

/** Judges one setting; one that the brokers do not tell is a note, never taken as fine. */
export const setting = (topic: Topic, name: string, judge: (value: string) => Finding): Finding => {
  const value = topic.settings[name]
  return value === undefined
    ? note(`${name} is not told by the brokers: look it up where the topic is managed`)
    : judge(value)
}

export const set = (topic: Topic, name: string, value: string): string =>
  `set it: kafka-configs --alter --topic ${topic.topic} --add-config ${name}=${value}`

const timestampType = (topic: Topic): Finding =>
  setting(topic, "message.timestamp.type", (value) =>
    value === "LogAppendTime"
      ? ok("message.timestamp.type is LogAppendTime")
      : broken(
          `message.timestamp.type is ${value}: the senders' clocks then decide about lookback and restarted senders, a wrong one hides or keeps series; ${set(topic, "message.timestamp.type", "LogAppendTime")}`
        )
  )

const recordSize = (topic: Topic, bytes: number): Finding =>
  setting(topic, "max.message.bytes", (value) =>
    Number(value) >= bytes
      ? ok(`max.message.bytes is ${value}`)
      : broken(
          `max.message.bytes is ${value}: the agent's chunks of up to ${bytes} bytes are refused; ${set(topic, "max.message.bytes", "1048588")}, or give the agents a lower --max-request-bytes`
        )
  )

const replicas = (topic: Topic, lost: string): Finding =>
  topic.replicas >= 3
    ? ok(`${topic.replicas} replicas`)
    : broken(
        `${topic.replicas} replica${topic.replicas === 1 ? "" : "s"} instead of 3: the loss of ${topic.replicas === 1 ? "one broker loses the log" : "two brokers loses the log"}, and ${lost}; add replicas with kafka-reassign-partitions`
      )

const judgeForArchive = (topic: Topic): ReadonlyArray<Finding> => [
  setting(topic, "cleanup.policy", (value) =>
    value.split(",").some((v) => v.trim() === "compact")
      ? broken(
          `cleanup.policy is ${value}: compaction removes lines before they are archived; ${set(topic, "cleanup.policy", "delete")}`
        )
      : ok(`cleanup.policy is ${value}`)
  ),
  setting(topic, "message.timestamp.type", (value) =>
    value === "LogAppendTime"
      ? ok("message.timestamp.type is LogAppendTime")
      : note(
          `message.timestamp.type is ${value}: objects stand under the hours that senders say, and a full hour closes none`
        )
  ),
  setting(topic, "retention.ms", (value) =>
    Number(value) === -1
      ? ok("retention.ms is unlimited")
      : note(`retention.ms is ${span(Number(value))}: pods that are down for longer lose lines unarchived`)
  ),
  replicas(topic, "lines that were not archived with it"),
  setting(topic, "min.insync.replicas", (value) =>
    Number(value) >= 2
      ? ok(`min.insync.replicas is ${value}`)
      : broken(
          `min.insync.replicas is ${value}: an agent's line counts as sent while only one broker has it; ${set(topic, "min.insync.replicas", "2")}`
        )
  ),
  setting(topic, "unclean.leader.election.enable", (value) =>
    value === "false"
      ? ok("unclean.leader.election.enable is false")
      : broken(
          `unclean.leader.election.enable is ${value}: a broker that lacks records may lead, the log goes back, and its archive begins another life; ${set(topic, "unclean.leader.election.enable", "false")}`
        )
  ),
  recordSize(topic, chunkBytes)
]

const judgeTopic = (topic: Topic, expected: Expected): ReadonlyArray<Finding> => [
  setting(topic, "cleanup.policy", (value) =>
    value.split(",").some((v) => v.trim() === "compact")
      ? broken(
          `cleanup.policy is ${value}: compaction removes chunks of rounds, so that a replay decides differently and may show older values; ${set(topic, "cleanup.policy", "delete")}`
        )
      : ok(`cleanup.policy is ${value}`)
  ),
  timestampType(topic),
  setting(topic, "retention.ms", (value) => {
    const ms = Number(value)
    if (ms === -1) return ok("retention.ms is unlimited")
    if (!(ms > expected.lookback))
      return broken(
        `retention.ms is ${span(ms)}, not longer than the lookback of ${span(expected.lookback)}: a new owner finds live sources' rounds gone, their series are missing after a handoff; ${set(topic, "retention.ms", "86400000")}`
      )
    return ms < expected.lookback + hour
      ? note(
          `retention.ms is ${span(ms)}: pods that are down for longer than ${span(ms - expected.lookback)} lose rounds`
        )
      : ok(`retention.ms is ${span(ms)}, lookback ${span(expected.lookback)}`)
  }),
  ...(topic.settings["retention.bytes"] === undefined || topic.settings["retention.bytes"] === "-1"
    ? []
    : [
        note(
          `retention.bytes is ${topic.settings["retention.bytes"]} a partition: heavy traffic may remove rounds before retention.ms does`
        )
      ]),
  replicas(topic, "what was shown may be shown older again"),
  setting(topic, "min.insync.replicas", (value) =>
    Number(value) >= 2
      ? ok(`min.insync.replicas is ${value}`)
      : broken(
          `min.insync.replicas is ${value}: a record may be read while only one broker has it, and is gone with that broker; ${set(topic, "min.insync.replicas", "2")}`
        )
  ),
  setting(topic, "unclean.leader.election.enable", (value) =>
    value === "false"
      ? ok("unclean.leader.election.enable is false")
      : broken(
          `unclean.leader.election.enable is ${value}: a broker that lacks records may lead, the log goes back and series are missing until their next round; ${set(topic, "unclean.leader.election.enable", "false")}`
        )
  ),
  recordSize(topic, chunkBytes)
]

/** A timeout that the brokers do not take keeps every pod out of the group. */
const judgeSessionTimeout = (bounds: InspectedGroup["sessionTimeouts"], wanted: number): Finding => {
  const given = `--session-timeout is ${wanted / 1000}s`
  if (bounds === null)
    return note(`${given}; what the brokers allow (group.min/max.session.timeout.ms) is not told by them`)
  const [least, most] = [bounds.least / 1000, bounds.most / 1000]
  return wanted >= bounds.least && wanted <= bounds.most
    ? ok(`${given}, the brokers allow ${least}s to ${most}s`)
    : broken(
        `${given}, the brokers allow ${least}s to ${most}s: no pod can join; give one in between, or change group.${wanted < bounds.least ? "min" : "max"}.session.timeout.ms of every broker`
      )
}

const judgeGroup = (
  group: InspectedGroup,
  topics: ReadonlyArray<Topic>,
  expected: Expected
): ReadonlyArray<Finding> => {
  const partitions = topics.reduce((n, t) => n + t.partitions, 0)
  const foreign = group.members > 0 && group.protocol !== "" && group.protocol !== expected.protocol
  const none = group.state === "Dead" || group.state === "Empty"
  return [
    foreign
      ? broken(
          `its members speak "${group.protocol}", not "${expected.protocol}": another program, or another version of kafka2prom, is in this group, and pods of this one cannot join; choose another --group-id or stop the others`
        )
      : none
        ? ok(`no members now (${group.state}): free for kafka2prom`)
        : ok(
            `${group.state}, ${group.members} member${group.members === 1 ? "" : "s"}${group.protocol === "" ? "" : `, ${group.protocol}`}`
          ),
    judgeSessionTimeout(group.sessionTimeouts, expected.sessionTimeout),
    ...(group.members > partitions && partitions > 0
      ? [note(`${group.members} members for ${partitions} partitions: some have nothing to do`)]
      : [])
  ]
}

export const judgeBase = (topic: Topic, base: number | "damaged" | undefined, option = "--partition-base"): Finding =>
  base === "damaged"
    ? broken(
        `the partition base in the state directory is damaged: the agent will not start; give ${option} as the other agents have it`
      )
    : base === undefined
      ? ok(`the agent's first start spreads sources over its ${topic.partitions} partitions`)
      : base <= topic.partitions
        ? ok(`sources are spread over ${base} of its ${topic.partitions} partitions`)
        : broken(
            `it has ${topic.partitions} partitions, fewer than the partition base ${base}: the agent will not start; give ${option} ${topic.partitions} or less to every agent of the topic, or add partitions`
          )

export const judgeRight = (topic: Topic, follows: string): Finding =>
  topic.mayWrite === undefined
    ? note("whether this user may write to it is not told by the brokers: the agent says so when it tries")
    : topic.mayWrite
      ? ok("this user may write to it")
      : broken(
          `this user may not write to it: ${follows}; allow it: kafka-acls --add --allow-principal User:… --operation Write --topic ${topic.topic}`
        )

/** What an agent needs of the topic that it writes to. */
const judgeForAgent = (topic: Topic, { bases, acks, requestBytes }: ExpectedAgent): ReadonlyArray<Finding> => [
  judgeRight(topic, "every round is refused"),
  judgeBase(topic, bases.get(topic.topic)),
  recordSize(topic, requestBytes),
  timestampType(topic),
  acks === "all" ? judgeInsync(topic) : ok(`--acks ${acks}: no follower is waited for`)
]

/** Whether anything is taken where all that are in sync must have it. */
export const judgeInsync = (topic: Topic): Finding =>
  setting(topic, "min.insync.replicas", (value) =>
    Number(value) > topic.replicas
      ? broken(
          `min.insync.replicas is ${value} and it has ${topic.replicas} replica${topic.replicas === 1 ? "" : "s"}: with --acks all nothing is ever taken; ${set(topic, "min.insync.replicas", String(topic.replicas))}`
        )
      : Number(value) === topic.replicas
        ? note(
            `min.insync.replicas is ${value}, and it has as many replicas: with --acks all nothing is taken while one broker is away`
          )
        : ok(`min.insync.replicas is ${value} of ${topic.replicas} replicas, with --acks all`)
  )

/** Of a topic, or that there is none. */
export const sectionOf = (
  { topics }: Inspection,
  name: string,
  judgeIt: (topic: Topic) => ReadonlyArray<Finding>
): Section => {
  const topic = topics.find((one) => one.topic === name)
  if (topic !== undefined) return { title: `topic ${name}: ${topic.partitions} partitions`, findings: judgeIt(topic) }
  const missing = `it does not exist, or this user may not see it: create it with kafka-topics --create --topic ${name}`
  return { title: `topic ${name}`, findings: [broken(missing)] }
}

export const judge = (inspection: Inspection, expected: Expected): ReadonlyArray<Section> => {
  const { brokers } = inspection
  return [
    { title: `brokers: ${brokers.length} (${brokers.map((b) => b.address).join(", ")})`, findings: [] },
    ...expected.topics.map((name) =>
      sectionOf(inspection, name, (topic) =>
        expected.archive
          ? judgeForArchive(topic)
          : expected.agent === null
            ? judgeTopic(topic, expected)
            : judgeForAgent(topic, expected.agent)
      )
    ),
    ...(inspection.group === null
      ? []
      : [{ title: `group ${expected.group}`, findings: judgeGroup(inspection.group, inspection.topics, expected) }])
  ]
}

export const report = (sections: ReadonlyArray<Section>): { readonly text: string; readonly broken: number } => {
  const lines: Array<string> = []
  let count = 0
  for (const { title, findings } of sections) {
    lines.push(title)
    for (const { level, text } of findings) {
      lines.push(`  ${level.padEnd(6)}  ${text}`)
      if (level === "broken") count += 1
    }
  }
  lines.push(
    count === 0
      ? "All that the promises need of the cluster is there."
      : `${count} condition${count === 1 ? "" : "s"} of the promises ${count === 1 ? "does" : "do"} not hold, see "broken" above.`
  )
  return { text: `${lines.join("\n")}\n`, broken: count }
}
