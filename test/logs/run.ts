/**
 * `npm run test:logs [-- <rounds> [<seed> [<brokers>]]]`: logs from files to a bucket by real processes: three brokers, an S3 server, three archive pods, two agents, files that are
 * rotated every second. In each round each of them is killed, stopped, or stands still for longer than anybody waits; then the judge reads the files and
 * the objects. About a minute and a half a round. Ends with 1 where a line is missing, there twice or out of order, or offsets have a hole or an overlap.
 */
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { startKafka } from "../support/kafka.ts"
import { freezePod, killAgent, killPod, killTailer, LogsTrial, stopPod, type Trouble } from "../support/logsTrial.ts"
import { openStage } from "../support/processes.ts"
import { credentials, startVersity } from "../support/s3Server.ts"

const [rounds = 2, seed = Date.now() % 1_000_000, count = 3] = process.argv.slice(2).map(Number)
const topic = "logs"
/** One is not killed. */
const nodes = count === 1 ? 1 : 3
const brokers = [1, 2, 3]
/** Ms: an archive asks again what was not answered for 30 s. */
const standstills = [5_000, 35_000]

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const stage = await openStage()
const kafka = await startKafka({ version: "3.9.1", nodes })
try {
  const s3 = await startVersity(stage)
  await kafka.createTopic(topic, 6, { configs: { "min.insync.replicas": nodes === 1 ? "1" : "2" } })
  say(`seed ${seed}, ${rounds} rounds`)
  const trial = await LogsTrial.open({
    ...{ stage, kafka, topic, to: [`s3://logs/${topic}`, "--s3-endpoint", s3.endpoint], env: credentials },
    ...{ folder: join(s3.folder, "logs", topic), agents: 2, pods: 3, seed, rotateEvery: 1_000 }
  })
  const killBroker: Trouble = async ({ pick, random }) => {
    const id = pick(brokers)
    await kafka.kill(id)
    await delay(random() * 8_000)
    await kafka.restart(id)
  }
  const stopStore: Trouble = async ({ random }) => {
    await s3.process().kill()
    await delay(random() * 12_000)
    await s3.restart()
  }
  const freezeStore: Trouble = async ({ pick }) => {
    s3.process().signal("SIGSTOP")
    await delay(pick(standstills))
    s3.process().signal("SIGCONT")
  }
  const began = performance.now()
  await trial.play(
    [
      {
        "a pod is killed": killPod,
        "a pod is stopped": stopPod,
        "a pod stands still beyond its session": freezePod,
        "an agent is killed": killAgent,
        "a tailer is killed": killTailer
      },
      {
        ...(nodes === 1 ? {} : { "a broker is killed": killBroker }),
        "the store is killed": stopStore,
        "the store stands still": freezeStore
      }
    ],
    rounds
  )
  say([...trial.played].map(([what, times]) => `${what}: ${times}`).join(", "))
  const wrong = await trial.finish(300_000)
  const seconds = Math.round((performance.now() - began) / 1000)
  if (wrong.length === 0)
    say(`each of ${trial.lines} lines is archived once, in order, without a hole, after ${seconds} s`)
  else {
    process.exitCode = 1
    say(`${wrong.length} things are wrong:\n${wrong.slice(0, 100).join("\n")}`)
  }
} catch (error) {
  process.exitCode = 1
  say(error instanceof Error ? `${error.stack}` : String(error))
} finally {
  if (process.exitCode === 1) process.stderr.write(`${stage.logs()}\n`)
  await stage.close()
  await kafka.stop()
}
