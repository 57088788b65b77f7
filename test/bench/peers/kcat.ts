/**
 * kcat, that is librdkafka, reading and throwing away: a bare consumer outside of Node. An empty format makes it write nothing. It
 * belongs to no group and stops at the log's end by itself; bash's `time` tells what it used.
 */
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { setTimeout as delay } from "node:timers/promises"
import { promisify } from "node:util"
import { usageOf } from "../usage.ts"
import type { Reader } from "./Reader.ts"

const kcatVersion = async (): Promise<string> => {
  const { stdout } = await promisify(execFile)("kcat", ["-V"])
  return `${/Version (\S+)/.exec(stdout)?.[1]}, librdkafka ${/librdkafka (\S+)/.exec(stdout)?.[1]}`
}

/** The largest resident set that was seen of the shell's child. */
const watchPeak = async (shell: number, ended: () => boolean): Promise<number> => {
  let peak = 0
  while (!ended()) {
    const [child] = (await readFile(`/proc/${shell}/task/${shell}/children`, "utf8").catch(() => "")).split(" ")
    if (child !== undefined && child !== "")
      peak = Math.max(peak, (await usageOf(Number(child)).catch(() => undefined))?.peak ?? 0)
    await delay(20)
  }
  return peak
}

export const kcatReader = async (): Promise<Reader> => ({
  name: "kcat (librdkafka), thrown away",
  version: await kcatVersion(),
  drain: async ({ stage, cluster }, { topic, ends }) => {
    const started = performance.now()
    const kcat = ["kcat", "-C", "-b", cluster.bootstrap.join(), "-t", topic, "-o", "beginning", "-e", "-f", ""]
    const shell = stage.run(`kcat-${topic}`, "bash", ["-c", 'TIMEFORMAT="used %3U %3S"; time "$@"', "bash", ...kcat])
    let over = false
    void shell.ended.then(() => {
      over = true
    })
    const peak = await watchPeak(shell.pid, () => over)
    const { code } = await shell.ended
    const wall = (performance.now() - started) / 1000
    const found = /used (\S+) (\S+)/.exec(shell.out.stderr)
    if (code !== 0 || found === null) throw new Error(`kcat ended with ${code}:\n${shell.out.stderr}`)
    for (const [partition, end] of ends)
      if (!shell.out.stderr.includes(`end of topic ${topic} [${partition}] at offset ${end}`))
        throw new Error(`kcat did not read partition ${partition} to ${end}:\n${shell.out.stderr}`)
    const [user, system] = [Number(found[1]), Number(found[2])]
    return { usage: { user, system, cpu: user + system, peak }, wall, faults: undefined }
  }
})
