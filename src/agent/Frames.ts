/**
 * Frames: how messages stand on the pipe between the agent and a process beside it: two lengths, a message as JSON, and bytes where some go
 * with it (a dump). Bytes are copied once on each side.
 */
const headBytes = 8
/** Of a message and of its bytes: more is a fault of the program. */
const maxMessage = 64 * 1024 * 1024
const maxBody = 2 ** 32 - 1

/** The head and the message; the body follows as it is. */
export const frame = <Message>(message: Message, bodyBytes = 0): Buffer => {
  const text = JSON.stringify(message)
  const length = Buffer.byteLength(text)
  const bytes = Buffer.allocUnsafe(headBytes + length)
  bytes.writeUInt32LE(length, 0)
  bytes.writeUInt32LE(bodyBytes, 4)
  bytes.write(text, headBytes)
  return bytes
}

const empty = Buffer.alloc(0)

/** Frames from the pieces in which a pipe gives them. */
export class Frames<Message> {
  private readonly onFrame: (message: Message, body: Buffer) => void
  private readonly head = Buffer.alloc(headBytes)
  private message = empty
  private body = empty
  private filled = 0

  constructor(onFrame: (message: Message, body: Buffer) => void) {
    this.onFrame = onFrame
  }

  /** Throws where the bytes are no frames. */
  accept(piece: Buffer): void {
    let at = 0
    while (at < piece.length || this.isWhole()) {
      if (this.isWhole()) {
        const message = JSON.parse(this.message.toString()) as Message
        const { body } = this
        this.message = this.body = empty
        this.filled = 0
        this.onFrame(message, body)
        continue
      }
      at += this.fill(piece, at)
    }
  }

  private isWhole(): boolean {
    return this.filled >= headBytes && this.filled === headBytes + this.message.length + this.body.length
  }

  private fill(piece: Buffer, from: number): number {
    const { head, filled } = this
    let target = head
    let at = filled
    if (filled >= headBytes + this.message.length) {
      target = this.body
      at = filled - headBytes - this.message.length
    } else if (filled >= headBytes) {
      target = this.message
      at = filled - headBytes
    }
    const copied = piece.copy(target, at, from)
    this.filled += copied
    if (filled < headBytes && this.filled === headBytes) {
      const [length, bodyBytes] = [head.readUInt32LE(0), head.readUInt32LE(4)]
      if (length > maxMessage || bodyBytes > maxBody) throw new Error(`a frame of ${length} and ${bodyBytes} bytes`)
      this.message = Buffer.allocUnsafeSlow(length)
      // Of its own memory: it is handed on.
      this.body = bodyBytes === 0 ? empty : Buffer.allocUnsafeSlow(bodyBytes)
    }
    return copied
  }
}
