/**
 * StatusRoute: GET /api/v1/status of an agent, as JSON: each file and each source with its state and what is wrong with it, those in
 * trouble first. Bounded: the first of them are named, all are counted.
 */
import { get, type Route, replyJson } from "../http/Route.ts"
import { version } from "../version.ts"
import type { AgentStatus } from "./Agent.ts"
import type { LogStatus } from "./log/LogStatus.ts"

/** Files, and sources, that are named. */
const named = 1_000

export const statusOf = ({ files, sources, ...rest }: AgentStatus) => ({
  version,
  ...rest,
  fileCount: files.length,
  filesByState: countsOf(files.map(({ state }) => state)),
  sourceCount: sources.length,
  files: first(files, ({ why }) => why !== ""),
  sources: first(sources, ({ problem }) => problem !== "")
})

/** `status`: undefined while the agent waits for its state directory, or has no metrics to send; `logs`: likewise, of log files. */
export const statusRoute = (status: () => AgentStatus | undefined, logs: () => LogStatus | undefined): Route =>
  get("/api/v1/status", "this agent's files and sources as JSON", ({ response }) => {
    const [now, ofLogs] = [status(), logs()]
    const own = now === undefined ? { version, ...(ofLogs === undefined ? { phase: "starting" } : {}) } : statusOf(now)
    replyJson(response, 200, ofLogs === undefined ? own : { ...own, logs: ofLogs })
  })

const first = <A>(all: ReadonlyArray<A>, isTroubled: (one: A) => boolean): ReadonlyArray<A> =>
  [...all.filter(isTroubled), ...all.filter((one) => !isTroubled(one))].slice(0, named)

const countsOf = (states: ReadonlyArray<string>): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1
  return counts
}
