/** LogText: lines of log files for the benchmarks, by kind: as services write them, and such as hardly compress. Bytes, LF at each line's end. */
import { createHash } from "node:crypto"

const two = (n: number): string => String(n).padStart(2, "0")

const usual = (i: number): string =>
  `2026-11-28T09:${two(i % 60)}:${two((i * 7) % 60)}.${i % 1000}Z INFO  [http-nio-8080-exec-${i % 16}] c.e.shop.OrderController - order ${(i * 7919) % 1_000_003} accepted for customer ${(i * 104_729) % 99_991} in ${i % 900} ms`

/** Base64 of what nobody can foresee: three quarters of its bytes are left, whoever packs it. */
const hardly = (i: number): string => {
  const digest = createHash("sha512").update(String(i)).digest("base64")
  return digest + createHash("sha512").update(digest).digest("base64")
}

export const logKinds = {
  "application lines": usual,
  "lines that hardly compress": hardly
} as const

export type LogKind = keyof typeof logKinds

export const logText = (kind: LogKind, bytes: number, first = 0): { readonly text: Buffer; readonly lines: number } => {
  const line = logKinds[kind]
  const lines: Array<string> = []
  for (let length = 0; length < bytes; ) {
    const one = `${line(first + lines.length)}\n`
    lines.push(one)
    length += one.length
  }
  return { text: Buffer.from(lines.join("")), lines: lines.length }
}
