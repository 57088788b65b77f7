/** LogCounts: what an agent has done with log files since it began. Plain numbers; Prometheus' are made of them. */
export class LogCounts {
  /** Of files, that the log has acknowledged. */
  bytes = 0
  records = 0
  linesCut = 0
  /** Failed attempts, by code. */
  readonly errors = new Map<string, number>()
}
