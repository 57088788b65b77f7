/**
 * Troubles: what is wrong that is not about one file: each is told once when it begins or becomes another, and once when it is over, also where
 * one looker follows another: what the later one does not find is over when it has seen all. Pure.
 */
import type { Line } from "./Telling.ts"

export class Troubles {
  private readonly texts = new Map<string, string>()
  /** Those that the looker of now said nothing of. */
  private unheard = new Set<string>()

  /** Those that last, for people. */
  open(): ReadonlyArray<string> {
    return [...this.texts.values()]
  }

  /** Another looker begins. */
  begins(): void {
    this.unheard = new Set(this.texts.keys())
  }

  /** It has seen all. */
  sawAll(): ReadonlyArray<Line> {
    return [...this.unheard].flatMap((key) => this.note(key, "") ?? [])
  }

  /** The line that tells of it, where there is news. `text`: "" where it is over. */
  note(key: string, text: string): Line | undefined {
    this.unheard.delete(key)
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
