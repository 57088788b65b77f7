/** LogMetrics: what the tailer says of log files, as the agent's own metrics. Its numbers begin anew with each of its processes; these do not. */
import type { SelfMetricsShape } from "../../SelfMetrics.ts"
import type { LogStatus } from "./LogStatus.ts"

export class LogMetrics {
  private readonly metrics: SelfMetricsShape
  private readonly last = new Map<string, number>()

  constructor(metrics: SelfMetricsShape) {
    this.metrics = metrics
  }

  note({ sent, unread, errors, fileCount, openFiles, behindBytes, packedFiles }: LogStatus): void {
    const { metrics } = this
    metrics.agentLogBytes.inc(this.more("bytes", sent.bytes))
    metrics.agentLogRecords.inc(this.more("records", sent.records))
    metrics.agentLogLinesCut.inc(this.more("cut", sent.linesCut))
    metrics.agentLogUnreadFiles.inc(this.more("files", unread.files))
    metrics.agentLogUnreadBytes.inc(this.more("unread", unread.bytes))
    for (const [code, count] of Object.entries(errors))
      metrics.agentLogErrors.inc({ code }, this.more(`error ${code}`, count))
    metrics.agentLogFiles.set(fileCount)
    metrics.agentLogOpenFiles.set(openFiles)
    metrics.agentLogBehindBytes.set(behindBytes)
    metrics.agentLogPackedFiles.set(packedFiles)
  }

  private more(what: string, now: number): number {
    const before = this.last.get(what) ?? 0
    this.last.set(what, now)
    return now < before ? now : now - before
  }
}
