/**
 * Loaded into a pod of a test's with `--import`, and so into its worker threads: SIGUSR2 to the process ends the thread of shard 0
 * on the spot, without a word to anybody, as running out of memory does.
 */
import { BroadcastChannel, isMainThread, workerData } from "node:worker_threads"

const channel = new BroadcastChannel("k2p-test-deaths")
if (isMainThread) process.on("SIGUSR2", () => channel.postMessage("die"))
else
  channel.onmessage = () => {
    if (workerData?.shard === 0) process.exit(9)
  }
channel.unref()
