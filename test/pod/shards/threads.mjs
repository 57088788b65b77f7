/**
 * A worker of the test's own in the place of worker: it says what a shard's thread says, nothing on its channels, and dies when and how it is told to
 * (`die:` messages over a BroadcastChannel named after the test).
 */
import { BroadcastChannel, parentPort, workerData } from "node:worker_threads"

const { shard, predecessors, hasBeenIn, channel } = workerData
const control = new BroadcastChannel(channel)
const member = `member-${shard}-${process.hrtime.bigint()}`
control.postMessage({ shard, predecessors, hasBeenIn, member, event: "started" })

const answer = (id, value) => parentPort.postMessage({ type: "answer", id, value })
let silent = false
parentPort.on("message", (message) => {
  if (silent) return
  if (message.type === "leave") {
    control.postMessage({ shard, event: "left" })
    control.close()
    parentPort.close()
  } else if (message.type === "ask" && message.question.about === "life") answer(message.id, true)
})
control.onmessage = ({ data }) => {
  if (data.shard !== shard || data.event !== "die") return
  if (data.how === "exit") process.exit(7)
  if (data.how === "failed") {
    parentPort.postMessage({ type: "failed", message: "by its own word" })
    control.close()
    parentPort.close()
  }
  if (data.how === "silent") {
    silent = true
    control.postMessage({ shard, event: "silent" })
  }
  if (data.how === "throw")
    setImmediate(() => {
      throw new Error("an uncaught error")
    })
  if (data.how === "memory") {
    const hoard = []
    for (;;) hoard.push(new Array(1_000_000).fill(hoard.length))
  }
}
parentPort.postMessage({ type: "members", memberIds: [member] })
parentPort.postMessage({ type: "running" })
