/** Troubles: what is wrong that is not about one file: each is told once when it begins or becomes another, and once when it is over. Pure. */
import type { Line } from "./Telling.ts"

export class Troubles {
  private readonly texts = new Map<string, string>()

  /** The line that tells of it, where there is news. `text`: "" where it is over. */
  note(key: string, text: string): Line | undefined {
    const before = this.texts.get(key) ?? ""
    if (before === text) return undefined
    if (text !== "") {
      this.texts.set(key, text)
      return { level: "warning", text }
    }
    this.texts.delete(key)
    return { level: "info", text: `over: ${before}` }
  }
}
