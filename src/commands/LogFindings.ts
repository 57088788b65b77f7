/**
 * LogFindings: what an agent that tails log files needs: the topic of its lines, as the cluster's settings have it, and the files themselves, as they
 * were found. Pure.
 */
import type { LogFindings } from "../agent/log/LogDryRun.ts"
import type { LogOptions } from "../agent/log/LogOptions.ts"
import type { Inspection } from "../transport/Transport.ts"
import {
  broken,
  type Finding,
  judgeBase,
  judgeInsync,
  judgeRight,
  note,
  ok,
  type Section,
  sectionOf,
  set,
  setting,
  type Topic
} from "./Findings.ts"

/** Bytes of a record beside its lines, and of the batch around it. */
const around = 1_500

const judgeSize = (topic: Topic, { maxRequestBytes, maxLine }: LogOptions): Finding =>
  setting(topic, "max.message.bytes", (value) =>
    Number(value) >= maxRequestBytes
      ? ok(`max.message.bytes is ${value}`)
      : Number(value) >= maxLine + around
        ? note(
            `max.message.bytes is ${value}: requests of up to ${maxRequestBytes} bytes may be refused, and are sent again in parts; ${set(topic, "max.message.bytes", "1048588")}, or give a lower --max-request-bytes`
          )
        : broken(
            `max.message.bytes is ${value}: lines of less than --log-max-line (${maxLine} bytes) may be refused, and are cut then; ${set(topic, "max.message.bytes", "1048588")}`
          )
  )

const judgeAcks = (topic: Topic, { acks }: LogOptions): Finding =>
  acks === "all"
    ? judgeInsync(topic)
    : note(`--acks ${acks}: lines that count as sent are lost where a broker fails before others have them`)

/** `base`: over how many partitions sources are spread; null: the topic's own. */
export const judgeLogTopic = (inspection: Inspection, logs: LogOptions, base: number | "damaged" | null): Section =>
  sectionOf(inspection, logs.topic, (topic) => [
    judgeRight(topic, "no line is taken, and files keep theirs"),
    judgeBase(topic, base ?? undefined, "--log-partition-base"),
    judgeSize(topic, logs),
    setting(topic, "cleanup.policy", (value) =>
      value.split(",").some((policy) => policy.trim() === "compact")
        ? broken(
            `cleanup.policy is ${value}: compaction keeps one record of each file alone; ${set(topic, "cleanup.policy", "delete")}`
          )
        : ok(`cleanup.policy is ${value}`)
    ),
    judgeAcks(topic, logs)
  ])

const judgeFile = ({
  path,
  bytes,
  isPacked,
  sent,
  hasLongLine,
  why
}: LogFindings["files"][number]): ReadonlyArray<Finding> => {
  if (why !== "") return [broken(`${path} would not be read: ${why}`)]
  const known = sent === undefined ? "" : `, ${sent} of them sent`
  return [
    isPacked
      ? note(`${path} is packed: read only where it goes on with a file that was known before`)
      : ok(`${path}: ${bytes} bytes${known}`),
    ...(hasLongLine ? [note(`${path} has a line over --log-max-line in its first megabyte: it would be cut`)] : [])
  ]
}

const shortened = (findings: ReadonlyArray<Finding>): ReadonlyArray<Finding> => {
  const well = findings.filter(({ level }) => level === "ok")
  if (well.length <= named) return findings
  const rest = new Set(well.slice(named))
  return [...findings.filter((finding) => !rest.has(finding)), ok(`${rest.size} more files`)]
}

/** Of those that are well, so many are named. */
const named = 50

export const judgeLogFiles = (
  { troubles, files, stateProblem }: LogFindings,
  { globs, stateDir }: LogOptions
): Section => ({
  title: `log files ${globs.join(" ")}: ${files.length}`,
  findings: [
    stateProblem === "" ? ok(`positions can be kept in ${stateDir}`) : broken(stateProblem),
    ...troubles.map(broken),
    ...shortened(files.flatMap(judgeFile))
  ]
})
