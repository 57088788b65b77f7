/**
 * A Spark driver's dump of its executors, as `/metrics/executors/prometheus` writes it: no metadata, all lines of an executor in one group,
 * so the families are spread over the whole dump. In each round one executor has gone, from anywhere, and a new one has come, at the end.
 */
import { type Random, random } from "../../../src/testing/Random.ts"
import { formatNumber } from "./service.ts"

const metrics = [
  ...["rddBlocks", "memoryUsed_bytes", "diskUsed_bytes", "totalCores", "maxTasks", "activeTasks"],
  ...["failedTasks_total", "completedTasks_total", "totalTasks_total", "totalDuration_seconds_total"],
  ...["totalGCTime_seconds_total", "totalInputBytes_bytes_total", "totalShuffleRead_bytes_total"],
  ...["totalShuffleWrite_bytes_total", "maxMemory_bytes", "usedOnHeapStorageMemory_bytes"],
  ...["usedOffHeapStorageMemory_bytes", "totalOnHeapStorageMemory_bytes", "totalOffHeapStorageMemory_bytes"],
  ...["JVMHeapMemory_bytes", "JVMOffHeapMemory_bytes", "OnHeapExecutionMemory_bytes", "DirectPoolMemory_bytes"],
  ...["MinorGCCount_total", "MajorGCTime_seconds_total"]
]

interface Executor {
  readonly heads: ReadonlyArray<string>
  readonly values: Array<number>
}

export class ExecutorService {
  private readonly random: Random
  private readonly labels: string
  private readonly running: Array<Executor> = []
  private started = 0

  /** 1,000 series in some 100 KB. */
  constructor(index: number) {
    this.random = random(index * 6_151 + 3)
    const pod = `driver-${this.random.hex(7)}-${String(index).padStart(4, "0")}`
    this.labels = `application_id="app-20261101-${index}",pod="${pod}"`
    for (let i = 0; i < 40; i++) this.start()
  }

  round(): Buffer {
    this.running.splice(this.random.int(0, this.running.length - 1), 1)
    this.start()
    let text = ""
    for (const { heads, values } of this.running)
      for (const [i, head] of heads.entries()) {
        if (this.random.chance(0.6)) values[i]! += this.random.int(1, 5_000)
        text += `${head}${formatNumber(values[i]!, "java")}\n`
      }
    return Buffer.from(text, "utf8")
  }

  private start(): void {
    const id = this.started++
    const heads = metrics.map((name) => `metrics_executor_${name}{${this.labels},executor_id="${id}"} `)
    this.running.push({ heads, values: metrics.map(() => this.random.int(0, 100_000)) })
  }
}
