/**
 * Room: how much is read at once. Before a file is read there must be room for it here, and the agent must have room for it: else the
 * disk is the buffer. What hangs while it is read holds no room that others need.
 */
import type { Groups } from "./Groups.ts"
import type { FromLooker } from "./Wire.ts"

/** Bytes that are read, or on their way to the agent; one file may have more by itself. */
const most = 32 * 1024 * 1024

interface Reader {
  readonly id: number
  readonly group: string
}

interface Held extends Reader {
  readonly bytes: number
  /** The agent was told that it need not keep room for it. */
  isForgotten: boolean
}

export class Room {
  private readonly groups: Groups
  private readonly send: (message: FromLooker) => void
  private readonly held = new Set<Held>()
  private readonly waiting: Array<() => boolean> = []
  private readonly asked = new Map<number, (ok: boolean) => void>()

  constructor(groups: Groups, send: (message: FromLooker) => void) {
    this.groups = groups
    this.send = send
  }

  /** Waits for room here; answers undefined where the agent has none. */
  async take(reader: Reader, bytes: number): Promise<(() => void) | undefined> {
    const held = await this.hold(reader, bytes)
    const release = () => {
      this.held.delete(held)
      if (!held.isForgotten) this.send({ t: "none", id: reader.id })
      this.next()
    }
    const ok = await new Promise<boolean>((resolve) => {
      this.asked.set(reader.id, resolve)
      this.send({ t: "ask", id: reader.id, bytes })
    })
    if (ok) return release
    held.isForgotten = true
    release()
    return undefined
  }

  answered(id: number, ok: boolean): void {
    this.asked.get(id)?.(ok)
    this.asked.delete(id)
  }

  /** What hangs meanwhile makes room for others. */
  check(): void {
    for (const held of this.held) {
      if (held.isForgotten || !this.groups.isLate(held.group)) continue
      held.isForgotten = true
      this.send({ t: "none", id: held.id })
    }
    this.next()
  }

  private hold({ id, group }: Reader, bytes: number): Promise<Held> {
    return new Promise((resolve) => {
      this.waiting.push(() => {
        if (!this.fits(bytes)) return false
        const held: Held = { id, group, bytes, isForgotten: false }
        this.held.add(held)
        resolve(held)
        return true
      })
      this.next()
    })
  }

  private fits(bytes: number): boolean {
    let sum = 0
    for (const held of this.held) if (!held.isForgotten) sum += held.bytes
    return sum === 0 || sum + bytes <= most
  }

  private next(): void {
    while (this.waiting.length > 0 && this.waiting[0]!()) this.waiting.shift()
  }
}
