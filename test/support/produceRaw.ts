/** Produces one record batch exactly as it is given, over a connection of its own: Produce, version 7, acknowledged by all. */
import { once } from "node:events"
import { connect } from "node:net"
import type { TopicPartition } from "../../src/transport/Transport.ts"

const int16 = (n: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(n)
  return bytes
}
const int32 = (n: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(n)
  return bytes
}
const string = (text: string): Buffer => Buffer.concat([int16(text.length), Buffer.from(text)])

/** Fails where the broker refuses it. */
export const produceRaw = async (
  broker: string,
  { partition, topic }: TopicPartition,
  batch: Buffer
): Promise<void> => {
  const request = Buffer.concat([
    // Key, version, correlation id, client id.
    ...[int16(0), int16(7), int32(1), string("raw")],
    // Transactional id, acks, timeout.
    ...[int16(-1), int16(-1), int32(30_000)],
    ...[int32(1), string(topic), int32(1), int32(partition), int32(batch.length), batch]
  ])
  const [host, port] = broker.split(":")
  const socket = connect(Number(port), host)
  try {
    await once(socket, "connect")
    socket.write(Buffer.concat([int32(request.length), request]))
    let answer = Buffer.alloc(0)
    while (answer.length < 4 || answer.length < 4 + answer.readInt32BE(0)) {
      const [bytes] = (await once(socket, "data")) as [Buffer]
      answer = Buffer.concat([answer, bytes])
    }
    // Size, correlation id, one topic, its name, one partition, its number.
    const code = answer.readInt16BE(4 + 4 + 4 + 2 + topic.length + 4 + 4)
    if (code !== 0) throw new Error(`the broker refused the batch with error ${code}`)
  } finally {
    socket.destroy()
  }
}
